//! Who sent a request: digest against the accounts of phones (RFC 3261 §22, RFC 7616, RFC 8760).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sip_trunk::Seed;
use sip_trunk::auth::{
    AuthHeader, Challenger, DigestServer, ProtectedRequest, Refusal, ServerConfig, SourceClass, Verdict,
};
use sip_trunk::endpoint::Source;
use sip_trunk::header::{Authorization, Credentials, ProxyAuthorization};
use sip_trunk::msg::{Draft, Message};

use crate::compile::Account;

/// The sender proved to be an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The account.
    pub account: Arc<Account>,
    /// For the 2xx answer: proves that we know the password too.
    pub info: Option<AuthHeader>,
}

/// The sender proved nothing, and is challenged whatever the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproved {
    /// What was wrong with the credentials; `None` when there were none, or only too old ones.
    pub fault: Option<AuthFault>,
    /// The user name they were for.
    pub user: Option<String>,
    challenger: Challenger,
    challenges: Vec<AuthHeader>,
}

/// What was wrong with credentials: for the log and the guard. To the peer all of them are one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFault {
    /// No account has the user name, or it may not be used.
    #[error("no account has this user name")]
    UnknownUser,
    /// The response does not prove the password.
    #[error("wrong password")]
    WrongPassword,
    /// Algorithm or protection were not offered.
    #[error("the algorithm or protection was not offered")]
    NotOffered,
    /// The header cannot be read.
    #[error("the credentials cannot be read")]
    Malformed,
}

/// Authenticates phones.
#[derive(Debug)]
pub(super) struct Authentication {
    server: DigestServer,
    challenger: Challenger,
    realm: String,
    accounts: Arc<BTreeMap<Box<str>, Arc<Account>>>,
}

impl Authentication {
    pub(super) fn new(
        config: ServerConfig,
        accounts: Arc<BTreeMap<Box<str>, Arc<Account>>>,
        seed: Seed,
        now: Instant,
    ) -> Self {
        Self {
            challenger: config.challenger,
            realm: config.realm.clone(),
            server: DigestServer::new(config, seed, now),
            accounts,
        }
    }

    pub(super) fn apply(&mut self, config: ServerConfig, accounts: Arc<BTreeMap<Box<str>, Arc<Account>>>) {
        self.challenger = config.challenger;
        self.realm.clone_from(&config.realm);
        self.server.apply(config);
        self.accounts = accounts;
    }

    pub(super) fn accounts(&self) -> &BTreeMap<Box<str>, Arc<Account>> {
        &self.accounts
    }

    pub(super) fn verify(
        &mut self,
        request: &Message,
        source: &Source,
        now: Instant,
    ) -> Result<Proved, Unproved> {
        let class = SourceClass::of(source.remote.ip());
        let credentials = match find(request, self.challenger, &self.realm) {
            Found::Credentials(credentials) => credentials,
            Found::Nothing => return Err(self.unproved(None, None, false, class, now)),
            Found::Malformed => {
                return Err(self.unproved(Some(AuthFault::Malformed), None, false, class, now));
            }
        };
        let user = credentials.username.decoded().into_owned();
        let method = request.method();
        let protected = ProtectedRequest {
            method: method.as_ref().map_or("", |method| method.as_str()),
            uri: request.request_uri().and_then(|uri| std::str::from_utf8(uri).ok()).unwrap_or_default(),
            body: request.body(),
        };
        let accounts = &self.accounts;
        let password = |user: &str| accounts.get(user).map(|account| account.password.clone());
        match self.server.verify(&credentials, &protected, class, password, now) {
            Verdict::Accepted(accepted) => match self.accounts.get(accepted.user.as_str()) {
                Some(account) => Ok(Proved { account: account.clone(), info: accepted.authentication_info }),
                None => Err(self.unproved(Some(AuthFault::UnknownUser), Some(user), false, class, now)),
            },
            Verdict::Challenge { stale } => Err(self.unproved(None, Some(user), stale, class, now)),
            Verdict::Refused(refusal) => {
                let fault = match refusal {
                    Refusal::UnknownUser => AuthFault::UnknownUser,
                    Refusal::WrongPassword => AuthFault::WrongPassword,
                    Refusal::NotOffered | _ => AuthFault::NotOffered,
                };
                Err(self.unproved(Some(fault), Some(user), false, class, now))
            }
        }
    }

    /// The answer of somebody who proved nothing, for requests that are not even looked at.
    pub(super) fn challenge(&mut self, source: &Source, now: Instant) -> Unproved {
        self.unproved(None, None, false, SourceClass::of(source.remote.ip()), now)
    }

    fn unproved(
        &mut self,
        fault: Option<AuthFault>,
        user: Option<String>,
        stale: bool,
        source: SourceClass,
        now: Instant,
    ) -> Unproved {
        let challenges = self.server.challenges(source, stale, now);
        Unproved { fault, user, challenger: self.challenger, challenges }
    }
}

impl Unproved {
    /// The 401 or 407. Unknown user, wrong password and disabled account get the same one.
    ///
    /// `within` is the size it should not exceed: to somebody unverified no answer should be longer than the request. Challenges are
    /// left out from the first on until it fits; the last one stays. What is longer still is for the transport to hold back
    /// ([`Strangers::Guarded`](sip_trunk::endpoint::Strangers::Guarded)).
    pub fn reply(&self, request: &Message, to_tag: &str, within: Option<usize>) -> Draft {
        let draft = |challenges: &[AuthHeader]| {
            let reply = Draft::reply_to(request, self.challenger.status(), to_tag);
            challenges.iter().fold(reply, |reply, header| reply.header(header.name, &header.value))
        };
        let fits = |draft: &Draft| {
            within.is_none_or(|most| draft.clone().finish().is_ok_and(|bytes| bytes.len() <= most))
        };
        let last = self.challenges.len().saturating_sub(1);
        let shorter = (0..last).map(|skipped| draft(&self.challenges[skipped..])).find(fits);
        shorter.unwrap_or_else(|| draft(&self.challenges[last..]))
    }
}

enum Found<'m> {
    Credentials(Credentials<'m>),
    Nothing,
    Malformed,
}

/// The credentials for our realm. Several headers may stand there, one for each realm on the way (RFC 3261 §22.3).
fn find<'m>(request: &'m Message, challenger: Challenger, realm: &str) -> Found<'m> {
    let credentials: Vec<_> = match challenger {
        Challenger::Origin => {
            request.all::<Authorization<'m>>().map(|read| read.map(|header| header.0)).collect()
        }
        Challenger::Proxy => {
            request.all::<ProxyAuthorization<'m>>().map(|read| read.map(|header| header.0)).collect()
        }
    };
    let malformed = credentials.iter().any(Result::is_err);
    match credentials.into_iter().flatten().find(|credentials| credentials.realm.decoded() == realm) {
        Some(credentials) => Found::Credentials(credentials),
        None if malformed => Found::Malformed,
        None => Found::Nothing,
    }
}
