//! Sounds as frames of audio, and frames as RTP for a leg that is alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_rtp::codec::{Codec, Encoder};
use media_rtp::mix::Resampler;
use media_rtp::rtp::RtpBuilder;
use media_rtp::sdp::MediaSession;
use media_rtp::sdp::offer_answer::Format;
use media_rtp::tone::{Generator, Tone, TonePlan};
use media_rtp::wav::Audio;

use super::command::{Order, Sound, ToneKind};

/// A sound on its way to one leg.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) order: Order,
    pub(super) interruptible: bool,
    sound: Sound,
    repeat: bool,
    /// What is left of it, once the leg's rate is known.
    track: Option<Track>,
}

impl Playing {
    pub(super) fn new(order: Order, sound: Sound, repeat: bool, interruptible: bool) -> Self {
        Self { order, interruptible, sound, repeat, track: None }
    }

    /// Fills a frame at `rate` Hz; says whether this was the last.
    ///
    /// # Errors
    /// Why the sound cannot be played.
    fn fill(&mut self, frame: &mut [i16], rate: u32, tones: &TonePlan) -> Result<bool, String> {
        let mut filled = 0;
        let mut rounds = 0;
        loop {
            let track = match &mut self.track {
                Some(track) if track.rate == rate => track,
                _ => self.track.insert(Track::new(&self.sound, rate, tones)?),
            };
            filled += track.fill(&mut frame[filled..]);
            if filled == frame.len() {
                return Ok(false);
            }
            self.track = None;
            rounds += 1;
            // A sound shorter than a frame repeats inside it; an empty one must not for ever.
            if !self.repeat || rounds > frame.len() {
                frame[filled..].fill(0);
                return Ok(!self.repeat || filled == 0);
            }
        }
    }
}

/// The pieces of a sound that were not heard yet.
#[derive(Debug)]
struct Track {
    rate: u32,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
enum Piece {
    Tone(Generator),
    Silence(usize),
    Audio { audio: Arc<Audio>, at: usize, resampler: Option<Box<Resampler>>, ready: VecDeque<i16> },
}

impl Track {
    fn new(sound: &Sound, rate: u32, tones: &TonePlan) -> Result<Self, String> {
        let mut pieces = VecDeque::new();
        cut(sound, rate, tones, &mut pieces)?;
        Ok(Self { rate, pieces })
    }

    /// Writes as much of a frame as is left of the track.
    fn fill(&mut self, frame: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < frame.len()
            && let Some(piece) = self.pieces.front_mut()
        {
            let written = piece.fill(&mut frame[filled..]);
            filled += written;
            if filled < frame.len() {
                self.pieces.pop_front();
            }
        }
        filled
    }
}

fn cut(sound: &Sound, rate: u32, tones: &TonePlan, pieces: &mut VecDeque<Piece>) -> Result<(), String> {
    match sound {
        Sound::Tone(kind) => pieces.push_back(Piece::Tone(Generator::new(tone(*kind, tones), rate))),
        Sound::Silence(length) => {
            let samples = length.as_micros() * u128::from(rate) / 1_000_000;
            pieces.push_back(Piece::Silence(usize::try_from(samples).unwrap_or(usize::MAX)));
        }
        Sound::Audio(audio) => {
            let resampler = (audio.rate != rate).then(|| Resampler::new(audio.rate, rate)).transpose();
            let resampler = resampler.map_err(|error| error.to_string())?.map(Box::new);
            let audio = Arc::clone(audio);
            pieces.push_back(Piece::Audio { audio, at: 0, resampler, ready: VecDeque::new() });
        }
        Sound::Sequence(sounds) => {
            return sounds.iter().try_for_each(|sound| cut(sound, rate, tones, pieces));
        }
        Sound::File(path) => return Err(format!("{} was not read", path.display())),
    }
    Ok(())
}

fn tone(kind: ToneKind, tones: &TonePlan) -> Tone {
    match kind {
        ToneKind::Dial => tones.dial,
        ToneKind::RingBack => tones.ring_back,
        ToneKind::Busy => tones.busy,
        ToneKind::Congestion => tones.congestion,
        ToneKind::CallWaiting => tones.call_waiting,
        ToneKind::Information => tones.special_information,
    }
}

/// Frames of a file that are converted at a time.
const CHUNK: usize = 240;

impl Piece {
    fn fill(&mut self, out: &mut [i16]) -> usize {
        match self {
            Self::Tone(generator) => generator.fill(out),
            Self::Silence(left) => {
                let now = out.len().min(*left);
                out[..now].fill(0);
                *left -= now;
                now
            }
            Self::Audio { audio, at, resampler, ready } => {
                let frames = audio.samples.len() / usize::from(audio.channels.max(1));
                while ready.len() < out.len() && *at < frames {
                    let end = (*at + CHUNK).min(frames);
                    let chunk = mono(audio, *at..end);
                    *at = end;
                    match resampler {
                        None => ready.extend(chunk),
                        Some(resampler) => {
                            let mut converted = vec![0; resampler.output_len(chunk.len())];
                            let written = resampler.process(&chunk, &mut converted);
                            ready.extend(&converted[..written]);
                        }
                    }
                }
                let now = out.len().min(ready.len());
                out.iter_mut().zip(ready.drain(..now)).for_each(|(out, sample)| *out = sample);
                now
            }
        }
    }
}

/// A stretch of a file, its channels mixed into one.
fn mono(audio: &Audio, frames: std::ops::Range<usize>) -> Vec<i16> {
    let channels = usize::from(audio.channels.max(1));
    let samples = audio.samples.get(frames.start * channels..frames.end * channels).unwrap_or_default();
    let mix = |frame: &[i16]| frame.iter().map(|s| i32::from(*s)).sum::<i32>() / channels as i32;
    samples.chunks_exact(channels).map(|frame| mix(frame) as i16).collect()
}

/// Speaks to a leg that is alone: an RTP stream in the codec its peer takes.
#[derive(Debug)]
pub(super) struct Voice {
    format: Format,
    codec: Option<Codec>,
    encoder: Option<Encoder>,
    packet_time: Duration,
    pcm: Vec<i16>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When the next frame is due.
    pub(super) next: Instant,
}

impl Voice {
    pub(super) fn new(session: &MediaSession, ssrc: u32, now: Instant) -> Self {
        let format = session.send.clone();
        let codec = &format.codec;
        let codec = Codec::from_rtpmap(codec.encoding(), codec.clock_rate(), codec.channels());
        let packet_time = Duration::from_millis(session.ptime.clamp(10, 60).into());
        Self {
            codec,
            encoder: codec.and_then(|codec| codec.encoder().ok()),
            packet_time,
            pcm: vec![0; codec.map_or(0, |codec| codec.samples_in(packet_time))],
            format,
            ssrc,
            sequence: 0,
            timestamp: 0,
            next: now,
        }
    }

