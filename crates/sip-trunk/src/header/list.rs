use super::lex::Cursor;

/// Splits a header value at the commas that separate elements (RFC 3261 §7.3.1).
///
/// Commas inside quoted strings, angle brackets and comments do not count. Elements come without surrounding white space;
/// an element may be empty (`a,,b`), an empty value has none. What is left unclosed swallows the rest, so that the fault
/// shows when the element is read.
///
/// ```
/// let list = sip_trunk::header::split_list(br#""Watson, T." <sip:w@example.com?a=b,c>;q=0.7 , <sip:b@c>"#);
/// assert_eq!(list.count(), 2);
/// ```
#[must_use]
pub fn split_list(value: &[u8]) -> Elements<'_> {
    let value = trim(value);
    Elements { rest: (!value.is_empty()).then_some(value) }
}

/// The elements of a comma list; made by [`split_list`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let value = self.rest.take()?;
        let end = element_end(value);
        self.rest = value.get(end + 1..);
        Some(trim(&value[..end]))
    }
}

impl std::iter::FusedIterator for Elements<'_> {}

fn element_end(value: &[u8]) -> usize {
    let mut at = 0;
    // Looked for once, however many parentheses stand before it.
    let mut mark = next_mark(value, at);
    loop {
        let closed = if let Some(open) = memchr::memchr(b'(', &value[at..mark]).map(|n| at + n) {
            // A parenthesis opens a comment only where a word could start; inside a URI it is an ordinary character.
            match open.checked_sub(1).map(|i| value[i]) {
                None | Some(b' ' | b'\t') => {
                    let mut cursor = Cursor::new(&value[open..]);
                    cursor.comment().ok().map(|_| open + cursor.at() - 1)
                }
                Some(_) => Some(open),
            }
        } else {
            match value.get(mark) {
                None | Some(b',') => return mark,
                Some(b'"') => string_end(value, mark),
                Some(_) => memchr::memchr(b'>', &value[mark..]).map(|n| mark + n),
            }
        };
        match closed {
            Some(last) => at = last + 1,
            None => return value.len(),
        }
        if at > mark {
            mark = next_mark(value, at);
        }
    }
}

/// Offset of the first `,`, `"` or `<` from `at` on; the length when there is none.
fn next_mark(value: &[u8], at: usize) -> usize {
    memchr::memchr3(b',', b'"', b'<', &value[at..]).map_or(value.len(), |n| at + n)
}

/// Offset of the `"` that closes the one at `open`.
fn string_end(value: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', value.get(at..)?)?;
        if value[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |n| n + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(value: &str, expected: &[&str]) {
        let elements: Vec<_> = split_list(value.as_bytes()).map(|e| String::from_utf8_lossy(e)).collect();
        assert_eq!(elements, expected, "{value}");
    }

    /// RFC 3261 §7.3.1: only commas between elements separate.
    #[test]
    fn commas_in_quotes_brackets_and_comments_do_not_split() {
        check("a, b ,c", &["a", "b", "c"]);
        check("\"x, \\\" y\" <sip:a@b>, c", &["\"x, \\\" y\" <sip:a@b>", "c"]);
        check("<sip:a,b@c>,<sip:d@e>", &["<sip:a,b@c>", "<sip:d@e>"]);
        check("x (one, two (three, four)), y", &["x (one, two (three, four))", "y"]);
        check("sip:a(b@h, sip:c)d@h", &["sip:a(b@h", "sip:c)d@h"]);
        check("a,\r\n b", &["a", "b"]);
    }

    #[test]
    fn empty_elements_are_shown_and_empty_values_have_none() {
        check("", &[]);
        check(" \t ", &[]);
        check("a,,b,", &["a", "", "b", ""]);
        check(";;,;,,", &[";;", ";", "", ""]);
    }

    #[test]
    fn what_is_unclosed_swallows_the_rest() {
        check("\"a, b", &["\"a, b"]);
        check("<a, b", &["<a, b"]);
        check("(a, b", &["(a, b"]);
        check("\"a, b\\", &["\"a, b\\"]);
    }

    proptest! {
        #[test]
        fn joining_the_elements_of_plain_lists_gives_the_list_back(words in prop::collection::vec("[a-z0-9.;=-]{1,8}", 1..9)) {
            let joined = words.join(", ");
            let split: Vec<_> = split_list(joined.as_bytes()).map(|e| String::from_utf8_lossy(e).into_owned()).collect();
            prop_assert_eq!(split, words);
        }

        #[test]
        fn splitting_any_bytes_ends(bytes: Vec<u8>) {
            let total: usize = split_list(&bytes).map(|e| e.len() + 1).sum();
            prop_assert!(total <= bytes.len() + 1);
        }
    }
}
