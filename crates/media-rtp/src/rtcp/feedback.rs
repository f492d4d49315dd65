//! Feedback messages (RFC 4585 §6, RFC 5104 §4.3).

use crate::wire::{u16_at, u32_at};

/// Message formats of the two feedback packet types.
pub mod feedback_format {
    /// RTPFB: generic negative acknowledgement (RFC 4585 §6.2.1).
    pub const NACK: u8 = 1;
    /// PSFB: picture loss (RFC 4585 §6.3.1).
    pub const PLI: u8 = 1;
    /// PSFB: full intra request (RFC 5104 §4.3.1).
    pub const FIR: u8 = 4;
    /// PSFB: application layer feedback, for example REMB (RFC 4585 §6.4).
    pub const APPLICATION: u8 = 15;
}

/// RTPFB or PSFB: who sends, about which source, and format-specific control information.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// The message format, see [`feedback_format`].
    pub format: u8,
    /// The participant that sends the feedback.
    pub sender: u32,
    /// The source it is about; 0 where the control information names it.
    pub media: u32,
    /// Feedback control information, whole words.
    pub control: &'a [u8],
}

/// One entry of a full intra request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    /// The source asked to send a key frame.
    pub ssrc: u32,
    /// Counts requests; a repeat of the same number is the same request.
    pub sequence: u8,
}

impl<'a> Feedback<'a> {
    pub(super) fn read(format: u8, body: &'a [u8]) -> Option<Self> {
        Some(Self { format, sender: u32_at(body, 0)?, media: u32_at(body, 4)?, control: &body[8..] })
    }

    /// The sequence numbers a generic NACK reports lost, in order.
    ///
    /// Reads the control information as NACK entries: ask only when `format` is [`feedback_format::NACK`] of RTPFB.
    pub fn lost(&self) -> impl Iterator<Item = u16> + 'a {
        self.control.chunks_exact(4).flat_map(|entry| {
            // RFC 4585 §6.2.1: bit i of the mask stands for packet PID + i + 1.
            let first = u16_at(entry, 0).unwrap_or(0);
            let mask = u16_at(entry, 2).unwrap_or(0);
            let more = (0..16).filter(move |bit| mask & (1 << bit) != 0);
            std::iter::once(first).chain(more.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }

    /// The entries of a full intra request; ask only when `format` is [`feedback_format::FIR`] of PSFB.
    pub fn intra_requests(&self) -> impl Iterator<Item = FirEntry> + 'a {
        self.control
            .chunks_exact(8)
            .map(|entry| FirEntry { ssrc: u32_at(entry, 0).unwrap_or(0), sequence: entry[4] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4585 §6.2.1: packet identifier and bit mask, wrapping at 65,535.
    #[test]
    fn nack_lists_the_lost_packets() {
        let body = [0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x80, 0x03];
        let nack = Feedback::read(feedback_format::NACK, &body).unwrap();
        assert_eq!((nack.sender, nack.media), (1, 2));
        assert_eq!(nack.lost().collect::<Vec<_>>(), [0xFFFE, 0xFFFF, 0, 14]);
        assert!(Feedback::read(1, &body[..7]).is_none());
    }

    /// RFC 5104 §4.3.1.1: eight octets per entry.
    #[test]
    fn intra_requests_are_read() {
        let body = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 42, 0, 0, 0];
        let fir = Feedback::read(feedback_format::FIR, &body).unwrap();
        assert_eq!(fir.intra_requests().collect::<Vec<_>>(), [FirEntry { ssrc: 7, sequence: 42 }]);
    }
}
