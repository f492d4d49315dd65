//! By which way requests inside a dialog leave: the peer's connection, the outside of its NAT, or the address it names.

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{CloseCause, EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::msg::{Message, Method};
use sip_trunk::transport::{ConnectionId, SocketId, Transport};
use sip_trunk::ua::{Answer, Event, SessionId, UaConfig, UserAgent};
use telco_testkit::Sim;

use crate::lab::sdp;

struct Edge {
    agent: UserAgent,
    sim: Sim,
    /// Messages sent, with the way in words.
    sent: Vec<(String, Message)>,
    session: Option<SessionId>,
}

impl Edge {
    fn new() -> Self {
        let sim = Sim::new(1);
        let listener = |id, transport, at: &str| Listener::new(SocketId(id), transport, at.parse().unwrap());
        let listeners = vec![
            listener(0, Transport::Udp, "198.51.100.1:5060"),
            listener(1, Transport::Tcp, "198.51.100.1:5060"),
        ];
        let endpoint = EndpointConfig { listeners, ..EndpointConfig::default() };
        let agent = UserAgent::new(UaConfig { endpoint, ..UaConfig::default() }, Seed([5; 32]), sim.now());
        Self { agent, sim, sent: Vec::new(), session: None }
    }

    fn hear(&mut self, input: Input) {
        self.agent.handle_input(input, self.sim.now());
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            let (way, bytes) = match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => (format!("datagram to {remote}"), bytes),
                Output::Io(Io::Write { connection, bytes }) => (format!("{connection:?}"), bytes),
                Output::Io(Io::Connect { transport, remote, .. }) => {
                    let nothing = Message::from_datagram(&b"SIP/2.0 100 x\r\n\r\n"[..]).unwrap();
                    self.sent.push((format!("connect by {transport} to {remote}"), nothing));
                    continue;
                }
                Output::Event(Event::Incoming { session, .. }) => {
                    self.session = Some(session);
                    continue;
                }
                Output::Io(_) | Output::Event(_) => continue,
            };
            self.sent.push((way, Message::from_datagram(bytes).unwrap()));
        }
    }

    /// Answers, is acknowledged, hangs up; gives back by which way the BYE left.
    fn hang_up(&mut self, ack: impl FnOnce(Bytes) -> Input, close: Option<Input>) -> String {
        let (session, now) = (self.session.unwrap(), self.sim.now());
        let answer = Answer { body: sdp("answer"), ..Answer::default() };
        self.agent.answer(session, answer, now).unwrap();
        self.settle();
        let tag = self.agent.session(session).unwrap().local_tag().to_owned();
        self.hear(ack(request("ACK", &format!(";tag={tag}"), "z9hG4bK2", "192.168.1.7", "")));
        if let Some(close) = close {
            self.hear(close);
        }
        self.sent.clear();
        self.agent.hang_up(session, None, now).unwrap();
        self.settle();
        let is_bye = |message: &Message| message.method() == Some(Method::Bye);
        let found = self.sent.iter().find(|(way, message)| is_bye(message) || way.starts_with("connect"));
        found.expect("a BYE leaves").0.clone()
    }
}

fn request(method: &str, tag: &str, branch: &str, host: &str, lines: &str) -> Bytes {
    let transport = if lines.contains("transport=tcp") { "TCP" } else { "UDP" };
    format!(
        "{method} sip:b@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {host}:5062;rport;branch={branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@x>;tag=a\r\nTo: <sip:b@y>{tag}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
    )
    .into()
}

fn datagram(bytes: Bytes) -> Input {
    Input::Datagram { socket: SocketId(0), remote: "203.0.113.9:40000".parse().unwrap(), bytes }
}

fn over_udp(host: &str, lines: &str) -> String {
    let mut edge = Edge::new();
    edge.hear(datagram(request("INVITE", "", "z9hG4bK1", host, lines)));
    edge.hang_up(datagram, None)
}

/// A peer whose Contact is an inside address is reached where its messages come from; one that names an outside address, there;
/// one behind proxies, through them.
#[test]
fn datagrams_go_where_the_peer_can_be_reached() {
    for (host, lines, expected) in [
        ("192.168.1.7", "Contact: <sip:a@192.168.1.7:5062>\r\n", "datagram to 203.0.113.9:40000"),
        ("203.0.113.9", "Contact: <sip:a@203.0.113.77:5062>\r\n", "datagram to 203.0.113.77:5062"),
        (
            "203.0.113.9",
            "Contact: <sip:a@192.168.1.7:5062>\r\nRecord-Route: <sip:203.0.113.50;lr>\r\n",
            "datagram to 203.0.113.50:5060",
        ),
    ] {
        assert_eq!(over_udp(host, lines), expected, "{lines}");
    }
}

/// RFC 5923: what came over the peer's connection is answered over it for the whole dialog; when it is gone, the Contact is tried.
#[test]
fn a_dialog_keeps_to_the_connection_of_the_peer() {
    for (closes, expected) in [
        (false, format!("{:?}", ConnectionId::accepted(1))),
        (true, "connect by TCP to 203.0.113.9:5062".into()),
    ] {
        let mut edge = Edge::new();
        let connection = ConnectionId::accepted(1);
        let remote = "203.0.113.9:40000".parse().unwrap();
        let local = "198.51.100.1:5060".parse().unwrap();
        edge.hear(Input::Accepted { connection, listener: SocketId(1), remote, local });
        edge.hear(Input::Connected { connection, local, tls: None });
        let lines = "Contact: <sip:a@203.0.113.9:5062;transport=tcp>\r\n";
        let bytes = request("INVITE", "", "z9hG4bK1", "203.0.113.9", lines);
        edge.hear(Input::Received { connection, bytes });
        let close = closes.then_some(Input::Closed { connection, cause: CloseCause::ByPeer });
        let way = edge.hang_up(|bytes| Input::Received { connection, bytes }, close);
        assert_eq!(way, expected);
    }
}
