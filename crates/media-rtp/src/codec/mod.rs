//! Audio codecs: names, clocks and frame sizes of each, and encoders and decoders that write into the caller's buffers.
//!
//! | codec | RTP name | here |
//! |---|---|---|
//! | G.711 µ-law and A-law | `PCMU`, `PCMA` | bit-exact to ITU-T G.191, plus a direct table between the two laws |
//! | G.722 | `G722` | bit-exact to the Recommendation, 64 kbit/s both ways, 56 and 48 kbit/s decoding |
//! | linear PCM | `L16` | mono, any rate |
//! | comfort noise | `CN` | analysis and synthesis (RFC 3389), see [`cn`] |
//! | Opus | `opus` | libopus behind the feature `opus` |
//! | G.729 | `G729` | recognised and measured, never transcoded: relay it unchanged |
//!
//! ```
//! use media_rtp::codec::Codec;
//!
//! let codec = Codec::from_rtpmap("pcma", 8000, 1).unwrap();
//! let mut encoder = codec.encoder().unwrap();
//! let mut payload = [0; 160];
//! assert_eq!(encoder.encode(&[0; 160], &mut payload), Ok(160));
//! assert_eq!(payload[0], 0xd5);
//! ```

pub mod cn;
pub mod g711;
pub mod g722;
pub mod g729;
pub mod l16;
#[cfg(feature = "opus")]
pub mod opus;

use std::time::Duration;

/// An audio codec as SDP and RTP name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9. Samples at 16 kHz, RTP clock 8 kHz.
    G722,
    /// Uncompressed 16-bit big-endian mono at `rate` Hz.
    L16 {
        /// Sampling rate and RTP clock in Hz.
        rate: u32,
    },
    /// Opus, RTP clock always 48 kHz (RFC 7587). Coded here as mono.
    Opus,
    /// G.729, static payload type 18; passed through, never decoded.
    G729,
    /// Comfort noise, static payload type 13 (RFC 3389).
    ComfortNoise,
}

