//! The character classes every SIP grammar rule is made of (RFC 3261 §25.1).

/// A set of bytes, as a table.
pub(crate) type Class = [bool; 256];

/// What may stand in a `token` (RFC 3261 §25.1).
pub(crate) static TOKEN: Class = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token_byte(byte as u8);
        byte += 1;
    }
    table
};

/// How many bytes of `class` stand at the start of `bytes`.
#[inline]
pub(crate) fn run(bytes: &[u8], class: &Class) -> usize {
    let has = |byte: u8| class[usize::from(byte)];
    let (quads, tail) = bytes.as_chunks::<4>();
    for (index, &[a, b, c, d]) in quads.iter().enumerate() {
        let at = index * 4;
        match (has(a), has(b), has(c), has(d)) {
            (false, ..) => return at,
            (_, false, ..) => return at + 1,
            (_, _, false, _) => return at + 2,
            (.., false) => return at + 3,
            (true, true, true, true) => {}
        }
    }
    quads.len() * 4 + tail.iter().take_while(|byte| has(**byte)).count()
}

/// Whether `byte` may stand in a `token` (RFC 3261 §25.1).
#[inline]
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether `bytes` is a `token`: one or more token characters (RFC 3261 §25.1).
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && run(bytes, &TOKEN) == bytes.len()
}

/// Whether `byte` is linear white space inside a header value: space, tab, or the line end of a fold.
#[inline]
pub const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without linear white space at either end.
#[inline]
pub fn trim_lws(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_lws(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_lws(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 §25.1: the token characters, and their nearest neighbours that are not.
    #[test]
    fn token_characters_are_those_of_the_grammar() {
        assert!(is_token(b"azAZ09-.!%*_+`'~"));
        for byte in b" \t\r\n\0()<>@,;:\\\"/[]?={}\x7f\x80\xff" {
            assert!(!is_token_byte(*byte), "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn a_run_ends_at_the_first_foreign_byte_wherever_it_stands() {
        for len in 0..12 {
            let mut bytes = vec![b'a'; len];
            assert_eq!(run(&bytes, &TOKEN), len);
            for at in 0..len {
                bytes[at] = b' ';
                assert_eq!(run(&bytes, &TOKEN), at);
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn trimming_removes_folds_at_both_ends_only() {
        assert_eq!(trim_lws(b" \r\n\ta b\t\r\n "), b"a b");
        assert_eq!(trim_lws(b"\r\n \t"), b"");
    }
}
