//! The carrier's side of a registration: a challenge, a password, a binding.

use std::time::Instant;

use sip_trunk::Seed;
use sip_trunk::auth::{DigestServer, ProtectedRequest, Secret, ServerConfig, SourceClass, Verdict};
use sip_trunk::endpoint::Source;
use sip_trunk::header::{Authorization, Contact};
use sip_trunk::msg::{Draft, HeaderName, Message};

/// One account; what is registered for it is in the REGISTER that was accepted.
pub(crate) struct Registrar {
    digest: DigestServer,
    account: (String, String),
}

impl Registrar {
    pub(crate) fn new(realm: &str, user: &str, password: &str, seed: Seed, now: Instant) -> Self {
        let config = ServerConfig { realm: realm.to_owned(), ..ServerConfig::default() };
        Self { digest: DigestServer::new(config, seed, now), account: (user.to_owned(), password.to_owned()) }
    }

    /// The answer to a REGISTER, and whether it was accepted.
    pub(crate) fn answer(&mut self, request: &Message, source: &Source, now: Instant) -> (Draft, bool) {
        let class = SourceClass::of(source.remote.ip());
        let stale = match request.typed::<Authorization<'_>>() {
            Some(Ok(credentials)) => {
                let uri = request.request_uri().and_then(|uri| std::str::from_utf8(uri).ok());
                let protected = ProtectedRequest {
                    method: "REGISTER",
                    uri: uri.unwrap_or_default(),
                    body: request.body(),
                };
                let (name, word) = &self.account;
                let password = |user: &str| (user == name).then(|| Secret::new(word.as_str()));
                match self.digest.verify(&credentials.0, &protected, class, password, now) {
                    Verdict::Accepted(_) => return (accepted(request), true),
                    Verdict::Challenge { stale } => stale,
                    Verdict::Refused(_) => return (Draft::reply_to(request, 403, "carrier"), false),
                }
            }
            Some(Err(_)) | None => false,
        };
        let challenges = self.digest.challenges(class, stale, now).into_iter();
        let challenge = Draft::reply_to(request, 401, "carrier");
        (challenges.fold(challenge, |draft, header| draft.header(header.name, header.value)), false)
    }
}

// RFC 3261 §10.3 step 8: the answer lists the bindings with their expiry.
fn accepted(request: &Message) -> Draft {
    let contact = request.header(HeaderName::Contact).unwrap_or_default();
    let expires = request.typed::<Contact<'_>>().and_then(Result::ok).and_then(|contact| contact.expires());
    let contact = String::from_utf8_lossy(contact).into_owned();
    let contact = if expires.is_some() { contact } else { format!("{contact};expires=3600") };
    Draft::reply_to(request, 200, "carrier").header(HeaderName::Contact, contact)
}
