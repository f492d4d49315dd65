//! Answers to 401 and 407 (RFC 3261 §22, ES-24).

use super::wire::{Pending, Template};
use crate::Seed;
use crate::auth::{AnswerError, AuthHeader, Challenger, ClientConfig, DigestClient, ProtectedRequest};
use crate::header::{Challenge, ProxyAuthenticate, WwwAuthenticate};
use crate::msg::Message;

/// Credentials the agent was given, by their place in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CredentialsId(u32);

/// All credentials the agent was given. Calls of one trunk share an entry, and with it the nonce.
#[derive(Debug)]
pub(crate) struct Credentials {
    seed: Seed,
    clients: Vec<(ClientConfig, DigestClient)>,
}

/// More than any edge has trunks; the oldest entry makes room, its calls are challenged once more.
const MOST: usize = 4096;

impl Credentials {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, clients: Vec::new() }
    }

    /// The entry of these credentials, new if they are.
    pub(crate) fn intern(&mut self, config: &ClientConfig) -> CredentialsId {
        let at = self.clients.iter().position(|(known, _)| known == config).unwrap_or_else(|| {
            let at = self.clients.len() % MOST;
            let seed = self.seed.derive(&format!("credentials {}", self.clients.len()));
            let entry = (config.clone(), DigestClient::new(config.clone(), seed));
            if self.clients.len() < MOST {
                self.clients.push(entry);
            } else {
                self.clients[at] = entry;
            }
            at
        });
        CredentialsId(at as u32)
    }

    /// Whom these credentials are for.
    pub(crate) fn peer(&self, id: Option<CredentialsId>) -> String {
        let entry = id.and_then(|id| self.clients.get(id.0 as usize));
        entry.map(|(config, _)| config.peer.clone()).unwrap_or_default()
    }

    /// Credentials for a further request with what earlier challenges taught.
    pub(crate) fn known(&mut self, id: CredentialsId, template: &Template) -> Vec<AuthHeader> {
        let Some((_, client)) = self.clients.get_mut(id.0 as usize) else { return Vec::new() };
        let request = protected(template);
        [Challenger::Origin, Challenger::Proxy]
            .into_iter()
            .filter_map(|by| client.next(by, &request))
            .collect()
    }

    /// The credentials a challenged request is to be repeated with.
    pub(crate) fn answer(
        &mut self,
        challenge: &Message,
        pending: &mut Pending,
    ) -> Result<Vec<AuthHeader>, AnswerError> {
        let client = pending.credentials.and_then(|id| self.clients.get_mut(id.0 as usize));
        let (config, client) = client.ok_or(AnswerError::Unsupported)?;
        let peer = config.peer.clone();
        let challenges = challenges(challenge);
        let by = if challenge.status() == Some(407) { Challenger::Proxy } else { Challenger::Origin };
        let answer =
            client.answer(&challenges, &peer, &mut pending.attempts, &protected(&pending.template))?;
        // RFC 3261 §22.3: what a proxy was given stays when the server behind it challenges, and the other way round.
        let other = if by == Challenger::Proxy { Challenger::Origin } else { Challenger::Proxy };
        let kept = pending.auth.iter().any(|header| header.name == other.credentials_header());
        let kept = kept.then(|| client.next(other, &protected(&pending.template))).flatten();
        Ok(std::iter::once(answer).chain(kept).collect())
    }
}

fn protected(template: &Template) -> ProtectedRequest<'_> {
    ProtectedRequest {
        method: template.method.as_str(),
        uri: &template.uri,
        body: template.draft.body_bytes(),
    }
}

fn challenges(message: &Message) -> Vec<(Challenger, Challenge<'_>)> {
    if message.status() == Some(407) {
        let all = message.all::<ProxyAuthenticate<'_>>().filter_map(Result::ok);
        all.map(|challenge| (Challenger::Proxy, challenge.0)).collect()
    } else {
        let all = message.all::<WwwAuthenticate<'_>>().filter_map(Result::ok);
        all.map(|challenge| (Challenger::Origin, challenge.0)).collect()
    }
}
