//! The people of the story: phones and carriers, each a [`UserAgent`] with its own sockets and its own voice.

mod audio;
mod call;
mod registrar;
mod talk;
mod tap;

pub(crate) use audio::measure;
pub(crate) use call::Call;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use sip_trunk::auth::{ClientConfig, Secret};
use sip_trunk::driver::{Driver, Handle, Settings, SocketOptions, Sockets, system_seed};
use sip_trunk::endpoint::{ContactSpec, Destination, EndpointConfig, Listener, Outgoing};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{Answer, Event, Invite, Progress, Refer, SessionId, UaConfig, UserAgent};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::ladder::{Trace, Who};
use call::Preparation;
use registrar::Registrar;
use tap::Tapped;

/// How long anything may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who somebody is, and the account they have: of a phone at the edge, of the edge at a carrier.
pub(crate) struct Role {
    pub(crate) who: Who,
    pub(crate) at: SocketAddr,
    pub(crate) transport: Transport,
    /// The tone they speak with.
    pub(crate) hertz: f64,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// Takes registrations for the account.
    pub(crate) registrar: bool,
}

/// A phone or a carrier, alive.
pub(crate) struct Peer {
    pub(crate) role: Role,
    /// Where it really listens.
    pub(crate) at: SocketAddr,
    agent: Handle<Tapped>,
    events: UnboundedReceiver<Event>,
    /// What was told and nobody has waited for yet.
    told: VecDeque<Event>,
}

impl Peer {
    /// Opens its socket and starts it.
    pub(crate) fn start(role: Role, trace: &Trace) -> Result<Self> {
        let now = Instant::now();
        let listener = Listener::new(SocketId(0), role.transport, role.at);
        let sockets = Sockets::bind(vec![listener], SocketOptions::default())?;
        let at = sockets.listeners()[0].local;
        trace.place(role.who, at);
        let endpoint =
            EndpointConfig { listeners: sockets.listeners().to_vec(), ..EndpointConfig::default() };
        let contact = ContactSpec::user(role.user);
        let product = format!("{} (telco quickstart)", role.who.name());
        let config = UaConfig { endpoint, contact, product, ..UaConfig::default() };
        let seed = system_seed()?;
        let agent = Tapped::new(UserAgent::new(config, seed, now), role.who, trace.clone());
        let mut registrar = role.registrar.then(|| {
            Registrar::new("carrier.example", role.user, role.password, seed.derive("registrar"), now)
        });
        let (told, events) = unbounded_channel();
        let (driver, agent) = Driver::with_handler(
            agent,
            sockets,
            Settings::default(),
            move |event, tapped: &mut Tapped, now| {
                if let Some(event) = react(event, &mut tapped.agent, &mut registrar, now) {
                    let _ = told.send(event);
                }
            },
        );
        tokio::spawn(driver.run());
        Ok(Self { role, at, agent, events, told: VecDeque::new() })
    }

