//! Phones on a simulated network, and a peer that says whatever a test wants.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::header::{Route, Via};
use sip_trunk::msg::{Draft, Edits, HeaderName, Message, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{
    Answer, Body, EndCause, Event, InUse, Invite, Progress, SessionId, SessionTimer, SubscriptionEnd,
    UaConfig, UserAgent,
};
use sip_trunk::uri::{Uri, UriRef};
use telco_testkit::{Arrival, Departure, Event as Arrived, Link, Node, Sim, label};

pub(crate) const ALICE: &str = "192.0.2.1:5060";
pub(crate) const BOB: &str = "192.0.2.2:5060";
pub(crate) const CAROL: &str = "192.0.2.3:5060";
pub(crate) const MINUTES: Duration = Duration::from_secs(600);

/// What a phone does by itself when it hears something.
type Reaction = Box<dyn FnMut(&mut UserAgent, &Event, Instant)>;

/// A user agent on a datagram socket, with what it told its user.
pub(crate) struct Phone {
    name: &'static str,
    pub(crate) at: SocketAddr,
    pub(crate) agent: UserAgent,
    out: VecDeque<Departure>,
    /// Every event in a few words.
    pub(crate) heard: Vec<String>,
    /// The events themselves.
    pub(crate) events: Vec<Event>,
    react: Reaction,
    notes: bool,
}

impl Phone {
    pub(crate) fn new(sim: &Sim, name: &'static str, at: &str) -> Self {
        Self::with(sim, name, at, |_| {})
    }

    pub(crate) fn with(sim: &Sim, name: &'static str, at: &str, adjust: impl FnOnce(&mut UaConfig)) -> Self {
        let at: SocketAddr = at.parse().unwrap();
        let listener = Listener::new(SocketId(0), Transport::Udp, at);
        let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
        let mut config = UaConfig { endpoint, session_timer: SessionTimer::Off, ..UaConfig::default() };
        config.contact.user = name.to_owned();
        adjust(&mut config);
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        Self {
            name,
            at,
            agent: UserAgent::new(config, Seed(seed), sim.now()),
            out: VecDeque::new(),
            heard: Vec::new(),
            events: Vec::new(),
            react: Box::new(|_, _, _| {}),
            notes: true,
        }
    }

    /// What it does by itself.
    pub(crate) fn reacting(mut self, react: impl FnMut(&mut UserAgent, &Event, Instant) + 'static) -> Self {
        self.react = Box::new(react);
        self
    }

    /// Rings and answers at once.
    pub(crate) fn answering(self) -> Self {
        self.reacting(|agent, event, now| {
            if let Event::Incoming { session, .. } = event {
                agent.progress(*session, Progress::default(), now).unwrap();
                agent.answer(*session, Answer { body: sdp("answer"), ..Answer::default() }, now).unwrap();
            }
        })
    }

    /// Draws no events into the ladder.
    pub(crate) fn silent(mut self) -> Self {
        self.notes = false;
        self
    }

    /// Does something at the time of the simulation.
    pub(crate) fn act<R>(&mut self, sim: &Sim, act: impl FnOnce(&mut UserAgent, Instant) -> R) -> R {
        let done = act(&mut self.agent, sim.now());
        self.settle(sim.now());
        done
    }

    pub(crate) fn call(&mut self, sim: &Sim, whom: &Phone) -> SessionId {
        let invite = self.invitation(whom);
        self.act(sim, |agent, now| agent.invite(invite, now).unwrap())
    }

    pub(crate) fn ring(&mut self, sim: &Sim) -> SessionId {
        let session = self.incoming();
        self.act(sim, |agent, now| agent.progress(session, Progress::default(), now).unwrap());
        session
    }

    pub(crate) fn answer(&mut self, sim: &Sim) -> SessionId {
        let session = self.incoming();
        let answer = Answer { body: sdp("answer"), ..Answer::default() };
        self.act(sim, |agent, now| agent.answer(session, answer, now).unwrap());
        session
    }

    pub(crate) fn hang_up(&mut self, sim: &Sim, session: SessionId) {
        self.act(sim, |agent, now| agent.hang_up(session, None, now).unwrap());
    }

    pub(crate) fn invitation(&self, whom: &Phone) -> Invite {
        self.invitation_to(whom.name, whom.at)
    }

    pub(crate) fn invitation_to(&self, user: &str, at: SocketAddr) -> Invite {
        let mut invite =
            Invite::new(format!("sip:{user}@{at}"), format!("<sip:{}@{}>", self.name, self.at.ip()));
        invite.contact.user = self.name.to_owned();
        invite.body = sdp("offer");
        invite
    }

    /// The session of the last incoming call.
    pub(crate) fn incoming(&self) -> SessionId {
        let incoming = self.events.iter().rev().find_map(|event| match event {
            Event::Incoming { session, .. } => Some(*session),
            _ => None,
        });
        incoming.expect("a call has come in")
    }

    /// What was heard since the last look.
    pub(crate) fn news(&mut self) -> Vec<String> {
        self.events.clear();
        std::mem::take(&mut self.heard)
    }

    /// Whether nothing is remembered, here or below.
    pub(crate) fn is_idle(&self) -> bool {
        self.agent.in_use() == InUse::default() && self.agent.endpoint().in_use() == (0, 0)
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => {
                    self.out.push_back(Departure::Datagram {
                        from: self.at,
                        to: remote,
                        body: bytes.to_vec(),
                    });
                }
                Output::Io(_) => unreachable!("phones in this lab use datagrams and addresses"),
                Output::Event(event) => {
                    (self.react)(&mut self.agent, &event, now);
                    let said = say(&event);
                    if self.notes {
                        self.out.push_back(Departure::Note(said.clone()));
                    }
                    self.heard.push(said);
                    self.events.push(event);
                }
            }
        }
    }
}

