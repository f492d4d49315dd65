//! The registration itself.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::binding::Binding;
use super::cause::Cause;
use super::config::RegistrationConfig;
use super::request::{Identity, request_uri};
use crate::auth::{AnswerError, Attempts, AuthHeader, Challenger, DigestClient, ProtectedRequest};
use crate::endpoint::{CloseCause, ContactSpec, Destination, Failure, Outgoing, SendError, Source};
use crate::engine::Tokens;
use crate::header::{
    Challenge, Contact, MinExpires, NameAddr, ProxyAuthenticate, RetryAfter, WwwAuthenticate,
};
use crate::msg::{HeaderName, Message, StartLine};
use crate::transport::Path;
use crate::uri::UriFault;
use crate::{Deadline, Seed};

/// Whether the carrier knows where to send calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Registration Pending: the first answer is awaited, or a lost flow is being replaced.
    Pending,
    /// Registered.
    Registered,
    /// Unregistered.
    Unregistered {
        /// Why.
        cause: Cause,
    },
}

impl State {
    /// Whether it is [`Registered`](Self::Registered).
    pub fn is_registered(&self) -> bool {
        *self == Self::Registered
    }
}

/// The line for the log: `Unregistered: SIP 401 Unauthorized: …`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("Registration Pending"),
            Self::Registered => f.write_str("Registered"),
            Self::Unregistered { cause } => write!(f, "Unregistered: {cause}"),
        }
    }
}

/// What a registration wants done or has to tell, in order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "requests pass by in a queue")]
pub enum Output {
    /// Send this REGISTER, and bring back what becomes of it.
    Send(Outgoing),
    /// The state is another one, or the cause is.
    Changed(State),
}

/// One address of record at one registrar. At most one request is under way.
#[derive(Debug)]
pub struct Registration {
    config: RegistrationConfig,
    identity: Identity,
    digest: Option<DigestClient>,
    attempts: Attempts,
    random: Tokens,
    cseq: u32,
    /// Asked for; 423 raises it.
    expires: Duration,
    /// Where the registrar is: the configured one, or where a 3xx sent us.
    next_hop: String,
    redirects: u8,
    /// RFC 5626 is tried until the first hop says that it cannot (439, 420).
    outbound: bool,
    state: State,
    since: Instant,
    binding: Option<Binding>,
    /// The request under way, if any.
    under_way: Option<Purpose>,
    next: Option<Deadline>,
    failures: u32,
    out: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Bind,
    Withdraw,
}

/// RFC 3261 §8.1.3.4: redirections followed before a registrar is called confused.
const MAX_REDIRECTS: u8 = 3;
/// A registrar may ask for a longer lifetime, up to this one.
const LONGEST_EXPIRES: Duration = Duration::from_secs(86_400);

impl Registration {
    /// Starts to register at once.
    ///
    /// # Errors
    /// The URI or the registrar's host is malformed.
    pub fn new(config: RegistrationConfig, seed: Seed, now: Instant) -> Result<Self, UriFault> {
        let mut random = Tokens::new(&seed, "registration");
        let identity = Identity::new(&config, random.token(), random.token(), random.token())?;
        let next_hop = config.registrar.next_hop()?;
        let digest = config.account.as_ref().map(|account| {
            DigestClient::new(account.to_client(&config.registrar.host), seed.derive("digest"))
        });
        let mut registration = Self {
            identity,
            digest,
            attempts: Attempts::default(),
            cseq: random.below(1 << 16),
            random,
            expires: config.expires,
            next_hop,
            redirects: 0,
            outbound: config.outbound.is_some(),
            config,
            state: State::Pending,
            since: now,
            binding: None,
            under_way: None,
            next: None,
            failures: 0,
            out: VecDeque::new(),
        };
        registration.send(Purpose::Bind, &[]);
        Ok(registration)
    }

