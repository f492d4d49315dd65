//! Ranges of telephone numbers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Numbers in E.164 from one to another, of one length: `+12025550100-+12025550199`, or a single one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange {
    first: u64,
    last: u64,
    digits: usize,
}

/// The text is no range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("give a number of up to 15 digits, or two of one length in order, such as +12025550100-+12025550199")]
pub struct NumberRangeError;

impl NumberRange {
    /// Whether the number is in the range; a leading `+` makes no difference.
    pub fn contains(&self, number: &str) -> bool {
        digits(number)
            .is_some_and(|(value, digits)| digits == self.digits && (self.first..=self.last).contains(&value))
    }
}

impl FromStr for NumberRange {
    type Err = NumberRangeError;

    fn from_str(text: &str) -> Result<Self, NumberRangeError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (digits(first.trim()), digits(last.trim())) {
            (Some((first, length)), Some((last, same))) if length == same && first <= last => {
                Ok(Self { first, last, digits: length })
            }
            _ => Err(NumberRangeError),
        }
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, digits } = self;
        write!(f, "+{first:0digits$}")?;
        if first == last { Ok(()) } else { write!(f, "-+{last:0digits$}") }
    }
}

/// Value and count of digits.
fn digits(number: &str) -> Option<(u64, usize)> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_number = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().map(|value| (value, digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_length_form_a_range() {
        let range: NumberRange = "+12025550100-+12025550199".parse().unwrap();
        assert!(range.contains("+12025550150") && range.contains("12025550199"));
        assert!(
            !["+12025550200", "2025550150", "+1202555015", "", "+1202555015x"]
                .iter()
                .any(|n| range.contains(n))
        );
        assert_eq!(range.to_string().parse(), Ok(range));
        let single: NumberRange = "0012".parse().unwrap();
        assert!(single.contains("0012") && !single.contains("12"));
        for wrong in ["", "+", "1-22", "9-1", "abc", "1234567890123456"] {
            assert_eq!(wrong.parse::<NumberRange>(), Err(NumberRangeError), "{wrong}");
        }
    }
}
