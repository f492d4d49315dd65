//! Two legs joined: the media of a call on its way through this host, as a value without sockets.
//!
//! ```text
//!            leg A                                                     leg B
//!  datagram ─► source? ─► SRTP tag ─► payload type? ─► latch ─► number, transcode, digits ─► SRTP ─► datagram
//!            └ wrong source  └ unauthentic  └ unknown      └ nothing before this line has changed any state
//! ```
//!
//! A driver owns four sockets per relay (RTP and RTCP of both legs; two with `rtcp-mux`) and needs three calls:
//!
//! 1. each datagram goes into [`Relay::handle_packet`], in a buffer with [`HEADROOM`] octets to spare behind it. The answer
//!    says what to send, from the same buffer, from which socket and where to: no copy and no allocation for plain audio;
//! 2. after each call, and after [`Relay::handle_timeout`] at [`Relay::next_timeout`], [`Relay::poll_output`] gives what
//!    else is to be sent or told, until it gives `None`;
//! 3. errors of a socket (ICMP) go into [`Relay::handle_unreachable`], so that a diagnosis can name them.
//!
//! ICE and DTLS stay with whoever owns the sockets: their datagrams come back as [`Verdict::NotMedia`], the keys go into
//! [`Relay::set_keys`], and a path that ICE chose into a new description for [`Relay::apply`].

mod config;
#[cfg(feature = "driver")]
mod engine;
mod join;
mod latch;
mod leg;
mod pass;
mod path;
mod ports;
mod rtcp;
mod splice;
mod stats;
mod transcode;

pub use config::{LatchPolicy, LegConfig, RelayConfig, RtcpMode};
#[cfg(feature = "driver")]
pub use engine::RelayCommand;
pub use join::{Leg, Unjoinable};
pub use ports::{PortPool, PortRange, PortRangeError};
pub use stats::{ClockEstimate, LegStats};

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::Seed;
use crate::demux::DatagramKind;
use crate::diagnosis::{self, LegView, MediaDiagnosis};
use crate::dtmf::{Digit, InfoSignal, QueueFull, Source};
use crate::quality::CallQuality;
use crate::rtcp::{Compound, CompoundRule};
use crate::rtp::RtpPacket;
use crate::srtp::{MAX_OVERHEAD, MasterKey, SrtpSetupError};
use latch::Trust;
use leg::{LegState, Security};
use pass::{Audio, Header};
use path::{Path, Route};

/// Octets a buffer needs behind the datagram, for SRTP. A transcoded payload that is longer than what it replaces needs
/// more; where there is no room, the packet is dropped and counted.
pub const HEADROOM: usize = MAX_OVERHEAD;

/// How long a digit sounds that arrived without a length.
const DIGIT: Duration = Duration::from_millis(100);

/// The most outputs that wait to be polled.
const QUEUE: usize = 64;

/// One of the two legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LegId {
    /// The one.
    A,
    /// The other.
    B,
}

impl LegId {
    /// The other leg.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Which of a leg's sockets is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// The RTP socket; with `rtcp-mux` also for RTCP.
    Rtp,
    /// The RTCP socket.
    Rtcp,
}

/// What to do with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a packet to send is in the buffer"]
pub enum Verdict {
    /// Send the first `len` octets of the buffer.
    Send {
        /// From this leg's socket.
        leg: LegId,
        /// Which of its sockets.
        component: Component,
        /// To this address.
        to: SocketAddr,
        /// How many octets.
        len: usize,
    },
    /// Nothing: it was taken, held back or refused, and counted.
    Done,
    /// It is of another protocol: STUN and DTLS belong to the ICE and DTLS engines of the leg.
    NotMedia(DatagramKind),
}

