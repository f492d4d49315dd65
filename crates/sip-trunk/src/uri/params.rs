use std::borrow::Cow;

use super::percent;

/// The `;name=value` parameters of a URI, in order, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriParams<'a> {
    rest: &'a str,
}

impl<'a> UriParams<'a> {
    /// `text` is empty or starts with `;`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The value of the parameter `name` (any case): `Some("")` for a flag.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.clone().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.unwrap_or_default())
    }
}

impl<'a> Iterator for UriParams<'a> {
    /// Name and, after a `=`, value.
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        let param = self.rest.strip_prefix(';')?;
        let end = memchr::memchr(b';', param.as_bytes()).unwrap_or(param.len());
        self.rest = &param[end..];
        Some(split_at_equals(&param[..end]))
    }
}

/// The `?name=value&…` headers of a URI, in order, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriHeaders<'a> {
    rest: &'a str,
}

impl<'a> UriHeaders<'a> {
    /// `text` is empty or starts with `?`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('?').unwrap_or_default() }
    }

    /// The decoded value of the first header called `name` (any case).
    ///
    /// Some systems escape the `=` too (`?User-to-User%3D00…`); such a pair is decoded first and split afterwards.
    #[must_use]
    pub fn decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.clone().find_map(|(n, value)| match value {
            Some(value) => {
                percent::decode_text(n).eq_ignore_ascii_case(name).then(|| percent::decode_text(value))
            }
            None => {
                let pair = percent::decode_text(n);
                let (n, value) = pair.split_once('=')?;
                n.eq_ignore_ascii_case(name).then(|| Cow::Owned(value.to_owned()))
            }
        })
    }
}

impl<'a> Iterator for UriHeaders<'a> {
    /// Name and, after a `=`, value; still escaped.
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (pair, rest) = self.rest.split_once('&').unwrap_or((self.rest, ""));
            self.rest = rest;
            if !pair.is_empty() {
                return Some(split_at_equals(pair));
            }
        }
        None
    }
}

fn split_at_equals(pair: &str) -> (&str, Option<&str>) {
    match memchr::memchr(b'=', pair.as_bytes()) {
        Some(at) => (&pair[..at], Some(&pair[at + 1..])),
        None => (pair, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_in_order_with_and_without_value() {
        let params = UriParams::new(";lr;transport=tcp;x=a=b");
        let all: Vec<_> = params.clone().collect();
        assert_eq!(all, [("lr", None), ("transport", Some("tcp")), ("x", Some("a=b"))]);
        assert_eq!(params.value("LR"), Some(""));
        assert_eq!(params.value("Transport"), Some("tcp"));
        assert_eq!(params.value("maddr"), None);
    }

    #[test]
    fn headers_are_decoded_also_with_an_escaped_equals_sign() {
        let headers = UriHeaders::new("?Subject=next%20meeting&&User-to-User%3D0041%3Bencoding%3Dhex");
        assert_eq!(headers.decoded("subject").as_deref(), Some("next meeting"));
        assert_eq!(headers.decoded("user-to-user").as_deref(), Some("0041;encoding=hex"));
        assert_eq!(headers.decoded("to"), None);
        assert_eq!(headers.count(), 2);
    }
}
