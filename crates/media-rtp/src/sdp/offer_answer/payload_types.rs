//! Which payload type means which codec, for the whole life of a session.

use super::super::attribute::RtpMap;
use super::codec::Codec;
use super::session::Format;

/// RFC 4733 events.
pub(super) const TELEPHONE_EVENT: &str = "telephone-event";
/// RFC 3389 comfort noise.
pub(super) const COMFORT_NOISE: &str = "CN";

/// Payload types in use.
///
/// RFC 3264 §8.3.2: a dynamic payload type that once meant a codec keeps that meaning while the session lasts, so
/// both our own choices and the peer's are remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct PayloadTypes {
    formats: Vec<Format>,
}

impl PayloadTypes {
    /// The payload type for a codec: the one it has, else the one preferred, else a free one.
    pub(super) fn assign(&mut self, codec: &Codec, preferred: Option<u8>) -> Option<u8> {
        if let Some(format) = self.formats.iter().find(|f| f.codec.matches(codec)) {
            return Some(format.payload_type);
        }
        let free = |pt: &u8| self.formats.iter().all(|f| f.payload_type != *pt);
        // RFC 3551 §3: 96 to 127 are dynamic; when they are used up, unassigned static ones may serve.
        let payload_type = preferred.filter(free).or_else(|| (96..128).chain(35..64).find(free))?;
        self.remember(Format { payload_type, codec: codec.without_fmtp() });
        Some(payload_type)
    }

    /// Takes over what the peer said about a payload type.
    pub(super) fn learn(&mut self, format: &Format) {
        self.formats.retain(|f| f.payload_type != format.payload_type && !f.codec.matches(&format.codec));
        self.remember(Format { codec: format.codec.without_fmtp(), ..*format });
    }

    /// What RFC 3551 assigns needs no remembering.
    fn remember(&mut self, format: Format) {
        if format.codec.static_payload_type() != Some(format.payload_type) {
            self.formats.push(format);
        }
    }

    /// Gives back what room is left: a session lasts much longer than its negotiation.
    pub(super) fn shrink(&mut self) {
        self.formats.shrink_to_fit();
    }
}

/// The `rtpmap` of a format; one channel is left unsaid.
pub(super) fn rtpmap(format: &Format) -> RtpMap {
    let codec = &format.codec;
    RtpMap {
        payload_type: format.payload_type,
        encoding: codec.encoding().to_owned(),
        clock_rate: codec.clock_rate(),
        channels: (codec.channels() > 1).then(|| codec.channels()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_keeps_its_payload_type() {
        let mut types = PayloadTypes::default();
        assert_eq!(types.assign(&Codec::opus(), None), Some(96));
        assert_eq!(types.assign(&Codec::pcmu(), Some(0)), Some(0));
        let events = Codec::mapped(TELEPHONE_EVENT, 8000, 1);
        assert_eq!(types.assign(&events, Some(96)), Some(97), "the preferred one is taken");
        types.learn(&Format { payload_type: 97, codec: Codec::opus() });
        assert_eq!(types.assign(&Codec::opus(), None), Some(97));
        assert_eq!(types.assign(&events, Some(101)), Some(101));
    }

    #[test]
    fn payload_types_can_run_out() {
        let mut types = PayloadTypes::default();
        let codec = |n: u32| Codec::mapped("x", 1000 + n, 1);
        let given: Vec<_> = (0..62).map_while(|n| types.assign(&codec(n), None)).collect();
        assert_eq!(given.len(), 32 + 29);
    }
}