impl Codec {
    /// The encoding name of `a=rtpmap`, in its registered spelling.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::L16 { .. } => "L16",
            Codec::Opus => "opus",
            Codec::G729 => "G729",
            Codec::ComfortNoise => "CN",
        }
    }

    /// The media type, for example `audio/PCMU`, as codec preference lists write it.
    pub fn media_type(self) -> &'static str {
        match self {
            Codec::Pcmu => "audio/PCMU",
            Codec::Pcma => "audio/PCMA",
            Codec::G722 => "audio/G722",
            Codec::L16 { .. } => "audio/L16",
            Codec::Opus => "audio/opus",
            Codec::G729 => "audio/G729",
            Codec::ComfortNoise => "audio/CN",
        }
    }

    /// The RTP clock in Hz, as `a=rtpmap` states it.
    // RFC 3551 §4.5.2: G.722 samples at 16 kHz, yet its RTP clock stays 8 kHz for the sake of an old erratum.
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::G729 | Codec::ComfortNoise => 8000,
            Codec::L16 { rate } => rate,
            Codec::Opus => 48_000,
        }
    }

    /// The rate in Hz of the linear samples that go into the encoder and come out of the decoder.
    pub fn sample_rate(self) -> u32 {
        match self {
            Codec::G722 => 16_000,
            Codec::Pcmu
            | Codec::Pcma
            | Codec::L16 { .. }
            | Codec::Opus
            | Codec::G729
            | Codec::ComfortNoise => self.clock_rate(),
        }
    }

    /// The channel count `a=rtpmap` states: 2 for Opus whatever is sent (RFC 7587 §7), else 1.
    pub fn rtpmap_channels(self) -> u8 {
        if self == Codec::Opus { 2 } else { 1 }
    }

    /// The static payload type of RFC 3551 table 4, if the codec has one at this rate.
    pub fn payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::ComfortNoise => Some(13),
            Codec::G729 => Some(18),
            Codec::L16 { rate: 44_100 } => Some(11),
            Codec::L16 { .. } | Codec::Opus => None,
        }
    }

    /// The codec of a static payload type (RFC 3551 table 4), if it is one of these.
    pub fn from_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            11 => Some(Codec::L16 { rate: 44_100 }),
            13 => Some(Codec::ComfortNoise),
            18 => Some(Codec::G729),
            _ => None,
        }
    }

    /// The codec an `a=rtpmap` names; `None` where name, clock and channels do not belong together.
    ///
    /// Names compare without case (RFC 4855 §3). `opus` is accepted with 1 channel too, since some phones send that.
    pub fn from_rtpmap(name: &str, clock: u32, channels: u8) -> Option<Codec> {
        let named = |known: &str| name.eq_ignore_ascii_case(known);
        let codec = if named("PCMU") {
            Codec::Pcmu
        } else if named("PCMA") {
            Codec::Pcma
        } else if named("G722") {
            Codec::G722
        } else if named("opus") {
            Codec::Opus
        } else if named("G729") {
            Codec::G729
        } else if named("CN") {
            Codec::ComfortNoise
        } else if named("L16") && (8000..=192_000).contains(&clock) {
            Codec::L16 { rate: clock }
        } else {
            return None;
        };
        let channels_fit = channels == 1 || (codec == Codec::Opus && channels == 2);
        (clock == codec.clock_rate() && channels_fit).then_some(codec)
    }

    /// How many linear samples a packet of `ptime` holds.
    pub fn samples_in(self, ptime: Duration) -> usize {
        units(ptime, self.sample_rate())
    }

    /// By how much the RTP timestamp advances over a packet of `ptime`.
    pub fn ticks_in(self, ptime: Duration) -> u32 {
        units(ptime, self.clock_rate()) as u32
    }

    /// How many linear samples `payload` decodes to at [`Codec::sample_rate`], where the length alone tells.
    ///
    /// `None` for Opus, comfort noise, and lengths the codec cannot have produced.
    pub fn samples_of(self, payload: &[u8]) -> Option<usize> {
        match self {
            Codec::Pcmu | Codec::Pcma => Some(payload.len()),
            Codec::G722 => Some(payload.len() * 2),
            Codec::L16 { .. } => payload.len().is_multiple_of(2).then_some(payload.len() / 2),
            Codec::G729 => g729::frames(payload).ok().map(|frames| frames.samples()),
            Codec::Opus | Codec::ComfortNoise => None,
        }
    }

    /// Whether this build can turn the codec into linear samples and back.
    pub fn is_transcodable(self) -> bool {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 { .. } => true,
            Codec::Opus => cfg!(feature = "opus"),
            Codec::G729 | Codec::ComfortNoise => false,
        }
    }

    /// A fresh encoder.
    ///
    /// # Errors
    /// [`CodecUnavailable`] where [`Codec::is_transcodable`] is false, or the library refuses to start.
    pub fn encoder(self) -> Result<Encoder, CodecUnavailable> {
        let state = match self {
            Codec::Pcmu => EncoderState::Pcmu,
            Codec::Pcma => EncoderState::Pcma,
            Codec::G722 => EncoderState::G722(Box::default()),
            Codec::L16 { .. } => EncoderState::L16,
            #[cfg(feature = "opus")]
            Codec::Opus => EncoderState::Opus(opus::Encoder::new().map_err(|_| CodecUnavailable(self))?),
            #[cfg(not(feature = "opus"))]
            Codec::Opus => return Err(CodecUnavailable(self)),
            Codec::G729 | Codec::ComfortNoise => return Err(CodecUnavailable(self)),
        };
        Ok(Encoder { codec: self, state })
    }

    /// A fresh decoder.
    ///
    /// # Errors
    /// As for [`Codec::encoder`].
    pub fn decoder(self) -> Result<Decoder, CodecUnavailable> {
        let state = match self {
            Codec::Pcmu => DecoderState::Pcmu,
            Codec::Pcma => DecoderState::Pcma,
            Codec::G722 => DecoderState::G722(Box::default()),
            Codec::L16 { .. } => DecoderState::L16,
            #[cfg(feature = "opus")]
            Codec::Opus => DecoderState::Opus(opus::Decoder::new().map_err(|_| CodecUnavailable(self))?),
            #[cfg(not(feature = "opus"))]
            Codec::Opus => return Err(CodecUnavailable(self)),
            Codec::G729 | Codec::ComfortNoise => return Err(CodecUnavailable(self)),
        };
        Ok(Decoder { codec: self, state })
    }
}

