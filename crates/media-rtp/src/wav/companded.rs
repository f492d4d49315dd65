//! WAV files that hold G.711.

use super::{Audio, ReadError, check};
use crate::codec::g711;

/// Decodes `bytes` if they are a WAV file of A-law or µ-law; `None` for any other, or no, WAV file.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Audio>, ReadError> {
    let Some(mut rest) =
        bytes.strip_prefix(b"RIFF").and_then(|b| b.get(4..)).and_then(|b| b.strip_prefix(b"WAVE"))
    else {
        return Ok(None);
    };
    let mut format = None;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let declared = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = &body[..declared.min(body.len())];
        match &head[..4] {
            b"fmt " => format = Format::parse(chunk),
            b"data" => {
                let Some(format) = format else { return Ok(None) };
                check(format.rate, format.channels)?;
                let whole = chunk.len() - chunk.len() % usize::from(format.channels);
                let samples = chunk[..whole].iter().map(|&code| (format.decode)(code)).collect();
                return Ok(Some(Audio { rate: format.rate, channels: format.channels, samples }));
            }
            _ => {}
        }
        // A chunk of odd length is followed by a byte of padding.
        rest = body.get(declared.saturating_add(declared % 2)..).unwrap_or_default();
    }
    Ok(None)
}

struct Format {
    channels: u16,
    rate: u32,
    decode: fn(u8) -> i16,
}

impl Format {
    /// Reads a `fmt ` chunk of WAVE_FORMAT_ALAW or WAVE_FORMAT_MULAW with 8 bits per sample.
    fn parse(chunk: &[u8]) -> Option<Format> {
        let chunk: &[u8; 16] = chunk.first_chunk()?;
        let word = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
        let decode = match word(0) {
            6 => g711::alaw_decode,
            7 => g711::ulaw_decode,
            _ => return None,
        };
        let rate = u32::from(word(4)) | u32::from(word(6)) << 16;
        (word(14) == 8).then_some(Format { channels: word(2), rate, decode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tag: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        bytes.extend(b"LIST\x03\0\0\0abc\0fmt \x12\0\0\0");
        bytes.extend(tag.to_le_bytes());
        bytes.extend([1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0, 0, 0]);
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn both_laws_decode_behind_unknown_chunks() {
        let audio = crate::wav::read(&file(7, &[0xff, 0x80, 0x00])).unwrap();
        assert_eq!(audio, Audio { rate: 8000, channels: 1, samples: vec![0, 32124, -32124] });
        assert_eq!(crate::wav::read(&file(6, &[0xd5, 0x55])).unwrap().samples, [8, -8]);
    }

    #[test]
    fn a_data_chunk_longer_than_the_file_is_cut() {
        let mut bytes = file(7, &[0xff; 8]);
        let length = bytes.len();
        bytes[length - 12..length - 8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(crate::wav::read(&bytes).unwrap().samples, [0; 8]);
    }
}
