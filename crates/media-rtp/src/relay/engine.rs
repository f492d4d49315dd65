//! The relay under a driver: ports 0 and 1 are RTP and RTCP of leg A, 2 and 3 those of leg B.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Component, LegConfig, LegId, Output, Relay, RelayError, Tap, Verdict};
use crate::demux::DatagramKind;
use crate::driver::{EngineOutput, Forward, MediaEngine};
use crate::dtmf::{Digit, InfoSignal};
use crate::sdp::offer_answer::MediaSecurity;
use crate::srtp::MasterKey;

/// What signalling asks of a running relay. The methods of [`Relay`] of the same names say what each does.
pub enum RelayCommand {
    /// [`Relay::apply`]; a refusal leaves the leg as it was and is told as [`Output::Refused`].
    Apply {
        /// Which leg.
        leg: LegId,
        /// What holds from now on.
        config: Box<LegConfig>,
    },
    /// [`Relay::set_keys`].
    SetKeys {
        /// Which leg.
        leg: LegId,
        /// Protects what is sent.
        send: Box<MasterKey>,
        /// Protects what is received.
        receive: Box<MasterKey>,
    },
    /// [`Relay::set_tap`].
    SetTap {
        /// Which leg.
        leg: LegId,
        /// The tap; `None` ends it.
        tap: Option<Box<dyn Tap>>,
    },
    /// [`Relay::send_digit`].
    SendDigit {
        /// To which leg's peer.
        leg: LegId,
        /// Which digit.
        digit: Digit,
        /// For how long.
        duration: Duration,
    },
    /// Sends a datagram of the leg's ICE or DTLS engine from the leg's socket.
    Transmit {
        /// From which leg.
        leg: LegId,
        /// From which of its sockets.
        component: Component,
        /// To this address.
        to: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// [`Relay::handle_info`].
    Info {
        /// From which leg's peer.
        leg: LegId,
        /// What it says.
        signal: InfoSignal,
    },
}

impl Relay {
    fn refused(&mut self, leg: LegId, result: Result<(), RelayError>) {
        if let Err(error) = result {
            self.tell(Output::Refused { leg, error });
        }
    }

    /// Whether a leg was negotiated to have an engine for such datagrams. Others would only let strangers fill the queue.
    fn expects(&self, leg: LegId, kind: DatagramKind) -> bool {
        let session = &self.config(leg).session;
        match kind {
            DatagramKind::Stun => session.ice.is_some(),
            DatagramKind::Dtls => matches!(session.security, MediaSecurity::Dtls { .. }),
            DatagramKind::Zrtp | DatagramKind::TurnChannel | DatagramKind::Rtp | DatagramKind::Rtcp => false,
        }
    }
}

impl MediaEngine for Relay {
    type Command = RelayCommand;
    type Event = Output;

    fn handle_datagram(
        &mut self,
        port: usize,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Forward {
        let (leg, component) = place(port);
        match self.handle_packet(leg, component, source, buffer, len, now) {
            Verdict::Send { leg, component, to, len } => {
                Forward::Send { port: number(leg, component), to, len }
            }
            Verdict::NotMedia(kind) if self.expects(leg, kind) => {
                let datagram = buffer[..len].to_vec();
                self.tell(Output::NotMedia { leg, component, source, kind, datagram });
                Forward::Nothing
            }
            Verdict::Done | Verdict::NotMedia(_) => Forward::Nothing,
        }
    }

    fn handle_command(&mut self, command: RelayCommand, now: Instant) {
        match command {
            RelayCommand::Apply { leg, config } => {
                let result = self.apply(leg, *config, now);
                self.refused(leg, result);
            }
            RelayCommand::SetKeys { leg, send, receive } => {
                let result = self.set_keys(leg, &send, &receive);
                self.refused(leg, result);
            }
            RelayCommand::SetTap { leg, tap } => self.set_tap(leg, tap),
            RelayCommand::SendDigit { leg, digit, duration } => {
                // A full queue is counted in the statistics of the leg.
                let _ = self.send_digit(leg, digit, duration, now);
            }
            RelayCommand::Transmit { leg, component, to, datagram } => {
                self.tell(Output::Transmit { leg, component, to, datagram });
            }
            RelayCommand::Info { leg, signal } => self.handle_info(leg, signal, now),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        Relay::handle_timeout(self, now);
    }

    fn handle_unreachable(&mut self, port: usize) {
        Relay::handle_unreachable(self, place(port).0);
    }

    fn poll_output(&mut self) -> Option<EngineOutput<Output>> {
        let output = Relay::poll_output(self)?;
        Some(if let Output::Transmit { leg, component, to, datagram } = output {
            EngineOutput::Transmit { port: number(leg, component), to, datagram }
        } else {
            EngineOutput::Event(output)
        })
    }

    fn next_timeout(&self) -> Option<Instant> {
        Relay::next_timeout(self)
    }
}

fn place(port: usize) -> (LegId, Component) {
    match port {
        0 => (LegId::A, Component::Rtp),
        1 => (LegId::A, Component::Rtcp),
        2 => (LegId::B, Component::Rtp),
        _ => (LegId::B, Component::Rtcp),
    }
}

fn number(leg: LegId, component: Component) -> usize {
    match (leg, component) {
        (LegId::A, Component::Rtp) => 0,
        (LegId::A, Component::Rtcp) => 1,
        (LegId::B, Component::Rtp) => 2,
        (LegId::B, Component::Rtcp) => 3,
    }
}
