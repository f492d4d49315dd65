//! Statistics summary and VoIP metrics blocks (RFC 3611 §4.6, §4.7).

use super::range;
use crate::wire::{u16_at, u32_at};

/// The value of a VoIP metric that could not be measured (RFC 3611 §4.7.4, §4.7.5).
pub const UNAVAILABLE: u8 = 127;

/// Numbers about the packets `begin..end` of one source; `None` where the reporter left a group out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatisticsSummary {
    /// The source reported on.
    pub ssrc: u32,
    /// The first sequence number of the range.
    pub begin: u16,
    /// One past the last sequence number of the range.
    pub end: u16,
    /// Packets lost in the range.
    pub lost: Option<u32>,
    /// Duplicates in the range.
    pub duplicates: Option<u32>,
    /// Relative transit times.
    pub jitter: Option<JitterSummary>,
    /// IPv4 TTL or IPv6 hop limit of the packets.
    pub hops: Option<HopLimits>,
}

/// Relative transit time between packets, in timestamp units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterSummary {
    /// Smallest.
    pub min: u32,
    /// Largest.
    pub max: u32,
    /// Mean.
    pub mean: u32,
    /// Standard deviation.
    pub deviation: u32,
}

/// TTL or hop limit of received packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopLimits {
    /// False: IPv4 TTL; true: IPv6 hop limit.
    pub ipv6: bool,
    /// Smallest.
    pub min: u8,
    /// Largest.
    pub max: u8,
    /// Mean.
    pub mean: u8,
    /// Standard deviation.
    pub deviation: u8,
}

/// Quality of one received stream. Figures in the units of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source reported on.
    pub ssrc: u32,
    /// Packets lost, in 1/256.
    pub loss_rate: u8,
    /// Packets discarded by the jitter buffer, in 1/256.
    pub discard_rate: u8,
    /// Lost or discarded inside bursts, in 1/256.
    pub burst_density: u8,
    /// Lost or discarded inside gaps, in 1/256.
    pub gap_density: u8,
    /// Mean burst duration in milliseconds.
    pub burst_duration: u16,
    /// Mean gap duration in milliseconds.
    pub gap_duration: u16,
    /// Round-trip delay in milliseconds, 0 when unknown.
    pub round_trip_delay: u16,
    /// End system delay in milliseconds, 0 when unknown.
    pub end_system_delay: u16,
    /// Speech level in dBm0, 127 when unavailable.
    pub signal_level: i8,
    /// Noise level in dBm0, 127 when unavailable.
    pub noise_level: i8,
    /// Residual echo return loss in dB, 127 when unavailable.
    pub residual_echo_return_loss: u8,
    /// The gap threshold, 16 recommended, never 0.
    pub gmin: u8,
    /// R factor 0..=100, 127 when unavailable.
    pub r_factor: u8,
    /// R factor of a network segment outside RTP, 127 when unavailable.
    pub external_r_factor: u8,
    /// Listening quality, MOS times 10 (10..=50), 127 when unavailable.
    pub mos_lq: u8,
    /// Conversational quality, MOS times 10 (10..=50), 127 when unavailable.
    pub mos_cq: u8,
    /// Receiver configuration: loss concealment, adaptive jitter buffer and its rate (§4.7.6).
    pub receiver_configuration: u8,
    /// Nominal jitter buffer delay in milliseconds.
    pub jitter_buffer_nominal: u16,
    /// Current largest jitter buffer delay in milliseconds.
    pub jitter_buffer_maximum: u16,
    /// Absolute largest jitter buffer delay in milliseconds.
    pub jitter_buffer_absolute_maximum: u16,
}

impl Default for VoipMetrics {
    /// Nothing measured: rates 0, the recommended gap threshold, qualities unavailable.
    fn default() -> Self {
        Self {
            ssrc: 0,
            loss_rate: 0,
            discard_rate: 0,
            burst_density: 0,
            gap_density: 0,
            burst_duration: 0,
            gap_duration: 0,
            round_trip_delay: 0,
            end_system_delay: 0,
            signal_level: UNAVAILABLE.cast_signed(),
            noise_level: UNAVAILABLE.cast_signed(),
            residual_echo_return_loss: UNAVAILABLE,
            gmin: 16,
            r_factor: UNAVAILABLE,
            external_r_factor: UNAVAILABLE,
            mos_lq: UNAVAILABLE,
            mos_cq: UNAVAILABLE,
            receiver_configuration: 0,
            jitter_buffer_nominal: 0,
            jitter_buffer_maximum: 0,
            jitter_buffer_absolute_maximum: 0,
        }
    }
}

