use std::fmt;

use super::{FaultKind, HeaderFault, Params, Text, fault::fault, lex::Cursor};
use crate::uri::UriRef;

/// An address with optional display name and parameters: `"Alice" <sip:alice@example.com>;tag=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The name in front, without quotes.
    pub display: Option<Text<'a>>,
    /// The address.
    pub uri: UriRef<'a>,
    /// The header parameters after the address.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// An address without display name and parameters.
    #[must_use]
    pub fn new(uri: UriRef<'a>) -> Self {
        Self { display: None, uri, params: Params::NONE }
    }

    /// Reads one element, in brackets or not.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let display = match cursor.peek() {
            Some(b'"') => {
                let text = Text::quoted(cursor.quoted()?);
                cursor.skip_lws();
                Some(text)
            }
            _ => bare_display(&mut cursor)?,
        };
        let uri = if cursor.peek() == Some(b'<') {
            bracketed(&mut cursor)?
        } else if display.is_some() {
            return Err(cursor.fault(FaultKind::Separator('<')));
        } else {
            unbracketed(&mut cursor)?
        };
        Ok(Self { display, uri, params: Params::read(&mut cursor)? })
    }

    /// The `tag` parameter of From and To.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.token("tag")
    }
}

/// Words before a `<`, if there is one before any parameter.
fn bare_display<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Text<'a>>, HeaderFault> {
    let rest = cursor.rest();
    if rest.first() == Some(&b'<') {
        return Ok(None);
    }
    let Some(end) = memchr::memchr3(b'<', b';', b'"', rest).filter(|n| rest[*n] == b'<') else {
        return Ok(None);
    };
    let words = &rest[..end];
    // Grammar has tokens only; dots, apostrophes, at signs and UTF-8 are common and harmless here. A comma means that a
    // list was not split, or should have been quoted (RFC 4475 §3.1.2.15).
    let foreign = words.iter().enumerate().position(|(i, b)| match b {
        b'\r' => !matches!(words.get(i + 1..i + 3), Some([b'\n', b' ' | b'\t'])),
        b'\n' => i == 0 || words[i - 1] != b'\r',
        b'\t' => false,
        b',' | b'>' | b'\\' | 0x7F => true,
        b => *b < b' ',
    });
    if let Some(at) = foreign {
        return Err(fault(FaultKind::Character, cursor.at() + at));
    }
    let kept = words.iter().rposition(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')).map_or(0, |n| n + 1);
    cursor.advance(end);
    Ok((kept > 0).then(|| Text::bare(&words[..kept])))
}

/// `<URI>`; the cursor stands on `<`.
pub(super) fn bracketed<'a>(cursor: &mut Cursor<'a>) -> Result<UriRef<'a>, HeaderFault> {
    let open = cursor.at();
    if !cursor.eat(b'<') {
        return Err(cursor.fault(FaultKind::Separator('<')));
    }
    let len = memchr::memchr(b'>', cursor.rest()).ok_or(fault(FaultKind::Bracket, open))?;
    let uri = UriRef::parse(&cursor.rest()[..len]).map_err(|e| HeaderFault::uri(e, open + 1))?;
    cursor.advance(len + 1);
    Ok(uri)
}

// RFC 3261 §20.10: without brackets a URI has no `,`, `;` or `?`; what follows a `;` are header parameters.
fn unbracketed<'a>(cursor: &mut Cursor<'a>) -> Result<UriRef<'a>, HeaderFault> {
    let start = cursor.at();
    let bytes = cursor.take_while(|b| !matches!(b, b';' | b',' | b'?' | b' ' | b'\t' | b'\r' | b'\n'));
    if matches!(cursor.peek(), Some(b',' | b'?')) {
        return Err(cursor.fault(FaultKind::Unbracketed));
    }
    UriRef::parse(bytes).map_err(|e| HeaderFault::uri(e, start))
}

