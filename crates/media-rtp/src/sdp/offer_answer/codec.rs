//! Codecs as signalling knows them: a MIME name, a clock rate, channels, parameters.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::payload_types::{COMFORT_NOISE, TELEPHONE_EVENT};

/// A codec in a preference list, for instance `audio/PCMU` (the `audio/` names of RFC 3551 and RFC 4855).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    encoding: Cow<'static, str>,
    clock_rate: u32,
    channels: u8,
    fmtp: Option<Box<str>>,
}

/// Why a MIME name does not make a codec.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Not of the form `audio/NAME[;rate=N][;channels=N]`.
    #[error("{0:?} is not of the form audio/NAME[;rate=N][;channels=N]")]
    NotAudio(String),
    /// The clock rate of this codec is not known here.
    #[error("the clock rate of {0:?} is not known; add ;rate=N")]
    UnknownRate(String),
    /// `telephone-event` and `CN` accompany codecs and have their own settings.
    #[error("{0:?} is not a codec; DTMF and comfort noise have their own settings")]
    NotACodec(String),
}

/// Name, static payload type (RFC 3551 table 4), clock rate, channels, parameters offered.
type Known = (&'static str, Option<u8>, u32, u8, Option<&'static str>);

const KNOWN: [Known; 12] = [
    ("PCMU", Some(0), 8000, 1, None),
    ("GSM", Some(3), 8000, 1, None),
    ("PCMA", Some(8), 8000, 1, None),
    // RFC 3551 §4.5.2: G.722 samples at 16 kHz and says 8000 for historical reasons.
    ("G722", Some(9), 8000, 1, None),
    ("L16", Some(10), 44_100, 2, None),
    ("L16", Some(11), 44_100, 1, None),
    ("G729", Some(18), 8000, 1, Some("annexb=no")),
    // RFC 7587 §7: always 48000/2 in SDP, whatever is coded.
    ("opus", None, 48_000, 2, Some("minptime=10;useinbandfec=1")),
    ("iLBC", None, 8000, 1, Some("mode=20")),
    ("AMR", None, 8000, 1, None),
    ("AMR-WB", None, 16_000, 1, None),
    ("speex", None, 8000, 1, None),
];

impl Codec {
    /// G.711 µ-law.
    #[must_use]
    pub fn pcmu() -> Self {
        Self::known(&KNOWN[0])
    }

    /// G.711 A-law.
    #[must_use]
    pub fn pcma() -> Self {
        Self::known(&KNOWN[2])
    }

    /// Opus.
    #[must_use]
    pub fn opus() -> Self {
        Self::known(&KNOWN[7])
    }

