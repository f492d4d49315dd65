//! A call recorder: one leg, both mixed, or both side by side, aligned in time.

use crate::mix;
use std::collections::VecDeque;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

/// Which side of the call a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// The caller; the left channel.
    Caller,
    /// The called side; the right channel.
    Called,
}

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The caller left, the called side right: what speech analytics wants.
    #[default]
    DualChannel,
    /// Both added into one channel.
    Mixed,
    /// Only this leg.
    Single(Leg),
}

/// How far one leg may run ahead of the other before the other's gap is taken for silence.
const PATIENCE: Duration = Duration::from_millis(500);

/// A packet this much later than its leg's last one leaves a gap; a smaller difference is jitter.
const GAP: Duration = Duration::from_millis(100);

/// The longest recording in samples per channel: what a WAV file can hold, 4 GiB, with some to spare.
const LONGEST: u64 = 1 << 29;

/// Writes a call to a WAV file as it happens.
///
/// Packets are placed by the time they are played, so silence, packet loss and late answer keep their length. At most half
/// a second per leg is held in memory; the file is valid only after [`Recorder::finish`].
pub struct Recorder<W: Write + Seek> {
    file: hound::WavWriter<W>,
    layout: Layout,
    rate: u32,
    start: Instant,
    /// Samples per channel in the file.
    written: u64,
    legs: [VecDeque<i16>; 2],
    masked: bool,
}

impl<W: Write + Seek> Recorder<W> {
    /// Starts a file at `rate` Hz; `start` is its first moment.
    ///
    /// # Errors
    /// [`RecordError::Io`] when `out` cannot be written to.
    pub fn new(out: W, layout: Layout, rate: u32, start: Instant) -> Result<Recorder<W>, RecordError> {
        let channels = if layout == Layout::DualChannel { 2 } else { 1 };
        Ok(Recorder {
            file: open(out, rate, channels)?,
            layout,
            rate,
            start,
            written: 0,
            legs: [VecDeque::new(), VecDeque::new()],
            masked: false,
        })
    }

    /// From now on records silence instead of sound, on both legs: a card number is being given.
    pub fn mask(&mut self, masked: bool) {
        self.masked = masked;
    }

    /// Adds what `leg` plays from `now` on, at the file's rate.
    ///
    /// # Errors
    /// [`RecordError::Io`] when writing fails, [`RecordError::Full`] at the size a WAV file can have.
    pub fn capture(&mut self, leg: Leg, pcm: &[i16], now: Instant) -> Result<(), RecordError> {
        if let Layout::Single(only) = self.layout
            && only != leg
        {
            return Ok(());
        }
        let due = self.position(now);
        let at = self.written + self.legs[leg as usize].len() as u64;
        if due > at + self.samples(GAP) {
            self.flush(due.saturating_sub(self.samples(PATIENCE)))?;
            let at = self.written + self.legs[leg as usize].len() as u64;
            let gap = due.saturating_sub(at) as usize;
            self.legs[leg as usize].extend(std::iter::repeat_n(0, gap));
        }
        if self.masked {
            self.legs[leg as usize].extend(std::iter::repeat_n(0, pcm.len()));
        } else {
            self.legs[leg as usize].extend(pcm);
        }
        let ahead = self.legs.iter().map(VecDeque::len).max().unwrap_or(0) as u64;
        self.flush((self.written + ahead).saturating_sub(self.samples(PATIENCE)))
    }

    /// Pads both legs to `now` and completes the file.
    ///
    /// # Errors
    /// [`RecordError::Io`] when writing fails.
    pub fn finish(mut self, now: Instant) -> Result<(), RecordError> {
        let longest = self.legs.iter().map(VecDeque::len).max().unwrap_or(0) as u64;
        let end = self.position(now).max(self.written + longest).min(LONGEST);
        self.flush(end)?;
        self.file.finalize().map_err(unwritten)
    }

    fn samples(&self, time: Duration) -> u64 {
        (time.as_micros() * u128::from(self.rate) / 1_000_000) as u64
    }

    fn position(&self, now: Instant) -> u64 {
        self.samples(now.saturating_duration_since(self.start))
    }

    /// Writes everything before sample `end`, with silence where a leg has nothing, and what both legs have beyond it.
    fn flush(&mut self, end: u64) -> Result<(), RecordError> {
        let both = match self.layout {
            Layout::Single(leg) => self.legs[leg as usize].len(),
            Layout::DualChannel | Layout::Mixed => self.legs.iter().map(VecDeque::len).min().unwrap_or(0),
        };
        let end = end.max(self.written + both as u64);
        if end > LONGEST {
            return Err(RecordError::Full);
        }
        while self.written < end {
            let [caller, called] = self.legs.each_mut().map(|leg| leg.pop_front().unwrap_or(0));
            match self.layout {
                Layout::DualChannel => {
                    self.file.write_sample(caller).map_err(unwritten)?;
                    self.file.write_sample(called).map_err(unwritten)?;
                }
                Layout::Mixed => {
                    let mut sum = [caller];
                    mix::add(&mut sum, &[called]);
                    self.file.write_sample(sum[0]).map_err(unwritten)?;
                }
                Layout::Single(Leg::Caller) => self.file.write_sample(caller).map_err(unwritten)?,
                Layout::Single(Leg::Called) => self.file.write_sample(called).map_err(unwritten)?,
            }
            self.written += 1;
        }
        Ok(())
    }
}

