//! The character classes every SIP grammar rule is made of (RFC 3261 §25.1).

const TOKEN: u8 = 1;

const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] |= TOKEN;
        }
        byte += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] |= TOKEN;
        i += 1;
    }
    table
};

/// Whether `byte` may stand in a `token` (RFC 3261 §25.1).
#[inline]
pub const fn is_token_byte(byte: u8) -> bool {
    CLASS[byte as usize] & TOKEN != 0
}

/// Whether `bytes` is a `token`: one or more token characters (RFC 3261 §25.1).
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
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
    fn trimming_removes_folds_at_both_ends_only() {
        assert_eq!(trim_lws(b" \r\n\ta b\t\r\n "), b"a b");
        assert_eq!(trim_lws(b"\r\n \t"), b"");
    }
}
