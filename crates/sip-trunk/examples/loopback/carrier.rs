//! A carrier of one account: it registers after digest authentication, answers every call, and calls back when told to.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sip_trunk::auth::{DigestServer, ProtectedRequest, Secret, ServerConfig, SourceClass, Verdict};
use sip_trunk::driver::{Driver, Handle, Settings, SocketOptions, Sockets, system_seed};
use sip_trunk::endpoint::{EndpointConfig, Listener, Source};
use sip_trunk::header::{Authorization, Contact};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{Answer, Event, Invite, UaConfig, UserAgent};

use super::sdp;

pub(crate) const USER: &str = "genesys";
pub(crate) const PASSWORD: &str = "secret";

/// The contact that is registered.
static CONTACT: Mutex<Option<String>> = Mutex::new(None);

/// Starts it on a free port.
pub(crate) async fn start() -> Result<(SocketAddr, Handle<UserAgent>), Box<dyn Error>> {
    let listener = Listener::new(SocketId(0), Transport::Udp, "127.0.0.1:0".parse()?);
    let sockets = Sockets::bind(vec![listener], SocketOptions::default())?;
    let address = sockets.listeners()[0].local;
    let endpoint = EndpointConfig { listeners: sockets.listeners().to_vec(), ..EndpointConfig::default() };
    let agent = UserAgent::new(UaConfig { endpoint, ..UaConfig::default() }, system_seed()?, Instant::now());
    let realm = ServerConfig { realm: "carrier.example".into(), ..ServerConfig::default() };
    let mut digest = DigestServer::new(realm, system_seed()?, Instant::now());
    let handler = move |event, agent: &mut UserAgent, now| take(event, agent, &mut digest, now);
    let (driver, handle) = Driver::with_handler(agent, sockets, Settings::default(), handler);
    tokio::spawn(driver.run());
    Ok((address, handle))
}

/// Calls the registered contact, and hangs up after a moment.
pub(crate) async fn call(carrier: &Handle<UserAgent>) -> Result<(), Box<dyn Error>> {
    let contact = CONTACT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let contact = contact.ok_or("nobody has registered")?;
    let invite = Invite { body: Some(sdp()), ..Invite::new(contact, "<sip:+12025550123@carrier.example>") };
    let invite = Invite { to: "<sip:+14085550100@carrier.example>".into(), ..invite };
    let session = carrier.call(move |agent, now| agent.invite(invite, now)).await??;
    let carrier = carrier.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        carrier.call(move |agent, now| agent.hang_up(session, None, now)).await
    });
    Ok(())
}

fn take(event: Event, agent: &mut UserAgent, digest: &mut DigestServer, now: Instant) {
    if let Event::Request { transaction, message, source } = event {
        let answer = match message.method() {
            Some(Method::Register) => register(&message, &source, digest, now),
            _ => Draft::reply_to(&message, 200, "carrier"),
        };
        agent.respond(transaction, answer, now);
    } else if let Event::Incoming { session, .. } = event {
        let answered = agent.answer(session, Answer { body: Some(sdp()), ..Answer::default() }, now);
        answered.unwrap_or_else(|error| eprintln!("carrier: {error}"));
    }
}

fn register(message: &Message, source: &Source, digest: &mut DigestServer, now: Instant) -> Draft {
    let class = SourceClass::of(source.remote.ip());
    let uri = String::from_utf8_lossy(message.request_uri().unwrap_or_default());
    let request = ProtectedRequest { method: "REGISTER", uri: &uri, body: b"" };
    let password = |user: &str| (user == USER).then(|| Secret::new(PASSWORD));
    let verdict = match message.typed::<Authorization<'_>>() {
        Some(Ok(credentials)) => digest.verify(&credentials, &request, class, password, now),
        Some(Err(_)) | None => Verdict::Challenge { stale: false },
    };
    let stale = match verdict {
        Verdict::Accepted(_) => {
            let contact = message.typed::<Contact<'_>>().and_then(Result::ok);
            let uri = contact.and_then(|contact| contact.address().map(|address| address.uri.to_string()));
            *CONTACT.lock().unwrap_or_else(PoisonError::into_inner) = uri;
            return Draft::reply_to(message, 200, "carrier").copy(message, HeaderName::Contact);
        }
        Verdict::Challenge { stale } => stale,
        Verdict::Refused(_) => false,
    };
    let challenges = digest.challenges(class, stale, now);
    let draft = Draft::reply_to(message, 401, "carrier");
    challenges.into_iter().fold(draft, |draft, header| draft.header(header.name, header.value))
}
