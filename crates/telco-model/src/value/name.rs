//! Names and other short texts that people type and that must stay readable.

use std::{fmt, str::FromStr};

use super::{InvalidValue, text_form};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident ($check:path);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                $check(text)?;
                Ok($name(text.into()))
            }
        }

        text_form!($name);
    )*};
}

texts! {
    /// The name of an entity: 1 to 128 characters, no line breaks, no invisible or direction-changing characters, no
    /// space at either end. Two entities of a kind may not differ in letter case alone.
    Name(check_name);
    /// Free text of one line: 1 to 512 characters under the rules of a name.
    Text(check_text);
    /// An e-mail address, compared without regard to letter case.
    EmailAddress(check_email);
    /// A classification: the word by which number plans and outbound routes meet. 1 to 64 characters.
    Classification(check_classification);
    /// The name of a SIP header, a token of RFC 3261 §25.1.
    HeaderName(check_header);
    /// An inbound SIP termination identifier: one DNS label, lower case, unique in its region.
    TerminationId(check_termination);
    /// An IANA time-zone name such as `America/Monterrey`.
    ZoneName(check_zone);
    /// A media or deployment region such as `us-east-1`.
    Region(check_region);
}

impl Name {
    /// The form in which names are compared: lower case.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl Classification {
    /// The names of the classifications the default number plans give.
    pub const DEFAULTS: [&str; 6] =
        ["Emergency", "Extension", "National", "International", "Network", "Suicide Prevention"];

    /// Whether this is the reserved name `Emergency` (in any letter case).
    pub fn is_emergency(&self) -> bool {
        self.0.eq_ignore_ascii_case("Emergency")
    }
}

/// Characters that change how text around them is shown, or are not shown at all.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn check_readable(what: &'static str, text: &str, longest: usize) -> Result<(), InvalidValue> {
    if text.is_empty() || text.chars().count() > longest {
        return Err(InvalidValue::new(
            what,
            "must have at least one character and must not be longer than its limit",
        ));
    }
    if text.chars().any(is_deceptive) {
        return Err(InvalidValue::new(
            what,
            "must not contain control, invisible or direction-changing characters",
        ));
    }
    if text.trim() != text {
        return Err(InvalidValue::new(what, "must not begin or end with a space"));
    }
    Ok(())
}

fn check_name(text: &str) -> Result<(), InvalidValue> {
    check_readable("name", text, 128)
}

fn check_text(text: &str) -> Result<(), InvalidValue> {
    check_readable("text", text, 512)
}

fn check_email(text: &str) -> Result<(), InvalidValue> {
    // RFC 5321 §4.5.3.1: 64 octets before the @, 254 in all. Only the shape is checked, delivery decides.
    let shaped = text.rsplit_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len()) && domain.parse::<super::Fqdn>().is_ok()
    });
    if shaped && text.len() <= 254 && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\",;".contains(&b)) {
        Ok(())
    } else {
        Err(InvalidValue::new("e-mail address", "must be local@domain without spaces or quotes"))
    }
}

fn check_classification(text: &str) -> Result<(), InvalidValue> {
    check_readable("classification", text, 64)
}

fn check_header(text: &str) -> Result<(), InvalidValue> {
    // RFC 3261 §25.1: token.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(token) {
        Ok(())
    } else {
        Err(InvalidValue::new("header name", "must be a token of at most 64 characters"))
    }
}

fn check_termination(text: &str) -> Result<(), InvalidValue> {
    // RFC 1035 §2.3.1: a label is letters, digits and inner hyphens, at most 63.
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
    {
        Ok(())
    } else {
        Err(InvalidValue::new("termination identifier", "must be one lower-case DNS label"))
    }
}

fn check_zone(text: &str) -> Result<(), InvalidValue> {
    let part = |p: &str| {
        !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    if text.len() <= 64 && text.split('/').all(part) && text.split('/').count() <= 3 {
        Ok(())
    } else {
        Err(InvalidValue::new("time zone", "must be an IANA name such as America/Monterrey"))
    }
}

fn check_region(text: &str) -> Result<(), InvalidValue> {
    if (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        Ok(())
    } else {
        Err(InvalidValue::new("region", "must be lower-case letters, digits and hyphens"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_text() {
        for good in ["MTY_Main_Cloud", "Zürich – HQ", "東京", "BYOC-Primary-[Carrier]"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in ["", " x", "x ", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{feff}x", &"x".repeat(129)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn identifiers_headers_zones_and_regions_have_their_shapes() {
        assert!("redsky-mty".parse::<TerminationId>().is_ok());
        assert!("RedSky".parse::<TerminationId>().is_err());
        assert!("-x".parse::<TerminationId>().is_err());
        assert!("E911-Organization-ID".parse::<HeaderName>().is_ok());
        assert!("X: y\r\nZ".parse::<HeaderName>().is_err());
        assert!("America/Argentina/Buenos_Aires".parse::<ZoneName>().is_ok());
        assert!("../etc/passwd".parse::<ZoneName>().is_err());
        assert!("us-east-1".parse::<Region>().is_ok());
    }

    #[test]
    fn emergency_is_recognised_in_any_case() {
        assert!("EMERGENCY".parse::<Classification>().unwrap().is_emergency());
        assert!(!"E911".parse::<Classification>().unwrap().is_emergency());
    }
}
