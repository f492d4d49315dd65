//! Telephone numbers: E.164, what people dial, extensions, and lists and patterns of them.

use std::{fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{CallingCode, InvalidValue, text_form};

/// A number of the international plan, ITU-T E.164: 7 to 15 digits after the `+`, beginning with an assigned
/// country calling code. Text form: `+528181234567`.
///
/// Eight bytes, `Copy`. Numbers of one length order as dialled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(u64);

impl E164 {
    /// From the digits without `+`.
    ///
    /// # Errors
    /// When they are fewer than 7, more than 15, or begin with no assigned country calling code.
    pub fn from_digits(digits: &str) -> Result<Self, InvalidValue> {
        const WHAT: &str = "E.164 number";
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidValue::new(WHAT, "must have digits only after the +"));
        }
        if !(7..=15).contains(&digits.len()) {
            return Err(InvalidValue::new(WHAT, "must have 7 to 15 digits"));
        }
        if CallingCode::of_digits(digits).is_none() {
            return Err(InvalidValue::new(WHAT, "must begin with an assigned country calling code"));
        }
        Ok(E164(digits.bytes().fold(0, |value, b| value * 10 + u64::from(b - b'0'))))
    }

    /// The digits without `+`.
    pub fn digits(self) -> Digits {
        Digits::of(self.0)
    }

    /// The digits as one number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The country calling code it begins with.
    pub fn calling_code(self) -> CallingCode {
        CallingCode::of_digits(&self.digits()).expect("checked when the value was made")
    }

    /// The digits after the country calling code.
    pub fn national_digits(self) -> Digits {
        let digits = self.digits();
        Digits::from_text(&digits[self.calling_code().digits()..])
    }

    /// Whether it is a geographic (DID) or a toll-free number.
    ///
    /// Toll-free are, in the North American plan, the area codes 800, 833, 844, 855, 866, 877 and 888.
    pub fn kind(self) -> NumberKind {
        const TOLL_FREE: [u64; 7] = [800, 833, 844, 855, 866, 877, 888];
        let nanp = self.calling_code() == CallingCode::NANP && self.digits().len() == 11;
        if nanp && TOLL_FREE.contains(&(self.0 / 10_000_000 % 1000)) {
            NumberKind::TollFree
        } else {
            NumberKind::Did
        }
    }

    /// The number as people of its country write it, with the country calling code; the plain form when unknown.
    #[cfg(feature = "phonenumber")]
    pub fn international(self) -> String {
        let plain = self.to_string();
        // Parsed without a default region, and believed only when the digits survive: see docs/decisions.
        match phonenumber::parse(None, &plain) {
            Ok(number) => {
                let text = number.format().mode(phonenumber::Mode::International).to_string();
                let kept: String = text.chars().filter(char::is_ascii_digit).collect();
                if kept == plain[1..] { text } else { plain }
            }
            Err(_) => plain,
        }
    }
}

impl FromStr for E164 {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.strip_prefix('+') {
            Some(digits) => E164::from_digits(digits),
            None => Err(InvalidValue::new("E.164 number", "must start with +")),
        }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("+{}", self.0))
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164(+{})", self.0)
    }
}

text_form!(E164);

/// Digits of a number, on the stack; reads as `&str`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits {
    bytes: [u8; 16],
    len: u8,
}

impl Digits {
    fn of(mut value: u64) -> Self {
        let mut reversed = [0; 16];
        let mut len = 0;
        while value > 0 || len == 0 {
            reversed[len] = b'0' + (value % 10) as u8;
            value /= 10;
            len += 1;
        }
        reversed[..len].reverse();
        Digits { bytes: reversed, len: len as u8 }
    }

    fn from_text(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Digits { bytes, len: text.len() as u8 }
    }
}

impl Deref for Digits {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("only digits are stored")
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// What sort of number an inventory number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// Direct inward dial: geographic.
    Did,
    /// The called party pays.
    TollFree,
}

/// What a person dials: digits, `*`, `#`, and `+` at the front; 1 to 32 characters.
///
/// The separators people write (space, `-`, `.`, parentheses; RFC 3966 §5.1.1) are dropped on reading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialString(Box<str>);

impl DialString {
    /// The dialled characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DialString {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let dialled: String =
            text.chars().take(128).filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let body = dialled.strip_prefix('+').unwrap_or(&dialled);
        let keys = body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'));
        if text.len() <= 128 && !body.is_empty() && dialled.len() <= 32 && keys {
            Ok(DialString(dialled.into()))
        } else {
            Err(InvalidValue::new("dialled number", "must be 1 to 32 digits, * and #, with + only in front"))
        }
    }
}

impl fmt::Display for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_form!(DialString);

/// An internal number of 3 to 9 digits. Text form: `4100`, leading zeros kept.
///
/// Ordered by length, then by value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extension {
    len: u8,
    value: u32,
}

impl Extension {
    /// How many digits it has.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Its digits as one number.
    pub const fn value(self) -> u32 {
        self.value
    }