impl StatisticsSummary {
    pub(super) fn read(flags: u8, contents: &[u8]) -> Option<Self> {
        if contents.len() != 36 {
            return None;
        }
        let (ssrc, begin, end) = range(contents)?;
        let word = |at| u32_at(contents, at);
        let jitter = JitterSummary { min: word(16)?, max: word(20)?, mean: word(24)?, deviation: word(28)? };
        let [min, max, mean, deviation] = word(32)?.to_be_bytes();
        let hops = HopLimits { ipv6: flags & 0x18 == 0x10, min, max, mean, deviation };
        let summary = Self {
            ssrc,
            begin,
            end,
            lost: (flags & 0x80 != 0).then_some(word(8)?),
            duplicates: (flags & 0x40 != 0).then_some(word(12)?),
            jitter: (flags & 0x20 != 0).then_some(jitter),
            hops: (flags & 0x18 != 0).then_some(hops),
        };
        // RFC 3611 §4.6: a block with a value where its flag is clear is ignored; so is the undefined hop type 3.
        let stray = summary.lost.is_none() && word(8)? != 0
            || summary.duplicates.is_none() && word(12)? != 0
            || summary.jitter.is_none() && jitter != JitterSummary::default()
            || summary.hops.is_none() && word(32)? != 0
            || flags & 0x18 == 0x18;
        (!stray).then_some(summary)
    }

    pub(super) fn write(&self) -> (u8, [u8; 36]) {
        let hops = self.hops.map_or(0, |hops| if hops.ipv6 { 0x10 } else { 0x08 });
        let flags = u8::from(self.lost.is_some()) << 7
            | u8::from(self.duplicates.is_some()) << 6
            | u8::from(self.jitter.is_some()) << 5
            | hops;
        let jitter = self.jitter.unwrap_or_default();
        let limits = self.hops.unwrap_or_default();
        let words = [
            self.ssrc,
            u32::from(self.begin) << 16 | u32::from(self.end),
            self.lost.unwrap_or(0),
            self.duplicates.unwrap_or(0),
            jitter.min,
            jitter.max,
            jitter.mean,
            jitter.deviation,
            u32::from_be_bytes([limits.min, limits.max, limits.mean, limits.deviation]),
        ];
        (flags, words_to_bytes(&words))
    }
}

impl VoipMetrics {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 32] = bytes.try_into().ok()?;
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            loss_rate: bytes[4],
            discard_rate: bytes[5],
            burst_density: bytes[6],
            gap_density: bytes[7],
            burst_duration: u16_at(bytes, 8)?,
            gap_duration: u16_at(bytes, 10)?,
            round_trip_delay: u16_at(bytes, 12)?,
            end_system_delay: u16_at(bytes, 14)?,
            signal_level: bytes[16].cast_signed(),
            noise_level: bytes[17].cast_signed(),
            residual_echo_return_loss: bytes[18],
            gmin: bytes[19],
            r_factor: bytes[20],
            external_r_factor: bytes[21],
            mos_lq: bytes[22],
            mos_cq: bytes[23],
            receiver_configuration: bytes[24],
            jitter_buffer_nominal: u16_at(bytes, 26)?,
            jitter_buffer_maximum: u16_at(bytes, 28)?,
            jitter_buffer_absolute_maximum: u16_at(bytes, 30)?,
        })
    }

    pub(super) fn write(&self) -> [u8; 32] {
        let pair = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        words_to_bytes(&[
            self.ssrc,
            u32::from_be_bytes([self.loss_rate, self.discard_rate, self.burst_density, self.gap_density]),
            pair(self.burst_duration, self.gap_duration),
            pair(self.round_trip_delay, self.end_system_delay),
            u32::from_be_bytes([
                self.signal_level.cast_unsigned(),
                self.noise_level.cast_unsigned(),
                self.residual_echo_return_loss,
                self.gmin,
            ]),
            u32::from_be_bytes([self.r_factor, self.external_r_factor, self.mos_lq, self.mos_cq]),
            pair(u16::from(self.receiver_configuration) << 8, self.jitter_buffer_nominal),
            pair(self.jitter_buffer_maximum, self.jitter_buffer_absolute_maximum),
        ])
    }

    /// The conversational MOS, 1.0..=5.0, `None` when unavailable or outside the range the RFC allows.
    #[must_use]
    pub fn conversational_mos(&self) -> Option<f32> {
        mos(self.mos_cq)
    }

    /// The listening MOS, 1.0..=5.0, `None` when unavailable or outside the range the RFC allows.
    #[must_use]
    pub fn listening_mos(&self) -> Option<f32> {
        mos(self.mos_lq)
    }

    /// The R factor 0..=100, `None` when unavailable or outside the range the RFC allows.
    #[must_use]
    pub fn r(&self) -> Option<u8> {
        // RFC 3611 §4.7.5: values other than 127 and the valid range are ignored.
        (self.r_factor <= 100).then_some(self.r_factor)
    }
}

