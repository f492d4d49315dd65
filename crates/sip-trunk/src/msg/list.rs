//! Comma lists: one header line, several values (RFC 3261 §7.3.1).

use super::token::trim_lws;

/// The elements of a comma list, each without surrounding white space.
///
/// Commas inside quoted strings and inside `<…>` do not separate. A value of nothing but white space has no element;
/// an empty place between commas is an empty element, for the caller to refuse. An unterminated quote or bracket
/// swallows the rest.
pub fn elements(value: &[u8]) -> Elements<'_> {
    Elements { rest: Some(value).filter(|value| !trim_lws(value).is_empty()) }
}

/// Iterator of [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let end = element_end(rest);
        if end < rest.len() {
            self.rest = Some(&rest[end + 1..]);
        }
        Some(trim_lws(&rest[..end]))
    }
}

/// Offset of the first separating comma, or the length where there is none.
fn element_end(value: &[u8]) -> usize {
    let mut at = 0;
    while at < value.len() {
        match value[at] {
            b',' => return at,
            b'"' => at = skip_quoted(value, at + 1),
            b'<' => at += memchr::memchr(b'>', &value[at..]).unwrap_or(value.len() - at),
            _ => {}
        }
        at += 1;
    }
    value.len()
}

/// Offset of the quote that closes the string whose inside starts at `at`, or the length.
fn skip_quoted(value: &[u8], mut at: usize) -> usize {
    while let Some(found) = value.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if value[at] == b'"' {
            return at;
        }
        at += 2;
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[&str]) {
        let found: Vec<_> = elements(value.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect();
        assert_eq!(found, expected, "{value}");
    }

    /// RFC 3261 §7.3.1: only commas outside quotes and angle brackets separate.
    #[test]
    fn lists_split_at_separating_commas_only() {
        check("a, b ,c", &["a", "b", "c"]);
        check(" \r\n ", &[]);
        check(r#""Bell, \"A\\" <sip:a,b@c>, "x" <d>"#, &[r#""Bell, \"A\\" <sip:a,b@c>"#, r#""x" <d>"#]);
        check("a;;,;,,", &["a;;", ";", "", ""]);
        check("\"open, <b", &["\"open, <b"]);
        check("<open, \"b\"", &["<open, \"b\""]);
        check("\"end\\", &["\"end\\"]);
        check(
            "SIP / 2.0 / TCP a ;\r\n branch = x ,\r\n SIP/2.0/UDP b",
            &["SIP / 2.0 / TCP a ;\r\n branch = x", "SIP/2.0/UDP b"],
        );
    }
}
