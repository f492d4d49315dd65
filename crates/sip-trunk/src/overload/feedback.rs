//! The parameters of RFC 7339 §4 in the top Via of an answer.

use std::fmt;
use std::time::Duration;

use crate::header::Via;
use crate::msg::Message;

/// What a client that takes part writes behind the branch of its top Via (RFC 7339 §5.1, RFC 7415 §3.1).
pub const OFFER: &str = ";oc;oc-algo=\"loss,rate\"";

/// How the number in `oc` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Leave out so many requests of a hundred (RFC 7339 §7).
    Loss,
    /// Send at most so many requests in a second (RFC 7415).
    Rate,
}

impl Algorithm {
    fn parse(token: &str) -> Option<Self> {
        [Self::Loss, Self::Rate].into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(token))
    }

    /// The token in `oc-algo`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Rate => "rate",
        }
    }
}

/// `oc-seq`: which of two answers is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence {
    /// Up to twelve digits before the point.
    pub whole: u64,
    /// Up to five digits behind it, as a number of hundred-thousandths.
    pub part: u32,
}

impl Sequence {
    fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.')?;
        let is_number = |digits: &str, most| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if !is_number(whole, 12) || !is_number(part, 5) {
            return None;
        }
        let scale = 10_u32.pow(5 - u32::try_from(part.len()).ok()?);
        Some(Self { whole: whole.parse().ok()?, part: part.parse::<u32>().ok()? * scale })
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.whole, self.part)
    }
}

/// What a server asks of the client before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback {
    /// Percent to leave out, or requests a second, as the algorithm says.
    pub value: u32,
    /// How the value is meant.
    pub algorithm: Algorithm,
    /// For how long; zero ends the control (RFC 7339 §5.7).
    pub validity: Duration,
    /// The order of answers; `None` where the server left it out.
    pub sequence: Option<Sequence>,
}

/// RFC 7339 §4.3: half a second, where nothing is said.
const DEFAULT_VALIDITY: Duration = Duration::from_millis(500);

impl Feedback {
    /// Reads the top Via of an answer; `None` when its sender takes no part or says nothing that can be obeyed.
    pub fn of_answer(answer: &Message) -> Option<Self> {
        Self::parse(&answer.typed::<Via>()?.ok()?)
    }

    pub(super) fn parse(via: &Via<'_>) -> Option<Self> {
        let params = &via.params;
        // RFC 7339 §6: a server that takes no part leaves `oc` without a value and the whole list in `oc-algo`.
        let value = params.number("oc")?;
        let algorithm = match params.get("oc-algo") {
            Some(token) => Algorithm::parse(token.text().trim())?,
            None => Algorithm::Loss,
        };
        if algorithm == Algorithm::Loss && value > 100 {
            return None;
        }
        let validity = params.number("oc-validity").map(|ms| Duration::from_millis(ms.into()));
        Some(Self {
            value,
            algorithm,
            validity: validity.unwrap_or(DEFAULT_VALIDITY),
            sequence: params.token("oc-seq").and_then(Sequence::parse),
        })
    }

    /// Whether the client that sent this request takes part, and understands the algorithm (RFC 7339 §5.1).
    pub(super) fn is_understood(request: &Message, algorithm: Algorithm) -> bool {
        let Some(Ok(via)) = request.typed::<Via>() else { return false };
        let list = via.params.get("oc-algo").map(|list| list.text());
        let named =
            |list: &str| list.split(',').any(|token| token.trim().eq_ignore_ascii_case(algorithm.as_str()));
        via.params.has("oc") && list.is_some_and(|list| named(&list))
    }
}

/// The parameters as they are written behind the top Via of an answer, in place of the client's offer.
impl fmt::Display for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, algorithm, validity, sequence } = self;
        write!(f, ";oc={value};oc-algo=\"{}\";oc-validity={}", algorithm.as_str(), validity.as_millis())?;
        sequence.map_or(Ok(()), |sequence| write!(f, ";oc-seq={sequence}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Header;

    fn feedback(params: &str) -> Option<Feedback> {
        let via = format!("SIP/2.0/TLS p1.example.net;branch=z9hG4bK2d4790.1;received=192.0.2.111{params}");
        Feedback::parse(&Via::parse(via.as_bytes()).unwrap())
    }

    /// RFC 7339 §6: the answers of its example.
    #[test]
    fn the_example_answers_are_read() {
        let quiet = feedback(";oc=0;oc-algo=\"loss\";oc-validity=0").unwrap();
        assert_eq!((quiet.value, quiet.algorithm, quiet.validity), (0, Algorithm::Loss, Duration::ZERO));
        let busy = feedback(";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782").unwrap();
        assert_eq!((busy.value, busy.validity), (20, Duration::from_millis(500)));
        assert_eq!(busy.sequence, Some(Sequence { whole: 1_282_321_615, part: 78_200 }));
        assert_eq!(feedback(";oc=150;oc-algo=\"rate\"").unwrap().validity, Duration::from_millis(500));
    }

    #[test]
    fn what_cannot_be_obeyed_is_no_feedback() {
        for params in
            ["", ";oc;oc-algo=\"loss,rate\"", ";oc=101", ";oc=5;oc-algo=\"window\"", ";oc=-1", ";oc=x"]
        {
            assert_eq!(feedback(params), None, "{params}");
        }
        assert_eq!(feedback(";oc=5;oc-seq=99").unwrap().sequence, None);
    }

    #[test]
    fn feedback_is_read_back_as_written() {
        let said = Feedback {
            value: 35,
            algorithm: Algorithm::Loss,
            validity: Duration::from_secs(1),
            sequence: Some(Sequence { whole: 7, part: 30 }),
        };
        assert_eq!(feedback(&said.to_string()), Some(said));
        assert!(feedback(";oc=1;oc-seq=7.0003").unwrap().sequence == said.sequence);
    }
}
