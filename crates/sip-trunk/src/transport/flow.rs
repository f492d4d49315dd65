//! One connection: what it is, what came of it, and until when it is tolerated.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Transport;
use crate::endpoint::Source;
use crate::frame::{Broken, Frame, Side, StreamFramer, StreamLimits};
use crate::locate::Target;
use crate::store::Slot;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// We asked for it, or its handshakes go on.
    Opening,
    /// Messages pass.
    Open,
}

/// What waits for a connection to open.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A request of ours, not written yet: its Via depends on the connection.
    Request(Slot),
    /// A message that is ready.
    Bytes(Bytes),
}

/// Keep-alives of ours (RFC 5626 §4.4.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    pub(crate) interval: Duration,
    pub(crate) next: Instant,
    /// A pong is owed by then.
    pub(crate) pong_by: Option<Instant>,
}

/// How long a flow may be in each condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) handshake: Duration,
    pub(crate) first_message: Duration,
    pub(crate) idle: Duration,
}

/// What a flow's time has run out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Opening took too long.
    Opening,
    /// A peer connected and said nothing.
    NoMessage,
    /// A message came too slowly.
    SlowMessage,
    /// Nothing passed for long.
    Idle,
    /// A keep-alive must go out.
    Ping,
    /// Its answer did not come.
    NoPong,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Flow {
    /// What its messages are announced with.
    pub(crate) source: Source,
    pub(crate) state: State,
    /// Who is at the other end was proven, by a certificate, a digest or the address.
    pub(crate) vouched: bool,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) keep_alive: Option<KeepAlive>,
    /// What the flow table finds it by.
    pub(super) leads_to: Vec<Target>,
    framer: Option<StreamFramer>,
    side: Side,
    /// When it was asked for or accepted; when it opened, from then on.
    since: Instant,
    heard_at: Option<Instant>,
    /// When anything passed last, either way.
    active_at: Instant,
    heard_message: bool,
    last_pong: Option<Instant>,
    /// The deadline noted in the flow table.
    pub(super) noted: Instant,
}

impl Flow {
    pub(super) fn new(source: Source, side: Side, state: State, limits: StreamLimits, now: Instant) -> Self {
        let is_websocket = matches!(source.transport, Transport::Ws | Transport::Wss);
        Self {
            framer: (!is_websocket).then(|| StreamFramer::new(side, limits)),
            source,
            state,
            vouched: false,
            waiting: Vec::new(),
            keep_alive: None,
            leads_to: Vec::new(),
            side,
            since: now,
            heard_at: None,
            active_at: now,
            heard_message: false,
            last_pong: None,
            noted: now,
        }
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.side == Side::Acceptor
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.framer.is_none()
    }

    pub(super) fn opened(&mut self, now: Instant) {
        self.state = State::Open;
        self.since = now;
        self.active_at = now;
    }

    /// Something was read. On a byte stream, [`poll`](Self::poll) gives what it completes.
    pub(crate) fn heard(&mut self, bytes: &[u8], now: Instant) {
        (self.heard_at, self.active_at) = (Some(now), now);
        if let Some(framer) = &mut self.framer {
            framer.push(bytes, now);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Result<Frame, Broken>> {
        self.framer.as_mut()?.poll()
    }

    pub(crate) fn message_heard(&mut self) {
        self.heard_message = true;
    }

    pub(crate) fn pong_heard(&mut self) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.pong_by = None;
        }
    }

    pub(crate) fn wrote(&mut self, now: Instant) {
        self.active_at = now;
    }

    /// Whether a WebSocket ping deserves an answer (ES-08); the framer of byte streams keeps the same bound.
    pub(crate) fn may_pong(&mut self, interval: Duration, now: Instant) -> bool {
        let too_soon = self.last_pong.is_some_and(|last| now < last + interval);
        if !too_soon {
            self.last_pong = Some(now);
        }
        !too_soon
    }

    /// Whether nothing was heard since `then`.
    pub(crate) fn silent_since(&self, then: Instant) -> bool {
        self.heard_at.is_none_or(|heard| heard < then)
    }

    /// What is due, or when something will be.
    pub(super) fn due(&self, patience: &Patience, now: Instant) -> (Option<Due>, Instant) {
        let mut next = (None, now + Duration::from_secs(86_400));
        let mut consider = |due: Due, at: Instant| {
            if at < next.1 {
                next = (Some(due), at);
            }
        };
        match (self.state, self.side) {
            (State::Opening, Side::Opener) => consider(Due::Opening, self.since + patience.connect),
            (State::Opening, Side::Acceptor) => consider(Due::Opening, self.since + patience.handshake),
            (State::Open, side) => {
                if side == Side::Acceptor && !self.heard_message && !self.vouched {
                    consider(Due::NoMessage, self.since + patience.first_message);
                }
                if let Some(deadline) = self.framer.as_ref().and_then(StreamFramer::next_timeout) {
                    consider(Due::SlowMessage, deadline.at);
                }
                if let Some(keep_alive) = self.keep_alive {
                    match keep_alive.pong_by {
                        Some(at) => consider(Due::NoPong, at),
                        None => consider(Due::Ping, keep_alive.next),
                    }
                }
                consider(Due::Idle, self.active_at + patience.idle);
            }
        }
        if next.1 <= now { next } else { (None, next.1) }
    }
}
