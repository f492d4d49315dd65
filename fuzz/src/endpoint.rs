//! sip-trunk: the endpoint among hostile peers, resolvers and connections, in virtual time.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{
    CloseCause, ContactSpec, Destination, Endpoint, EndpointConfig, Event, Input, Io, Limits, Listener,
    Outgoing, Output, RequestId, Strangers,
};
use sip_trunk::locate::{Answer, LookupId, Record, RecordData, ResolveError};
use sip_trunk::msg::{Draft, HeaderName, Message, Method, Scanner};
use sip_trunk::transaction::{self, ServerId};
use sip_trunk::transport::{ConnectionId, Network, Path, Rate, SocketId, Transport};

use crate::script::Script;

/// Small enough to be reached.
const TRANSACTIONS: usize = 12;
const REQUESTS: usize = 8;
const CONNECTIONS: usize = 6;
const SOURCES: usize = 4;
/// What one step may make the engine say.
const OUTPUTS: usize = 400;

const METHODS: [Method<'static>; 8] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Register,
    Method::Message,
    Method::Prack,
];

/// Steps read from the bytes: datagrams, streams, connections, resolver answers, time, and what a user asks for. The tables
/// stay within their limits, what is sent is SIP, and when everything has been answered and waited for, nothing is left.
pub fn sip_endpoint(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut run = Run::new(script.byte());
    while let Some(step) = script.step() {
        run.step(step, &mut script);
        run.check();
    }
    run.wind_up();
}

struct Run {
    endpoint: Endpoint,
    now: Instant,
    accepted: u64,
    connections: Vec<ConnectionId>,
    lookups: Vec<LookupId>,
    asked: Vec<(ServerId, Message)>,
    asking: Vec<RequestId>,
    sent: Vec<Message>,
}

