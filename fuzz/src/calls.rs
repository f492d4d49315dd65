//! sip-trunk: two user agents on a network that loses, repeats, reorders and changes datagrams, in virtual time.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Limits as EndpointLimits, Listener, Output};
use sip_trunk::msg::{Draft, Message, Method, Scanner};
use sip_trunk::subscription::SubscriptionId;
use sip_trunk::transaction::{self, ServerId};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{
    Answer, Body, Event, InUse, Invite, Limits, Progress, Refer, ReferId, Rejection, Reliable, SessionId,
    SessionTimer, Subscribe, UaConfig, UserAgent,
};

use crate::script::Script;

const TRANSACTIONS: usize = 40;
const SESSIONS: usize = 4;
const SUBSCRIPTIONS: usize = 4;
/// What one step may make an agent say.
const OUTPUTS: usize = 400;

/// Steps read from the bytes: what both users ask for, and what the network does. The tables stay within their limits, what
/// is sent is SIP, a session ends once and says nothing afterwards, and when both users hang up and the network is good again,
/// nothing is left of any call.
pub fn sip_calls(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let now = Instant::now();
    let kind = script.byte();
    let mut run = Run {
        sides: [Side::new(0, kind, now), Side::new(1, kind >> 4, now)],
        wire: VecDeque::new(),
        now,
        is_over: false,
    };
    while let Some(step) = script.step() {
        run.step(step, &mut script);
        run.check();
    }
    run.wind_up();
}

/// One agent, and what its user knows.
struct Side {
    agent: UserAgent,
    /// Sessions whose end was not told.
    alive: BTreeSet<SessionId>,
    sessions: Vec<SessionId>,
    refers: Vec<(SessionId, ReferId)>,
    subscriptions: Vec<SubscriptionId>,
    asked: Vec<(ServerId, Message)>,
}

struct Datagram {
    from: usize,
    bytes: Bytes,
}

struct Run {
    sides: [Side; 2],
    wire: VecDeque<Datagram>,
    now: Instant,
    /// Both users refuse whatever comes.
    is_over: bool,
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + u8::from(side == 1)], 5060))
}

fn sdp() -> Option<Body> {
    Some(Body::sdp(&b"v=0\r\n"[..]))
}