fn mos(tenths: u8) -> Option<f32> {
    // RFC 3611 §4.7.5: values other than 127 and the valid range are ignored.
    (10..=50).contains(&tenths).then(|| f32::from(tenths) / 10.0)
}

fn words_to_bytes<const WORDS: usize, const BYTES: usize>(words: &[u32; WORDS]) -> [u8; BYTES] {
    const { assert!(WORDS * 4 == BYTES) };
    let mut bytes = [0; BYTES];
    for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3611 §4.6: every combination of flags survives the wire.
    #[test]
    fn statistics_read_back() {
        let jitter = JitterSummary { min: 1, max: 2, mean: 3, deviation: 4 };
        for flags in 0..16 {
            let hops = HopLimits { ipv6: flags & 1 == 0, min: 50, max: 64, mean: 60, deviation: 2 };
            let summary = StatisticsSummary {
                ssrc: 9,
                begin: 65_000,
                end: 100,
                lost: (flags & 1 != 0).then_some(11),
                duplicates: (flags & 2 != 0).then_some(12),
                jitter: (flags & 4 != 0).then_some(jitter),
                hops: (flags & 8 != 0).then_some(hops),
            };
            let (wire, bytes) = summary.write();
            assert_eq!(StatisticsSummary::read(wire, &bytes), Some(summary));
        }
    }

    /// RFC 3611 §4.6: values without their flag make the block void.
    #[test]
    fn values_without_flags_are_ignored() {
        let full = StatisticsSummary { lost: Some(1), duplicates: Some(1), ..StatisticsSummary::default() };
        let (flags, bytes) = full.write();
        assert_eq!(StatisticsSummary::read(flags & !0x80, &bytes), None);
        assert_eq!(StatisticsSummary::read(flags & !0x40, &bytes), None);
        assert_eq!(StatisticsSummary::read(flags | 0x18, &bytes), None);
        assert_eq!(StatisticsSummary::read(flags, &bytes[..35]), None);
    }

    /// RFC 3611 §4.7: each octet goes to its own field and back.
    #[test]
    fn voip_metrics_read_back() {
        let mut bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap() + 100);
        bytes[25] = 0;
        assert_eq!(VoipMetrics::read(&bytes).unwrap().write(), bytes);
        assert_eq!(VoipMetrics::read(&bytes[..31]), None);
    }

    /// RFC 3611 §4.7.5: 127 and values out of range are no quality.
    #[test]
    fn unavailable_quality_is_none() {
        let metrics =
            |value| VoipMetrics { mos_cq: value, mos_lq: value, r_factor: value, ..VoipMetrics::default() };
        assert_eq!(metrics(UNAVAILABLE).conversational_mos(), None);
        assert_eq!(metrics(9).listening_mos(), None);
        assert_eq!(metrics(51).listening_mos(), None);
        assert_eq!(metrics(44).conversational_mos(), Some(4.4));
        assert_eq!((metrics(100).r(), metrics(101).r(), metrics(UNAVAILABLE).r()), (Some(100), None, None));
    }
}
