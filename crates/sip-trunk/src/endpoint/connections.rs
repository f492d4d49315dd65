//! Connections: how they come, live and go.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deliver::Prompt;
use super::{CloseCause, Endpoint, Event, Io, Output, Source};
use crate::frame::{Frame, FrameFault, websocket};
use crate::header::{Header, Via};
use crate::msg::{HeaderName, Message, error_reply};
use crate::transport::{
    Admission, ConnectionId, Due, Flow, KeepAlive, MessageAdmission, Path, SocketId, Standing, State,
    TlsPeer, Transport, Waiting,
};

/// RFC 5626 §4.4.1: how long a pong may take.
const PONG_WITHIN: Duration = Duration::from_secs(10);

impl Endpoint {
    /// Sends keep-alives along a way, so that address translators keep it open and its loss is noticed (RFC 5626 §4.4.1,
    /// §4.4.2); `None` ends them. On connections the peer must answer each within 10 s, so use it only towards peers that
    /// do. Each interval is shortened by up to a fifth at random.
    pub fn keep_alive(&mut self, path: Path, interval: Option<Duration>, now: Instant) {
        match path {
            Path::Datagram { .. } => self.pings.set(path, interval, now),
            Path::Stream(connection) => {
                let Some(flow) = self.flows.get_mut(connection) else { return };
                flow.keep_alive =
                    interval.map(|interval| KeepAlive { interval, next: now + interval, pong_by: None });
                self.flows.note(connection, now);
            }
        }
    }

    /// Takes it as proven who is at the other end of a way: by digest, certificate or configuration. Limits for
    /// strangers no longer apply to it.
    pub fn vouch(&mut self, path: Path) {
        match path {
            Path::Datagram { remote, .. } => self.sources.vouch(remote),
            Path::Stream(connection) => self.flows.vouch(connection),
        }
    }

    /// Closes a connection.
    pub fn close(&mut self, path: Path, now: Instant) {
        if let Path::Stream(connection) = path {
            self.close_flow(connection, CloseCause::ByUs, now);
        }
    }

    pub(super) fn accepted(
        &mut self,
        connection: ConnectionId,
        listener: SocketId,
        (remote, local): (SocketAddr, SocketAddr),
        now: Instant,
    ) {
        let close = Output::Io(Io::Close { connection });
        let Some(known) = self.listener(listener).filter(|known| known.transport != Transport::Udp) else {
            return self.out.push_back(close);
        };
        let source = Source {
            path: Path::Stream(connection),
            transport: known.transport,
            remote,
            local,
            listener: Some(listener),
            tls: None,
        };
        let standing = (!self.sources.is_peer(remote.ip()), self.sources.is_configured(remote.ip()));
        match self.flows.accept(connection, source.clone(), standing, now) {
            Admission::Welcome => {}
            Admission::InPlaceOf(oldest) => self.close_flow(oldest, CloseCause::Evicted, now),
            Admission::Refused => {
                self.stats.refused_connections += 1;
                return self.out.push_back(close);
            }
        }
        if self.flows.get(connection).is_some_and(|flow| flow.state == State::Open) {
            self.out.push_back(Output::Event(Event::FlowOpened { source }));
        }
    }

    pub(super) fn connected(
        &mut self,
        connection: ConnectionId,
        local: SocketAddr,
        tls: Option<TlsPeer>,
        now: Instant,
    ) {
        let Some(flow) = self.flows.connected(connection, local, tls, now) else { return };
        let waiting = std::mem::take(&mut flow.waiting);
        let source = flow.source.clone();
        self.out.push_back(Output::Event(Event::FlowOpened { source }));
        for waiting in waiting {
            match waiting {
                Waiting::Request(slot) => self.opened_for(slot, connection, now),
                Waiting::Bytes(bytes) => self.send_bytes(Path::Stream(connection), bytes, now),
            }
        }
        self.settle(&Prompt::None, now);
    }

