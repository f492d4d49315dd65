//! The other side: a carrier with a registrar and an answer for every call.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_trunk::Seed;
use sip_trunk::auth::{Algorithm, AuthHeader};
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::msg::{Draft, Message, Method};
use sip_trunk::overload::ControlConfig;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{
    Answer, Body, Event as Heard, Invite, Progress, Rejection, SessionId, UaConfig, UserAgent,
};
use telco_testkit::{Arrival, Departure, Event, Node};

use crate::registrar::Registrar;

const SOCKET: SocketId = SocketId(0);

/// What it does with calls.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Calls {
    /// Rings after the first span, answers after the second; never when absent.
    Take { ring: Option<Duration>, answer: Option<Duration> },
    /// Takes those that prove the password, and challenges the others.
    Challenge,
    /// Refuses with this status and these header lines.
    Refuse(u16, Vec<(String, String)>),
}

impl Calls {
    /// Rings at once and answers after a second.
    pub(crate) fn answered() -> Self {
        Self::Take { ring: Some(Duration::ZERO), answer: Some(Duration::from_secs(1)) }
    }

    pub(crate) fn refused(status: u16) -> Self {
        Self::Refuse(status, Vec::new())
    }
}

pub(crate) struct Carrier {
    at: SocketAddr,
    pub(crate) registrar: Registrar,
    pub(crate) ua: UserAgent,
    pub(crate) calls: Calls,
    /// The status OPTIONS gets.
    pub(crate) options: u16,
    /// Every INVITE that arrived.
    pub(crate) invites: Vec<Message>,
    /// The final answers to calls it placed.
    pub(crate) outcomes: Vec<(u16, Option<Message>)>,
    todo: Vec<(Instant, SessionId, bool)>,
    out: VecDeque<Departure>,
}

impl Carrier {
    pub(crate) fn new(name: &'static str, at: &str, password: &'static str, now: Instant) -> Self {
        let at: SocketAddr = at.parse().unwrap();
        let listener = Listener::new(SOCKET, Transport::Udp, at);
        let overload = Some(ControlConfig::default());
        let endpoint = EndpointConfig { listeners: vec![listener], overload, ..EndpointConfig::default() };
        let mut registrar = Registrar::new(name, &at.to_string(), Algorithm::SHA256, now);
        registrar.password = password;
        let last = at.ip().to_string().rsplit('.').next().unwrap().parse().unwrap();
        let seed = Seed([last; 32]);
        Self {
            at,
            registrar,
            ua: UserAgent::new(UaConfig { endpoint, ..UaConfig::default() }, seed, now),
            calls: Calls::answered(),
            options: 200,
            invites: Vec::new(),
            outcomes: Vec::new(),
            todo: Vec::new(),
            out: VecDeque::new(),
        }
    }

    /// Places a call to us.
    pub(crate) fn call(&mut self, invite: Invite, now: Instant) {
        self.ua.invite(invite, now).unwrap();
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => {
                    self.out.push_back(Departure::Datagram {
                        from: self.at,
                        to: remote,
                        body: bytes.to_vec(),
                    });
                }
                Output::Io(other) => panic!("{other:?}"),
                Output::Event(event) => self.heard(event, now),
            }
        }
    }

    fn heard(&mut self, event: Heard, now: Instant) {
        if let Heard::Incoming { session, message, source, .. } = event {
            let proved = self.registrar.authenticate(&message, source.remote.ip(), now);
            self.invites.push(message);
            match self.calls.clone() {
                Calls::Refuse(status, headers) => {
                    let rejection = Rejection { headers, ..Rejection::new(status) };
                    self.ua.reject(session, rejection, now).unwrap();
                }
                Calls::Challenge => match proved {
                    Ok(()) => self.todo.push((now, session, true)),
                    Err(challenges) => {
                        let line = |header: AuthHeader| (header.name.to_string(), header.value);
                        let headers = challenges.into_iter().map(line).collect();
                        self.ua.reject(session, Rejection { headers, ..Rejection::new(401) }, now).unwrap();
                    }
                },
                Calls::Take { ring, answer } => {
                    self.todo.extend(ring.map(|span| (now + span, session, false)));
                    self.todo.extend(answer.map(|span| (now + span, session, true)));
                    self.handle_timeout(now);
                }
            }
        } else if let Heard::Request { transaction, message, .. } = event {
            if message.method() == Some(Method::Options) {
                self.ua.respond(transaction, Draft::reply_to(&message, self.options, "carrier"), now);
            }
        } else if let Heard::Answered { message, .. } = event {
            self.outcomes.push((200, Some(message)));
        } else if let Heard::Rejected { status, message, .. } = event {
            self.outcomes.push((status, message));
        }
    }
}

impl Node for Carrier {
    fn name(&self) -> &str {
        self.registrar.name()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let Event::Datagram(body) = &arrival.event else { return };
        if body.starts_with(b"REGISTER") {
            return self.registrar.handle_input(arrival, now);
        }
        let bytes = body.clone().into();
        self.ua.handle_input(Input::Datagram { socket: SOCKET, remote: arrival.from, bytes }, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
        while let Some(index) = self.todo.iter().position(|(at, _, _)| *at <= now) {
            let (_, session, answer) = self.todo.remove(index);
            // The caller may have given up.
            let _ = if answer {
                self.ua.answer(session, Answer { body: Some(Body::sdp("v=0\r\n")), ..Answer::default() }, now)
            } else {
                self.ua.progress(session, Progress { status: 180, ..Progress::default() }, now)
            };
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front().or_else(|| self.registrar.poll_output())
    }

    fn next_timeout(&self) -> Option<Instant> {
        let todo = self.todo.iter().map(|(at, _, _)| *at);
        todo.chain(self.ua.next_timeout().map(|deadline| deadline.at)).min()
    }
}
