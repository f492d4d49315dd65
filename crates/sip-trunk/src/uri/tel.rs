use super::{
    Layout, MAX_PARAMS, UriFault, UriFaultKind, UriParams, UriRef, fault::fault, percent::Octets, short,
};

/// A `tel:` URI (RFC 3966).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TelUri<'a>(pub(super) UriRef<'a>);

/// A telephone number with its parameters, from a `tel:` URI or from the user part of a `sip:` URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telephone<'a> {
    number: &'a str,
    params: UriParams<'a>,
}

impl<'a> TelUri<'a> {
    /// The number and its parameters.
    #[must_use]
    pub fn telephone(&self) -> Telephone<'a> {
        let at = &self.0.at;
        Telephone {
            number: self.0.slice(at.body, at.body_end),
            params: UriParams::new(self.0.slice(at.body_end, short(self.0.text.len()))),
        }
    }
}

impl<'a> Telephone<'a> {
    /// The number as written, with its visual separators.
    #[must_use]
    pub fn number(&self) -> &'a str {
        self.number
    }

    /// Whether it is a global number: it starts with `+`.
    #[must_use]
    pub fn is_global(&self) -> bool {
        Octets::new(self.number).next().is_some_and(|o| o.byte == b'+')
    }

    /// The dialled characters: no `+`, no visual separators, escapes decoded.
    #[must_use]
    pub fn digits(&self) -> Digits<'a> {
        Digits(Octets::new(self.number))
    }

    /// `+` and 1 to 15 digits, when this is a global number that E.164 can hold.
    #[must_use]
    pub fn e164(&self) -> Option<String> {
        let digits: String = self.digits().collect();
        (self.is_global() && digits.len() <= 15).then(|| format!("+{digits}"))
    }

    /// The parameters, such as `ext` and `isub`.
    #[must_use]
    pub fn params(&self) -> UriParams<'a> {
        self.params.clone()
    }

    /// The context of a local number: a domain or the leading digits of a global number.
    #[must_use]
    pub fn phone_context(&self) -> Option<&'a str> {
        self.params.value("phone-context")
    }

    /// The extension behind the number.
    #[must_use]
    pub fn extension(&self) -> Option<&'a str> {
        self.params.value("ext")
    }

    /// The trunk group label (RFC 4904).
    // RFC 4904 §4: `tgrp` counts only together with `trunk-context`; alone it is to be ignored.
    #[must_use]
    pub fn trunk_group(&self) -> Option<&'a str> {
        self.trunk_context().and(self.params.value("tgrp"))
    }

    /// The namespace of the trunk group: a domain or a global number prefix (RFC 4904).
    #[must_use]
    pub fn trunk_context(&self) -> Option<&'a str> {
        self.params.value("trunk-context")
    }
}

/// The dialled characters of a number: `0-9`, `*`, `#`, `A-F`.
#[derive(Debug, Clone)]
pub struct Digits<'a>(Octets<'a>);

impl Iterator for Digits<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        self.0.find(|o| o.byte != b'+' && !is_separator(o.byte)).map(|o| char::from(o.byte))
    }
}

/// The number in the user part of a `sip:` URI.
pub(super) fn from_user(user: &str, marked_as_phone: bool) -> Option<Telephone<'_>> {
    let end = memchr::memchr(b';', user.as_bytes()).unwrap_or(user.len());
    let (number, params) = user.split_at(end);
    let form = form_of(number)?;
    (marked_as_phone || form != NumberForm::Letters)
        .then_some(Telephone { number, params: UriParams::new(params) })
}

pub(super) fn layout(text: &str, blank: Layout) -> Result<Layout, UriFault> {
    let start = usize::from(blank.body);
    let end = memchr::memchr(b';', &text.as_bytes()[start..]).map_or(text.len(), |n| start + n);
    form_of(&text[start..end]).ok_or(fault(UriFaultKind::Number, start))?;
    check_params(&text.as_bytes()[end..], end)?;
    Ok(Layout { body_end: short(end), params: short(end), ..blank })
}

