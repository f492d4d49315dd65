//! Conversion to and from `sdp_rs::SessionDescription` 0.2, with a refusal where a line would be lost or changed.
//!
//! `sdp-rs` reads lines in a fixed order and drops what follows the first line it does not expect; it prints three-part
//! `rtpmap` values in a form it cannot read; it calculates with `r=` and `z=` and panics on large numbers. So the result of
//! each conversion is written out again by this module and compared with what went in, and `r=`/`z=` are never handed over.

use sdp_rs::lines::Attribute;
use thiserror::Error;

use super::description::SessionDescription;
use super::fault::ParseError;

/// Why a description cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// `sdp-rs` holds text only, and this line is not UTF-8.
    #[error("line {0} is not UTF-8")]
    NotUtf8(u32),
    /// `r=` and `z=` are not evaluated here, and `sdp-rs` would.
    #[error("line {0} is r= or z=, which must not be evaluated")]
    Timing(u32),
    /// `sdp-rs` refused the text.
    #[error("sdp-rs cannot read it: {0}")]
    Unreadable(String),
    /// `sdp-rs` would lose or change this line.
    #[error("line {0} would be lost or changed")]
    Lossy(u32),
    /// A value of the `sdp-rs` side holds a line break and would become several lines.
    #[error("a value holds a line break")]
    LineBreak,
    /// What the `sdp-rs` side holds is no description this crate accepts.
    #[error(transparent)]
    Refused(#[from] ParseError),
}

impl TryFrom<&SessionDescription> for sdp_rs::SessionDescription {
    type Error = ConversionError;

    fn try_from(description: &SessionDescription) -> Result<Self, ConversionError> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(description.lines()) {
            if matches!(line.kind(), Some(b'r' | b'z')) {
                return Err(ConversionError::Timing(number));
            }
            lines.push(std::str::from_utf8(line.raw()).map_err(|_| ConversionError::NotUtf8(number))?);
        }
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\r\n");
        let converted =
            Self::try_from(text).map_err(|error| ConversionError::Unreadable(error.to_string()))?;
        let printed = print(&converted);
        for (number, (at, line)) in (1..).zip(lines.iter().enumerate()) {
            if printed.get(at).map(String::as_str) != Some(*line) {
                return Err(ConversionError::Lossy(number));
            }
        }
        Ok(converted)
    }
}

impl TryFrom<&sdp_rs::SessionDescription> for SessionDescription {
    type Error = ConversionError;

    fn try_from(description: &sdp_rs::SessionDescription) -> Result<Self, ConversionError> {
        let lines = print(description);
        if lines.iter().any(|line| line.contains(['\r', '\n'])) {
            return Err(ConversionError::LineBreak);
        }
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\r\n");
        Ok(Self::parse(text.as_bytes())?)
    }
}

/// The lines of a description, each printed by itself.
fn print(description: &sdp_rs::SessionDescription) -> Vec<String> {
    let mut lines = vec![
        description.version.to_string(),
        description.origin.to_string(),
        description.session_name.to_string(),
    ];
    lines.extend(description.session_info.iter().map(ToString::to_string));
    lines.extend(description.uri.iter().map(ToString::to_string));
    lines.extend(description.emails.iter().map(ToString::to_string));
    lines.extend(description.phones.iter().map(ToString::to_string));
    lines.extend(description.connection.iter().map(ToString::to_string));
    lines.extend(description.bandwidths.iter().map(ToString::to_string));
    for time in &description.times {
        lines.push(time.active.to_string());
        lines.extend(time.repeat.iter().map(ToString::to_string));
        lines.extend(time.zone.iter().map(ToString::to_string));
    }
    lines.extend(description.key.iter().map(ToString::to_string));
    lines.extend(description.attributes.iter().map(attribute));
    for media in &description.media_descriptions {
        lines.push(format!("m={}", media.media));
        lines.extend(media.info.iter().map(ToString::to_string));
        lines.extend(media.connections.iter().map(ToString::to_string));
        lines.extend(media.bandwidths.iter().map(ToString::to_string));
        lines.extend(media.key.iter().map(ToString::to_string));
        lines.extend(media.attributes.iter().map(attribute));
    }
    lines
}

fn attribute(attribute: &Attribute) -> String {
    if let Attribute::Rtpmap(map) = attribute
        && let Some(parameters) = map.encoding_params
    {
        // RFC 8866 §6.6: a slash, where sdp-rs prints a space.
        return format!(
            "a=rtpmap:{} {}/{}/{parameters}",
            map.payload_type, map.encoding_name, map.clock_rate
        );
    }
    attribute.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                         m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=ptime:20\r\na=inactive\r\n";

    fn convert(text: &str) -> Result<sdp_rs::SessionDescription, ConversionError> {
        sdp_rs::SessionDescription::try_from(&SessionDescription::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn goes_there_and_back() {
        let back = SessionDescription::try_from(&convert(OFFER).unwrap()).unwrap();
        assert_eq!(back.to_string(), OFFER, "also the third part of the rtpmap");
        assert!(convert(&OFFER.replace("\r\n", "\n")).is_ok());
    }

    #[test]
    fn nothing_is_lost_in_silence() {
        let check =
            |from: &str, to: &str, expected| assert_eq!(convert(&OFFER.replace(from, to)), Err(expected));
        let unknown_line = convert(&OFFER.replace("t=0 0", "y=1\r\nt=0 0"));
        assert!(matches!(unknown_line, Err(ConversionError::Unreadable(_))), "{unknown_line:?}");
        check("a=ptime:20\r\n", "a=ptime:20\r\nc=IN IP4 192.0.2.9\r\n", ConversionError::Lossy(9));
        check("t=0 0", "t=0 0\r\nr=92233720368547758d 1h 0", ConversionError::Timing(6));
        check("t=0 0", "t=0 0\r\nz=2882844526 9223372036854775807", ConversionError::Timing(6));
        let latin = [b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=caf\xe9\r\n", &OFFER.as_bytes()[40..]].concat();
        let latin = SessionDescription::parse(&latin).unwrap();
        assert_eq!(sdp_rs::SessionDescription::try_from(&latin), Err(ConversionError::NotUtf8(3)));
    }

    #[test]
    fn a_value_cannot_smuggle_in_a_line() {
        let mut description = convert(OFFER).unwrap();
        description.session_name = sdp_rs::lines::SessionName::new("x\r\na=inactive".into());
        assert_eq!(SessionDescription::try_from(&description), Err(ConversionError::LineBreak));
    }
}
