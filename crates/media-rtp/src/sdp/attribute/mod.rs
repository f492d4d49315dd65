//! Typed attributes: one type per `a=` name, each read and written by itself.
//!
//! [`Section::attribute`](super::Section::attribute) reads one, [`Section::add`](super::Section::add) writes one:
//!
//! ```
//! use media_rtp::sdp::{SessionDescription, attribute::RtpMap};
//! let body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
//!              m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n";
//! let description = SessionDescription::parse(body)?;
//! let map: RtpMap = description.media()[0].section().attribute().unwrap();
//! assert_eq!((map.payload_type, map.clock_rate, map.channels), (96, 48_000, Some(2)));
//! # Ok::<(), media_rtp::sdp::ParseError>(())
//! ```

mod direction;
mod format;
mod ice;
mod security;
mod stream;
mod t38;

pub use direction::Direction;
pub use format::{Fmtp, MaxPtime, Ptime, RtpMap};
pub use ice::{Candidate, CandidateKind, IceOptions, IcePwd, IceUfrag};
pub use security::{Crypto, Fingerprint, InlineKey, Setup};
pub use stream::{ExtMap, Group, Mid, Rtcp, RtcpMux, Ssrc};
pub use t38::T38;

use super::fault::Fault;
use super::section::Section;

/// One kind of `a=` line.
pub trait Attribute: Sized {
    /// The attribute's name.
    const NAME: &'static str;

    /// Reads the text after `name:`; empty for a flag.
    ///
    /// # Errors
    /// What the grammar asks for, when the text does not fit it.
    fn parse(value: &str) -> Result<Self, &'static str>;

    /// The text after `name:`; empty for a flag.
    fn value(&self) -> String;
}

/// Reads every known attribute of a section and collects what cannot be read.
pub(crate) fn faults(section: &Section, faults: &mut Vec<Fault>) {
    fn of<A: Attribute>(section: &Section, faults: &mut Vec<Fault>) {
        faults.extend(section.attributes::<A>().filter_map(Result::err));
    }
    for check in [
        of::<RtpMap>,
        of::<Fmtp>,
        of::<Ptime>,
        of::<MaxPtime>,
        of::<Crypto>,
        of::<Fingerprint>,
        of::<Setup>,
        of::<Candidate>,
        of::<IceUfrag>,
        of::<IcePwd>,
        of::<IceOptions>,
        of::<Rtcp>,
        of::<RtcpMux>,
        of::<Group>,
        of::<Mid>,
        of::<Ssrc>,
        of::<ExtMap>,
    ] {
        check(section, faults);
    }
}

/// A token of RFC 8866 §9: visible ASCII without separators.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[]\\".contains(&b))
}

/// A decimal number without sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The value prints as it was read.
    pub(crate) fn same<A: Attribute>(value: &str) -> A {
        let read = A::parse(value).unwrap_or_else(|reason| panic!("a={}:{value}: {reason}", A::NAME));
        assert_eq!(read.value(), value, "a={}", A::NAME);
        read
    }

    /// None of these values is accepted.
    pub(crate) fn refused<A: Attribute>(values: &[&str]) {
        for value in values {
            assert!(A::parse(value).is_err(), "a={}:{value}", A::NAME);
        }
    }

    #[test]
    fn a_fault_in_an_attribute_names_it_and_its_line() {
        let body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=setup:maybe\r\na=mid:\xff\r\n";
        let faults = crate::sdp::SessionDescription::parse(body).unwrap().faults();
        let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts[0], "line 5: a=setup: expected active, passive, actpass or holdconn");
        assert!(texts[1..].iter().all(|text| text == "line 6: the value is not UTF-8"));
    }
}
