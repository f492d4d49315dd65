//! What an ear would say of audio: how much of it is a tone, how loud it is, whether it is what was sent.

use std::f64::consts::TAU;

use media_rtp::codec::Codec;

/// Samples looked at together: 50 ms, so that tones 20 Hz apart are told apart.
const WINDOW: usize = 400;

/// The level below which a window counts as silence, in dBm0.
const SILENCE: f64 = -50.0;

/// A tone in audio.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// The part of the energy that is at the frequency, 0 to 1.
    pub(crate) share: f64,
    /// Of what is not silence, in dBm0.
    pub(crate) level: f64,
    /// How much is not silence.
    pub(crate) seconds: f64,
}

/// Measures a tone of so many hertz in audio at 8 kHz.
pub(crate) fn measure(samples: &[i16], hertz: f64) -> Heard {
    let (mut at, mut all, mut windows) = (0.0, 0.0, 0_usize);
    for window in samples.chunks_exact(WINDOW) {
        let energy: f64 = window.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        if level(energy / WINDOW as f64) > SILENCE {
            at += goertzel(window, hertz);
            all += energy;
            windows += 1;
        }
    }
    let heard = (windows * WINDOW) as f64;
    Heard {
        share: if all > 0.0 { (at / all).min(1.0) } else { 0.0 },
        level: level(all / heard.max(1.0)),
        seconds: heard / 8000.0,
    }
}

/// The energy of a window at one frequency.
fn goertzel(window: &[i16], hertz: f64) -> f64 {
    let turn = 2.0 * (TAU * hertz / 8000.0).cos();
    let (before, last) =
        window.iter().fold((0.0, 0.0), |(a, b), sample| (b, f64::from(*sample) + turn * b - a));
    let power = last.powi(2) + before.powi(2) - turn * last * before;
    2.0 * power / window.len() as f64
}

// ITU-T G.711 §4: a full-scale sine is +3.17 dBm0.
fn level(mean_square: f64) -> f64 {
    10.0 * (2.0 * mean_square.max(1e-9) / 32_767_f64.powi(2)).log10() + 3.17
}

/// G.711 packets as samples.
pub(crate) fn decode(codec: Codec, packets: &[Vec<u8>]) -> Vec<i16> {
    let Ok(mut decoder) = codec.decoder() else { return Vec::new() };
    let (mut pcm, mut all) = ([0; 2048], Vec::new());
    for packet in packets {
        if let Ok(len) = decoder.decode(packet, &mut pcm) {
            all.extend_from_slice(&pcm[..len]);
        }
    }
    all
}

/// The longest run of packets that arrived as they were sent, bit for bit and in order.
pub(crate) fn unchanged(sent: &[Vec<u8>], heard: &[Vec<u8>]) -> usize {
    let mut before = vec![0; sent.len() + 1];
    let mut longest = 0;
    for packet in heard {
        let mut runs = vec![0; sent.len() + 1];
        for (at, said) in sent.iter().enumerate() {
            if said == packet {
                runs[at + 1] = before[at] + 1;
                longest = longest.max(runs[at + 1]);
            }
        }
        before = runs;
    }
    longest
}

#[cfg(test)]
mod tests {
    use media_rtp::tone::Oscillator;

    use super::*;

    #[test]
    fn a_tone_is_found_with_its_level() {
        let mut tone = Oscillator::new(1020.0, 8000, -13.0);
        let samples: Vec<i16> = (0..8000).map(|_| tone.sample() as i16).collect();
        let (heard, other) = (measure(&samples, 1020.0), measure(&samples, 440.0));
        assert!(heard.share > 0.99 && (heard.level + 13.0).abs() < 0.1, "{heard:?}");
        assert!(other.share < 0.01, "{other:?}");
        assert_eq!(measure(&[0; 8000], 440.0).seconds, 0.0);
    }

    #[test]
    fn the_longest_run_is_found() {
        let packets = |of: &[u8]| of.iter().map(|byte| vec![*byte; 3]).collect::<Vec<_>>();
        assert_eq!(unchanged(&packets(&[1, 2, 3, 4, 5]), &packets(&[9, 2, 3, 4, 9, 5])), 3);
    }
}