impl Node for Phone {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let Arrived::Datagram(body) = arrival.event else { return };
        let input = Input::Datagram { socket: SocketId(0), remote: arrival.from, bytes: Bytes::from(body) };
        self.agent.handle_input(input, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.agent.next_timeout().map(|deadline| deadline.at)
    }
}

/// An event in a few words.
fn say(event: &Event) -> String {
    let status = |message: &Message| message.status().unwrap_or_default();
    let method = |message: &Message| message.method().map(|method| method.to_string()).unwrap_or_default();
    match event {
        Event::Incoming { replaces: Some(_), .. } => "incoming call that replaces another".into(),
        Event::Incoming { .. } => "incoming call".into(),
        Event::Progressed { message, .. } => format!("progress {}", status(message)),
        Event::Answered { message, .. } => format!("answered {}", status(message)),
        Event::Rejected { status, failure: Some(failure), .. } => format!("rejected {status}: {failure}"),
        Event::Rejected { status, .. } => format!("rejected {status}"),
        Event::Confirmed { .. } => "confirmed".into(),
        Event::Offered { by, message, .. } if message.body().is_empty() => {
            format!("asked to offer by {by:?}")
        }
        Event::Offered { by, .. } => format!("offer by {by:?}"),
        Event::OfferAnswered { message, .. } => match message.status() {
            Some(status) => format!("offer answered {status}"),
            None => format!("offer answered in {}", method(message)),
        },
        Event::OfferRefused { status, .. } => format!("offer refused {status}"),
        Event::OfferWithdrawn { .. } => "offer withdrawn".into(),
        Event::Ended { cause, .. } => match cause {
            EndCause::Bye(_) => "ended by BYE".into(),
            EndCause::Cancelled(_) => "ended by CANCEL".into(),
            other => format!("ended: {other:?}"),
        },
        Event::Referred { message, .. } => {
            let target = message.header(HeaderName::ReferTo).unwrap_or_default();
            format!("asked to call {}", String::from_utf8_lossy(target))
        }
        Event::ReferProgress { status, finished, .. } => {
            format!("transfer {status}{}", if *finished { ", finished" } else { "" })
        }
        Event::InDialog { message, .. } => format!("{} in the call", method(message)),
        Event::InDialogResponse { status, .. } => format!("answer {status} in the call"),
        Event::Subscribed { .. } => "subscribed".into(),
        Event::Refreshed { .. } => "refreshed".into(),
        Event::Notified { message, .. } => format!("notified {}", String::from_utf8_lossy(message.body())),
        Event::SubscriptionEnded { cause, .. } => match cause {
            SubscriptionEnd::ByPeer(_) => "unsubscribed by peer".into(),
            SubscriptionEnd::Refused { status, .. } => format!("unsubscribed: refused {status}"),
            other => format!("unsubscribed: {other:?}"),
        },
        Event::Request { message, .. } => format!("request {}", method(message)),
        Event::Response { message, .. } => format!("response {}", status(message)),
        Event::Failed { failure, .. } => format!("failed: {failure}"),
        Event::Malformed { answered, .. } => format!("malformed, answered {answered:?}"),
        Event::Refused { .. } => "refused".into(),
        other => format!("{other:?}"),
    }
}

/// A description that names what it is.
pub(crate) fn sdp(name: &str) -> Option<Body> {
    Some(Body::sdp(format!("v=0\r\ns={name}\r\n")))
}