    pub(super) fn received(&mut self, connection: ConnectionId, bytes: Bytes, now: Instant) {
        let Some(flow) = self.flows.get_mut(connection).filter(|flow| flow.state == State::Open) else {
            return;
        };
        flow.heard(&bytes, now);
        if flow.is_websocket() {
            match websocket::receive(&self.config.scanner, bytes) {
                websocket::Received::Ping => self.ping(connection, now),
                websocket::Received::Pong => flow.pong_heard(),
                websocket::Received::Message(scan) => self.message_on(connection, scan, now),
            }
            return self.flows.note(connection, now);
        }
        while let Some(frame) = self.flows.get_mut(connection).and_then(Flow::poll) {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    let scan = self.config.scanner.stream(bytes);
                    self.message_on(connection, scan, now);
                }
                // The framer has kept the bound of ES-08.
                Ok(Frame::Ping) => {
                    self.send_bytes(Path::Stream(connection), Bytes::from_static(b"\r\n"), now)
                }
                Ok(Frame::Pong) => {
                    if let Some(flow) = self.flows.get_mut(connection) {
                        flow.pong_heard();
                    }
                }
                Err(broken) => return self.broken(connection, &broken.head, broken.fault, now),
            }
        }
        self.flows.note(connection, now);
    }

    /// RFC 5626 §3.5.1, ES-08: a ping is answered, but not more often than allowed.
    fn ping(&mut self, connection: ConnectionId, now: Instant) {
        let interval = self.config.limits.stream.ping_interval;
        if self.flows.get_mut(connection).is_some_and(|flow| flow.may_pong(interval, now)) {
            self.send_bytes(Path::Stream(connection), Bytes::from_static(b"\r\n"), now);
        }
    }

    fn message_on(&mut self, connection: ConnectionId, scan: crate::msg::Scan, now: Instant) {
        let Some(flow) = self.flows.get_mut(connection) else { return };
        let (source, vouched) = (flow.source.clone(), flow.vouched);
        let len = scan.message.as_ref().map_or(0, |message| message.as_bytes().len());
        let standing = match self.sources.admit(source.remote, len, now) {
            MessageAdmission::Admitted(Standing::Stranger) if vouched => Standing::Vouched,
            MessageAdmission::Admitted(standing) => standing,
            MessageAdmission::Throttled { first } => {
                self.throttled(&source, first);
                return self.close_flow(connection, CloseCause::Misbehaved("too many messages"), now);
            }
        };
        let Some(message) = self.accept(scan, &source, standing, now) else { return };
        if let Some(flow) = self.flows.get_mut(connection) {
            flow.message_heard();
        }
        self.note_alias(connection, &message);
        self.receive(message, &source, now);
    }

    /// RFC 5923 §5: `alias` in the top Via of a request allows the connection to be used the other way.
    fn note_alias(&mut self, connection: ConnectionId, message: &Message) {
        let is_candidate = connection.is_accepted() && message.is_request();
        let certified = |flow: &Flow| flow.source.tls.as_ref().is_some_and(|tls| tls.certificate.is_some());
        if !is_candidate || !self.flows.get(connection).is_some_and(certified) {
            return;
        }
        let Some(Ok(via)) = message.values(HeaderName::Via).next().map(Via::parse) else { return };
        if via.params.find("alias").is_some() {
            self.flows.alias(connection, via.port.unwrap_or(Transport::Tls.default_port()));
        }
    }

    /// A stream that cannot be cut into messages any more.
    fn broken(&mut self, connection: ConnectionId, head: &Bytes, fault: FrameFault, now: Instant) {
        self.stats.malformed += 1;
        let source = self.source_of(Path::Stream(connection));
        if source.is_some_and(|source| !self.is_stranger(source)) && !head.is_empty() {
            let scan = self.config.scanner.stream(head.clone());
            if let Ok(reply) = error_reply(&scan, &self.tokens.token()) {
                self.send_bytes(Path::Stream(connection), reply, now);
            }
        }
        let why = match fault {
            FrameFault::NotSip => "no SIP",
            FrameFault::HeaderSectionTooLarge => "the header section is too large",
            FrameFault::MessageTooLarge => "the message is too large",
            FrameFault::LineEnd => "a line end is incomplete",
            FrameFault::Length(_) => "the message length is unknown",
            FrameFault::TooSlow => "a message came too slowly",
        };
        self.close_flow(connection, CloseCause::Misbehaved(why), now);
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, connection: ConnectionId, cause: CloseCause, now: Instant) {
        if let Some(flow) = self.flows.remove(connection) {
            self.lost(flow, cause, now);
        }
    }

    pub(super) fn close_flow(&mut self, connection: ConnectionId, cause: CloseCause, now: Instant) {
        if let Some(flow) = self.flows.remove(connection) {
            self.out.push_back(Output::Io(Io::Close { connection }));
            self.lost(flow, cause, now);
        }
    }

    fn lost(&mut self, flow: Flow, cause: CloseCause, now: Instant) {
        let path = flow.source.path;
        let (source, state) = (flow.source, flow.state);
        match state {
            State::Open => {
                let cause = cause.clone();
                self.out.push_back(Output::Event(Event::FlowLost { source, cause }));
                self.transactions.path_failed(path);
            }
            State::Opening => {
                if let (true, Some(listener)) = (is_accepted(path), source.listener) {
                    let (remote, cause) = (source.remote, cause.clone());
                    self.out.push_back(Output::Event(Event::HandshakeFailed { remote, listener, cause }));
                }
            }
        }
        for waiting in flow.waiting {
            match waiting {
                Waiting::Request(slot) => self.not_opened(slot, &cause, now),
                Waiting::Bytes(_) => self.stats.undelivered_answers += 1,
            }
        }
        self.settle(&Prompt::Lost(&cause), now);
    }

    pub(super) fn run_flows(&mut self, now: Instant) {
        while let Some((connection, due)) = self.flows.pop_due(now) {
            let cause = match due {
                Due::Ping => {
                    self.send_ping(connection, now);
                    continue;
                }
                Due::Opening => CloseCause::TimedOut,
                Due::NoMessage => CloseCause::Misbehaved("no message in time"),
                Due::SlowMessage => CloseCause::Misbehaved("a message came too slowly"),
                Due::Idle => CloseCause::Evicted,
                Due::NoPong => CloseCause::Silent,
            };
            self.close_flow(connection, cause, now);
        }
        while let Some(path) = self.pings.pop_due(now, &mut self.tokens) {
            self.send_bytes(path, Bytes::from_static(b"\r\n\r\n"), now);
        }
    }

    fn send_ping(&mut self, connection: ConnectionId, now: Instant) {
        let Some(flow) = self.flows.get_mut(connection) else { return };
        if let Some(keep_alive) = &mut flow.keep_alive {
            keep_alive.pong_by = Some(now + PONG_WITHIN);
            keep_alive.next = now + super::pings::shortened(keep_alive.interval, &mut self.tokens);
        }
        flow.wrote(now);
        self.out.push_back(Output::Io(Io::Write { connection, bytes: Bytes::from_static(b"\r\n\r\n") }));
        self.flows.note(connection, now);
    }
}

fn is_accepted(path: Path) -> bool {
    matches!(path, Path::Stream(connection) if connection.is_accepted())
}
