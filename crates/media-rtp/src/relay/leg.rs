//! The state of one leg.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;

use super::config::LegConfig;
use super::latch::Latch;
use super::path::{self, Path};
use super::splice::Splice;
use super::stats::LegStats;
use super::{RelayError, Tap};
use crate::dtmf::{Digit, DigitInput, DigitOutput, QueueFull, SenderConfig};
use crate::quality::{IdleWatch, Monitor, MonitorConfig};
use crate::sdp::offer_answer::MediaSecurity;
use crate::srtp::{MasterKey, SrtpConfig, SrtpReceiver, SrtpSender, UnprotectError};

/// One leg.
pub(super) struct LegState {
    pub(super) config: LegConfig,
    pub(super) opened: Instant,
    pub(super) latch: Latch,
    pub(super) security: Security,
    /// The way to the other leg of the relay this one is in.
    pub(super) path: Path,
    /// Numbers what is sent to this peer.
    pub(super) splice: Splice,
    pub(super) digits_in: DigitInput,
    pub(super) digits_out: DigitOutput,
    /// Tones may be laid over what is sent to this peer until then.
    pub(super) tones_until: Option<Instant>,
    /// Timestamp and duration of the last event that was converted.
    pub(super) last_event: Option<(u32, u16)>,
    pub(super) monitor: Option<Monitor>,
    pub(super) idle: Option<IdleWatch>,
    pub(super) stats: LegStats,
    /// The peer's RTP source heard last.
    pub(super) source: Option<u32>,
    pub(super) tap: Option<Box<dyn Tap>>,
    /// Where RTCP of a learned source comes from.
    pub(super) rtcp_source: Option<SocketAddr>,
    /// The middle of the NTP timestamp of the last sender report, and when it came.
    pub(super) last_report: Option<(u32, Instant)>,
}

/// How the packets of a leg are protected.
pub(super) enum Security {
    Plain,
    /// DTLS has not given keys yet: nothing passes.
    Waiting,
    Srtp {
        sender: Box<SrtpSender>,
        receiver: Box<SrtpReceiver>,
        keys: Box<(MasterKey, MasterKey)>,
    },
}

impl LegState {
    pub(super) fn new(
        config: LegConfig,
        idle: Option<Duration>,
        rng: &mut ChaCha20Rng,
        now: Instant,
    ) -> Result<Self, RelayError> {
        let session = &config.session;
        let mut leg = Self {
            latch: Latch::new(config.latch, session.remote_rtp, &session.ssrcs),
            security: Security::of(&session.security)?,
            path: Path::none(),
            opened: now,
            splice: Splice::new(session.send.codec.clock_rate(), rng),
            digits_in: digit_input(&config)?,
            digits_out: digit_output(&config),
            tones_until: None,
            last_event: None,
            monitor: monitor(&config),
            idle: idle.map(|limit| IdleWatch::new(limit, now)),
            stats: LegStats::default(),
            source: None,
            tap: None,
            rtcp_source: None,
            last_report: None,
            config,
        };
        leg.pause_idle(now);
        Ok(leg)
    }

    /// Takes over a new description: keys, source and digits begin anew only where they changed. The path is the caller's.
    pub(super) fn renegotiate(&mut self, config: LegConfig, now: Instant) -> Result<(), RelayError> {
        let (old, new) = (&self.config.session, &config.session);
        self.security.renegotiate(&new.security)?;
        if old.remote_rtp != new.remote_rtp || self.config.latch != config.latch || old.ssrcs != new.ssrcs {
            self.latch = Latch::new(config.latch, new.remote_rtp, &new.ssrcs);
            self.rtcp_source = None;
        }
        let codec = |c: &LegConfig| c.session.receive.first().map(|format| format.codec.clone());
        if codec(&self.config) != codec(&config) {
            self.monitor = monitor(&config);
        }
        if old.receive_dtmf != new.receive_dtmf || codec(&self.config) != codec(&config) {
            self.digits_in = digit_input(&config)?;
        }
        if old.send != new.send || old.send_dtmf != new.send_dtmf || self.config.digits != config.digits {
            self.digits_out = digit_output(&config);
            self.splice.set_clock_rate(new.send.codec.clock_rate());
        }
        self.config = config;
        self.pause_idle(now);
        Ok(())
    }

    pub(super) fn press(&mut self, digit: Digit, duration: Duration, now: Instant) -> Result<(), QueueFull> {
        self.digits_out.press(digit, duration)?;
        // The pause before and after, and packets that are late.
        let margin = Duration::from_millis(300);
        let from = self.tones_until.map_or(now, |until| until.max(now));
        self.tones_until = Some(from + duration + margin);
        Ok(())
    }

