//! G.729 payloads, measured but not decoded: what a relay needs to pass them through and time them.

/// What a G.729 payload consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Speech frames of 10 ms each.
    pub speech: usize,
    /// Whether a comfort noise (Annex B SID) frame ends the payload.
    pub silence: bool,
}

impl Frames {
    /// The time the payload covers, in 8 kHz samples.
    pub fn samples(self) -> usize {
        (self.speech + usize::from(self.silence)) * 80
    }
}

/// Counts the frames of a payload.
///
/// # Errors
/// [`super::DecodeError::Malformed`] for a length that is no whole number of frames, or an empty payload.
// RFC 3551 §4.5.6: any number of 10-byte speech frames, then at most one 2-byte comfort noise frame.
pub fn frames(payload: &[u8]) -> Result<Frames, super::DecodeError> {
    match (payload.len() / 10, payload.len() % 10) {
        (speech, 0) if speech > 0 => Ok(Frames { speech, silence: false }),
        (speech, 2) => Ok(Frames { speech, silence: true }),
        _ => Err(super::DecodeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_and_silence_frames_are_told_apart_by_length() {
        assert_eq!(frames(&[0; 20]), Ok(Frames { speech: 2, silence: false }));
        assert_eq!(frames(&[0; 12]), Ok(Frames { speech: 1, silence: true }));
        assert_eq!(frames(&[0; 2]).unwrap().samples(), 80);
        for odd in [0, 1, 3, 9, 11, 15] {
            assert!(frames(&vec![0; odd]).is_err(), "{odd}");
        }
    }
}