/// Prints with brackets, always.
impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = self.display.filter(|d| !d.is_empty()) {
            write!(f, "{display} ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::{Scheme, UriFaultKind};
    use proptest::prelude::*;

    fn check(value: &str, display: Option<&str>, uri: &str, tag: Option<&str>) {
        let addr = NameAddr::parse(value.as_bytes()).unwrap_or_else(|e| panic!("{value}: {e}"));
        assert_eq!(addr.display.map(|d| d.decoded().into_owned()).as_deref(), display, "{value}");
        assert_eq!((addr.uri.as_str(), addr.tag()), (uri, tag), "{value}");
    }

    /// RFC 3261 §20.10 and RFC 4475 §3.1.1.1, §3.1.1.2, §3.1.1.6: every legal way to write an address.
    #[test]
    fn addresses_are_read_in_every_form() {
        check("<sip:a@b>", None, "sip:a@b", None);
        check("sip:a@b;tag=x", None, "sip:a@b", Some("x"));
        check("sip:a@b", None, "sip:a@b", None);
        check(
            "\"A. \\\"B\\\", <C>\"\t<sip:a@b;tag=no>;tag=1",
            Some("A. \"B\", <C>"),
            "sip:a@b;tag=no",
            Some("1"),
        );
        check("Alice Smith <sip:a@b>", Some("Alice Smith"), "sip:a@b", None);
        check(
            "J.Rosenberg\r\n  \t<sip:j@b>\r\n  ;\r\n tag = 98asjd8",
            Some("J.Rosenberg"),
            "sip:j@b",
            Some("98asjd8"),
        );
        check(
            "caller<sip:caller@example.com>;tag=323",
            Some("caller"),
            "sip:caller@example.com",
            Some("323"),
        );
        check("\"\" <sip:a@b>", Some(""), "sip:a@b", None);
        check("M\u{fc}ller <sip:m@b>", Some("Müller"), "sip:m@b", None);
        check("<http://www.example.com>", None, "http://www.example.com", None);
        check("isbn:2983792873", None, "isbn:2983792873", None);
    }

    /// RFC 4475 §3.1.1.2: escaped controls in a display name are legal and survive only as blanks.
    #[test]
    fn escaped_controls_are_decoded_but_not_printed() {
        let addr = NameAddr::parse(b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7F\" <sip:a@b>").unwrap();
        assert_eq!(addr.display.unwrap().decoded(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
        assert_eq!(addr.to_string(), "\"BEL:  NUL:  DEL: \" <sip:a@b>");
    }

    /// RFC 4475 §3.1.2: addresses that must not be taken.
    #[test]
    fn malformed_addresses_are_refused() {
        for (input, kind, at) in [
            ("", FaultKind::Empty, 0),
            ("\"Watson, Thomas\" < sip:t.watson@example.org >", FaultKind::Uri(UriFaultKind::Scheme), 18),
            ("Bell, Alexander <sip:a@b>", FaultKind::Character, 4),
            ("\"Joe\" <sip:joe@b>;;;;", FaultKind::Param, 18),
            ("\"Mr. J. User <sip:j@b>", FaultKind::Quote, 0),
            ("sip:user@b?Route=%3Csip:c%3E", FaultKind::Unbracketed, 10),
            ("sip:a@b,sip:c@d", FaultKind::Unbracketed, 7),
            ("<sip:a@b", FaultKind::Bracket, 0),
            ("\"a\" sip:a@b", FaultKind::Separator('<'), 4),
            ("<sip:a@b> x", FaultKind::Trailing, 10),
            ("a\r\nb <sip:a@b>", FaultKind::Character, 1),
        ] {
            assert_eq!(NameAddr::parse(input.as_bytes()), Err(fault(kind, at)), "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_addresses_are_read_back(name in "[^\\p{C}\u{2028}\u{2029}]{1,12}", user in "[a-z0-9.+-]{1,8}", value in "[^\\p{C}\u{2028}\u{2029}]{0,8}") {
            let uri = format!("sip:{user}@example.com;lr");
            let pairs = [("tag", Some("x1")), ("p", Some(value.as_str())), ("flag", None)];
            let addr = NameAddr {
                display: Some(name.as_str().into()),
                uri: UriRef::parse(uri.as_bytes()).unwrap(),
                params: Params::from_pairs(&pairs),
            };
            let printed = addr.to_string();
            prop_assert_eq!(NameAddr::parse(printed.as_bytes()).unwrap(), addr);
        }

        #[test]
        fn any_bytes_are_read_or_refused_and_never_print_a_line_end(bytes: Vec<u8>, tail in ".{0,20}") {
            let mut value = bytes;
            value.extend_from_slice(b"<sip:a@b>");
            value.extend_from_slice(tail.as_bytes());
            if let Ok(addr) = NameAddr::parse(&value) {
                prop_assert_ne!(addr.uri.scheme(), Scheme::Tel);
                prop_assert!(!addr.to_string().contains(['\r', '\n', '\0']));
            }
        }
    }
}