    /// What it was configured with.
    pub fn config(&self) -> &RegistrationConfig {
        &self.config
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Since when it is in that state.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The binding; calls go out the way it was made. Also while a refresh that is under way has not failed.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// The address of record.
    pub fn address_of_record(&self) -> &str {
        self.identity.record.as_str()
    }

    /// The value of the `line` parameter in our Contact: a call whose Request-URI carries it was sent to this binding.
    pub fn line(&self) -> &str {
        &self.identity.line
    }

    /// Where requests to the registrar go now.
    pub fn next_hop(&self) -> &str {
        &self.next_hop
    }

    /// The Contact that is registered; calls carry the same, so that the carrier knows them.
    pub fn contact(&self) -> ContactSpec {
        self.identity.contact(None)
    }

    /// Whether this REGISTER is one of ours, come back to us (ST-007).
    pub fn is_own(&self, request: &Message) -> bool {
        request.header(HeaderName::CallId).is_some_and(|call_id| call_id == self.identity.call_id.as_bytes())
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.next
    }

    /// Refreshes, or tries again, when that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|next| next.at <= now) {
            self.next = None;
            self.start(Purpose::Bind);
        }
    }

    /// Something about the network changed: DNS, routes, our addresses, or calls of the trunk fail. The binding is made
    /// anew, by a way that is looked up again.
    pub fn check_now(&mut self, now: Instant) {
        if self.under_way.is_none() && self.state != withdrawn() {
            // Spread, lest all registrations of an engine are sent in one instant.
            let wait = self.between(Duration::ZERO, Duration::from_secs(1));
            self.next = Some(Deadline { at: now + wait, why: "register after a change of the network" });
            self.failures = 0;
        }
    }

    /// A connection is gone.
    pub fn flow_lost(&mut self, path: Path, cause: &CloseCause, now: Instant) {
        let Some(binding) = self.binding.as_ref().filter(|binding| binding.source.path == path) else {
            return;
        };
        // RFC 5626 §4.5: a binding made for this flow died with it. Any other still names an address that may be reached, so
        // the registrar is asked before calls are sent elsewhere.
        if binding.outbound {
            self.binding = None;
            tracing::info!(aor = self.address_of_record(), %cause, "connection to the registrar lost");
            self.change(State::Pending, now);
        }
        if self.under_way.is_none() {
            let wait = self.between(Duration::ZERO, Duration::from_millis(200));
            self.next = Some(Deadline { at: now + wait, why: "register again after a lost connection" });
        }
    }

    /// Takes the binding back. The state is Unregistered at once; the answer to the request changes nothing.
    pub fn withdraw(&mut self, now: Instant) {
        self.next = None;
        let was_bound = self.binding.is_some();
        self.change(withdrawn(), now);
        if was_bound && self.under_way.is_none() {
            self.start(Purpose::Withdraw);
        }
    }

    /// Whether a request is under way or about to be.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// The request could not be sent.
    pub fn send_failed(&mut self, error: SendError, now: Instant) {
        self.failed(Cause::Unsendable(error), None, now);
    }

    /// The request got no answer.
    pub fn handle_failure(&mut self, failure: &Failure, now: Instant) {
        let cause = Cause::of_failure(failure, &self.config.registrar.host);
        self.failed(cause, None, now);
    }

    /// Takes an answer to the request.
    pub fn handle_response(&mut self, answer: &Message, source: &Source, now: Instant) {
        let status = answer.status().unwrap_or(0);
        if status < 200 {
            return;
        }
        if self.state == withdrawn() && status != 401 && status != 407 {
            let bound_meanwhile = self.under_way == Some(Purpose::Bind) && status < 300;
            self.under_way = None;
            if bound_meanwhile {
                self.start(Purpose::Withdraw);
            }
            return;
        }
        match status {
            200..=299 => self.bound(answer, source, now),
            401 | 407 => self.challenged(status, answer, now),
            423 => self.too_brief(answer, now),
            300..=399 => self.redirected(answer, now),
            // RFC 5626 §11.6, RFC 3261 §21.4.15: the first hop cannot; register without.
            420 | 439 if self.outbound => {
                self.outbound = false;
                self.repeat();
            }
            _ => self.refused(answer, now),
        }
    }

    fn bound(&mut self, answer: &Message, source: &Source, now: Instant) {
        self.under_way = None;
        let Some(binding) = Binding::read(answer, source, &self.identity.line, self.expires, now) else {
            self.failed(Cause::NotBound, None, now);
            return;
        };
        self.failures = 0;
        self.redirects = 0;
        // RFC 3261 §10.2.4: before it expires; the jitter keeps a thousand trunks from refreshing in one second.
        let lifetime = binding.until.saturating_duration_since(now);
        let latest = (lifetime * 9 / 10).min(self.config.pace.check_every);
        let wait = self.between(latest * 85 / 100, latest);
        self.next = Some(Deadline { at: now + wait, why: "refresh a registration" });
        self.binding = Some(binding);
        self.change(State::Registered, now);
    }

    fn challenged(&mut self, status: u16, answer: &Message, now: Instant) {
        let challenges: Vec<(Challenger, Challenge<'_>)> = if status == 401 {
            answer
                .all::<WwwAuthenticate<'_>>()
                .filter_map(Result::ok)
                .map(|c| (Challenger::Origin, c.0))
                .collect()
        } else {
            answer
                .all::<ProxyAuthenticate<'_>>()
                .filter_map(Result::ok)
                .map(|c| (Challenger::Proxy, c.0))
                .collect()
        };
        let uri = request_uri(&self.next_hop);
        let request = ProtectedRequest { method: "REGISTER", uri: &uri, body: b"" };
        // ES-24: whoever a redirection led us to is not the configured registrar, and gets no answer.
        let peer = if self.redirects == 0 { self.config.registrar.host.clone() } else { uri.clone() };
        let fault = match &mut self.digest {
            Some(digest) => match digest.answer(&challenges, &peer, &mut self.attempts, &request) {
                Ok(header) => {
                    // RFC 3261 §22.3: what answers the other challenger stays in.
                    let other = if status == 401 { Challenger::Proxy } else { Challenger::Origin };
                    let credentials = std::iter::once(header).chain(digest.next(other, &request)).collect();
                    return self.again(credentials);
                }
                Err(fault) => Some(fault),
            },
            None => None,
        };
        let realm = challenges.first().map(|(_, challenge)| challenge.realm.decoded().into_owned());
        let cause = self.unauthorized(status, fault, realm.unwrap_or_default());
        self.failed(cause, None, now);
    }

    fn unauthorized(&self, status: u16, fault: Option<AnswerError>, realm: String) -> Cause {
        let username =
            self.config.account.as_ref().map(|account| account.username.clone()).unwrap_or_default();
        Cause::Unauthorized { status, fault, username, uri: self.address_of_record().to_owned(), realm }
    }

    // RFC 3261 §10.2.8.
    fn too_brief(&mut self, answer: &Message, now: Instant) {
        let least = answer
            .typed::<MinExpires>()
            .and_then(Result::ok)
            .map(|least| Duration::from_secs(least.0.into()));
        match least.filter(|least| *least > self.expires && *least <= LONGEST_EXPIRES) {
            Some(least) => {
                self.expires = least;
                self.repeat();
            }
            None => self.refused(answer, now),
        }
    }

    // RFC 3261 §8.1.3.4, §10.2: to the first address given that can be asked.
    fn redirected(&mut self, answer: &Message, now: Instant) {
        let target = answer.all::<Contact<'_>>().filter_map(Result::ok).find_map(|contact| {
            let address = contact.address()?;
            let sip = address.uri.as_sip()?;
            let secure = self.config.registrar.transport.is_secure() && !sip.is_secure();
            // A registrar reached over TLS does not send us into the open.
            let is_open = secure && sip.transport().is_none_or(|transport| !transport.is_secure());
            (!is_open).then(|| address.uri.as_str().to_owned())
        });
        match target.filter(|target| self.redirects < MAX_REDIRECTS && *target != self.next_hop) {
            Some(target) => {
                self.redirects += 1;
                self.next_hop = target;
                self.binding = None;
                self.repeat();
            }
            None => self.refused(answer, now),
        }
    }

    fn refused(&mut self, answer: &Message, now: Instant) {
        let (status, phrase) = match answer.start_line() {
            StartLine::Response { code, reason } => (code, String::from_utf8_lossy(reason).into_owned()),
            StartLine::Request { .. } => return,
        };
        let retry = answer.typed::<RetryAfter<'_>>().and_then(Result::ok);
        let retry = retry.map(|retry| Duration::from_secs(retry.seconds.into()));
        let uri = self.address_of_record().to_owned();
        self.failed(Cause::Refused { status, phrase, uri }, retry, now);
    }

    /// The attempt is over without a binding.
    fn failed(&mut self, cause: Cause, retry_after: Option<Duration>, now: Instant) {
        let withdrawing = self.under_way == Some(Purpose::Withdraw);
        self.under_way = None;
        if withdrawing || self.state == withdrawn() {
            return;
        }
        self.binding = None;
        self.failures = self.failures.saturating_add(1);
        // What a redirection or a 423 taught may be what is wrong now.
        if let Ok(configured) = self.config.registrar.next_hop() {
            self.next_hop = configured;
        }
        self.redirects = 0;
        let pace = &self.config.pace;
        let (first, most) = if cause.is_persistent() {
            (pace.refused_first, pace.refused_most)
        } else {
            (pace.retry_first, pace.retry_most)
        };
        // RFC 5626 §4.5: doubled each time, and somewhere between half of that and all of it.
        let longest = first.saturating_mul(1 << (self.failures - 1).min(16)).min(most);
        let wait = match retry_after {
            Some(asked) => {
                asked.min(pace.refused_most) + self.between(Duration::ZERO, Duration::from_secs(1))
            }
            None => self.between(longest / 2, longest),
        };
        self.next = Some(Deadline { at: now + wait, why: "try to register again" });
        self.change(State::Unregistered { cause }, now);
    }

    fn change(&mut self, state: State, now: Instant) {
        if self.state == state {
            return;
        }
        let (aor, registrar) = (self.identity.record.as_str(), self.config.registrar.host.as_str());
        match &state {
            State::Registered | State::Pending => tracing::info!(aor, registrar, "{state}"),
            State::Unregistered { cause: Cause::Withdrawn } => tracing::info!(aor, registrar, "{state}"),
            State::Unregistered { .. } => tracing::warn!(aor, registrar, "{state}"),
        }
        self.state = state.clone();
        self.since = now;
        self.out.push_back(Output::Changed(state));
    }

    /// A new attempt: what counts per attempt starts anew.
    fn start(&mut self, purpose: Purpose) {
        if self.under_way.is_some() {
            return;
        }
        self.attempts = Attempts::default();
        let credentials = self.known_nonces();
        self.send(purpose, &credentials);
    }

    /// The same request once more, with something changed.
    fn repeat(&mut self) {
        let credentials = self.known_nonces();
        self.again(credentials);
    }

    fn again(&mut self, credentials: Vec<AuthHeader>) {
        self.send(self.under_way.unwrap_or(Purpose::Bind), &credentials);
    }

    /// Credentials under the nonces of the last challenges, which spare a round trip.
    fn known_nonces(&mut self) -> Vec<AuthHeader> {
        let uri = request_uri(&self.next_hop);
        let request = ProtectedRequest { method: "REGISTER", uri: &uri, body: b"" };
        match &mut self.digest {
            Some(digest) if self.redirects == 0 => [Challenger::Origin, Challenger::Proxy]
                .into_iter()
                .filter_map(|by| digest.next(by, &request))
                .collect(),
            Some(_) | None => Vec::new(),
        }
    }

    fn send(&mut self, purpose: Purpose, credentials: &[AuthHeader]) {
        self.under_way = Some(purpose);
        self.cseq = self.cseq.wrapping_add(1) & 0x7FFF_FFFF;
        let expires = match purpose {
            Purpose::Bind => self.expires,
            Purpose::Withdraw => Duration::ZERO,
        };
        let uri = request_uri(&self.next_hop);
        let draft = self.identity.draft(&uri, self.cseq, expires, &self.config, credentials);
        let outbound = self.config.outbound.as_ref().filter(|_| self.outbound);
        let first_hop = self.config.route.first().and_then(|route| NameAddr::parse(route.as_bytes()).ok());
        let first_hop = first_hop.map_or_else(|| self.next_hop.clone(), |route| route.uri.to_string());
        let to = match &self.binding {
            Some(binding) => Destination::Flow { path: binding.source.path, otherwise: Some(first_hop) },
            None => Destination::Uri(first_hop),
        };
        let mut outgoing = Outgoing::new(draft, to).contact(self.identity.contact(outbound));
        outgoing.transport = Some(self.config.registrar.transport);
        self.out.push_back(Output::Send(outgoing));
    }

    fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u32::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u32::MAX).max(1);
        from + Duration::from_millis(self.random.below(span).into())
    }
}

fn withdrawn() -> State {
    State::Unregistered { cause: Cause::Withdrawn }
}
