//! Lists of codes as administrators write them: `500-599` or `1-5,25,27`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A set of SIP status codes or Q.850 causes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes(Vec<(u16, u16)>);

/// The text is no list of codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is neither a code nor two in order, such as 500-599")]
pub struct CodesError(String);

impl Codes {
    /// Whether the code is in the list.
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&code))
    }
}

impl FromIterator<(u16, u16)> for Codes {
    /// From ranges, both ends included.
    fn from_iter<I: IntoIterator<Item = (u16, u16)>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

impl FromStr for Codes {
    type Err = CodesError;

    fn from_str(text: &str) -> Result<Self, CodesError> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (first.trim().parse(), last.trim().parse()) {
                (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
                _ => Err(CodesError(part.trim().to_owned())),
            }
        };
        text.split(',').filter(|part| !part.trim().is_empty()).map(range).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_as_administrators_do() {
        let codes: Codes = "1-5, 25,27".parse().unwrap();
        assert_eq!(codes.to_string(), "1-5,25,27");
        assert!([1, 3, 5, 25, 27].into_iter().all(|code| codes.contains(code)));
        assert!(![0, 6, 26, 503].into_iter().any(|code| codes.contains(code)));
        assert_eq!("".parse(), Ok(Codes::default()));
        for wrong in ["5xx", "599-500", "1--2", "70000"] {
            assert_eq!(wrong.parse::<Codes>(), Err(CodesError(wrong.into())));
        }
    }
}