    /// Reads `audio/NAME`, with `;rate=` and `;channels=` where the usual ones are not meant.
    ///
    /// # Errors
    /// See [`CodecError`].
    pub fn from_mime(mime: &str) -> Result<Self, CodecError> {
        let malformed = || CodecError::NotAudio(mime.to_owned());
        let mut parts = mime.split(';').map(str::trim);
        let (kind, name) = parts.next().and_then(|kind| kind.split_once('/')).ok_or_else(malformed)?;
        let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'+');
        if !kind.eq_ignore_ascii_case("audio") || name.is_empty() || !name.bytes().all(token) {
            return Err(malformed());
        }
        if ["telephone-event", "CN", "red"].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(CodecError::NotACodec(name.to_owned()));
        }
        let (mut rate, mut channels) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("rate", n)) => rate = Some(n.parse().ok().filter(|n| *n > 0).ok_or_else(malformed)?),
                Some(("channels", n)) => {
                    channels = Some(n.parse().ok().filter(|n| *n > 0).ok_or_else(malformed)?)
                }
                _ => return Err(malformed()),
            }
        }
        let known = KNOWN
            .iter()
            .find(|known| known.0.eq_ignore_ascii_case(name) && channels.is_none_or(|n| n == known.3));
        let mut codec = match (known, rate) {
            (Some(known), _) => Self::known(known),
            (None, Some(clock_rate)) => Self { encoding: named(name), clock_rate, channels: 1, fmtp: None },
            (None, None) => return Err(CodecError::UnknownRate(name.to_owned())),
        };
        codec.clock_rate = rate.unwrap_or(codec.clock_rate);
        // L16 without a number of channels means mono in telephony.
        let mono = codec.encoding == "L16";
        codec.channels = channels.unwrap_or(if mono { 1 } else { codec.channels });
        Ok(codec)
    }

    /// The codec behind an `rtpmap`.
    pub(super) fn mapped(encoding: &str, clock_rate: u32, channels: u8) -> Self {
        Self { encoding: named(encoding), clock_rate, channels, fmtp: None }
    }

    /// The codec behind a payload type that needs no `rtpmap`.
    pub(super) fn of_static(payload_type: u8) -> Option<Self> {
        KNOWN.iter().find(|known| known.1 == Some(payload_type)).map(Self::known)
    }

    /// The payload type RFC 3551 gives this codec.
    #[must_use]
    pub fn static_payload_type(&self) -> Option<u8> {
        let is_this = |(name, _, clock_rate, channels, _): &&Known| {
            name.eq_ignore_ascii_case(&self.encoding)
                && (*clock_rate, *channels) == (self.clock_rate, self.channels)
        };
        KNOWN.iter().find(is_this).and_then(|known| known.1)
    }

    /// The same codec with other `fmtp` parameters.
    #[must_use]
    pub fn with_fmtp(mut self, parameters: &str) -> Self {
        self.fmtp = Some(parameters.into());
        self
    }

    /// Encoding name as written in `rtpmap`.
    #[must_use]
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// RTP clock rate in Hz.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Parameters for `fmtp`: ours in a preference list, the peer's in a [`super::MediaSession`].
    #[must_use]
    pub fn fmtp(&self) -> Option<&str> {
        self.fmtp.as_deref()
    }

    /// Whether both name the same coding: encoding without regard to case, clock rate, channels.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }

    pub(super) fn set_fmtp(&mut self, fmtp: Option<String>) {
        self.fmtp = fmtp.map(Into::into);
    }

    /// The coding alone.
    pub(super) fn without_fmtp(&self) -> Self {
        Self { fmtp: None, ..self.clone() }
    }

    fn known(&(name, _, clock_rate, channels, fmtp): &Known) -> Self {
        Self { encoding: Cow::Borrowed(name), clock_rate, channels, fmtp: fmtp.map(Into::into) }
    }
}

/// An encoding name as it is written; the usual ones take no room.
fn named(encoding: &str) -> Cow<'static, str> {
    let usual = KNOWN.iter().map(|known| known.0).chain([TELEPHONE_EVENT, COMFORT_NOISE]);
    let mut usual = usual.filter(|name| *name == encoding);
    usual.next().map_or_else(|| Cow::Owned(encoding.to_owned()), Cow::Borrowed)
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audio/{}", self.encoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mime: &str, encoding: &str, clock_rate: u32, channels: u8, payload_type: Option<u8>) {
        let codec = Codec::from_mime(mime).unwrap();
        assert_eq!(
            (codec.encoding(), codec.clock_rate(), codec.channels()),
            (encoding, clock_rate, channels)
        );
        assert_eq!(codec.static_payload_type(), payload_type, "{mime}");
    }

    /// MR-002: MIME names as the base settings list them.
    #[test]
    fn mime_names_become_codecs() {
        check("audio/PCMU", "PCMU", 8000, 1, Some(0));
        check("AUDIO/pcma", "PCMA", 8000, 1, Some(8));
        check("audio/G722", "G722", 8000, 1, Some(9));
        check("audio/opus", "opus", 48_000, 2, None);
        check("audio/L16", "L16", 44_100, 1, Some(11));
        check("audio/L16; rate=16000", "L16", 16_000, 1, None);
        check("audio/x-own;rate=12000;channels=2", "x-own", 12_000, 2, None);
    }

    #[test]
    fn what_is_no_codec_is_refused() {
        for mime in [
            "",
            "PCMU",
            "video/H264",
            "audio/",
            "audio/a b",
            "audio/PCMU;x",
            "audio/PCMU;rate=0",
            "audio/L16;channels=x",
        ] {
            assert!(matches!(Codec::from_mime(mime), Err(CodecError::NotAudio(_))), "{mime}");
        }
        assert!(matches!(Codec::from_mime("audio/x-own"), Err(CodecError::UnknownRate(_))));
        assert!(matches!(Codec::from_mime("audio/telephone-event"), Err(CodecError::NotACodec(_))));
    }
}