    /// The extension after this one, if there is one of the same length.
    pub fn next(self) -> Option<Self> {
        let value = self.value + 1;
        (value < 10u32.pow(u32::from(self.len))).then_some(Extension { value, ..self })
    }
}

impl FromStr for Extension {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if (3..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            let value = text.bytes().fold(0, |value, b| value * 10 + u32::from(b - b'0'));
            Ok(Extension { len: text.len() as u8, value })
        } else {
            Err(InvalidValue::new("extension", "must have 3 to 9 digits"))
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.len))
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension({self})")
    }
}

text_form!(Extension);

/// E.164 numbers from one to another, both included; one number when both are the same.
///
/// Text form: `+12125550100 to +12125550149`, or the single number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164Range {
    start: E164,
    end: E164,
}

impl E164Range {
    /// A range within one country.
    ///
    /// # Errors
    /// When the end lies before the start, or the two differ in country calling code or length.
    pub fn new(start: E164, end: E164) -> Result<Self, InvalidValue> {
        const WHAT: &str = "number range";
        if start.calling_code() != end.calling_code() || start.digits().len() != end.digits().len() {
            return Err(InvalidValue::new(
                WHAT,
                "must start and end in the same country with the same length",
            ));
        }
        if start > end {
            return Err(InvalidValue::new(WHAT, "must not end before it starts"));
        }
        Ok(E164Range { start, end })
    }

    /// The first number.
    pub const fn start(self) -> E164 {
        self.start
    }

    /// The last number.
    pub const fn end(self) -> E164 {
        self.end
    }

    /// Whether the number lies in the range.
    pub fn contains(self, number: E164) -> bool {
        self.start <= number && number <= self.end
    }

    /// How many numbers there are.
    pub const fn count(self) -> u64 {
        self.end.0 - self.start.0 + 1
    }

    /// The numbers in order.
    pub fn iter(self) -> impl Iterator<Item = E164> {
        (self.start.0..=self.end.0).map(E164)
    }
}

impl From<E164> for E164Range {
    fn from(number: E164) -> Self {
        E164Range { start: number, end: number }
    }
}

impl FromStr for E164Range {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match split_range(text) {
            Some((start, end)) => E164Range::new(start.parse()?, end.parse()?),
            None => text.trim().parse::<E164>().map(E164Range::from),
        }
    }
}

impl fmt::Display for E164Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, &self.start, &self.end)
    }
}

text_form!(E164Range);

/// Short numbers from one to another, both included: 2 to 9 digits of one length. Text form: `9991` or `9991 to 9999`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortRange {
    len: u8,
    start: u32,
    end: u32,
}

impl ShortRange {
    /// Whether the dialled digits lie in the range; the length must be the same.
    pub fn contains(self, digits: &str) -> bool {
        short(digits).is_ok_and(|(len, value)| len == self.len && self.start <= value && value <= self.end)
    }

    /// The number of digits.
    pub const fn digits(self) -> u8 {
        self.len
    }

    /// The digits of the first number as one value.
    pub const fn first_value(self) -> u32 {
        self.start
    }

    /// The digits of the last number as one value.
    pub const fn last_value(self) -> u32 {
        self.end
    }

    /// The digits of the first number, leading zeros kept.
    pub fn first(self) -> Digits {
        Digits::from_text(&format!("{:0width$}", self.start, width = usize::from(self.len)))
    }

    /// The digits of the last number, leading zeros kept.
    pub fn last(self) -> Digits {
        Digits::from_text(&format!("{:0width$}", self.end, width = usize::from(self.len)))
    }
}

impl FromStr for ShortRange {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (start, end) = split_range(text).unwrap_or((text.trim(), text.trim()));
        let ((len, start), (end_len, end)) = (short(start)?, short(end)?);
        if len == end_len && start <= end {
            Ok(ShortRange { len, start, end })
        } else {
            Err(InvalidValue::new("number range", "must have ends of one length in order"))
        }
    }
}

impl fmt::Display for ShortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = usize::from(self.len);
        write_range(f, &format_args!("{:0width$}", self.start), &format_args!("{:0width$}", self.end))
    }
}

text_form!(ShortRange);

/// A pattern of a dial plan: `*` for everything, or literal digits with `.` as separator, then optionally `*`.
///
/// `+1.*` is every number beginning +1; `+1.800` every number beginning +1800. Without `*` at the end a pattern of
/// fewer digits than a number still matches it as a prefix, and is more specific the more digits it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialPattern(Box<str>);

impl DialPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The characters a number must begin with: the pattern without separators and without the final `*`.
    pub fn prefix(&self) -> String {
        self.0.chars().filter(|c| !matches!(c, '.' | '*')).collect()
    }

    /// Whether it matches every number.
    pub fn is_catch_all(&self) -> bool {
        self.prefix().is_empty()
    }
}