/// A lab with 20 ms between everybody.
pub(crate) fn lab() -> Sim {
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.net.set_link(Link { latency: Duration::from_millis(20), ..Link::default() });
    sim
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A peer without any logic: it keeps what it receives, and sends what a test writes.
pub(crate) struct Raw {
    name: &'static str,
    pub(crate) at: SocketAddr,
    out: VecDeque<Departure>,
    pub(crate) received: Vec<Message>,
}

impl Raw {
    pub(crate) fn new(name: &'static str, at: &str) -> Self {
        Self { name, at: at.parse().unwrap(), out: VecDeque::new(), received: Vec::new() }
    }

    /// The last request of that method.
    pub(crate) fn last(&self, method: &Method<'_>) -> &Message {
        let is_wanted = |message: &&Message| message.method().as_ref() == Some(method);
        self.received.iter().rev().find(is_wanted).unwrap_or_else(|| panic!("no {method} has arrived"))
    }

    /// How many requests of that method arrived.
    pub(crate) fn count(&self, method: &Method<'_>) -> usize {
        self.received.iter().filter(|message| message.method().as_ref() == Some(method)).count()
    }

    /// The statuses received for requests of that method.
    pub(crate) fn statuses(&self, method: &str) -> Vec<u16> {
        let of_method = |message: &&Message| {
            let cseq = message.header(HeaderName::CSeq).unwrap_or_default();
            cseq.ends_with(method.as_bytes())
        };
        self.received.iter().filter(of_method).filter_map(Message::status).collect()
    }

    pub(crate) fn send(&mut self, to: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.out.push_back(Departure::Datagram { from: self.at, to, body: bytes.as_ref().to_vec() });
    }

    /// An answer to the last request of `method`, with our Contact and further header lines.
    pub(crate) fn answer(
        &mut self,
        method: &Method<'_>,
        status: u16,
        tag: &str,
        lines: &str,
        body: &str,
    ) -> Bytes {
        let request = self.last(method).clone();
        let mut draft = Draft::reply_to(&request, status, tag)
            .copy(&request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, format!("<sip:{}@{}>", self.name, self.at));
        for line in lines.lines() {
            let (name, value) = line.split_once(':').unwrap();
            draft = draft.header(name, value.trim());
        }
        if !body.is_empty() {
            draft = draft.body("application/sdp", body.as_bytes().to_vec());
        }
        draft.finish().unwrap()
    }

    /// A request with CRLF for every line end, and Content-Length.
    pub(crate) fn request(text: &str, body: &str) -> Vec<u8> {
        format!("{}\r\nContent-Length: {}\r\n\r\n{body}", text.trim_end().replace('\n', "\r\n"), body.len())
            .into_bytes()
    }
}

impl Node for Raw {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        if let Arrived::Datagram(body) = arrival.event {
            self.received.push(Message::from_datagram(body).unwrap());
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        None
    }
}

/// A proxy that stays in the dialog (RFC 3261 §16): it adds Via and Record-Route, follows Route or the Request-URI, and keeps no
/// state.
pub(crate) struct Proxy {
    name: &'static str,
    pub(crate) at: SocketAddr,
    /// Where requests go that carry no Route beyond this proxy and are not for an address.
    next: SocketAddr,
    out: VecDeque<Departure>,
}

impl Proxy {
    pub(crate) fn new(name: &'static str, at: &str, next: &str) -> Self {
        Self { name, at: at.parse().unwrap(), next: next.parse().unwrap(), out: VecDeque::new() }
    }

    fn forward(&mut self, message: &Message) {
        let mut edits = Edits::new(message);
        let to = if message.is_request() {
            let ours = format!("sip:{}", self.at);
            let is_ours = |route: &Route<'_>| route.uri.as_str().starts_with(&ours);
            let mut routes: Vec<_> = message.all::<Route<'_>>().map(Result::unwrap).collect();
            if routes.first().is_some_and(is_ours) {
                routes.remove(0);
                edits.pop(HeaderName::Route);
            }
            // RFC 3261 §16.11: a stateless proxy derives its branch from that of the request.
            let branch = message.typed::<Via<'_>>().unwrap().unwrap().branch().unwrap().to_owned();
            edits.push_via(format!("SIP/2.0/UDP {};branch={branch}{}", self.at, self.name)).unwrap();
            edits.decrement_max_forwards().unwrap();
            if matches!(message.method(), Some(Method::Invite | Method::Subscribe)) {
                edits.prepend(HeaderName::RecordRoute, format!("<{ours};lr>")).unwrap();
            }
            let uri = match routes.first() {
                Some(route) => route.uri.to_uri(),
                None => UriRef::parse(message.request_uri().unwrap()).unwrap().to_uri(),
            };
            address(&uri).unwrap_or(self.next)
        } else {
            edits.pop_via();
            let via = message.all::<Via<'_>>().nth(1).unwrap().unwrap();
            let host = via.received().or(via.host.ip()).unwrap();
            SocketAddr::new(host, via.rport().flatten().or(via.port).unwrap_or(5060))
        };
        self.out.push_back(Departure::Datagram { from: self.at, to, body: edits.finish().to_vec() });
    }
}

/// The address a URI names, if its host is one.
fn address(uri: &Uri) -> Option<SocketAddr> {
    let sip = uri.view().as_sip()?;
    Some(SocketAddr::new(sip.host().ip()?, sip.port().unwrap_or(5060)))
}

impl Node for Proxy {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        if let Arrived::Datagram(body) = arrival.event {
            self.forward(&Message::from_datagram(body).unwrap());
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        None
    }
}
