//! What a payload type means: `rtpmap`, `fmtp`, `ptime`, `maxptime`.

use super::{Attribute, is_token, number};

/// `a=rtpmap` (RFC 8866 §6.6): the codec behind a payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Encoding name as written; compare without regard to case.
    pub encoding: String,
    /// Clock rate in Hz. `G722` says 8000 and samples at 16 kHz (RFC 3551 §4.5.2).
    pub clock_rate: u32,
    /// Channels; absent means one.
    pub channels: Option<u8>,
}

impl Attribute for RtpMap {
    const NAME: &'static str = "rtpmap";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `payload-type encoding/clock-rate[/channels]`";
        let (payload_type, encoding) = payload_type(value).ok_or(wanted)?;
        let mut parts = encoding.split('/');
        let name = parts.next().filter(|name| is_token(name)).ok_or(wanted)?;
        let clock_rate = parts.next().and_then(number).filter(|rate| *rate > 0).ok_or(wanted)?;
        let channels = match parts.next() {
            Some(text) => Some(number(text).filter(|n| *n > 0).ok_or(wanted)?),
            None => None,
        };
        if parts.next().is_some() {
            return Err(wanted);
        }
        Ok(Self { payload_type, encoding: name.to_owned(), clock_rate, channels })
    }

    fn value(&self) -> String {
        let Self { payload_type, encoding, clock_rate, channels } = self;
        let channels = channels.map_or_else(String::new, |n| format!("/{n}"));
        format!("{payload_type} {encoding}/{clock_rate}{channels}")
    }
}

/// `a=fmtp` (RFC 8866 §6.15): parameters of a payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fmtp {
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// The parameters as written.
    pub parameters: String,
}

impl Fmtp {
    /// The value of `name=value` in a `;` separated list, names compared without regard to case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Attribute for Fmtp {
    const NAME: &'static str = "fmtp";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let (payload_type, parameters) = payload_type(value).ok_or("expected `payload-type parameters`")?;
        Ok(Self { payload_type, parameters: parameters.to_owned() })
    }

    fn value(&self) -> String {
        format!("{} {}", self.payload_type, self.parameters)
    }
}

/// `a=ptime` (RFC 8866 §6.4): milliseconds of audio the writer wants per packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ptime(pub u16);

/// `a=maxptime` (RFC 8866 §6.5): most milliseconds of audio the writer takes per packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPtime(pub u16);

impl Attribute for Ptime {
    const NAME: &'static str = "ptime";

    fn parse(value: &str) -> Result<Self, &'static str> {
        milliseconds(value).map(Self)
    }

    fn value(&self) -> String {
        self.0.to_string()
    }
}

impl Attribute for MaxPtime {
    const NAME: &'static str = "maxptime";

    fn parse(value: &str) -> Result<Self, &'static str> {
        milliseconds(value).map(Self)
    }

    fn value(&self) -> String {
        self.0.to_string()
    }
}

fn payload_type(value: &str) -> Option<(u8, &str)> {
    let (payload_type, rest) = value.split_once(' ')?;
    let rest = rest.trim_start();
    (!rest.is_empty()).then_some(())?;
    Some((number(payload_type).filter(|pt| *pt < 128)?, rest))
}

// RFC 8866 §6.4 allows a fraction (iLBC writers use it); whole milliseconds are what packets are made of.
fn milliseconds(value: &str) -> Result<u16, &'static str> {
    let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
    number(whole).filter(|ms| *ms > 0).ok_or("expected milliseconds above 0")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, same};
    use super::*;

    #[test]
    fn rtpmap_keeps_channels() {
        let map: RtpMap = same("111 opus/48000/2");
        assert_eq!((map.encoding.as_str(), map.clock_rate, map.channels), ("opus", 48_000, Some(2)));
        same::<RtpMap>("101 telephone-event/8000");
        refused::<RtpMap>(&[
            "",
            "0",
            "0 ",
            "0 PCMU",
            "0 PCMU/",
            "0 PCMU/0",
            "0 PCMU/x",
            "128 a/1",
            "-1 a/1",
            "0 a/1/0",
            "0 a/1/1/1",
            "0 /8000",
            "0 PCMU/99999999999",
        ]);
    }

    #[test]
    fn fmtp_parameters_are_found_by_name() {
        let fmtp: Fmtp = same("111 minptime=10; useinbandfec=1;stereo");
        assert_eq!(fmtp.parameter("UseInbandFec"), Some("1"));
        assert_eq!(fmtp.parameter("stereo"), None);
        assert_eq!(same::<Fmtp>("101 0-15,66").parameters, "0-15,66");
        refused::<Fmtp>(&["", "101", "101 ", "x y", "200 0-15"]);
    }

    #[test]
    fn packet_times_are_positive() {
        assert_eq!(same::<Ptime>("20"), Ptime(20));
        assert_eq!(same::<MaxPtime>("240"), MaxPtime(240));
        assert_eq!(Ptime::parse("37.5"), Ok(Ptime(37)));
        refused::<Ptime>(&["", "0", "-20", "+20", "70000", "x"]);
    }
}
