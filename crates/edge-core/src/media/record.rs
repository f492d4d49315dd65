//! Recordings: what a leg says and what it hears, decoded as it passes.

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media_rtp::codec::{Codec, Decoder};
use media_rtp::mix::Resampler;
use media_rtp::relay::{LegId, Tap};
use media_rtp::rtp::RtpPacket;
use media_rtp::sdp::offer_answer::Format;
use media_rtp::wav::{self, Layout, RecordError, Recorder};

/// Where a recording goes: a file that a driver opened, or memory.
pub trait Sink: Write + Seek + Send {}

impl<T: Write + Seek + Send> Sink for T {}

/// A recording of one leg.
pub(super) struct Recording {
    file: PathBuf,
    started: Instant,
    rate: u32,
    tape: Arc<Mutex<Tape>>,
}

/// What both channels write to. Both are on one media thread: nobody waits for the lock.
struct Tape {
    recorder: Option<Recorder<Box<dyn Sink>>>,
    error: Option<RecordError>,
}

impl Recording {
    pub(super) fn new(
        sink: Box<dyn Sink>,
        file: PathBuf,
        layout: Layout,
        rate: u32,
        now: Instant,
    ) -> Result<Self, RecordError> {
        let recorder = Some(Recorder::new(sink, layout, rate, now)?);
        Ok(Self { file, started: now, rate, tape: Arc::new(Mutex::new(Tape { recorder, error: None })) })
    }

    /// A channel that hears packets of these formats.
    pub(super) fn channel(&self, side: wav::Leg, formats: &[Format]) -> Channel {
        let known = |format: &Format| {
            let codec = &format.codec;
            let codec = Codec::from_rtpmap(codec.encoding(), codec.clock_rate(), codec.channels())?;
            Some((format.payload_type, codec))
        };
        Channel {
            side,
            rate: self.rate,
            formats: formats.iter().filter_map(known).collect(),
            decoding: None,
            last: None,
            tape: Arc::clone(&self.tape),
        }
    }

    pub(super) fn mask(&self, masked: bool) {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.recorder.iter_mut().for_each(|recorder| recorder.mask(masked));
    }

    /// Whether writing has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).error.is_some()
    }

    /// Completes the file: its path, length, and why it broke off if it did.
    pub(super) fn finish(self, now: Instant) -> (PathBuf, Duration, Option<String>) {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = tape.recorder.take().map_or(Ok(()), |recorder| recorder.finish(now));
        let error = tape.error.take().or(finished.err());
        (self.file, now.saturating_duration_since(self.started), error.map(|error| tell(&error)))
    }
}

/// An error with what the operating system said.
pub(super) fn tell(error: &RecordError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// One channel of a recording.
pub(super) struct Channel {
    side: wav::Leg,
    rate: u32,
    formats: Vec<(u8, Codec)>,
    decoding: Option<Decoding>,
    /// Source and sequence number heard last.
    last: Option<(u32, u16)>,
    tape: Arc<Mutex<Tape>>,
}

struct Decoding {
    payload_type: u8,
    decoder: Decoder,
    resampler: Option<Resampler>,
}

/// The most samples of one packet: 120 ms at 48 kHz.
const LONGEST: usize = 5760;

impl Channel {
    fn hear(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        let newer = self.last.is_none_or(|(ssrc, sequence)| {
            ssrc != packet.ssrc() || packet.sequence().wrapping_sub(sequence) as i16 > 0
        });
        if !newer {
            return;
        }
        self.last = Some((packet.ssrc(), packet.sequence()));
        let Some(pcm) = self.decode(packet) else { return };
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(recorder) = &mut tape.recorder else { return };
        if let Err(error) = recorder.capture(self.side, &pcm, now) {
            tape.error = Some(error);
            tape.recorder = None;
        }
    }

    fn decode(&mut self, packet: &RtpPacket<'_>) -> Option<Vec<i16>> {
        let payload_type = packet.payload_type();
        if self.decoding.as_ref().is_none_or(|decoding| decoding.payload_type != payload_type) {
            let (_, codec) = self.formats.iter().find(|(known, _)| *known == payload_type)?;
            let same = codec.sample_rate() == self.rate;
            let resampler = (!same).then(|| Resampler::new(codec.sample_rate(), self.rate)).transpose();
            let (decoder, resampler) = (codec.decoder().ok()?, resampler.ok()?);
            self.decoding = Some(Decoding { payload_type, decoder, resampler });
        }
        let Decoding { decoder, resampler, .. } = self.decoding.as_mut()?;
        let mut pcm = vec![0; LONGEST];
        let samples = decoder.decode(packet.payload(), &mut pcm).ok()?;
        pcm.truncate(samples);
        if let Some(resampler) = resampler {
            let mut converted = vec![0; resampler.output_len(samples)];
            let written = resampler.process(&pcm, &mut converted);
            converted.truncate(written);
            return Some(converted);
        }
        Some(pcm)
    }
}

/// The recordings that want to hear one side of a relay.
pub(super) struct Channels(pub(super) Vec<Channel>);

impl Tap for Channels {
    fn packet(&mut self, _: LegId, packet: &RtpPacket<'_>, now: Instant) {
        self.0.iter_mut().for_each(|channel| channel.hear(packet, now));
    }
}