    /// Whether it speaks what this session wants to hear.
    pub(super) fn suits(&self, session: &MediaSession) -> bool {
        self.format == session.send && self.packet_time.as_millis() == u128::from(session.ptime.clamp(10, 60))
    }

    /// Whether the peer's codec carries more than telephone band.
    pub(super) fn is_wide_band(&self) -> bool {
        self.codec.is_some_and(|codec| codec.sample_rate() > 8000)
    }

    /// Writes the packet that is due; silence when nothing plays. Gives its length and whether the sound has ended.
    ///
    /// # Errors
    /// Why the sound cannot be played; silence is spoken then.
    pub(super) fn speak(
        &mut self,
        playing: Option<&mut Playing>,
        tones: &TonePlan,
        packet: &mut [u8],
        now: Instant,
    ) -> Result<(usize, bool), String> {
        self.next += self.packet_time;
        // After a stall the stream goes on from now, not with a burst.
        if self.next + 5 * self.packet_time < now {
            self.next = now + self.packet_time;
        }
        let (Some(codec), Some(encoder)) = (self.codec, &mut self.encoder) else {
            let name = self.format.codec.encoding();
            return Err(format!("nothing can be played in {name}: this build cannot encode it"));
        };
        let mut ended = false;
        match playing {
            Some(playing) => ended = playing.fill(&mut self.pcm, codec.sample_rate(), tones)?,
            None => self.pcm.fill(0),
        }
        let mut payload = [0; PAYLOAD];
        let len = encoder.encode(&self.pcm, &mut payload).map_err(|error| error.to_string())?;
        let builder = RtpBuilder::new(self.format.payload_type, self.sequence, self.timestamp, self.ssrc);
        let len = builder.payload(&payload[..len]).write(packet).map_err(|error| error.to_string())?;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(codec.ticks_in(self.packet_time));
        Ok((len, ended))
    }
}

/// The longest payload: 60 ms of linear audio at 16 kHz.
const PAYLOAD: usize = 1920;

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> &'static TonePlan {
        TonePlan::of("US").unwrap()
    }

    fn audio(rate: u32, channels: u16, samples: Vec<i16>) -> Sound {
        Sound::Audio(Arc::new(Audio { rate, channels, samples }))
    }

    #[test]
    fn a_sequence_is_heard_piece_by_piece_without_gaps() {
        let sounds = vec![
            audio(8000, 2, vec![10, 20, 30, 50]),
            Sound::Silence(Duration::from_micros(375)),
            audio(8000, 1, vec![7]),
        ];
        let mut playing = Playing::new(Order(0), Sound::Sequence(sounds), false, false);
        let mut frame = [9; 8];
        assert_eq!(playing.fill(&mut frame, 8000, us()), Ok(true));
        assert_eq!(frame, [15, 40, 0, 0, 0, 7, 0, 0]);
    }

    #[test]
    fn a_repeated_sound_goes_on_and_an_empty_one_ends() {
        let mut playing = Playing::new(Order(0), audio(8000, 1, vec![1, 2, 3]), true, false);
        let mut frame = [0; 4];
        assert_eq!(playing.fill(&mut frame, 8000, us()), Ok(false));
        assert_eq!(frame, [1, 2, 3, 1]);
        assert_eq!(playing.fill(&mut frame, 8000, us()), Ok(false));
        assert_eq!(frame, [2, 3, 1, 2]);
        let mut nothing = Playing::new(Order(0), Sound::Sequence(vec![]), true, false);
        assert_eq!(nothing.fill(&mut frame, 8000, us()), Ok(true));
    }

    #[test]
    fn files_are_converted_to_the_rate_of_the_leg() {
        let mut playing = Playing::new(Order(0), audio(16_000, 1, vec![1000; 3200]), false, false);
        let mut frame = [0; 160];
        let mut frames = 0;
        while !playing.fill(&mut frame, 8000, us()).unwrap() {
            frames += 1;
            if frames == 5 {
                assert!(frame.iter().all(|sample| (990..=1010).contains(sample)), "{frame:?}");
            }
        }
        assert_eq!(frames, 10);
    }

    #[test]
    fn strange_rates_are_refused_by_name() {
        let mut playing = Playing::new(Order(0), audio(192_000, 1, vec![0; 8]), false, false);
        assert!(playing.fill(&mut [0; 160], 8000, us()).unwrap_err().contains("192000"));
    }
}