    /// Registers at the edge with the account's password.
    pub(crate) async fn register(&mut self, edge: SocketAddr) -> Result<()> {
        let user = self.role.user;
        let aor = format!("<sip:{user}@{edge}>");
        let draft = Draft::request(&Method::Register, format!("sip:{edge}"))
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("{aor};tag=register"))
            .header(HeaderName::To, &aor)
            .header(HeaderName::CallId, format!("register-{user}@{}", self.at.ip()))
            .header(HeaderName::CSeq, "1 REGISTER")
            .header(HeaderName::Expires, "3600")
            .header(
                HeaderName::Allow,
                "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO",
            )
            .header(HeaderName::Supported, "100rel, replaces, timer, norefersub")
            .header(HeaderName::UserAgent, "telco quickstart");
        let outgoing =
            Outgoing::new(draft, Destination::Uri(format!("sip:{edge}"))).contact(ContactSpec::user(user));
        let credentials = self.credentials();
        self.agent.call(move |tapped, now| tapped.agent.request(outgoing, Some(&credentials), now)).await??;
        let status = self.expect("an answer to REGISTER", |event| match event {
            Event::Response { message, .. } => message.status(),
            _ => None,
        });
        match status.await? {
            200 => Ok(()),
            status => Err(anyhow!("{} cannot register: {status}", self.role.who.name())),
        }
    }

    /// Where the edge has registered that it wants its calls.
    pub(crate) async fn registered(&mut self) -> Result<String> {
        self.expect("the edge's registration", |event| match event {
            Event::Request { message, .. } if message.method() == Some(Method::Register) => message
                .header(HeaderName::Contact)
                .map(|contact| String::from_utf8_lossy(contact).into_owned()),
            _ => None,
        })
        .await
    }

    /// Calls, with audio to come.
    pub(crate) async fn call(&mut self, from: &str, uri: &str) -> Result<Call> {
        let mut preparation = Preparation::new(self.at)?;
        let mut invite = Invite::new(uri, from);
        invite.contact = ContactSpec::user(self.role.user);
        invite.body = Some(preparation.offer()?);
        invite.credentials = Some(self.credentials());
        let session = self.agent.call(move |tapped, now| tapped.agent.invite(invite, now)).await??;
        Ok(preparation.call(session, self.role.hertz, None))
    }

    /// Waits until a call is answered, and talks.
    pub(crate) async fn answered(&mut self, call: &mut Call) -> Result<()> {
        let id = call.session;
        let end = self.expect("an answer to the call", move |event| match event {
            Event::Answered { session, message } if *session == id => Some(Ok(message.clone())),
            Event::Rejected { session, status, .. } if *session == id => Some(Err(*status)),
            _ => None,
        });
        let message = end.await?.map_err(|status| anyhow!("the call was refused: {status}"))?;
        call.take_answer(message.body()).context("the answer of the edge")?;
        call.talk()
    }

    /// Waits until the called side rings.
    pub(crate) async fn hears_ringing(&mut self, call: &Call) -> Result<()> {
        let id = call.session;
        self.expect("ringing", move |event| match event {
            Event::Progressed { session, message } if *session == id => {
                message.status().filter(|status| *status >= 180).map(drop)
            }
            _ => None,
        })
        .await
    }

    /// Waits for a call, and rings.
    pub(crate) async fn rings(&mut self) -> Result<(SessionId, Message)> {
        let (session, message) = self
            .expect("a call", |event| match event {
                Event::Incoming { session, message, .. } => Some((*session, message.clone())),
                _ => None,
            })
            .await?;
        self.agent
            .call(move |tapped, now| tapped.agent.progress(session, Progress::default(), now))
            .await??;
        Ok((session, message))
    }

    /// Answers a call that rings, and talks; with a file, the call is recorded.
    pub(crate) async fn answer(
        &mut self,
        (session, invite): &(SessionId, Message),
        recording: Option<PathBuf>,
    ) -> Result<Call> {
        let session = *session;
        let mut preparation = Preparation::new(self.at)?;
        let body = Some(preparation.answer(invite.body()).context("the offer of the edge")?);
        let answer = Answer { body, ..Answer::default() };
        self.agent.call(move |tapped, now| tapped.agent.answer(session, answer, now)).await??;
        let mut call = preparation.call(session, self.role.hertz, recording);
        call.talk()?;
        Ok(call)
    }

    /// Asks the edge to connect the other side with somebody else (RFC 3515), and waits until that has worked.
    pub(crate) async fn transfer(&mut self, call: &Call, refer_to: String) -> Result<()> {
        let id = call.session;
        self.agent.call(move |tapped, now| tapped.agent.refer(id, Refer::new(refer_to), now)).await??;
        Ok(())
    }

    /// How a transfer ended.
    pub(crate) async fn transferred(&mut self, call: &Call) -> Result<u16> {
        let id = call.session;
        self.expect("the end of the transfer", move |event| match event {
            Event::ReferProgress { session, status, finished, .. } if *session == id && *finished => {
                Some(*status)
            }
            _ => None,
        })
        .await
    }

    /// Hangs up.
    pub(crate) async fn hang_up(&mut self, call: &mut Call) -> Result<()> {
        let id = call.session;
        self.agent.call(move |tapped, now| tapped.agent.hang_up(id, None, now)).await??;
        call.silence().await
    }

    /// Waits until the other side has hung up.
    pub(crate) async fn ended(&mut self, call: &mut Call) -> Result<()> {
        let id = call.session;
        self.expect("the end of the call", move |event| match event {
            Event::Ended { session, .. } if *session == id => Some(()),
            _ => None,
        })
        .await?;
        call.silence().await
    }

    /// Takes call after call, for ever: rings, answers, talks until the other side hangs up.
    pub(crate) async fn take_calls(&mut self) -> Result<()> {
        loop {
            self.told.retain(|event| matches!(event, Event::Incoming { .. }));
            let Ok(ringing) = self.rings().await else { continue };
            let Ok(mut call) = self.answer(&ringing, None).await else { continue };
            while self.ended(&mut call).await.is_err() {}
        }
    }

    /// Its sockets close, whatever it was doing. Gives the role, at the address it had.
    pub(crate) async fn die(self) -> Role {
        self.agent.stop().await;
        Role { at: self.at, ..self.role }
    }

    fn credentials(&self) -> ClientConfig {
        let (username, password) = (self.role.user.into(), Secret::new(self.role.password));
        ClientConfig { username, password, ..ClientConfig::default() }
    }

    /// Waits for something to happen; what else happens meanwhile can be waited for later.
    async fn expect<T>(&mut self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> Result<T> {
        if let Some((at, found)) =
            self.told.iter().enumerate().find_map(|(at, event)| Some((at, pick(event)?)))
        {
            self.told.remove(at);
            return Ok(found);
        }
        let next = async {
            while let Some(event) = self.events.recv().await {
                match pick(&event) {
                    Some(found) => return Some(found),
                    None => self.told.push_back(event),
                }
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, next).await;
        found.ok().flatten().with_context(|| format!("{} waited in vain for {what}", self.role.who.name()))
    }
}

/// What needs no story: OPTIONS and REGISTER are answered. Gives the event when the story may want it.
fn react(
    event: Event,
    agent: &mut UserAgent,
    registrar: &mut Option<Registrar>,
    now: Instant,
) -> Option<Event> {
    let Event::Request { transaction, message, source } = &event else { return Some(event) };
    let (reply, tell) = match (message.method(), registrar) {
        (Some(Method::Register), Some(registrar)) => registrar.answer(message, source, now),
        (Some(Method::Options), _) => (Draft::reply_to(message, 200, "options"), false),
        _ => (Draft::reply_to(message, 405, "quickstart"), false),
    };
    agent.respond(*transaction, reply, now);
    tell.then_some(event)
}