impl Side {
    fn new(number: usize, kind: u8, now: Instant) -> Self {
        let limits = EndpointLimits {
            transactions: transaction::Limits { clients: TRANSACTIONS, servers: TRANSACTIONS },
            requests: TRANSACTIONS,
            ..EndpointLimits::default()
        };
        let endpoint = EndpointConfig {
            listeners: vec![Listener::new(SocketId(0), Transport::Udp, address(number))],
            limits,
            ..EndpointConfig::default()
        };
        let limits = Limits { sessions: SESSIONS, subscriptions: SUBSCRIPTIONS, ..Limits::default() };
        let reliable = [Reliable::Never, Reliable::WhenRequired, Reliable::WhenSupported, Reliable::Always];
        let timer = SessionTimer::On { interval: Duration::from_secs(120), min: Duration::from_secs(90) };
        let config = UaConfig {
            endpoint,
            limits,
            reliable: reliable[usize::from(kind & 3)],
            session_timer: if kind & 4 == 0 { timer } else { SessionTimer::Off },
            ..UaConfig::default()
        };
        Self {
            agent: UserAgent::new(config, Seed([number as u8; 32]), now),
            alive: BTreeSet::new(),
            sessions: Vec::new(),
            refers: Vec::new(),
            subscriptions: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What its user asks for; what the state does not allow is refused, and that is fine.
    fn command(&mut self, number: usize, script: &mut Script<'_>, now: Instant) {
        let command = script.byte() % 24;
        let session = script.index(self.sessions.len()).map(|index| self.sessions[index]);
        let refer = self.refers.last().copied();
        let subscription = script.index(self.subscriptions.len()).map(|index| self.subscriptions[index]);
        let agent = &mut self.agent;
        let peer = format!("sip:{}", address(1 - number));
        let us = format!("<sip:{}>", address(number));
        let body = if script.byte() & 1 == 0 { sdp() } else { None };
        let status = 200 + u16::from(script.byte()) * 2;
        let none = Vec::new;
        let _ = match (command, session, refer, subscription) {
            (0 | 1, ..) => {
                let mut invite = Invite::new(peer, us);
                invite.body = body;
                invite.timeout = (status & 4 == 0).then_some(Duration::from_secs(60));
                if let Some(session) = session.filter(|_| status & 8 == 0)
                    && let Some(session) = agent.session(session)
                {
                    let dialog = format!(
                        "{};to-tag={};from-tag={}",
                        session.call_id(),
                        session.dialog().map(|dialog| dialog.remote_tag()).unwrap_or_default(),
                        session.local_tag()
                    );
                    invite.headers.push(("Replaces".into(), dialog));
                }
                let placed = agent.invite(invite, now);
                self.alive.extend(placed.iter());
                placed.map(|id| self.sessions.push(id)).is_ok()
            }
            (2 | 3, Some(id), ..) => {
                let progress = Progress { status: 101 + status % 99, body, ..Progress::default() };
                agent.progress(id, progress, now).is_ok()
            }
            (4 | 5, Some(id), ..) => agent.answer(id, Answer { body, ..Answer::default() }, now).is_ok(),
            (6, Some(id), ..) => agent.reject(id, Rejection::new(status), now).is_ok(),
            (7, Some(id), ..) => agent.hang_up(id, None, now).is_ok(),
            (8 | 9, Some(id), ..) => agent.reinvite(id, body, none(), now).is_ok(),
            (10 | 11, Some(id), ..) => agent.update(id, body, none(), now).is_ok(),
            (12 | 13, Some(id), ..) => agent.answer_offer(id, body, none(), now).is_ok(),
            (14, Some(id), ..) => agent.refuse_offer(id, status, none(), now).is_ok(),
            (15, Some(id), ..) => {
                let mut refer = Refer::new("<sip:c@c.example>");
                refer.progress = status & 4 == 0;
                agent.refer(id, refer, now).is_ok()
            }
            (16, _, Some((id, refer)), _) => agent.accept_refer(id, refer, now).is_ok(),
            (17, _, Some((id, refer)), _) => {
                self.refers.pop();
                agent.refuse_refer(id, refer, status, now).is_ok()
            }
            (18, _, Some((id, refer)), _) => agent.notify_refer(id, refer, status, now).is_ok(),
            (19, Some(id), ..) => agent.send(id, &Method::Info, body, none(), now).is_ok(),
            (20, ..) => {
                let mut subscribe = Subscribe::new(peer, us, "dialog");
                subscribe.expires = Duration::from_secs((status % 256).into());
                agent.subscribe(subscribe, now).map(|id| self.subscriptions.push(id)).is_ok()
            }
            (21, _, _, Some(id)) => match status % 3 {
                0 => agent.accept_subscription(id, Duration::from_secs(100), none(), now).is_ok(),
                1 => agent.notify(id, body, none(), now).is_ok(),
                _ => agent.refuse_subscription(id, status, none(), now).is_ok(),
            },
            (22, _, _, Some(id)) => match status % 2 {
                0 => agent.unsubscribe(id, now).is_ok(),
                _ => agent.terminate_subscription(id, "noresource", body, now).is_ok(),
            },
            _ => match self.asked.pop() {
                Some((transaction, message)) => {
                    agent.respond(transaction, Draft::reply_to(&message, status, "user"), now)
                }
                None => false,
            },
        };
        // Ids of what is over are forgotten, but for a few.
        let old = self.sessions.len().saturating_sub(8);
        self.sessions.drain(..old);
        let old = self.subscriptions.len().saturating_sub(8);
        self.subscriptions.drain(..old);
    }

    fn told(&mut self, event: Event) {
        match &event {
            Event::Incoming { session, .. } => assert!(self.alive.insert(*session), "an id is given once"),
            Event::Rejected { session, .. } | Event::Ended { session, .. } => {
                assert!(self.alive.remove(session), "a session ends once");
            }
            Event::Progressed { session, .. }
            | Event::Answered { session, .. }
            | Event::Confirmed { session, .. }
            | Event::Offered { session, .. }
            | Event::OfferAnswered { session, .. }
            | Event::OfferRefused { session, .. }
            | Event::OfferWithdrawn { session }
            | Event::Referred { session, .. }
            | Event::InDialog { session, .. }
            | Event::InDialogResponse { session, .. } => {
                assert!(
                    self.alive.contains(session),
                    "nothing is heard of a session after its end: {event:?}"
                );
            }
            _ => {}
        }
        match event {
            Event::Incoming { session, .. } => self.sessions.push(session),
            Event::Referred { session, refer, .. } => self.refers.push((session, refer)),
            Event::Subscribed { subscription, .. } => self.subscriptions.push(subscription),
            Event::InDialog { transaction, message, .. } | Event::Request { transaction, message, .. } => {
                self.asked.push((transaction, message));
            }
            _ => {}
        }
    }

    /// Its user ends everything it knows of.
    fn give_up(&mut self, now: Instant) {
        let agent = &mut self.agent;
        for (session, refer) in self.refers.drain(..) {
            let _ = agent.refuse_refer(session, refer, 603, now);
            let _ = agent.notify_refer(session, refer, 603, now);
        }
        for session in self.sessions.drain(..) {
            let _ = agent.hang_up(session, None, now);
        }
        for subscription in self.subscriptions.drain(..) {
            let _ = agent.refuse_subscription(subscription, 489, Vec::new(), now);
            let _ = agent.unsubscribe(subscription, now);
            let _ = agent.terminate_subscription(subscription, "noresource", None, now);
        }
        for (transaction, message) in self.asked.drain(..) {
            agent.respond(transaction, Draft::reply_to(&message, 501, "user"), now);
        }
    }
}

impl Run {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 8 {
            0 | 1 => self.command(usize::from(step >> 3 & 1), script),
            2 | 3 => self.deliver(usize::from(step >> 3 & 1)),
            4 => {
                let index = script.index(self.wire.len());
                if let Some(lost) = index.and_then(|index| self.wire.remove(index)) {
                    // Lost, or late.
                    if step & 8 == 0 {
                        self.wire.push_back(lost);
                    }
                }
            }
            5 => {
                if let Some(index) = script.index(self.wire.len()) {
                    let Datagram { from, bytes } = &self.wire[index];
                    let copy = Datagram { from: *from, bytes: bytes.clone() };
                    self.wire.push_back(copy);
                }
            }
            6 => self.change(step, script),
            _ => self.wait(Duration::from_millis(1 << (script.byte() % 18))),
        }
    }

    fn command(&mut self, side: usize, script: &mut Script<'_>) {
        self.sides[side].command(side, script, self.now);
        self.drain(side);
    }

    /// The oldest datagram from one side arrives.
    fn deliver(&mut self, from: usize) {
        let Some(index) = self.wire.iter().position(|datagram| datagram.from == from) else { return };
        let Some(Datagram { bytes, .. }) = self.wire.remove(index) else { return };
        let input = Input::Datagram { socket: SocketId(0), remote: address(from), bytes };
        self.sides[1 - from].agent.handle_input(input, self.now);
        self.drain(1 - from);
    }

    /// A datagram under way is changed: one byte, a line more, or altogether.
    fn change(&mut self, step: u8, script: &mut Script<'_>) {
        if step & 0x18 == 0x18 {
            let (from, bytes) = (usize::from(step >> 5 & 1), Bytes::copy_from_slice(script.piece()));
            return self.wire.push_front(Datagram { from, bytes });
        }
        let Some(index) = script.index(self.wire.len()) else { return };
        let mut bytes = self.wire[index].bytes.to_vec();
        if step & 8 == 0 {
            let at = usize::from(script.byte()) << 2 | usize::from(script.byte() & 3);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = script.byte();
            }
        } else if let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
            let line = format!("\r\n{}", script.text());
            bytes.splice(end..end, line.into_bytes());
        }
        self.wire[index].bytes = bytes.into();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        loop {
            let due = |side: usize| self.sides[side].agent.next_timeout().map(|deadline| (deadline.at, side));
            let Some((at, side)) = [due(0), due(1)].into_iter().flatten().min() else { break };
            if at > end {
                break;
            }
            turns += 1;
            assert!(turns < 50_000, "{:?} is due again and again", self.sides[side].agent.next_timeout());
            self.now = self.now.max(at);
            self.sides[side].agent.handle_timeout(self.now);
            self.drain(side);
            self.check();
            if self.is_over {
                self.deliver_all();
            }
        }
        self.now = end;
    }

    fn deliver_all(&mut self) {
        let mut count = 0;
        while let Some(first) = self.wire.front() {
            count += 1;
            assert!(count < 5_000, "they send each other messages without end");
            self.deliver(first.from);
        }
    }

    fn drain(&mut self, side: usize) {
        let mut count = 0;
        while let Some(output) = self.sides[side].agent.poll_output() {
            count += 1;
            assert!(count <= OUTPUTS, "one step said too much");
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => {
                    let scan = Scanner::default().datagram(bytes.clone());
                    assert!(scan.message.is_some() && scan.diagnostics.is_acceptable(), "{scan:?}");
                    if remote == address(1 - side) && self.wire.len() < 200 {
                        self.wire.push_back(Datagram { from: side, bytes });
                    }
                }
                Output::Io(Io::Resolve { .. } | Io::Connect { .. } | Io::Write { .. } | Io::Close { .. }) => {
                }
                Output::Event(event) => {
                    self.sides[side].told(event);
                    if self.is_over {
                        self.sides[side].give_up(self.now);
                    }
                }
            }
        }
    }

    fn check(&self) {
        for side in &self.sides {
            let InUse { sessions, lingering, subscriptions, requests } = side.agent.in_use();
            assert!(sessions <= SESSIONS && lingering <= SESSIONS && subscriptions <= SUBSCRIPTIONS);
            let (clients, servers) = side.agent.endpoint().in_use();
            assert!(clients <= TRANSACTIONS && servers <= TRANSACTIONS && requests <= TRANSACTIONS);
        }
    }

    /// Both users give everything up, the network delivers everything at once, and an hour goes by.
    fn wind_up(mut self) {
        self.is_over = true;
        for side in 0..2 {
            self.sides[side].give_up(self.now);
            self.drain(side);
        }
        self.deliver_all();
        self.wait(Duration::from_secs(3600));
        for side in &self.sides {
            assert!(side.alive.is_empty(), "every session ends");
            assert_eq!(side.agent.in_use(), InUse::default());
            assert_eq!(side.agent.endpoint().in_use(), (0, 0), "transactions of ours, and of the peer");
        }
    }
}
