//! Bytes that must not pass through: line breaks in the wrong place, NUL, controls, text reordering.

use super::diagnostic::Code;
use super::span::Span;

/// How many bytes are neither visible ASCII nor space: carriage returns and line feeds too. In an ordinary header section
/// that is two per line end, and no second look is needed.
pub(super) fn count_unusual(bytes: &[u8]) -> usize {
    // As many whole vectors as a byte can count.
    let (chunks, tail) = bytes.as_chunks::<224>();
    chunks.iter().map(|chunk| usize::from(count_in_byte(chunk))).sum::<usize>()
        + usize::from(count_in_byte(tail))
}

/// The same for at most 255 bytes; free of branches, so that the compiler turns it into vector instructions.
#[inline]
fn count_in_byte(bytes: &[u8]) -> u8 {
    // One more than 0x7F is negative, as is what lies above.
    let unusual = |byte: u8| u8::from(byte.wrapping_add(1).cast_signed() < 0x21);
    bytes.iter().fold(0, |count, byte| count.wrapping_add(unusual(*byte)))
}

/// Every byte sequence in a header section that may not be forwarded or is not allowed, in order.
///
/// A control character behind a backslash inside a quoted string is legal (RFC 3261 §25.1 `quoted-pair`), all others
/// are not. Line ends are reported only where CR and LF do not stand together.
pub(super) fn irregular(bytes: &[u8]) -> impl Iterator<Item = (Code, Span)> + '_ {
    let mut at = 0;
    let mut quoted = false;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            let byte = bytes[at];
            at += 1;
            let code = match byte {
                b'"' => {
                    quoted = !quoted;
                    continue;
                }
                b'\\' if quoted => match bytes.get(at) {
                    Some(b'\r' | b'\n') | None => continue,
                    Some(next) => {
                        at += 1;
                        if !(*next < 0x20 && *next != b'\t' || *next == 0x7f) {
                            continue;
                        }
                        return Some((Code::EscapedControl, Span::new(start + 1, at)));
                    }
                },
                b'\r' if bytes.get(at) == Some(&b'\n') => {
                    at += 1;
                    // A quoted string ends with its header; a fold continues it.
                    if !matches!(bytes.get(at), Some(b' ' | b'\t')) {
                        quoted = false;
                    }
                    continue;
                }
                b'\r' => Code::BareCr,
                b'\n' => Code::BareLf,
                0 => Code::Nul,
                b'\t' => continue,
                0x01..0x20 | 0x7f => Code::ControlCharacter,
                0x80.. => {
                    let (code, len) = beyond_ascii(&bytes[start..]);
                    at = start + len;
                    match code {
                        Some(code) => code,
                        None => continue,
                    }
                }
                0x20..0x7f => continue,
            };
            return Some((code, Span::new(start, at)));
        }
        None
    })
}

/// Judges the UTF-8 sequence `bytes` starts with; returns its length, 1 when it is none.
fn beyond_ascii(bytes: &[u8]) -> (Option<Code>, usize) {
    let head = &bytes[..bytes.len().min(4)];
    let character = match std::str::from_utf8(head) {
        Ok(text) => text.chars().next(),
        Err(error) => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok().and_then(|text| text.chars().next())
        }
    };
    match character {
        None => (Some(Code::NotUtf8), 1),
        Some(
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{61c}',
        ) => (Some(Code::BidiControl), character.map_or(1, char::len_utf8)),
        Some(harmless) => (None, harmless.len_utf8()),
    }
}

/// Whether a piece of text may stand in a header we write: no line end, NUL or other control but tab.
pub(super) fn is_safe_value(value: &[u8]) -> bool {
    let is_safe = |byte: u8| byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
    // Without an early exit, which the compiler turns into vector instructions.
    value.iter().fold(true, |all, &byte| all & is_safe(byte))
}

/// Appends `value` as one clean line: folds become a space, irregular bytes a question mark.
pub(super) fn write_clean(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'\r' | b'\n' => {
                let fold =
                    rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t')).count();
                out.push(b' ');
                rest = &rest[fold..];
                continue;
            }
            b'\t' => out.push(b' '),
            0..0x20 | 0x7f => out.push(b'?'),
            0x80.. => {
                let (code, len) = beyond_ascii(rest);
                match code {
                    Some(_) => out.push(b'?'),
                    None => out.extend_from_slice(&rest[..len]),
                }
                rest = &rest[len..];
                continue;
            }
            0x20..0x7f => out.push(byte),
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(bytes: &[u8]) -> Vec<(Code, std::ops::Range<usize>)> {
        irregular(bytes).map(|(code, span)| (code, span.range())).collect()
    }

    #[test]
    fn unusual_bytes_are_counted_over_chunk_borders() {
        assert_eq!(count_unusual(&b"a;\r\n".repeat(1000)), 2000);
        assert_eq!(count_unusual(b"plain text ~"), 0);
        assert_eq!(count_unusual(&[0xff; 40_000]), 40_000);
        for byte in [0, 1, b'\t', b'\r', b'\n', 0x1f, 0x7f, 0x80, 0xff] {
            assert_eq!(count_unusual(&[byte]), 1, "{byte:#x}");
        }
    }

    /// ES-11: line breaks and controls are told apart from legal quoted pairs and folds.
    #[test]
    fn irregular_bytes_are_named_and_located() {
        assert_eq!(codes(b"a\r\n b\r\n"), []);
        assert_eq!(
            codes(b"a\rb\nc\0\x1b\x7f"),
            [
                (Code::BareCr, 1..2),
                (Code::BareLf, 3..4),
                (Code::Nul, 5..6),
                (Code::ControlCharacter, 6..7),
                (Code::ControlCharacter, 7..8),
            ]
        );
        assert_eq!(
            codes(b"\"a\\\x07\\\\\" \\\x07"),
            [(Code::EscapedControl, 3..4), (Code::ControlCharacter, 9..10)]
        );
        assert_eq!(codes("x\u{202e}y\u{e9}".as_bytes()), [(Code::BidiControl, 1..4)]);
        assert_eq!(
            codes(b"M\xfcller \xe2\x82"),
            [(Code::NotUtf8, 1..2), (Code::NotUtf8, 7..8), (Code::NotUtf8, 8..9)]
        );
    }

    #[test]
    fn cleaning_leaves_one_harmless_line() {
        let mut out = Vec::new();
        write_clean(&mut out, "a\r\n\t b\0\u{202e}\u{e9}\x1b[31m".as_bytes());
        assert_eq!(out, "a b??\u{e9}?[31m".as_bytes());
    }
}
