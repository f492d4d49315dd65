//! The ways a trunk reaches the other side: its servers, or the flow that registered; and whether each of them works.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::config::{KeepAlive, TrunkConfig};
use crate::endpoint::{Destination, Outgoing};
use crate::engine::Tokens;
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::overload::{Feedback, Throttle};
use crate::registration::{Registrar, request_uri};
use crate::{Deadline, Seed};

/// Numbers and seeds for the parts of trunks.
#[derive(Debug)]
pub(super) struct Keys {
    seed: Seed,
    last: u64,
}

impl Keys {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, last: 0 }
    }

    pub(super) fn next(&mut self) -> (u64, Seed) {
        self.last += 1;
        (self.last, self.seed.derive(&format!("part {}", self.last)))
    }
}

/// One way and what is known about it.
#[derive(Debug)]
pub(super) struct Way {
    /// Its number among all ways of all trunks, for answers to find it by.
    pub(super) key: u64,
    pub(super) kind: Kind,
    /// Why it does not answer OPTIONS; `None` while it does, or is not asked.
    dead: Option<String>,
    /// Calls avoid it until then.
    paused: Option<(Instant, String)>,
    /// Where answers came from.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) throttle: Throttle,
    probe: Probe,
}

/// What kind of way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A configured server.
    Server(Registrar),
    /// Whichever way the registration went.
    Registered,
}

#[derive(Debug)]
struct Probe {
    next: Option<Deadline>,
    under_way: bool,
    failures: u32,
    call_id: String,
    cseq: u32,
    random: Tokens,
}

/// A way that failed a call is avoided for this long, so that the next calls do not wait for it too.
const HOLD_DOWN: Duration = Duration::from_secs(30);
/// A pause asked for with Retry-After ends after this at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// While a server is down it is asked this soon at first, then less and less often.
const FIRST_REPEAT: Duration = Duration::from_secs(5);
/// Addresses remembered of one server.
const ADDRESSES: usize = 16;

impl Way {
    pub(super) fn all(config: &TrunkConfig, keys: &mut Keys, now: Instant) -> Vec<Self> {
        if config.servers.is_empty() {
            return vec![Self::new(Kind::Registered, config, keys, now)];
        }
        let hops = config.servers.iter().map(|server| Registrar {
            host: server.host.clone(),
            port: server.port,
            transport: config.transport,
        });
        hops.map(|hop| Self::new(Kind::Server(hop), config, keys, now)).collect()
    }

    fn new(kind: Kind, config: &TrunkConfig, keys: &mut Keys, now: Instant) -> Self {
        let (key, seed) = keys.next();
        let mut random = Tokens::new(&seed, "options");
        let asked = kind != Kind::Registered && config.keep_alive != KeepAlive::Off && config.in_service;
        let literal = match &kind {
            Kind::Server(hop) => crate::uri::Host::parse(&hop.host).ok().and_then(|host| host.ip()),
            Kind::Registered => None,
        };
        Self {
            key,
            kind,
            dead: None,
            paused: None,
            addresses: literal.into_iter().collect(),
            throttle: Throttle::new(seed, now),
            probe: Probe {
                next: asked.then_some(Deadline { at: now, why: "ask a server with OPTIONS" }),
                under_way: false,
                failures: 0,
                call_id: random.token(),
                cseq: 0,
                random,
            },
        }
    }

    /// Why calls avoid this way.
    pub(super) fn fault(&self, now: Instant) -> Option<String> {
        let paused = self.paused.as_ref().filter(|(until, _)| now < *until);
        paused.map(|(_, why)| why.clone()).or_else(|| self.dead.clone())
    }