    /// Where to send RTCP.
    pub(super) fn rtcp_target(&self) -> Option<SocketAddr> {
        if self.config.session.rtcp_mux {
            return self.latch.target();
        }
        self.config.session.remote_rtp?;
        self.rtcp_source.filter(|_| self.latch.learned().is_some()).or(self.config.session.remote_rtcp)
    }

    /// For how long this leg has been open: the clock of its reports.
    pub(super) fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    fn pause_idle(&mut self, now: Instant) {
        let receives = self.config.session.direction.receives();
        if let Some(idle) = &mut self.idle {
            idle.pause(!receives, now);
        }
    }
}

impl Security {
    fn of(security: &MediaSecurity) -> Result<Self, RelayError> {
        match security {
            MediaSecurity::Plain => Ok(Self::Plain),
            MediaSecurity::Sdes { send, receive } => Self::srtp(send, receive),
            MediaSecurity::Dtls { .. } => Ok(Self::Waiting),
        }
    }

    pub(super) fn srtp(send: &MasterKey, receive: &MasterKey) -> Result<Self, RelayError> {
        let config = SrtpConfig::default();
        Ok(Self::Srtp {
            sender: Box::new(SrtpSender::new(send, &config)?),
            receiver: Box::new(SrtpReceiver::new(receive, &config)?),
            keys: Box::new((send.clone(), receive.clone())),
        })
    }

    // RFC 3711 §3.3.1: rollover counters run on over a new key, and of course over the same one.
    fn renegotiate(&mut self, security: &MediaSecurity) -> Result<(), RelayError> {
        match (&mut *self, security) {
            (Self::Srtp { sender, receiver, keys }, MediaSecurity::Sdes { send, receive }) => {
                if !same(&keys.0, send) {
                    sender.rekey(send);
                }
                if !same(&keys.1, receive) {
                    receiver.rekey(receive);
                }
                **keys = ((**send).clone(), (**receive).clone());
            }
            // The association goes on; a new one brings new keys by itself.
            (Self::Srtp { .. } | Self::Waiting, MediaSecurity::Dtls { .. })
            | (Self::Plain, MediaSecurity::Plain) => {}
            (_, security) => *self = Self::of(security)?,
        }
        Ok(())
    }

    /// Opens an RTP packet in place; returns its length.
    pub(super) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        match self {
            Self::Plain => Ok(packet.len()),
            Self::Waiting => Err(UnprotectError::UnknownKey),
            Self::Srtp { receiver, .. } => receiver.unprotect_rtp(packet),
        }
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        match self {
            Self::Plain => Ok(packet.len()),
            Self::Waiting => Err(UnprotectError::UnknownKey),
            Self::Srtp { receiver, .. } => receiver.unprotect_rtcp(packet),
        }
    }

    /// Protects the packet `buffer[..len]` in place; returns its length, `None` when it must not be sent.
    pub(super) fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        match self {
            Self::Plain => Some(len),
            Self::Waiting => None,
            Self::Srtp { sender, .. } => sender.protect_rtp(buffer, len).ok(),
        }
    }

    pub(super) fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        match self {
            Self::Plain => Some(len),
            Self::Waiting => None,
            Self::Srtp { sender, .. } => sender.protect_rtcp(buffer, len).ok(),
        }
    }
}

fn same(a: &MasterKey, b: &MasterKey) -> bool {
    a.profile() == b.profile() && a.expose() == b.expose() && a.mki() == b.mki()
}

fn digit_input(config: &LegConfig) -> Result<DigitInput, RelayError> {
    let session = &config.session;
    let event_clock = session.receive_dtmf.map_or(8000, |event| event.clock_rate);
    let audio = session.receive.first().and_then(|format| path::known(&format.codec));
    let rate = audio.filter(|codec| codec.is_transcodable()).map(|codec| codec.sample_rate());
    // Without events, digits can only be heard.
    let rate = rate.filter(|_| session.receive_dtmf.is_none());
    let input = DigitInput::new(event_clock, rate).or_else(|_| DigitInput::new(event_clock, None));
    input.map_err(|_| RelayError::Digits)
}

fn digit_output(config: &LegConfig) -> DigitOutput {
    let session = &config.session;
    let audio_rate = path::known(&session.send.codec).map_or(8000, |codec| codec.sample_rate());
    let packet_time = Duration::from_millis(session.ptime.into());
    let clock_rate = session.send.codec.clock_rate();
    DigitOutput::new(
        config.digits,
        SenderConfig { clock_rate, packet_time, ..SenderConfig::default() },
        audio_rate,
    )
}

fn monitor(config: &LegConfig) -> Option<Monitor> {
    let codec = path::known(&config.session.receive.first()?.codec)?;
    let packet_time = Duration::from_millis(config.session.ptime.into());
    Some(Monitor::new(MonitorConfig { codec, packet_time }))
}