impl FromStr for DialPattern {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let body = text.strip_suffix('*').unwrap_or(text);
        let body = body.strip_prefix('+').unwrap_or(body);
        let literal = body.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'#');
        if (1..=32).contains(&text.len()) && literal && text.bytes().any(|b| b.is_ascii_digit() || b == b'*')
        {
            Ok(DialPattern(text.into()))
        } else {
            Err(InvalidValue::new(
                "dial pattern",
                "must be * or digits with . between and * at the end, such as +1.*",
            ))
        }
    }
}

impl fmt::Display for DialPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_form!(DialPattern);

fn split_range(text: &str) -> Option<(&str, &str)> {
    let (start, end) = text.split_once(" to ").or_else(|| text.split_once('-'))?;
    Some((start.trim(), end.trim()))
}

fn write_range(f: &mut fmt::Formatter<'_>, start: &dyn fmt::Display, end: &dyn fmt::Display) -> fmt::Result {
    let (start, end) = (start.to_string(), end.to_string());
    if start == end { f.write_str(&start) } else { write!(f, "{start} to {end}") }
}

fn short(digits: &str) -> Result<(u8, u32), InvalidValue> {
    if (2..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        let value = digits.bytes().fold(0, |value, b| value * 10 + u32::from(b - b'0'));
        Ok((digits.len() as u8, value))
    } else {
        Err(InvalidValue::new("listed number", "must have 2 to 9 digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> E164 {
        text.parse().unwrap()
    }

    /// TM-005: `+528181234567` is E.164, `8181234567` is not.
    #[test]
    fn e164_needs_its_plus_and_a_country() {
        assert_eq!(e164("+528181234567").to_string(), "+528181234567");
        for text in
            ["8181234567", "+", "+12345", "+1234567890123456", "+0123456789", "+2591234567", "+1 2125550123"]
        {
            assert!(text.parse::<E164>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_knows_its_country_and_national_part() {
        assert_eq!(e164("+528181234567").calling_code().get(), 52);
        assert_eq!(&*e164("+528181234567").national_digits(), "8181234567");
        assert_eq!(e164("+12125550123").calling_code(), CallingCode::NANP);
        assert_eq!(e164("+35312345678").calling_code().get(), 353);
    }

    /// TM-029: the toll-free area codes are told from geographic ones.
    #[test]
    fn toll_free_area_codes_are_known() {
        for ndc in [800, 833, 844, 855, 866, 877, 888] {
            assert_eq!(e164(&format!("+1{ndc}5550123")).kind(), NumberKind::TollFree);
        }
        for text in ["+12125550123", "+18805550123", "+528005550123", "+18225550123"] {
            assert_eq!(e164(text).kind(), NumberKind::Did, "{text}");
        }
    }

    #[test]
    fn ranges_hold_what_lies_between() {
        let range: E164Range = "+12125550100 to +12125550149".parse().unwrap();
        assert!(range.contains(e164("+12125550149")) && !range.contains(e164("+12125550150")));
        assert_eq!(range.count(), 50);
        assert_eq!(range.to_string(), "+12125550100 to +12125550149");
        assert_eq!("+12125550100".parse::<E164Range>().unwrap().to_string(), "+12125550100");
        assert!("+12125550149 to +12125550100".parse::<E164Range>().is_err());
        assert!("+12125550100 to +528181234567".parse::<E164Range>().is_err());
        let short: ShortRange = "0991-0999".parse().unwrap();
        assert!(short.contains("0995") && !short.contains("995") && !short.contains("+995"));
        assert_eq!(short.to_string(), "0991 to 0999");
        assert!("911 to 9111".parse::<ShortRange>().is_err());
    }

    #[test]
    fn dialled_text_loses_its_separators() {
        assert_eq!("(212) 555-0123".parse::<DialString>().unwrap().as_str(), "2125550123");
        assert_eq!("*67".parse::<DialString>().unwrap().as_str(), "*67");
        for text in ["", "+", "12+3", "abc", "９１１", &"1".repeat(33)] {
            assert!(text.parse::<DialString>().is_err(), "{text}");
        }
    }

    #[test]
    fn extensions_keep_leading_zeros() {
        assert_eq!("0042".parse::<Extension>().unwrap().to_string(), "0042");
        assert!("12".parse::<Extension>().is_err() && "1234567890".parse::<Extension>().is_err());
        assert_eq!("999".parse::<Extension>().unwrap().next(), None);
    }

    #[test]
    fn patterns_show_their_prefix() {
        assert!("*".parse::<DialPattern>().unwrap().is_catch_all());
        assert_eq!("+1.800".parse::<DialPattern>().unwrap().prefix(), "+1800");
        for text in ["", "+", ".", "1*2", "+1(.*)", "a*"] {
            assert!(text.parse::<DialPattern>().is_err(), "{text}");
        }
    }

    #[cfg(feature = "phonenumber")]
    #[test]
    fn formatting_never_changes_a_digit() {
        for text in ["+12125550123", "+528181234567", "+5511987654321", "+78001234567", "+33142685300"] {
            let shown: String = e164(text).international().chars().filter(char::is_ascii_digit).collect();
            assert_eq!(shown, text[1..]);
        }
    }
}
