//! A carrier's registrar, played: digest, expiries and every way to say no.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sip_trunk::Seed;
use sip_trunk::auth::{
    Algorithm, AuthHeader, DigestServer, ProtectedRequest, Secret, ServerConfig, SourceClass, Verdict,
};
use sip_trunk::header::{Authorization, Expires};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use telco_testkit::{Arrival, Departure, Event, Node};

/// How it answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mode {
    /// After digest authentication, with bindings of this many seconds.
    Digest { granted: u64 },
    /// Without asking for anything.
    #[allow(dead_code, reason = "the tests of trunks always have a password")]
    Open { granted: u64 },
    /// With this status and these header lines.
    Status(u16, String),
    /// Not at all.
    Silent,
}

pub(crate) struct Registrar {
    name: &'static str,
    at: SocketAddr,
    pub(crate) mode: Mode,
    /// A registration of less is too brief.
    pub(crate) min_expires: u32,
    /// Further header lines of every 200.
    pub(crate) extra: &'static str,
    pub(crate) password: &'static str,
    digest: DigestServer,
    /// The value of Contact of every binding accepted, and when.
    pub(crate) bound: Vec<(Instant, String)>,
    /// Every REGISTER seen.
    pub(crate) seen: Vec<(Instant, Message)>,
    out: VecDeque<Departure>,
}

impl Registrar {
    pub(crate) fn new(name: &'static str, at: &str, algorithm: Algorithm, now: Instant) -> Self {
        let config =
            ServerConfig { realm: "carrier".into(), algorithms: vec![algorithm], ..ServerConfig::default() };
        Self {
            name,
            at: at.parse().unwrap(),
            mode: Mode::Digest { granted: 3600 },
            min_expires: 0,
            extra: "",
            password: "secret",
            digest: DigestServer::new(config, Seed([1; 32]), now),
            bound: Vec::new(),
            seen: Vec::new(),
            out: VecDeque::new(),
        }
    }

    fn answer(&mut self, request: &Message, from: SocketAddr, now: Instant) -> Option<Draft> {
        let expires = request.typed::<Expires>().map(|expires| expires.unwrap().0);
        if expires.is_some_and(|seconds| seconds > 0 && seconds < self.min_expires) {
            let draft = Draft::reply_to(request, 423, "registrar");
            return Some(draft.header(HeaderName::MinExpires, self.min_expires.to_string()));
        }
        match self.mode.clone() {
            Mode::Silent => None,
            Mode::Status(status, headers) => {
                let draft = Draft::reply_to(request, status, "registrar");
                Some(headers.lines().fold(draft, |draft, line| {
                    let (name, value) = line.split_once(": ").unwrap();
                    draft.header(name, value)
                }))
            }
            Mode::Open { granted } => Some(self.bind(request, granted, now)),
            Mode::Digest { granted } => match self.verdict(request, from.ip(), now) {
                Verdict::Accepted(_) => Some(self.bind(request, granted, now)),
                Verdict::Challenge { stale } => Some(self.challenge(request, from.ip(), stale, now)),
                Verdict::Refused(_) => Some(self.challenge(request, from.ip(), false, now)),
            },
        }
    }

    /// Whether a request of any method proves the password; the challenges to answer with if not.
    #[allow(dead_code, reason = "the tests of registrations alone have no calls")]
    pub(crate) fn authenticate(
        &mut self,
        request: &Message,
        from: IpAddr,
        now: Instant,
    ) -> Result<(), Vec<AuthHeader>> {
        match self.verdict(request, from, now) {
            Verdict::Accepted(_) => Ok(()),
            Verdict::Challenge { .. } | Verdict::Refused(_) => {
                Err(self.digest.challenges(SourceClass::of(from), false, now))
            }
        }
    }

    fn verdict(&mut self, request: &Message, from: IpAddr, now: Instant) -> Verdict {
        let Some(Ok(authorization)) = request.typed::<Authorization<'_>>() else {
            return Verdict::Challenge { stale: false };
        };
        let uri = String::from_utf8(request.request_uri().unwrap().to_vec()).unwrap();
        let method = request.method().unwrap();
        let protected = ProtectedRequest { method: method.as_str(), uri: &uri, body: request.body() };
        let password = self.password;
        let find = |user: &str| (user == "genesys").then(|| Secret::new(password));
        self.digest.verify(&authorization, &protected, SourceClass::of(from), find, now)
    }

    fn challenge(&mut self, request: &Message, from: IpAddr, stale: bool, now: Instant) -> Draft {
        let challenges = self.digest.challenges(SourceClass::of(from), stale, now);
        let draft = Draft::reply_to(request, 401, "registrar");
        challenges.into_iter().fold(draft, |draft, header| draft.header(header.name, header.value))
    }

    fn bind(&mut self, request: &Message, granted: u64, now: Instant) -> Draft {
        let contact = String::from_utf8(request.header(HeaderName::Contact).unwrap().to_vec()).unwrap();
        let asked: u64 = request.typed::<Expires>().unwrap().unwrap().0.into();
        let granted = granted.min(asked);
        let mut draft = Draft::reply_to(request, 200, "registrar");
        if granted > 0 {
            draft = draft
                .header(HeaderName::Contact, "<sip:old@198.51.100.9>;expires=5")
                .header(HeaderName::Contact, format!("{contact};expires={granted}"));
        }
        self.bound.push((now, contact));
        self.extra.lines().fold(draft, |draft, line| {
            let (name, value) = line.split_once(": ").unwrap();
            draft.header(name, value)
        })
    }
}

impl Node for Registrar {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let Event::Datagram(body) = arrival.event else { return };
        let request = Message::from_datagram(body).unwrap();
        if request.method() != Some(Method::Register) {
            return;
        }
        self.seen.push((now, request.clone()));
        if let Some(draft) = self.answer(&request, arrival.from, now) {
            let body = draft.finish().unwrap().to_vec();
            self.out.push_back(Departure::Datagram { from: self.at, to: arrival.from, body });
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

/// How long something took, in whole seconds.
pub(crate) fn seconds(from: Instant, to: Instant) -> u64 {
    to.saturating_duration_since(from).max(Duration::ZERO).as_secs()
}
