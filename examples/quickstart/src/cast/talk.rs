//! The audio of one call: a tone is spoken, what arrives is kept, keys are pressed. An engine of [`media_rtp::driver::tokio`].

use std::collections::VecDeque;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media_rtp::codec::{Codec, Decoder, Encoder};
use media_rtp::demux::{Screen, Screened};
use media_rtp::driver::{EngineOutput, Forward, MediaEngine};
use media_rtp::dtmf::{Digit, EventSender, SenderConfig};
use media_rtp::rtp::RtpBuilder;
use media_rtp::sdp::MediaSession;
use media_rtp::tone::{DEFAULT_LEVEL_DBM0, Oscillator};
use media_rtp::wav::{Layout, Leg, Recorder};

const PACKET_TIME: Duration = Duration::from_millis(20);

/// How long a key is held.
const KEY: Duration = Duration::from_millis(100);

/// What was said and heard, packet by packet, as G.711 octets.
#[derive(Default)]
pub(crate) struct Tape {
    pub(crate) codec: Option<Codec>,
    pub(crate) said: Vec<Vec<u8>>,
    pub(crate) heard: Vec<Vec<u8>>,
}

/// A tape both the engine and the story look at.
pub(crate) type SharedTape = Arc<Mutex<Tape>>;

/// What the story wants of a running call.
pub(crate) enum Command {
    Press(Digit),
}

/// One side of a call, talking.
pub(crate) struct Talker {
    remote: SocketAddr,
    sends: u8,
    receives: Vec<u8>,
    events: Option<u8>,
    codec: Codec,
    encoder: Encoder,
    decoder: Decoder,
    voice: Oscillator,
    keys: EventSender,
    /// Sequence number, timestamp and source of the next packet.
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    due: Instant,
    out: VecDeque<Vec<u8>>,
    screen: Screen,
    tape: SharedTape,
    recorder: Option<Recorder<File>>,
}

impl Talker {
    /// Talks as the session says: a tone of so many hertz. With a file, both sides are recorded: left what is said, right what
    /// is heard.
    pub(crate) fn new(
        session: &MediaSession,
        hertz: f64,
        tape: SharedTape,
        recording: Option<PathBuf>,
        now: Instant,
    ) -> anyhow::Result<Self> {
        let payload_type = session.send.payload_type;
        let codec = Codec::from_payload_type(payload_type)
            .filter(|codec| matches!(codec, Codec::Pcmu | Codec::Pcma))
            .ok_or_else(|| anyhow::anyhow!("payload type {payload_type} is no G.711"))?;
        let recorder = recording.map(|path| {
            anyhow::Ok(Recorder::new(File::create(path)?, Layout::DualChannel, codec.sample_rate(), now)?)
        });
        tape.lock().unwrap_or_else(PoisonError::into_inner).codec = Some(codec);
        Ok(Self {
            remote: session
                .remote_rtp
                .ok_or_else(|| anyhow::anyhow!("the peer names no address for media"))?,
            sends: payload_type,
            receives: session.receive.iter().map(|format| format.payload_type).collect(),
            events: session.send_dtmf.map(|events| events.payload_type),
            codec,
            encoder: codec.encoder()?,
            decoder: codec.decoder()?,
            voice: Oscillator::new(hertz, codec.sample_rate(), DEFAULT_LEVEL_DBM0),
            keys: EventSender::new(SenderConfig { packet_time: PACKET_TIME, ..SenderConfig::default() }),
            sequence: 1,
            timestamp: 0,
            ssrc: hertz as u32,
            due: now,
            out: VecDeque::new(),
            screen: Screen::default(),
            tape,
            recorder: recorder.transpose()?,
        })
    }

    /// Completes the recording.
    pub(crate) fn finish(self, now: Instant) -> anyhow::Result<()> {
        Ok(self.recorder.map_or(Ok(()), |recorder| recorder.finish(now))?)
    }

    /// The next 20 ms: a key that is held, or the voice.
    fn speak(&mut self, now: Instant) -> anyhow::Result<()> {
        let mut packet = [0; 200];
        let len = match (self.events, self.keys.packet(self.timestamp)) {
            (Some(events), Some(event)) => {
                let header = RtpBuilder::new(events, self.sequence, event.timestamp, self.ssrc);
                header.marker(event.marker).payload(&event.payload).write(&mut packet)?
            }
            (None, _) | (_, None) => {
                let mut pcm = [0; 160];
                pcm.fill_with(|| self.voice.sample() as i16);
                let mut payload = vec![0; pcm.len()];
                self.encoder.encode(&pcm, &mut payload)?;
                self.record(Leg::Caller, &pcm, now);
                let header = RtpBuilder::new(self.sends, self.sequence, self.timestamp, self.ssrc);
                let len = header.marker(self.sequence == 1).payload(&payload).write(&mut packet)?;
                self.tape().said.push(payload);
                len
            }
        };
        self.out.push_back(packet[..len].to_vec());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.codec.ticks_in(PACKET_TIME));
        Ok(())
    }

    fn record(&mut self, leg: Leg, pcm: &[i16], now: Instant) {
        if let Some(recorder) = &mut self.recorder
            && recorder.capture(leg, pcm, now).is_err()
        {
            // What is missing in the file is found when it is measured.
            self.recorder = None;
        }
    }

    fn tape(&self) -> std::sync::MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MediaEngine for Talker {
    type Command = Command;
    type Event = ();

    fn handle_datagram(
        &mut self,
        _port: usize,
        _source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Forward {
        let Some(Screened::Rtp(packet)) = self.screen.pass(&buffer[..len]) else { return Forward::Nothing };
        if self.receives.contains(&packet.payload_type()) {
            let mut pcm = [0; 2048];
            if let Ok(len) = self.decoder.decode(packet.payload(), &mut pcm) {
                self.record(Leg::Called, &pcm[..len], now);
            }
            self.tape().heard.push(packet.payload().to_vec());
        }
        Forward::Nothing
    }

    fn handle_command(&mut self, command: Command, _now: Instant) {
        let Command::Press(digit) = command;
        // 64 keys may wait; the story presses five.
        let _ = self.keys.press(digit, Some(KEY));
    }

    fn handle_timeout(&mut self, now: Instant) {
        while self.due <= now {
            if self.speak(now).is_err() {
                return self.due = now + PACKET_TIME;
            }
            self.due += PACKET_TIME;
        }
    }

    fn poll_output(&mut self) -> Option<EngineOutput<()>> {
        let datagram = self.out.pop_front()?;
        Some(EngineOutput::Transmit { port: 0, to: self.remote, datagram })
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.due)
    }
}