fn units(time: Duration, rate: u32) -> usize {
    (time.as_micros() * u128::from(rate) / 1_000_000) as usize
}

/// Turns linear samples into payloads; keeps the codec's memory from one packet to the next.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    state: EncoderState,
}

#[derive(Debug)]
enum EncoderState {
    Pcmu,
    Pcma,
    G722(Box<g722::Encoder>),
    L16,
    #[cfg(feature = "opus")]
    Opus(opus::Encoder),
}

impl Encoder {
    /// The codec this encodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes one packet's `pcm` at [`Codec::sample_rate`] into `out` and returns the payload's length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too small or the codec has no frame of that many samples; nothing is consumed then.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, EncodeError> {
        match &mut self.state {
            EncoderState::Pcmu => g711::ulaw_encode_into(pcm, room(out, pcm.len())?),
            EncoderState::Pcma => g711::alaw_encode_into(pcm, room(out, pcm.len())?),
            EncoderState::G722(encoder) => {
                if !pcm.len().is_multiple_of(2) {
                    return Err(EncodeError::FrameLength { samples: pcm.len() });
                }
                encoder.encode(pcm, room(out, pcm.len() / 2)?);
                return Ok(pcm.len() / 2);
            }
            EncoderState::L16 => {
                l16::encode_into(pcm, room(out, pcm.len() * 2)?);
                return Ok(pcm.len() * 2);
            }
            #[cfg(feature = "opus")]
            EncoderState::Opus(encoder) => return encoder.encode(pcm, out),
        }
        Ok(pcm.len())
    }
}

fn room(out: &mut [u8], needed: usize) -> Result<&mut [u8], EncodeError> {
    out.get_mut(..needed).ok_or(EncodeError::OutputTooSmall { needed })
}

/// Turns payloads into linear samples; keeps the codec's memory from one packet to the next.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    state: DecoderState,
}

#[derive(Debug)]
enum DecoderState {
    Pcmu,
    Pcma,
    G722(Box<g722::Decoder>),
    L16,
    #[cfg(feature = "opus")]
    Opus(opus::Decoder),
}

impl Decoder {
    /// The codec this decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Decodes one payload into `out` and returns how many samples, at [`Codec::sample_rate`], it held.
    ///
    /// # Errors
    /// [`DecodeError`] when `out` is too small or the payload is not of this codec; `out` may then hold part of it.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        #[cfg(feature = "opus")]
        if let DecoderState::Opus(decoder) = &mut self.state {
            return decoder.decode(payload, out);
        }
        let samples = self.codec.samples_of(payload).ok_or(DecodeError::Malformed)?;
        let out = out.get_mut(..samples).ok_or(DecodeError::OutputTooSmall { needed: samples })?;
        match &mut self.state {
            DecoderState::Pcmu => g711::ulaw_decode_into(payload, out),
            DecoderState::Pcma => g711::alaw_decode_into(payload, out),
            DecoderState::G722(decoder) => decoder.decode(payload, out),
            DecoderState::L16 => l16::decode_into(payload, out),
            #[cfg(feature = "opus")]
            DecoderState::Opus(_) => {}
        }
        Ok(samples)
    }

    /// Fills `out` with the codec's own guess at a lost packet, and says whether the codec has one.
    ///
    /// Only Opus does. For the others use the jitter buffer's concealment.
    #[cfg_attr(not(feature = "opus"), expect(unused_variables, reason = "only Opus conceals by itself"))]
    pub fn conceal(&mut self, out: &mut [i16]) -> bool {
        match &mut self.state {
            #[cfg(feature = "opus")]
            DecoderState::Opus(decoder) => decoder.conceal(out).is_ok(),
            DecoderState::Pcmu | DecoderState::Pcma | DecoderState::G722(_) | DecoderState::L16 => false,
        }
    }
}

/// This build cannot encode or decode the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not transcoded in this build; relay it unchanged, or agree on another codec", .0.name())]
pub struct CodecUnavailable(pub Codec);

