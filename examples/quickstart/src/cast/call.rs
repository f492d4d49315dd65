//! One side of a call: its session, its description, its audio.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use media_rtp::Seed;
use media_rtp::driver::tokio::serve;
use media_rtp::dtmf::Digit;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{LocalMedia, SrtpPolicy};
use media_rtp::sdp::{MediaConfig, OfferAnswer, SessionDescription, Signalling, TargetPolicy};
use sip_trunk::driver::system_seed;
use sip_trunk::ua::{Body, SessionId};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;

use super::audio::{self, Heard};
use super::talk::{Command, SharedTape, Talker};

/// A call of a peer.
pub(crate) struct Call {
    pub(crate) session: SessionId,
    side: OfferAnswer,
    sockets: Option<[UdpSocket; 2]>,
    hertz: f64,
    recording: Option<PathBuf>,
    talk: Option<(Sender<Command>, JoinHandle<Talker>)>,
    /// When it began to talk.
    began: Option<Instant>,
    tape: SharedTape,
}

/// What is needed before there is a session: ports and an offer to make or to answer.
pub(crate) struct Preparation {
    side: OfferAnswer,
    sockets: [UdpSocket; 2],
}

impl Preparation {
    /// Takes a pair of ports: RTP on an even one, RTCP on the next (RFC 3550 §11).
    pub(crate) fn new(at: SocketAddr) -> Result<Self> {
        for _ in 0..1000 {
            let rtp = UdpSocket::bind((at.ip(), 0))?;
            let local = rtp.local_addr()?;
            if local.port() % 2 == 1 {
                continue;
            }
            let Ok(rtcp) = UdpSocket::bind((at.ip(), local.port() + 1)) else { continue };
            for socket in [&rtp, &rtcp] {
                socket.set_nonblocking(true)?;
            }
            let config = MediaConfig {
                srtp: SrtpPolicy::Off,
                rtcp_mux: false,
                targets: TargetPolicy::with_loopback(),
                ..MediaConfig::default()
            };
            let side = OfferAnswer::new(config, LocalMedia::new(local), Seed(system_seed()?.0));
            return Ok(Self { side, sockets: [rtp, rtcp] });
        }
        bail!("no pair of free ports on {}", at.ip())
    }

    pub(crate) fn offer(&mut self) -> Result<Body> {
        let offer = self.side.offer(Direction::SendRecv, Signalling::Insecure)?;
        Ok(Body::sdp(offer.to_bytes()))
    }

    pub(crate) fn answer(&mut self, offer: &[u8]) -> Result<Body> {
        let offer = SessionDescription::parse(offer)?;
        let answer = self.side.answer(&offer, Direction::SendRecv, Signalling::Insecure)?;
        Ok(Body::sdp(answer.description.to_bytes()))
    }

    pub(crate) fn call(self, session: SessionId, hertz: f64, recording: Option<PathBuf>) -> Call {
        let (side, sockets) = (self.side, Some(self.sockets));
        Call {
            session,
            side,
            sockets,
            hertz,
            recording,
            talk: None,
            began: None,
            tape: SharedTape::default(),
        }
    }
}

impl Call {
    /// The tone this side speaks with.
    pub(crate) fn hertz(&self) -> f64 {
        self.hertz
    }

    /// When it began to talk.
    pub(crate) fn began(&self) -> Option<Instant> {
        self.began
    }

    pub(crate) fn take_answer(&mut self, answer: &[u8]) -> Result<()> {
        let answer = SessionDescription::parse(answer)?;
        self.side.process_answer(&answer, Signalling::Insecure)?;
        Ok(())
    }

    /// Begins to talk, once both descriptions are known.
    pub(crate) fn talk(&mut self) -> Result<()> {
        let session = self.side.session().context("there is no media session yet")?;
        let Some(sockets) = self.sockets.take() else { return Ok(()) };
        let now = Instant::now();
        let talker = Talker::new(session, self.hertz, self.tape.clone(), self.recording.take(), now)?;
        let sockets = sockets.into_iter().map(tokio::net::UdpSocket::from_std).collect::<Result<_, _>>()?;
        let (commands, queue) = mpsc::channel(16);
        let (events, _) = mpsc::channel(1);
        self.talk = Some((commands, tokio::spawn(serve(talker, sockets, queue, events))));
        self.began = Some(now);
        Ok(())
    }

    /// Presses keys, as RFC 4733 events.
    pub(crate) async fn press(&self, keys: &str) -> Result<()> {
        let (commands, _) = self.talk.as_ref().ok_or_else(|| anyhow!("nobody talks"))?;
        for digit in Digit::parse_all(keys)? {
            commands.send(Command::Press(digit)).await?;
        }
        Ok(())
    }

    /// Hangs the handset up: the audio ends, and the recording is complete.
    pub(crate) async fn silence(&mut self) -> Result<()> {
        let Some((commands, task)) = self.talk.take() else { return Ok(()) };
        drop(commands);
        task.await?.finish(Instant::now())
    }

    /// A tone in the last of so many packets that were heard.
    pub(crate) fn hears(&self, hertz: f64, packets: usize) -> Heard {
        let tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let last = tape.heard.len().saturating_sub(packets);
        let samples = tape.codec.map(|codec| audio::decode(codec, &tape.heard[last..]));
        audio::measure(&samples.unwrap_or_default(), hertz)
    }

    /// The codec, and how many packets in a row arrived here from the other side unchanged.
    pub(crate) fn unchanged_from(&self, other: &Call) -> (&'static str, usize) {
        let said = other.tape.lock().unwrap_or_else(PoisonError::into_inner).said.clone();
        let tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let codec = tape.codec.map_or("no codec", |codec| codec.name());
        (codec, audio::unchanged(&said, &tape.heard))
    }
}