/// `bytes` is empty or starts with `;`. Every parameter has a name.
fn check_params(bytes: &[u8], offset: usize) -> Result<(), UriFault> {
    let mut count = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b';') {
        count += 1;
        if count > MAX_PARAMS {
            return Err(fault(UriFaultKind::TooManyParams, offset + at));
        }
        if matches!(bytes.get(at + 1), None | Some(b';' | b'=')) {
            return Err(fault(UriFaultKind::Param, offset + at + 1));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberForm {
    /// `+`, digits and separators.
    Global,
    /// Digits, `*`, `#` and separators.
    Dialled,
    /// A local number that also has letters `A` to `F`.
    Letters,
}

// RFC 3966 §3: a global number is `+` and digits, a local one may also hold `*`, `#` and hexadecimal letters; both may
// be broken up by visual separators but need one digit.
fn form_of(number: &str) -> Option<NumberForm> {
    let mut octets = Octets::new(number).map(|o| o.byte).peekable();
    let global = octets.next_if_eq(&b'+').is_some();
    let mut form = if global { NumberForm::Global } else { NumberForm::Dialled };
    let mut digits = 0_usize;
    for byte in octets {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'*' | b'#' if !global => digits += 1,
            b'A'..=b'F' | b'a'..=b'f' if !global => {
                digits += 1;
                form = NumberForm::Letters;
            }
            _ if is_separator(byte) => {}
            _ => return None,
        }
    }
    (digits > 0).then_some(form)
}

/// A visual separator (RFC 3966 §3).
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telephone(text: &str) -> Option<Telephone<'_>> {
        UriRef::parse(text.as_bytes()).expect(text).telephone()
    }

    /// RFC 3966 §3 and §6: global and local numbers with separators and parameters.
    #[test]
    fn numbers_are_read_with_their_parameters() {
        let tel = telephone("tel:+1-201-555-0123;ext=12;isub=9").unwrap();
        assert_eq!(tel.e164().as_deref(), Some("+12015550123"));
        assert_eq!((tel.number(), tel.extension()), ("+1-201-555-0123", Some("12")));

        let local = telephone("tel:863-1234;phone-context=+1-914-555").unwrap();
        assert!(!local.is_global());
        assert_eq!((local.e164(), local.phone_context()), (None, Some("+1-914-555")));
        assert_eq!(telephone("tel:911").unwrap().digits().collect::<String>(), "911");
        assert_eq!(telephone("tel:*69#").unwrap().digits().collect::<String>(), "*69#");
    }

    /// RFC 4904 §4 and §5: the trunk group stands in the user part, and needs its context.
    #[test]
    fn trunk_groups_are_found_in_sip_and_tel() {
        for text in [
            "sip:+16305550100;tgrp=TG-1;trunk-context=example.com@isp.example.net;user=phone",
            "tel:+16305550100;tgrp=TG-1;trunk-context=example.com",
        ] {
            let tel = telephone(text).unwrap();
            assert_eq!((tel.trunk_group(), tel.trunk_context()), (Some("TG-1"), Some("example.com")));
            assert_eq!(tel.e164().as_deref(), Some("+16305550100"));
        }
        let alone = telephone("sip:+16305550100;tgrp=TG-1@isp.example.net").unwrap();
        assert_eq!(alone.trunk_group(), None);
    }

    #[test]
    fn user_parts_are_numbers_only_when_they_look_dialled_or_say_so() {
        assert!(telephone("sip:+12025550123@h").is_some());
        assert!(telephone("sip:%2B12025550123@h").unwrap().is_global());
        assert_eq!(telephone("sip:1(202)555.0123@h").unwrap().digits().collect::<String>(), "12025550123");
        assert!(telephone("sip:*98@h").is_some());
        assert!(telephone("sip:deadbeef@h").is_none());
        assert!(telephone("sip:deadbeef@h;user=phone").is_some());
        assert!(telephone("sip:alice@h;user=phone").is_none());
        assert!(telephone("sip:h").is_none());
        assert_eq!(telephone("sip:+1234567890123456@h").unwrap().e164(), None);
    }

    #[test]
    fn a_tel_uri_without_digits_is_refused() {
        for bad in ["tel:", "tel:+", "tel:-", "tel:+1a", "tel:x", "tel:;ext=1"] {
            assert_eq!(UriRef::parse(bad.as_bytes()), Err(fault(UriFaultKind::Number, 4)), "{bad}");
        }
    }
}