/// Why samples could not be encoded: always the caller's buffers, never the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The output buffer is smaller than the payload.
    #[error("the payload needs {needed} bytes of room")]
    OutputTooSmall {
        /// Bytes required.
        needed: usize,
    },
    /// The codec has no frame of this length.
    #[error("the codec has no frame of {samples} samples; pass one packet time's worth")]
    FrameLength {
        /// Samples passed.
        samples: usize,
    },
    /// The codec library refused.
    #[error("the codec library refused the samples (code {code})")]
    Library {
        /// The library's own error number.
        code: i32,
    },
}

/// Why a payload could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The output buffer is smaller than the decoded packet.
    #[error("the packet decodes to {needed} samples; pass a larger buffer")]
    OutputTooSmall {
        /// Samples required.
        needed: usize,
    },
    /// The bytes are not a payload of this codec.
    #[error("the payload is not of this codec; drop it and count it")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Codec; 8] = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::L16 { rate: 16_000 },
        Codec::L16 { rate: 44_100 },
        Codec::Opus,
        Codec::G729,
        Codec::ComfortNoise,
    ];

    #[test]
    fn rtpmap_and_static_payload_types_lead_back_to_the_codec() {
        for codec in EVERY {
            let found = Codec::from_rtpmap(codec.name(), codec.clock_rate(), codec.rtpmap_channels());
            assert_eq!(found, Some(codec));
            if let Some(payload_type) = codec.payload_type() {
                assert_eq!(Codec::from_payload_type(payload_type), Some(codec));
            }
            assert_eq!(codec.media_type().strip_prefix("audio/"), Some(codec.name()));
        }
    }

    #[test]
    fn a_clock_that_does_not_belong_to_the_name_is_refused() {
        assert_eq!(Codec::from_rtpmap("G722", 16_000, 1), None);
        assert_eq!(Codec::from_rtpmap("PCMU", 16_000, 1), None);
        assert_eq!(Codec::from_rtpmap("PCMU", 8000, 2), None);
        assert_eq!(Codec::from_rtpmap("opus", 16_000, 2), None);
        assert_eq!(Codec::from_rtpmap("L16", 0, 1), None);
        assert_eq!(Codec::from_rtpmap("telephone-event", 8000, 1), None);
    }

    // RFC 3551 §4.5.2: 20 ms of G.722 are 320 samples and 160 ticks.
    #[test]
    fn twenty_milliseconds_of_g722_are_320_samples_and_160_ticks() {
        let ptime = Duration::from_millis(20);
        assert_eq!((Codec::G722.samples_in(ptime), Codec::G722.ticks_in(ptime)), (320, 160));
        assert_eq!((Codec::Opus.samples_in(ptime), Codec::Opus.ticks_in(ptime)), (960, 960));
    }

    /// MR-005: G.711 in both laws is always there; G.729 and comfort noise are pass-through only.
    #[test]
    fn g711_is_always_available_and_g729_never() {
        for codec in EVERY {
            assert_eq!(codec.encoder().is_ok(), codec.is_transcodable(), "{codec:?}");
            assert_eq!(codec.decoder().is_ok(), codec.is_transcodable(), "{codec:?}");
        }
        assert!(Codec::Pcmu.is_transcodable() && Codec::Pcma.is_transcodable());
        assert_eq!(Codec::G729.encoder().unwrap_err(), CodecUnavailable(Codec::G729));
    }

    #[test]
    fn buffers_too_small_are_reported_with_the_size_needed() {
        let mut encoder = Codec::L16 { rate: 8000 }.encoder().unwrap();
        assert_eq!(encoder.encode(&[1, 2], &mut [0; 3]), Err(EncodeError::OutputTooSmall { needed: 4 }));
        let mut decoder = Codec::G722.decoder().unwrap();
        assert_eq!(decoder.decode(&[0; 4], &mut [0; 7]), Err(DecodeError::OutputTooSmall { needed: 8 }));
        let mut encoder = Codec::G722.encoder().unwrap();
        assert_eq!(encoder.encode(&[0; 3], &mut [0; 9]), Err(EncodeError::FrameLength { samples: 3 }));
        let mut decoder = Codec::L16 { rate: 8000 }.decoder().unwrap();
        assert_eq!(decoder.decode(&[0; 3], &mut [0; 9]), Err(DecodeError::Malformed));
    }
}
