//! WAV files: reading prompts, writing recordings, and a recorder for one or both legs of a call.
//!
//! The container is read and written by `hound`; G.711 inside it (format tags 6 and 7, common for telephone prompts),
//! which `hound` leaves out, is decoded here.

mod companded;
mod recorder;

pub use recorder::{Layout, Leg, RecordError, Recorder};

use std::io::{Cursor, Seek, Write};

/// Decoded audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Samples per second and channel, in Hz.
    pub rate: u32,
    /// How many channels `samples` interleaves.
    pub channels: u16,
    /// 16-bit samples, channel by channel within each moment.
    pub samples: Vec<i16>,
}

impl Audio {
    /// One channel of it, counted from 0; empty if there is no such channel.
    pub fn channel(&self, channel: u16) -> impl Iterator<Item = i16> + '_ {
        let step = usize::from(self.channels.max(1));
        let present = channel < self.channels;
        self.samples.iter().skip(usize::from(channel)).step_by(step).copied().filter(move |_| present)
    }

    /// All channels averaged into one.
    pub fn to_mono(&self) -> Vec<i16> {
        let channels = usize::from(self.channels.max(1));
        let average =
            |moment: &[i16]| (moment.iter().map(|&s| i32::from(s)).sum::<i32>() / channels as i32) as i16;
        self.samples.chunks_exact(channels).map(average).collect()
    }
}

/// Reads a WAV file of 8, 16, 24 or 32-bit PCM, 32-bit float, or G.711, from memory.
///
/// A file cut short gives the samples it has: recordings of calls that ended in a crash are still worth hearing. Memory
/// stays below twice the input, whatever the header claims.
///
/// # Errors
/// [`ReadError`] when the header is broken, the encoding is none of these, or the rate or channel count is absurd.
pub fn read(bytes: &[u8]) -> Result<Audio, ReadError> {
    if let Some(audio) = companded::read(bytes)? {
        return Ok(audio);
    }
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(malformed)?;
    let spec = reader.spec();
    check(spec.sample_rate, spec.channels)?;
    let mut samples = Vec::new();
    match (spec.sample_format, spec.bits_per_sample) {
        (hound::SampleFormat::Float, 32) => {
            for sample in reader.samples::<f32>().map_while(Result::ok) {
                samples.push((sample * 32_768.0) as i16);
            }
        }
        (hound::SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            for sample in reader.samples::<i32>().map_while(Result::ok) {
                samples.push(if bits < 16 { sample << 8 } else { sample >> (bits - 16) } as i16);
            }
        }
        _ => return Err(ReadError::Encoding),
    }
    samples.truncate(samples.len() - samples.len() % usize::from(spec.channels));
    Ok(Audio { rate: spec.sample_rate, channels: spec.channels, samples })
}

/// Writes 16-bit PCM.
///
/// # Errors
/// [`RecordError`] when `out` fails or `audio` has no channels.
pub fn write<W: Write + Seek>(audio: &Audio, out: W) -> Result<(), RecordError> {
    if audio.channels == 0 {
        return Err(RecordError::NoChannels);
    }
    let mut writer = recorder::open(out, audio.rate, audio.channels)?;
    for &sample in &audio.samples {
        writer.write_sample(sample).map_err(recorder::unwritten)?;
    }
    writer.finalize().map_err(recorder::unwritten)
}

fn check(rate: u32, channels: u16) -> Result<(), ReadError> {
    if !(4000..=384_000).contains(&rate) || !(1..=16).contains(&channels) {
        return Err(ReadError::Shape { rate, channels });
    }
    Ok(())
}

fn malformed(error: hound::Error) -> ReadError {
    match error {
        hound::Error::Unsupported => ReadError::Encoding,
        hound::Error::IoError(_)
        | hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::InvalidSampleFormat => ReadError::Header,
    }
}

/// Why a WAV file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No RIFF/WAVE header, or a broken one.
    #[error(
        "not a WAV file, or its header is broken; check that it starts with RIFF and holds fmt and data chunks"
    )]
    Header,
    /// An encoding other than PCM, float and G.711.
    #[error("the encoding is not PCM, float, A-law or µ-law; convert the file first")]
    Encoding,
    /// A rate or channel count no telephone prompt has.
    #[error(
        "{channels} channels at {rate} Hz are not usable; convert to 1 to 16 channels at 4000 to 384000 Hz"
    )]
    Shape {
        /// Samples per second.
        rate: u32,
        /// Channels.
        channels: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(audio: &Audio) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        write(audio, &mut bytes).unwrap();
        bytes.into_inner()
    }

    fn sample_file() -> Audio {
        Audio { rate: 16_000, channels: 2, samples: (0..100).map(|n| n * 300 - 15_000).collect() }
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(read(&written(&sample_file())), Ok(sample_file()));
        let silent = Audio { rate: 8000, channels: 1, samples: vec![] };
        assert_eq!(read(&written(&silent)), Ok(silent));
    }

    #[test]
    fn a_file_cut_short_gives_what_it_has() {
        let whole = written(&sample_file());
        let audio = read(&whole[..whole.len() - 7]).unwrap();
        assert_eq!(audio.samples, sample_file().samples[..96]);
    }

    #[test]
    fn channels_come_apart_and_mix_down() {
        let audio = Audio { rate: 8000, channels: 2, samples: vec![1, 10, 3, 30] };
        assert_eq!(audio.channel(0).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(audio.channel(1).collect::<Vec<_>>(), [10, 30]);
        assert_eq!(audio.channel(2).count(), 0);
        assert_eq!(audio.to_mono(), [5, 16]);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        assert_eq!(read(b""), Err(ReadError::Header));
        assert_eq!(read(b"ID3\x03not a wav at all, though long enough"), Err(ReadError::Header));
        let mut strange = written(&sample_file());
        strange[24..28].copy_from_slice(&1_u32.to_le_bytes());
        assert!(matches!(read(&strange), Err(ReadError::Shape { rate: 1, .. } | ReadError::Header)));
    }

    proptest! {
        #[test]
        fn hostile_headers_never_panic_nor_fill_memory(
            position in 0_usize..60, value: u32, length in 0_usize..100, tag in 0_u8..9,
        ) {
            let mut bytes = written(&sample_file());
            bytes[20] = tag;
            let end = (position + 4).min(bytes.len());
            bytes[position..end].copy_from_slice(&value.to_le_bytes()[..end - position]);
            bytes.truncate(bytes.len() - length);
            if let Ok(audio) = read(&bytes) {
                prop_assert!(audio.samples.len() <= bytes.len());
            }
        }

        #[test]
        fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), riff: bool) {
            if riff && bytes.len() > 16 {
                bytes[..4].copy_from_slice(b"RIFF");
                bytes[8..16].copy_from_slice(b"WAVEfmt ");
            }
            let _ = read(&bytes);
        }
    }
}
