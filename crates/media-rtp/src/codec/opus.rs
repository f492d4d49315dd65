//! Opus through libopus (RFC 6716), coded as mono at 48 kHz (RFC 7587).

use super::{DecodeError, EncodeError};
use std::fmt;

/// Samples to packets.
pub struct Encoder(::opus::Encoder);

impl Encoder {
    /// An encoder tuned for speech, with in-band error correction prepared for 10 % loss.
    ///
    /// # Errors
    /// The library's number when it cannot start, which means it has no memory.
    pub fn new() -> Result<Encoder, EncodeError> {
        let refused = |error: ::opus::Error| EncodeError::Library { code: error.code() as i32 };
        let mut encoder = ::opus::Encoder::new(48_000, ::opus::Channels::Mono, ::opus::Application::Voip)
            .map_err(refused)?;
        encoder.set_inband_fec(true).map_err(refused)?;
        encoder.set_packet_loss_perc(10).map_err(refused)?;
        Ok(Encoder(encoder))
    }

    /// Sets the average bit rate in bit/s, 6000..=510,000.
    ///
    /// # Errors
    /// The library's number for a rate outside that range.
    pub fn set_bit_rate(&mut self, bits_per_second: i32) -> Result<(), EncodeError> {
        self.0
            .set_bitrate(::opus::Bitrate::Bits(bits_per_second))
            .map_err(|error| EncodeError::Library { code: error.code() as i32 })
    }

    /// Encodes one packet of 2.5, 5, 10, 20, 40 or 60 ms and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError::FrameLength`] for another length, [`EncodeError::OutputTooSmall`] when `out` is too small.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, EncodeError> {
        if ![120, 240, 480, 960, 1920, 2880].contains(&pcm.len()) {
            return Err(EncodeError::FrameLength { samples: pcm.len() });
        }
        self.0.encode(pcm, out).map_err(|error| {
            if error.code() == ::opus::ErrorCode::BufferTooSmall {
                EncodeError::OutputTooSmall { needed: LARGEST_PACKET }
            } else {
                EncodeError::Library { code: error.code() as i32 }
            }
        })
    }
}

/// The largest packet a speech call meets in bytes: what one Ethernet frame leaves for it.
pub const LARGEST_PACKET: usize = 1275;

/// The longest packet: 120 ms at 48 kHz.
pub const LONGEST_PACKET: usize = 5760;

/// Packets to samples.
pub struct Decoder(::opus::Decoder);

impl Decoder {
    /// A decoder to 48 kHz mono; stereo packets are mixed down.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] when the library cannot start, which means it has no memory.
    pub fn new() -> Result<Decoder, DecodeError> {
        ::opus::Decoder::new(48_000, ::opus::Channels::Mono).map(Decoder).map_err(|_| DecodeError::Malformed)
    }

    /// Decodes one packet and returns its length in samples.
    ///
    /// # Errors
    /// [`DecodeError`] when `out` is shorter than the packet or the packet breaks RFC 6716.
    pub fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        if packet.is_empty() {
            // The library takes an empty packet for a loss; on the wire it is a fault.
            return Err(DecodeError::Malformed);
        }
        self.0.decode(packet, out, false).map_err(cause)
    }

    /// Restores the packet before `packet` from the error correction inside it; `out` is as long as the lost one.
    ///
    /// # Errors
    /// As for [`Decoder::decode`].
    pub fn recover(&mut self, packet: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        if packet.is_empty() {
            return Err(DecodeError::Malformed);
        }
        self.0.decode(packet, out, true).map_err(cause)
    }

    /// Continues the sound over a lost packet as long as `out`, a multiple of 2.5 ms.
    ///
    /// # Errors
    /// [`DecodeError`] when the length is no packet length.
    pub fn conceal(&mut self, out: &mut [i16]) -> Result<usize, DecodeError> {
        self.0.decode(&[], out, false).map_err(cause)
    }
}

fn cause(error: ::opus::Error) -> DecodeError {
    if error.code() == ::opus::ErrorCode::BufferTooSmall {
        DecodeError::OutputTooSmall { needed: LONGEST_PACKET }
    } else {
        DecodeError::Malformed
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Encoder")
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Decoder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples).map(|n| ((n as f32 * 0.0576).sin() * 10_000.0) as i16).collect()
    }

    /// MR-017: a tone keeps its energy through Opus and back.
    #[test]
    fn a_tone_survives_the_codec() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let (mut packet, mut heard) = ([0; LARGEST_PACKET], [0; 960]);
        let mut energy = 0.0;
        for frame in tone(48_000).chunks(960) {
            let length = encoder.encode(frame, &mut packet).unwrap();
            assert_eq!(decoder.decode(&packet[..length], &mut heard), Ok(960));
            energy = heard.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 960.0;
        }
        assert!((energy / 5.0e7 - 1.0).abs() < 0.1, "{energy}");
        assert_eq!(decoder.conceal(&mut heard), Ok(960));
    }

    #[test]
    fn broken_packets_and_lengths_are_typed_errors() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        assert_eq!(encoder.encode(&[0; 100], &mut [0; 99]), Err(EncodeError::FrameLength { samples: 100 }));
        assert_eq!(decoder.decode(&[], &mut [0; 960]), Err(DecodeError::Malformed));
        assert_eq!(decoder.decode(&[0xff; 3], &mut [0; 5760]), Err(DecodeError::Malformed));
        let length = encoder.encode(&tone(960), &mut [0; 1275]).unwrap();
        assert!(length > 0);
    }
}