    /// Until when the pause lasts, if that is what keeps calls away.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused.as_ref().map(|(until, _)| *until).filter(|until| now < *until)
    }

    /// An answer of this server arrived, whatever it says.
    pub(super) fn answered(&mut self, message: &Message, from: Option<IpAddr>, now: Instant) {
        if let Some(address) = from.map(|address| address.to_canonical())
            && !self.addresses.contains(&address)
        {
            if self.addresses.len() == ADDRESSES {
                self.addresses.remove(0);
            }
            self.addresses.push(address);
        }
        if let Some(feedback) = Feedback::of_answer(message) {
            self.throttle.take_feedback(feedback, now);
        }
    }

    /// It works: a call got an answer that is neither 408 nor 503.
    pub(super) fn works(&mut self) {
        self.paused = None;
        self.dead = None;
        self.probe.failures = 0;
    }

    // RFC 3261 §21.5.4: nothing is sent for as long as the server says.
    pub(super) fn pause(&mut self, asked: Duration, why: String, now: Instant) {
        self.paused = Some((now + asked.min(LONGEST_PAUSE), why));
    }

    /// A call got no answer: others are not made to wait, and the server is asked whether it is alive.
    pub(super) fn hold_down(&mut self, why: String, now: Instant) {
        self.paused = Some((now + HOLD_DOWN, why));
        if let Some(next) = self.probe.next.as_mut().filter(|_| !self.probe.under_way) {
            next.at = next.at.min(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let pause = self.paused.as_ref().map(|(at, _)| Deadline { at: *at, why: "end of a server's pause" });
        let probe = self.probe.next.filter(|_| !self.probe.under_way);
        pause.into_iter().chain(probe).min_by_key(|deadline| deadline.at)
    }

    /// The OPTIONS that is due (RFC 3261 §11).
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Outgoing> {
        if self.paused.as_ref().is_some_and(|(until, _)| *until <= now) {
            self.paused = None;
        }
        let probe = &mut self.probe;
        let Kind::Server(hop) = &self.kind else { return None };
        if probe.under_way || probe.next.is_none_or(|next| next.at > now) {
            return None;
        }
        let next_hop = hop.next_hop().ok()?;
        probe.under_way = true;
        probe.cseq += 1;
        let (uri, host) = (request_uri(&next_hop), &hop.host);
        let tag = probe.random.token();
        let draft = Draft::request(&Method::Options, &uri)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("<sip:keep-alive@{host}>;tag={tag}"))
            .header(HeaderName::To, format!("<{uri}>"))
            .header(HeaderName::CallId, &probe.call_id)
            .header(HeaderName::CSeq, format!("{} OPTIONS", probe.cseq))
            .header(HeaderName::Accept, "application/sdp");
        let mut outgoing = Outgoing::new(draft, Destination::Uri(next_hop));
        outgoing.transport = Some(hop.transport);
        Some(outgoing)
    }

    /// What became of the OPTIONS: `Ok` with the status, or why there is none.
    pub(super) fn probed(&mut self, outcome: Result<u16, String>, keep_alive: KeepAlive, now: Instant) {
        let KeepAlive::Every(every) = keep_alive else { return };
        let probe = &mut self.probe;
        probe.under_way = false;
        // Any answer shows life, but these say that calls are not taken.
        self.dead = match outcome {
            Ok(status @ (408 | 502..=504)) => Some(format!("SIP {status} to OPTIONS")),
            Ok(_) => None,
            Err(why) => Some(why),
        };
        let wait = if self.dead.is_some() {
            // RFC 7339 §5.9: asked less and less often.
            let wait = FIRST_REPEAT.saturating_mul(1 << probe.failures.min(10)).min(every);
            probe.failures += 1;
            wait
        } else {
            probe.failures = 0;
            self.paused = self.paused.take().filter(|(until, why)| now < *until && why.starts_with("SIP"));
            every
        };
        let spread = u32::try_from(wait.as_millis() * 15 / 100).unwrap_or(u32::MAX).max(1);
        let at = now + wait - Duration::from_millis(probe.random.below(spread).into());
        probe.next = Some(Deadline { at, why: "ask a server with OPTIONS" });
    }

    /// Asks at the next opportunity, because something about the network changed.
    pub(super) fn check_now(&mut self, now: Instant) {
        if let Some(next) = &mut self.probe.next {
            next.at = next.at.min(now);
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Server(hop) => {
                f.write_str(&hop.host)?;
                hop.port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Kind::Registered => f.write_str("the registered flow"),
        }
    }
}
