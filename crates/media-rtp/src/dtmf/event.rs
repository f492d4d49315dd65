//! The telephone-event payload (RFC 4733 §2.3) and the payload type it is sent under.

/// One event report: four bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which event; 0..=15 are DTMF digits.
    pub code: u8,
    /// Whether the event has ended.
    pub end: bool,
    /// Power in dBm0 without its sign, 0..=63: 10 is −10 dBm0.
    pub volume: u8,
    /// How long it has lasted so far, in RTP clock ticks.
    pub duration: u16,
}

impl Event {
    /// Bytes of one report.
    pub const SIZE: usize = 4;

    /// Reads the reports packed in a payload, oldest first; a remainder of fewer than four bytes is ignored.
    // RFC 4733 §2.5.1.5: consecutive events may share a packet.
    pub fn parse_all(payload: &[u8]) -> impl Iterator<Item = Event> + '_ {
        payload.chunks_exact(Event::SIZE).map(|bytes| Event {
            code: bytes[0],
            end: bytes[1] & 0x80 != 0,
            volume: bytes[1] & 0x3f,
            duration: u16::from_be_bytes([bytes[2], bytes[3]]),
        })
    }

    /// The four bytes, with the reserved bit zero.
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume.min(63), high, low]
    }
}

/// The dynamic RTP payload type of telephone events, 96..=127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventPayloadType(u8);

impl EventPayloadType {
    /// Takes 96..=127.
    ///
    /// # Errors
    /// [`PayloadTypeOutOfRange`] for any other.
    pub fn new(payload_type: u8) -> Result<EventPayloadType, PayloadTypeOutOfRange> {
        if (96..=127).contains(&payload_type) {
            Ok(EventPayloadType(payload_type))
        } else {
            Err(PayloadTypeOutOfRange(payload_type))
        }
    }

    /// The number.
    pub fn value(self) -> u8 {
        self.0
    }
}

/// Payload type 101, which nearly everybody uses.
impl Default for EventPayloadType {
    fn default() -> EventPayloadType {
        EventPayloadType(101)
    }
}

/// A payload type that telephone events cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload type {0} is not dynamic; use 96 to 127 for telephone events")]
pub struct PayloadTypeOutOfRange(pub u8);

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4733 §2.3.
    #[test]
    fn a_report_keeps_its_fields_and_ignores_the_reserved_bit() {
        let event = Event { code: 11, end: true, volume: 10, duration: 800 };
        assert_eq!(event.to_bytes(), [11, 0x8a, 3, 0x20]);
        let reserved = [11, 0xca, 3, 0x20, 5, 0x0a, 0, 0xa0, 9];
        let packed: Vec<Event> = Event::parse_all(&reserved).collect();
        assert_eq!(packed, [event, Event { code: 5, end: false, volume: 10, duration: 160 }]);
        assert_eq!(Event::parse_all(&[1, 2, 3]).count(), 0);
    }

    /// MR-004: only the dynamic payload types 96..127 carry telephone events.
    #[test]
    fn payload_types_outside_96_to_127_are_rejected() {
        for payload_type in 0..=255 {
            let allowed = (96..=127).contains(&payload_type);
            assert_eq!(EventPayloadType::new(payload_type).is_ok(), allowed, "{payload_type}");
        }
        assert_eq!(EventPayloadType::default().value(), 101);
    }
}