/// What the relay has to say beside verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this: a report of the relay's own.
    Transmit {
        /// From this leg's socket.
        leg: LegId,
        /// Which of its sockets.
        component: Component,
        /// To this address.
        to: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Send a SIP INFO to this leg's peer: a digit it takes no other way.
    Info {
        /// Towards this leg.
        leg: LegId,
        /// `Content-Type`.
        content_type: &'static str,
        /// Body.
        body: String,
    },
    /// A datagram for the leg's ICE or DTLS engine, from a relay that runs under a driver; answer with
    /// `RelayCommand::Transmit`. A relay without driver gives [`Verdict::NotMedia`], and the datagram is in the buffer.
    NotMedia {
        /// On this leg.
        leg: LegId,
        /// On which of its sockets.
        component: Component,
        /// Where it came from.
        source: SocketAddr,
        /// STUN for a leg with ICE, DTLS for a leg with DTLS-SRTP; all else is only counted.
        kind: DatagramKind,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// A source other than the signalled one was learned.
    SourceLearned {
        /// On this leg.
        leg: LegId,
        /// The source, to which media now goes.
        source: SocketAddr,
    },
    /// A digit arrived.
    DigitReceived {
        /// From this leg.
        leg: LegId,
        /// Which one.
        digit: Digit,
        /// How it came.
        source: Source,
    },
    /// A leg that should receive has been silent beyond the limit.
    LegIdle {
        /// This one.
        leg: LegId,
    },
    /// An idle leg receives again.
    LegResumed {
        /// This one.
        leg: LegId,
    },
    /// What signalling asked of a leg is impossible; the leg goes on as before.
    Refused {
        /// This one.
        leg: LegId,
        /// Why.
        error: RelayError,
    },
}

/// Why two legs cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Different codecs, and this build does not have both.
    #[error("{from} cannot be turned into {to} in this build; agree on one codec for both legs")]
    CannotTranscode {
        /// What comes in.
        from: String,
        /// What is to go out.
        to: String,
    },
    /// The keys do not work.
    #[error(transparent)]
    Srtp(#[from] SrtpSetupError),
    /// The audio has no rate at which digits can be heard.
    #[error("digits cannot be received at this clock rate")]
    Digits,
}

/// Sees the packets a leg receives, decrypted and with masked digits, before they are changed: for recording.
pub trait Tap: Send {
    /// One accepted RTP packet.
    fn packet(&mut self, leg: LegId, packet: &RtpPacket<'_>, now: Instant);
}

/// Two legs joined. See the [module](self) for how to drive it.
pub struct Relay {
    legs: [Box<LegState>; 2],
    rtcp: RtcpMode,
    next_report: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Relay {
    /// Joins two negotiated legs. The seed gives SSRCs and first sequence numbers.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub fn new(config: RelayConfig, seed: Seed, now: Instant) -> Result<Self, RelayError> {
        let mut rng = seed.into_rng();
        let RelayConfig { a, b, rtcp, idle } = config;
        let mut leg = |config| LegState::new(config, idle, &mut rng, now).map(|leg| Leg(Box::new(leg)));
        Self::join(leg(a)?, leg(b)?, rtcp, now).map_err(|unjoinable| unjoinable.error)
    }

    /// Takes over what a re-INVITE agreed on for one leg: hold, another address, other codecs, new keys.
    ///
    /// # Errors
    /// See [`RelayError`]; nothing has changed then.
    pub fn apply(&mut self, leg: LegId, config: LegConfig, now: Instant) -> Result<(), RelayError> {
        let (this, other) = self.pair(leg);
        let (path, back) = (Path::new(&config, &other.config)?, Path::new(&other.config, &config)?);
        this.renegotiate(config, now)?;
        this.path = path;
        other.path = back;
        Ok(())
    }

    /// Keys from the DTLS handshake of a leg: what it sends with, and what its peer sends with.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub fn set_keys(&mut self, leg: LegId, send: &MasterKey, receive: &MasterKey) -> Result<(), RelayError> {
        self.leg_mut(leg).security = Security::srtp(send, receive)?;
        Ok(())
    }

    /// Begins or ends showing a leg's packets to a tap.
    pub fn set_tap(&mut self, leg: LegId, tap: Option<Box<dyn Tap>>) {
        self.leg_mut(leg).tap = tap;
    }

    /// Takes the datagram `buffer[..len]` that arrived on a leg's socket. What is to be sent is then in the buffer.
    pub fn handle_packet(
        &mut self,
        leg: LegId,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Verdict {
        let Some(datagram) = buffer.get(..len) else { return Verdict::Done };
        let stats = &mut self.leg_mut(leg).stats;
        match (DatagramKind::of(datagram), component) {
            (Ok(DatagramKind::Rtp), Component::Rtp) => self.handle_rtp(leg, source, buffer, len, now),
            (Ok(DatagramKind::Rtcp), _) => self.handle_rtcp(leg, source, buffer, len, now),
            (Ok(DatagramKind::Rtp), Component::Rtcp) | (Err(_), _) => {
                stats.malformed += 1;
                Verdict::Done
            }
            (Ok(kind), _) => {
                stats.not_media += 1;
                Verdict::NotMedia(kind)
            }
        }
    }

    /// Takes a SIP INFO with a digit from a leg's peer.
    pub fn handle_info(&mut self, leg: LegId, signal: InfoSignal, now: Instant) {
        self.leg_mut(leg).digits_in.handle_info(signal, now);
        self.follow_digits(leg, now);
    }

    /// Notes that the network reported a leg's peer as unreachable.
    pub fn handle_unreachable(&mut self, leg: LegId) {
        self.leg_mut(leg).stats.unreachable += 1;
    }

    /// Sends a digit to a leg's peer, whichever way it takes digits. Audio from the other leg gives the beat.
    ///
    /// # Errors
    /// [`QueueFull`] when too many digits wait.
    pub fn send_digit(
        &mut self,
        leg: LegId,
        digit: Digit,
        duration: Duration,
        now: Instant,
    ) -> Result<(), QueueFull> {
        self.leg_mut(leg).press(digit, duration, now)?;
        self.follow_info(leg);
        Ok(())
    }

    /// Lets time pass: idle legs, digits that ended unheard, reports.
    pub fn handle_timeout(&mut self, now: Instant) {
        for id in [LegId::A, LegId::B] {
            let leg = self.leg_mut(id);
            leg.digits_in.handle_timeout(now);
            if leg.idle.as_mut().is_some_and(|idle| idle.handle_timeout(now)) {
                self.tell(Output::LegIdle { leg: id });
            }
            self.follow_digits(id, now);
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.report(LegId::A, now);
            self.report(LegId::B, now);
            self.next_report = self.report_interval().map(|interval| now + interval);
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let of_leg = |leg: &LegState| {
            let idle = leg.idle.as_ref().and_then(crate::quality::IdleWatch::next_timeout);
            [idle, leg.digits_in.next_timeout()]
        };
        self.legs.iter().map(Box::as_ref).flat_map(of_leg).flatten().chain(self.next_report).min()
    }

    /// The next thing to send or to tell, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What a leg has seen.
    #[must_use]
    pub fn stats(&self, leg: LegId) -> LegStats {
        self.leg(leg).stats
    }

    /// How good what a leg received was: loss, jitter, round trip, MOS. `None` for a codec this crate does not know.
    #[must_use]
    pub fn quality(&self, leg: LegId) -> Option<CallQuality> {
        self.leg(leg).monitor.as_ref().map(crate::quality::Monitor::record)
    }

    /// Where a leg's media goes now; `None` when nothing may be sent.
    #[must_use]
    pub fn target(&self, leg: LegId) -> Option<SocketAddr> {
        self.leg(leg).latch.target()
    }

    /// Why there is no audio, or bad audio: causes with evidence, for each leg.
    #[must_use]
    pub fn diagnose(&self, now: Instant) -> Vec<(LegId, MediaDiagnosis)> {
        let of_leg = |id: LegId| {
            let view = LegView {
                session: &self.config(id).session,
                stats: &self.leg(id).stats,
                open: self.leg(id).uptime(now),
            };
            diagnosis::diagnose(&view).into_iter().map(move |found| (id, found))
        };
        of_leg(LegId::A).chain(of_leg(LegId::B)).collect()
    }

    /// What a leg is configured for.
    #[must_use]
    pub fn config(&self, leg: LegId) -> &LegConfig {
        &self.leg(leg).config
    }

    /// The SSRC under which a leg's peer receives.
    #[must_use]
    pub fn ssrc(&self, leg: LegId) -> u32 {
        self.leg(leg).splice.ssrc()
    }

    fn handle_rtp(
        &mut self,
        id: LegId,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Verdict {
        let (from, to) = self.pair(id);
        if !from.latch.may_be_peer(source) {
            return from.stranger(source);
        }
        let len = match from.security.open_rtp(&mut buffer[..len]) {
            Ok(len) => len,
            Err(error) => return from.refuse(error),
        };
        let Ok(packet) = RtpPacket::parse(&buffer[..len]) else {
            from.stats.malformed += 1;
            return Verdict::Done;
        };
        let header = Header::of(&packet);
        let route = from.path.routes[usize::from(header.payload_type & 0x7F)];
        if matches!(route, Route::Unknown) {
            from.stats.unknown_payload += 1;
            from.stats.last_unknown_payload = Some(header.payload_type);
            return Verdict::Done;
        }
        let trust = from.latch.judge(source, header.ssrc, header.sequence);
        if trust == Trust::Stranger {
            return from.stranger(source);
        }
        let resumed = from.accept(&header, route, len, now);
        let is_event = matches!(route, Route::Event);
        let permitted = !is_event || from.take_event(&header, buffer, now);
        if let Some(tap) = from.tap.as_mut().filter(|_| permitted)
            && let Ok(packet) = RtpPacket::parse(&buffer[..len])
        {
            tap.packet(id, &packet, now);
        }
        let flows = from.config.session.direction.receives() && to.config.session.direction.sends();
        let verdict = match to.latch.target().filter(|_| flows) {
            None => {
                from.stats.held += 1;
                Verdict::Done
            }
            Some(target) => {
                let prepared = match route {
                    Route::Audio { payload_type, same, transcoder } => {
                        let audio = Audio { payload_type, same, transcoder };
                        from.pass_audio(to, &header, audio, buffer, len, now)
                    }
                    Route::Noise(payload_type) => from.pass_noise(to, &header, payload_type, len, now),
                    Route::Event => from.pass_event(to, &header, permitted, buffer, len, now),
                    Route::Unknown => None,
                };
                to.send(id.other(), target, prepared, buffer)
            }
        };
        if trust == Trust::Learned {
            self.tell(Output::SourceLearned { leg: id, source });
        }
        if resumed {
            self.tell(Output::LegResumed { leg: id });
        }
        self.follow_digits(id, now);
        verdict
    }

    fn handle_rtcp(
        &mut self,
        id: LegId,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Verdict {
        let mode = self.rtcp;
        let (from, to) = self.pair(id);
        if !from.latch.may_send_rtcp(source, from.config.session.remote_rtcp) {
            return from.stranger(source);
        }
        let len = match from.security.open_rtcp(&mut buffer[..len]) {
            Ok(len) => len,
            Err(error) => return from.refuse(error),
        };
        let Ok(compound) = Compound::parse(&buffer[..len], CompoundRule::ReducedSize) else {
            from.stats.malformed += 1;
            return Verdict::Done;
        };
        from.stats.rtcp_received += 1;
        from.rtcp_source = Some(source);
        if let RtcpMode::Terminate { .. } = mode {
            rtcp::take_report(from, &compound, now);
            return Verdict::Done;
        }
        rtcp::rewrite(&mut buffer[..len], &to.splice, &from.splice);
        let Some(target) = to.rtcp_target() else {
            from.stats.held += 1;
            return Verdict::Done;
        };
        let Some(len) = to.security.seal_rtcp(buffer, len) else {
            to.stats.unsendable += 1;
            return Verdict::Done;
        };
        to.stats.rtcp_sent += 1;
        Verdict::Send { leg: id.other(), component: to.rtcp_component(), to: target, len }
    }

    /// Passes on digits that were understood, and tells them.
    fn follow_digits(&mut self, id: LegId, now: Instant) {
        while let Some((digit, source)) = self.leg_mut(id).digits_in.poll_output() {
            let (from, to) = self.pair(id);
            from.stats.digits += 1;
            // Events that keep their form have been passed on already.
            let passed =
                source == Source::Events && (from.path.events.is_some() || from.config.mask.is_some());
            // In-band digits stay in the audio for a peer that listens for them.
            let audible = source == Source::InBand && to.config.digits == crate::dtmf::Method::InBand;
            if !passed && !audible && to.press(digit, DIGIT, now).is_err() {
                to.stats.overflowed += 1;
            }
            self.tell(Output::DigitReceived { leg: id, digit, source });
            self.follow_info(id.other());
        }
    }

    fn follow_info(&mut self, id: LegId) {
        while let Some((content_type, body)) = self.leg_mut(id).digits_out.info() {
            self.tell(Output::Info { leg: id, content_type, body });
        }
    }

    fn report(&mut self, id: LegId, now: Instant) {
        let leg = self.leg_mut(id);
        let Some(to) = leg.rtcp_target() else { return };
        let mut datagram = vec![0; 256 + MAX_OVERHEAD];
        let written = rtcp::write_report(leg, &mut datagram, now);
        let Some(len) = written.and_then(|len| leg.security.seal_rtcp(&mut datagram, len)) else { return };
        datagram.truncate(len);
        leg.stats.rtcp_sent += 1;
        let component = leg.rtcp_component();
        self.tell(Output::Transmit { leg: id, component, to, datagram });
    }

    fn report_interval(&self) -> Option<Duration> {
        match self.rtcp {
            RtcpMode::Relay => None,
            RtcpMode::Terminate { interval } => Some(interval.max(Duration::from_secs(1))),
        }
    }

    fn tell(&mut self, output: Output) {
        if self.outputs.len() < QUEUE {
            self.outputs.push_back(output);
        } else {
            self.legs[0].stats.overflowed += 1;
        }
    }

    fn leg(&self, id: LegId) -> &LegState {
        &self.legs[id as usize]
    }

    fn leg_mut(&mut self, id: LegId) -> &mut LegState {
        &mut self.legs[id as usize]
    }

    /// A leg and the other one.
    fn pair(&mut self, id: LegId) -> (&mut LegState, &mut LegState) {
        let [a, b] = &mut self.legs;
        match id {
            LegId::A => (a, b),
            LegId::B => (b, a),
        }
    }
}