impl Run {
    fn new(kind: u8) -> Self {
        let listeners = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws];
        let listeners = (0..).zip(listeners).map(|(number, transport)| {
            let local: SocketAddr = if kind & 1 == 0 { "192.0.2.1:5060" } else { "[2001:db8::1]:5060" }
                .parse()
                .expect("an address");
            Listener { force_rport: kind & 2 != 0, ..Listener::new(SocketId(number), transport, local) }
        });
        let limits = Limits {
            transactions: transaction::Limits { clients: TRANSACTIONS, servers: TRANSACTIONS },
            requests: REQUESTS,
            connections: CONNECTIONS,
            sources: SOURCES,
            messages_per_source: Rate { events: 8, per: Duration::from_secs(1) },
            ..Limits::default()
        };
        let peers = vec![Network::new([198, 51, 100, 1].into(), 32).expect("a network")];
        let strangers = if kind & 4 == 0 { Strangers::Served } else { Strangers::Guarded };
        let config =
            EndpointConfig { listeners: listeners.collect(), limits, peers, strangers, ..Default::default() };
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new(config, Seed([kind; 32]), now),
            now,
            accepted: 0,
            connections: Vec::new(),
            lookups: Vec::new(),
            asked: Vec::new(),
            asking: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 16 {
            0 => self.datagram(script, |script, _| Bytes::copy_from_slice(script.piece())),
            1 => self.datagram(script, request),
            2 => self.datagram(script, answer),
            3 => self.wait(Duration::from_millis(1 << (script.byte() % 19))),
            4 => {
                let connection = ConnectionId::accepted(self.accepted);
                self.accepted += 1;
                self.connections.push(connection);
                let listener = SocketId(1 + u16::from(script.byte() % 3));
                let (remote, local) = (peer(script), "192.0.2.1:5060".parse().expect("an address"));
                self.input(Input::Accepted { connection, listener, remote, local });
            }
            5 => self.on_connection(script, |connection, _, _| Input::Connected {
                connection,
                local: "192.0.2.1:40000".parse().expect("an address"),
                tls: None,
            }),
            6 => self.on_connection(script, |connection, script, _| {
                let bytes = Bytes::copy_from_slice(script.piece());
                Input::Received { connection, bytes }
            }),
            7 => self.on_connection(script, |connection, script, run| {
                let bytes = request(script, run);
                Input::Received { connection, bytes }
            }),
            8 => self.on_connection(script, |connection, script, run| {
                let bytes = answer(script, run);
                Input::Received { connection, bytes }
            }),
            9 => self.on_connection(script, |connection, _, _| Input::Closed {
                connection,
                cause: CloseCause::ByPeer,
            }),
            10 => {
                let Some(index) = script.index(self.lookups.len()) else { return };
                let id = self.lookups.swap_remove(index);
                self.input(Input::Resolved { id, answer: records(script) });
            }
            11 => self.ask(script),
            12 => {
                let Some(index) = script.index(self.asking.len()) else { return };
                let reason = (script.byte() & 1 == 0).then_some("SIP;cause=200");
                self.endpoint.cancel_saying(self.asking[index], reason, self.now);
                self.drain();
            }
            13 => {
                let Some(index) = script.index(self.asked.len()) else { return };
                let (transaction, message) = &self.asked[index];
                let draft = Draft::reply_to(message, 100 + u16::from(script.byte()) * 2, "ours");
                let name = script.one(&["X", "Contact", "Via", "Record-Route", "Retry-After", "Unsupported"]);
                let draft = draft.header(name, script.text());
                self.endpoint.respond(*transaction, draft, self.now);
                self.drain();
            }
            14 => {
                let (socket, remote) = (SocketId(0), peer(script));
                self.input(Input::SendFailed { socket, remote, cause: "unreachable".into() });
            }
            _ => match script.byte() % 4 {
                0 => self.input(Input::NetworkChanged),
                1 => {
                    let path = self.path(script);
                    self.endpoint.keep_alive(path, Some(Duration::from_secs(20)), self.now);
                }
                2 => {
                    let path = self.path(script);
                    self.endpoint.vouch(path);
                }
                _ => {
                    let path = self.path(script);
                    self.endpoint.close(path, self.now);
                    self.drain();
                }
            },
        }
    }

    fn datagram(&mut self, script: &mut Script<'_>, bytes: fn(&mut Script<'_>, &Self) -> Bytes) {
        let (socket, remote) = (SocketId(0), peer(script));
        let bytes = bytes(script, self);
        self.input(Input::Datagram { socket, remote, bytes });
    }

    fn on_connection(
        &mut self,
        script: &mut Script<'_>,
        input: fn(ConnectionId, &mut Script<'_>, &Self) -> Input,
    ) {
        let Some(index) = script.index(self.connections.len()) else { return };
        let input = input(self.connections[index], script, self);
        if matches!(input, Input::Closed { .. }) {
            self.connections.swap_remove(index);
        }
        self.input(input);
    }

    fn path(&self, script: &mut Script<'_>) -> Path {
        match script.index(self.connections.len()) {
            Some(index) => Path::Stream(self.connections[index]),
            None => Path::Datagram { socket: SocketId(0), remote: peer(script) },
        }
    }

    fn ask(&mut self, script: &mut Script<'_>) {
        let method = &METHODS[usize::from(script.byte()) % METHODS.len()];
        let to = match script.byte() % 4 {
            0 => Destination::Path(self.path(script)),
            1 => Destination::Flow { path: self.path(script), otherwise: Some("sip:b.example".into()) },
            2 => Destination::Uri(
                script
                    .one(&[
                        "sip:b.example",
                        "sips:b.example",
                        "sip:198.51.100.2",
                        "sip:b.example;transport=tcp",
                        "sip:[2001:db8::2]:5070",
                        "sip:b.example:5080",
                        "sip:b.example;transport=ws",
                    ])
                    .into(),
            ),
            _ => Destination::Uri(script.text()),
        };
        let draft = Draft::request(method, "sip:b@b.example")
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, "<sip:a@a.example>;tag=1")
            .header(HeaderName::To, "<sip:b@b.example>")
            .header(HeaderName::CallId, format!("call-{}", script.byte() % 4))
            .header(HeaderName::CSeq, format!("{} {method}", script.byte()));
        let draft = if script.byte() & 1 == 0 { draft } else { draft.header("X", "x".repeat(1_400)) };
        let outgoing = Outgoing::new(draft, to).contact(ContactSpec::user("a"));
        if let Ok(request) = self.endpoint.request(outgoing, self.now) {
            self.asking.push(request);
        }
        self.drain();
    }

    fn input(&mut self, input: Input) {
        self.endpoint.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.endpoint.poll_output() {
            count += 1;
            assert!(count <= OUTPUTS, "one step said too much");
            match output {
                Output::Io(Io::Datagram { bytes, .. } | Io::Write { bytes, .. }) => self.keep(bytes),
                Output::Io(Io::Connect { connection, .. }) => self.connections.push(connection),
                Output::Io(Io::Close { connection }) => self.connections.retain(|open| *open != connection),
                Output::Io(Io::Resolve { id, .. }) => self.lookups.push(id),
                Output::Event(Event::Request { transaction: Some(transaction), message, .. }) => {
                    self.asked.push((transaction, message));
                }
                Output::Event(Event::Unacknowledged { transaction }) => {
                    self.asked.retain(|(asked, _)| *asked != transaction);
                }
                Output::Event(Event::Failed { request, .. }) => {
                    self.asking.retain(|asking| *asking != request)
                }
                Output::Event(Event::Response { request, message, .. }) => {
                    let is_final = message.status().is_some_and(|status| status >= 200);
                    self.asking.retain(|asking| *asking != request || !is_final);
                }
                Output::Event(_) => {}
            }
        }
    }

    /// What is sent is a message that others accept, or a keep-alive.
    fn keep(&mut self, bytes: Bytes) {
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return;
        }
        let message = Scanner::default().datagram(bytes).accepted().expect("what we send is acceptable");
        self.sent.push(message);
        let old = self.sent.len().saturating_sub(8);
        self.sent.drain(..old);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(deadline) = self.endpoint.next_timeout().filter(|deadline| deadline.at <= end) {
            turns += 1;
            assert!(turns < 20_000, "{} is due again and again", deadline.why);
            self.now = self.now.max(deadline.at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
            self.check();
        }
        self.now = end;
    }

    fn check(&self) {
        let stats = self.endpoint.stats();
        assert!(stats.client_transactions <= TRANSACTIONS && stats.server_transactions <= TRANSACTIONS);
        assert!(stats.requests <= REQUESTS && stats.connections <= CONNECTIONS && stats.sources <= SOURCES);
    }

    /// Everything is answered or given up, and an hour goes by.
    fn wind_up(mut self) {
        for (transaction, message) in std::mem::take(&mut self.asked) {
            self.endpoint.respond(transaction, Draft::reply_to(&message, 500, "ours"), self.now);
            self.drain();
        }
        // An INVITE that rings may ring as long as its user has patience.
        for request in std::mem::take(&mut self.asking) {
            self.endpoint.cancel(request, self.now);
            self.drain();
        }
        for id in std::mem::take(&mut self.lookups) {
            self.input(Input::Resolved { id, answer: Err(ResolveError::NotFound) });
        }
        for connection in std::mem::take(&mut self.connections) {
            self.input(Input::Closed { connection, cause: CloseCause::ByPeer });
        }
        self.wait(Duration::from_secs(3600));
        let stats = self.endpoint.stats();
        let left = (stats.client_transactions, stats.server_transactions, stats.requests, stats.connections);
        assert_eq!(left, (0, 0, 0, 0), "transactions of ours and of peers, requests, connections");
    }
}

