//! Certificate text made safe to show: names, dates, hexadecimal.

use std::borrow::Cow;
use std::fmt::{self, Write};

use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

const LONGEST_SHOWN: usize = 128;

/// Replaces what could deceive or break a screen by U+FFFD and cuts at 128 characters: control characters,
/// bidirectional marks, overrides and isolates, zero-width characters, line and paragraph separators.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST_SHOWN));
    push_clean(&mut shown, text);
    shown
}

fn push_clean(shown: &mut String, text: &str) {
    if text.len() <= LONGEST_SHOWN && text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        return shown.push_str(text);
    }
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST_SHOWN {
            shown.push('…');
            break;
        }
        shown.push(if deceives(character) { char::REPLACEMENT_CHARACTER } else { character });
    }
}

fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// How the attributes of a name are labelled (RFC 4519 §2, RFC 2985 §5.2.1).
static LABELS: [(Oid<'_>, &str); 9] = [
    (oid!(2.5.4.3), "CN"),
    (oid!(2.5.4.10), "O"),
    (oid!(2.5.4.11), "OU"),
    (oid!(2.5.4.6), "C"),
    (oid!(2.5.4.8), "ST"),
    (oid!(2.5.4.7), "L"),
    (oid!(2.5.4.5), "serialNumber"),
    (oid!(0.9.2342.19200300.100.1.25), "DC"),
    (oid!(1.2.840.113549.1.9.1), "emailAddress"),
];

/// A distinguished name as `CN=…, O=…` in the certificate's own order, each value cleaned.
pub(crate) fn name_to_string(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for attribute in name.iter_attributes() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        match LABELS.iter().find(|(known, _)| known == attribute.attr_type()) {
            Some((_, label)) => text.push_str(label),
            None => text.push_str(&attribute.attr_type().to_id_string()),
        }
        text.push('=');
        push_clean(&mut text, &attribute_value(attribute).unwrap_or_default());
    }
    text
}

/// The text of one attribute; BMPString (UTF-16 big-endian, found in old Windows authorities) included.
pub(super) fn attribute_value<'a>(attribute: &'a AttributeTypeAndValue<'_>) -> Option<Cow<'a, str>> {
    const BMP_STRING: u32 = 30;
    if attribute.attr_value().tag().0 == BMP_STRING {
        let units = attribute.as_slice().chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        return Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect());
    }
    match attribute.as_str() {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => Some(String::from_utf8_lossy(attribute.as_slice())),
    }
    .filter(|text| !text.is_empty())
}

/// Seconds since 1970 as an RFC 3339 date in UTC, or the number itself outside years -9999 to 9999.
pub fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

pub(super) fn colon_hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 {
            f.write_char(':')?;
        }
        write!(f, "{octet:02X}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CT-12: what would deceive on a screen is replaced, and long names are cut.
    #[test]
    fn deceiving_characters_are_replaced() {
        for (raw, shown) in [
            ("Carrier Root CA", "Carrier Root CA"),
            ("Müller Telefon AG", "Müller Telefon AG"),
            ("株式会社テレコ", "株式会社テレコ"),
            ("nul\0byte", "nul\u{fffd}byte"),
            ("line\nbreak", "line\u{fffd}break"),
            ("tab\there", "tab\u{fffd}here"),
            ("escape \u{1b}[31m", "escape \u{fffd}[31m"),
            ("c1 \u{85}", "c1 \u{fffd}"),
            ("rtl \u{202e}moc.elpmaxe", "rtl \u{fffd}moc.elpmaxe"),
            ("isolate \u{2066}x\u{2069}", "isolate \u{fffd}x\u{fffd}"),
            ("zero\u{200b}width", "zero\u{fffd}width"),
            ("bom\u{feff}", "bom\u{fffd}"),
            ("para\u{2029}graph", "para\u{fffd}graph"),
            ("arabic mark \u{061c}", "arabic mark \u{fffd}"),
            ("tag \u{e0041}", "tag \u{fffd}"),
        ] {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
        assert_eq!(clean(&"x".repeat(500)).chars().count(), LONGEST_SHOWN + 1);
    }

    #[test]
    fn dates_outside_the_calendar_do_not_fail() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
    }
}