impl<W: Write + Seek> std::fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("layout", &self.layout)
            .field("rate", &self.rate)
            .field("written", &self.written)
            .field("masked", &self.masked)
            .finish_non_exhaustive()
    }
}

pub(super) fn open<W: Write + Seek>(
    out: W,
    rate: u32,
    channels: u16,
) -> Result<hound::WavWriter<W>, RecordError> {
    let sample_format = hound::SampleFormat::Int;
    let form = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format };
    hound::WavWriter::new(out, form).map_err(unwritten)
}

/// Why a recording stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be written.
    #[error("the recording cannot be written; check the disk")]
    Io(#[source] std::io::Error),
    /// A WAV file holds no more.
    #[error("the recording has the largest size a WAV file can have; finish it and start another")]
    Full,
    /// The caller passed audio without channels.
    #[error("audio without channels cannot be written")]
    NoChannels,
}

pub(super) fn unwritten(error: hound::Error) -> RecordError {
    match error {
        hound::Error::IoError(error) => RecordError::Io(error),
        other @ (hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat) => RecordError::Io(std::io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wav::Audio;
    use std::io::Cursor;

    const PACKET: Duration = Duration::from_millis(20);

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn record(
        layout: Layout,
        play: impl FnOnce(&mut Recorder<&mut Cursor<Vec<u8>>>, Instant) -> Instant,
    ) -> Audio {
        let start = origin();
        let mut bytes = Cursor::new(Vec::new());
        let mut recorder = Recorder::new(&mut bytes, layout, 8000, start).unwrap();
        let end = play(&mut recorder, start);
        recorder.finish(end).unwrap();
        crate::wav::read(bytes.get_ref()).unwrap()
    }

    #[test]
    fn each_leg_has_its_channel_and_its_time() {
        let audio = record(Layout::DualChannel, |recorder, start| {
            for n in 0..100 {
                recorder.capture(Leg::Caller, &[100; 160], start + PACKET * n).unwrap();
                // The called side answers after one second.
                if n >= 50 {
                    recorder.capture(Leg::Called, &[200; 160], start + PACKET * n).unwrap();
                }
            }
            start + PACKET * 100
        });
        let (caller, called): (Vec<i16>, Vec<i16>) = (audio.channel(0).collect(), audio.channel(1).collect());
        assert_eq!(caller, [100; 16_000]);
        assert_eq!(called[..8000], [0; 8000]);
        assert_eq!(called[8000..], [200; 8000]);
    }

    #[test]
    fn jitter_moves_nothing_but_a_gap_is_silence() {
        let audio = record(Layout::Single(Leg::Called), |recorder, start| {
            recorder.capture(Leg::Called, &[1; 160], start).unwrap();
            recorder.capture(Leg::Called, &[2; 160], start + Duration::from_millis(55)).unwrap();
            recorder.capture(Leg::Caller, &[9; 160], start + Duration::from_millis(60)).unwrap();
            recorder.capture(Leg::Called, &[3; 160], start + Duration::from_secs(1)).unwrap();
            start + Duration::from_millis(1020)
        });
        assert_eq!(audio.samples.len(), 8160);
        assert_eq!((audio.samples[159], audio.samples[160], audio.samples[319]), (1, 2, 2));
        assert_eq!(audio.samples[320..8000], [0; 7680]);
        assert_eq!(audio.samples[8000..], [3; 160]);
    }

    #[test]
    fn a_mixed_recording_adds_both_legs() {
        let audio = record(Layout::Mixed, |recorder, start| {
            recorder.capture(Leg::Caller, &[1000; 160], start).unwrap();
            recorder.capture(Leg::Called, &[234; 160], start).unwrap();
            start
        });
        assert_eq!(audio.samples, [1234; 160]);
    }

    #[test]
    fn masked_sound_is_not_in_the_file_though_its_time_is() {
        let audio = record(Layout::DualChannel, |recorder, start| {
            for n in 0..3 {
                recorder.mask(n == 1);
                recorder.capture(Leg::Caller, &[5; 160], start + PACKET * n).unwrap();
                recorder.capture(Leg::Called, &[6; 160], start + PACKET * n).unwrap();
            }
            start
        });
        let caller: Vec<i16> = audio.channel(0).collect();
        assert_eq!((caller[159], &caller[160..320], caller[320]), (5, &[0; 160][..], 5));
    }

    #[test]
    fn a_leg_that_never_speaks_costs_no_memory() {
        let start = origin();
        let mut recorder = Recorder::new(Cursor::new(Vec::new()), Layout::DualChannel, 8000, start).unwrap();
        for n in 0..1000 {
            recorder.capture(Leg::Caller, &[5; 160], start + PACKET * n).unwrap();
            assert!(recorder.legs[0].len() <= 4160);
        }
    }
}
