//! Decoding and encoding in place, where two legs do not speak the same codec.

use crate::codec::{Codec, CodecUnavailable, Decoder, Encoder, g711};
use crate::dtmf::DigitOutput;
use crate::mix::Resampler;

/// The most samples of one packet: 120 ms of Opus at 48 kHz.
const LONGEST: usize = 5760;

/// Turns payloads of one codec into payloads of another, through linear audio that tones can be laid over.
pub(super) struct Transcoder {
    from: Codec,
    to: Codec,
    decoder: Decoder,
    resampler: Option<Resampler>,
    encoder: Encoder,
    decoded: Box<[i16]>,
    converted: Box<[i16]>,
}

impl Transcoder {
    pub(super) fn new(from: Codec, to: Codec) -> Result<Self, CodecUnavailable> {
        let (from_rate, to_rate) = (from.sample_rate(), to.sample_rate());
        let resampler = match from_rate == to_rate {
            true => None,
            false => Some(Resampler::new(from_rate, to_rate).map_err(|_| CodecUnavailable(to))?),
        };
        Ok(Self {
            from,
            to,
            decoder: from.decoder()?,
            resampler,
            encoder: to.encoder()?,
            decoded: vec![0; LONGEST].into(),
            converted: vec![0; LONGEST].into(),
        })
    }

    /// Decodes a payload; returns how many samples it has. `None` when it is not of its codec.
    pub(super) fn decode(&mut self, payload: &[u8]) -> Option<usize> {
        self.decoder.decode(payload, &mut self.decoded).ok()
    }

    /// The linear audio decoded last.
    pub(super) fn heard(&self, samples: usize) -> &[i16] {
        &self.decoded[..samples]
    }

    /// Silence in place of decoded audio; returns how many samples that is.
    pub(super) fn silence(&mut self, milliseconds: u16) -> Option<usize> {
        let samples = (self.from.sample_rate() / 1000 * u32::from(milliseconds)) as usize;
        self.decoded.get_mut(..samples)?.fill(0);
        Some(samples)
    }

    /// Encodes the samples decoded last, with the tones that are due; returns the payload's length.
    pub(super) fn encode(
        &mut self,
        samples: usize,
        payload: &mut [u8],
        digits: &mut DigitOutput,
    ) -> Option<usize> {
        let pcm = match &mut self.resampler {
            Some(resampler) => {
                if resampler.output_len(samples) > LONGEST {
                    return None;
                }
                let converted = resampler.process(&self.decoded[..samples], &mut self.converted);
                &mut self.converted[..converted]
            }
            None => &mut self.decoded[..samples],
        };
        digits.overlay(pcm);
        self.encoder.encode(pcm, payload).ok()
    }

    /// Between the two laws of G.711 no linear audio is needed, while nobody listens and no tone is laid over.
    pub(super) fn law_to_law(&self, payload: &mut [u8]) -> bool {
        match (self.from, self.to) {
            (Codec::Pcmu, Codec::Pcma) => g711::ulaw_to_alaw(payload),
            (Codec::Pcma, Codec::Pcmu) => g711::alaw_to_ulaw(payload),
            _ => return false,
        }
        true
    }
}