fn peer(script: &mut Script<'_>) -> SocketAddr {
    let byte = script.byte();
    let address: IpAddr = match byte & 1 {
        0 => [198, 51, 100, byte >> 4].into(),
        _ => [0x2001, 0xdb8, u16::from(byte >> 6), 0, 0, 0, 0, u16::from(byte)].into(),
    };
    SocketAddr::new(address, if byte & 2 == 0 { 5060 } else { 5061 })
}

/// A request that is well formed but for the lines the script adds.
fn request(script: &mut Script<'_>, _: &Run) -> Bytes {
    let method = &METHODS[usize::from(script.byte()) % METHODS.len()];
    let (branch, call) = (script.byte() % 8, script.byte() % 4);
    let cseq = if script.byte() & 1 == 0 { method } else { &Method::Invite };
    let (extra, body) = (script.text(), script.text());
    let via = script.one(&["198.51.100.1", "198.51.100.2:5061;rport", "192.0.2.1:5060", "a.example;maddr=x"]);
    let text = format!(
        "{method} sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{branch}\r\n{extra}\r\n\
         From: <sip:b@b.example>;tag={call}\r\nTo: <sip:a@a.example>\r\nCall-ID: {call}\r\nCSeq: {branch} {cseq}\r\n\
         Max-Forwards: 9\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Bytes::from(text.replace("\r\n\r\nFrom", "\r\nFrom"))
}

/// An answer to something that was sent.
fn answer(script: &mut Script<'_>, run: &Run) -> Bytes {
    let Some(index) = script.index(run.sent.len()) else { return Bytes::new() };
    let status = 100 + u16::from(script.byte()) * 2;
    let draft = Draft::reply_to(&run.sent[index], status, script.one(&["x", "y"]));
    let name = script.one(&["Contact", "Retry-After", "Require", "X", "Via", "Content-Type"]);
    draft.header(name, script.text()).finish().unwrap_or_default()
}

fn records(script: &mut Script<'_>) -> Answer {
    let count = script.byte() % 8;
    if count == 7 {
        return Err(ResolveError::Failed(script.text()));
    }
    let record = |script: &mut Script<'_>| {
        let data = match script.byte() % 3 {
            0 => RecordData::Naptr {
                order: script.byte().into(),
                preference: script.byte().into(),
                flags: script.one(&["s", "S", "a", ""]).into(),
                service: script.one(&["SIP+D2U", "SIP+D2T", "SIPS+D2T", "SIP+D2W", "other"]).into(),
                replacement: script
                    .one(&["_sip._udp.b.example", "_sip._tcp.b.example", "b.example", ""])
                    .into(),
            },
            1 => RecordData::Srv {
                priority: (script.byte() % 4).into(),
                weight: script.byte().into(),
                port: u16::from(script.byte()) * 50,
                target: script.one(&["one.b.example", "two.b.example", "b.example", ".", ""]).into(),
            },
            _ => RecordData::Address(peer(script).ip()),
        };
        Record { ttl: Duration::from_secs(u64::from(script.byte()) << 4), data }
    };
    Ok((0..count).map(|_| record(script)).collect())
}
