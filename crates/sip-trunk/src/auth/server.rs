use std::time::{Duration, Instant};

use super::{
    Algorithm, AuthHeader, Challenger, Exchange, HexDigest, ProtectedRequest, Qop, Secret, SourceClass,
    key::Key,
    nonce::NonceMint,
    replay::ReplayTable,
    response::{ha1, respond, rspauth},
};
use crate::{
    Seed,
    header::{AuthenticationInfo, Challenge, Credentials, QopOffer},
    msg::HeaderName,
    uri::UriRef,
};

/// How a [`DigestServer`] authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The realm, the same for all accounts served.
    pub realm: String,
    /// Which headers and status to challenge with.
    pub challenger: Challenger,
    /// What is offered, strongest first; each becomes a challenge of its own.
    pub algorithms: Vec<Algorithm>,
    /// Whether `auth-int` is offered beside `auth`.
    pub integrity: bool,
    /// Whether clients that know no `qop` are let in; each of their nonces is then good for one request.
    pub allow_without_qop: bool,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
    /// How many proven nonces are remembered, at about 60 bytes each; when one more comes, the oldest expire.
    pub max_nonces: usize,
}

impl Default for ServerConfig {
    /// SHA-256 then MD5, `auth` only, nonces for five minutes, 100,000 of them.
    fn default() -> Self {
        Self {
            realm: String::new(),
            challenger: Challenger::Origin,
            algorithms: vec![Algorithm::SHA256, Algorithm::MD5],
            integrity: false,
            allow_without_qop: false,
            nonce_lifetime: Duration::from_secs(300),
            max_nonces: 100_000,
        }
    }
}

/// Challenges requests and verifies the answers, for one realm.
#[derive(Debug)]
pub struct DigestServer {
    config: ServerConfig,
    mint: NonceMint,
    seen: ReplayTable,
    /// Stands in for the password of users that do not exist.
    nobody: Secret,
}

/// The outcome of [`DigestServer::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The password was proved.
    Accepted(Accepted),
    /// The request needs a fresh challenge; `stale` goes into it, so that the client does not ask its user again.
    Challenge {
        /// The nonce could not be used, which says nothing about the password.
        stale: bool,
    },
    /// The credentials are wrong.
    Refused(Refusal),
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The user, as the account was looked up.
    pub user: String,
    /// Whether the `uri` parameter means the Request-URI; proxies on the way may have changed that (RFC 8760 §2.6 item 6).
    pub same_uri: bool,
    /// For the 2xx answer: proves that the server knows the password too. Only with `auth`, whose proof does not depend on
    /// the body of the answer.
    pub authentication_info: Option<AuthHeader>,
}

/// Why credentials were refused: for the log and the counters. To the peer all of them are one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such account.
    #[error("no account has this user name")]
    UnknownUser,
    /// The response does not prove the password.
    #[error("the response does not prove the password")]
    WrongPassword,
    /// A parameter contradicts the challenge: algorithm or protection that was not offered.
    #[error("the algorithm or qop was not offered")]
    NotOffered,
}

impl DigestServer {
    /// Starts with no nonce in use.
    #[must_use]
    pub fn new(config: ServerConfig, seed: Seed, now: Instant) -> Self {
        Self {
            mint: NonceMint::new(Key::derive(seed, "nonce"), now),
            seen: ReplayTable::new(config.max_nonces),
            nobody: Secret::new("no account has this password"),
            config,
        }
    }

    /// Takes a new configuration; nonces in use stay good if the realm is the same.
    pub fn apply(&mut self, config: ServerConfig) {
        self.seen.resize(config.max_nonces);
        self.config = config;
    }

    /// The headers for a 401 or 407, in order of preference; nothing is stored.
    #[must_use]
    pub fn challenges(&mut self, source: SourceClass, stale: bool, now: Instant) -> Vec<AuthHeader> {
        let qop = QopOffer { auth: true, auth_int: self.config.integrity };
        let mut headers = Vec::with_capacity(self.config.algorithms.len());
        for algorithm in &self.config.algorithms {
            let nonce = self.mint.issue(&self.config.realm, source, now);
            let mut challenge = Challenge::new(&self.config.realm, &nonce);
            challenge.algorithm = Some(algorithm.as_str().into());
            challenge.qop = Some(qop);
            challenge.stale = stale;
            let name = self.config.challenger.challenge_header();
            headers.push(AuthHeader { name, value: challenge.to_string() });
        }
        headers
    }

    /// Verifies credentials for a request; `password` finds the clear password of a user.
    ///
    /// Credentials for another realm are as good as none. `password` is asked for users that may not exist, and should take the
    /// same time for both.
    pub fn verify(
        &mut self,
        credentials: &Credentials<'_>,
        request: &ProtectedRequest<'_>,
        source: SourceClass,
        password: impl FnOnce(&str) -> Option<Secret>,
        now: Instant,
    ) -> Verdict {
        let realm = credentials.realm.decoded();
        if realm != self.config.realm.as_str() {
            return Verdict::Challenge { stale: false };
        }
        let lifetime = self.config.nonce_lifetime;
        self.seen.expire(|id| self.mint.age(id, now) > lifetime);
        let nonce = credentials.nonce.decoded();
        let fresh = self
            .mint
            .check(&nonce, &realm, source)
            .filter(|id| self.mint.age(*id, now) <= lifetime && self.seen.remembers(*id));
        let Some(id) = fresh else { return Verdict::Challenge { stale: true } };
        let Some(algorithm) = credentials.algorithm().filter(|a| self.config.algorithms.contains(a)) else {
            return Verdict::Refused(Refusal::NotOffered);
        };
        let protection = match credentials.protection {
            Some((Qop::AuthInt, _)) if !self.config.integrity => {
                return Verdict::Refused(Refusal::NotOffered);
            }
            None if !self.config.allow_without_qop => return Verdict::Refused(Refusal::NotOffered),
            protection => protection,
        };

        let user = credentials.username.decoded();
        let cnonce = credentials.cnonce.map(|c| c.decoded()).unwrap_or_default();
        let uri = credentials.uri.decoded();
        let exchange = Exchange {
            algorithm,
            user: &user,
            realm: &realm,
            nonce: &nonce,
            cnonce: &cnonce,
            protection,
            method: request.method,
            uri: &uri,
            body: request.body,
        };
        // The same work whether the account exists or not.
        let account = password(&user);
        let key = ha1(algorithm, &user, &realm, account.as_ref().unwrap_or(&self.nobody));
        let proved = respond(&exchange, &key).matches(&credentials.response.decoded());
        match (account, proved) {
            (Some(_), true) => {}
            (Some(_), false) => return Verdict::Refused(Refusal::WrongPassword),
            (None, _) => return Verdict::Refused(Refusal::UnknownUser),
        }
        // RFC 7616 §3.4: each count of a nonce is good once.
        if !self.seen.take(id, protection.map_or(1, |(_, count)| count)) {
            return Verdict::Challenge { stale: true };
        }
        Verdict::Accepted(Accepted {
            authentication_info: self.authentication_info(&exchange, &key),
            same_uri: same_uri(&uri, request.uri),
            user: user.into_owned(),
        })
    }

    fn authentication_info(&self, exchange: &Exchange<'_>, key: &HexDigest) -> Option<AuthHeader> {
        let (Qop::Auth, count) = exchange.protection? else { return None };
        let proof = rspauth(exchange, key);
        let info = AuthenticationInfo {
            qop: Some(Qop::Auth),
            rspauth: Some(proof.as_str().into()),
            cnonce: Some(exchange.cnonce.into()),
            count: Some(count),
            ..AuthenticationInfo::default()
        };
        let name = match self.config.challenger {
            Challenger::Origin => HeaderName::AuthenticationInfo,
            Challenger::Proxy => HeaderName::ProxyAuthenticationInfo,
        };
        Some(AuthHeader { name, value: info.to_string() })
    }
}

fn same_uri(a: &str, b: &str) -> bool {
    match (UriRef::parse(a.as_bytes()), UriRef::parse(b.as_bytes())) {
        (Ok(a), Ok(b)) => a.equivalent(&b),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use super::*;
    use crate::{
        auth::{Attempts, ClientConfig, DigestClient, RealmBinding},
        header::{Authorization, Header, WwwAuthenticate},
    };

    const REGISTER: ProtectedRequest<'static> =
        ProtectedRequest { method: "REGISTER", uri: "sip:example.com", body: b"" };

    struct Bench {
        server: DigestServer,
        now: Instant,
        here: SourceClass,
    }

    impl Bench {
        fn new(config: ServerConfig) -> Self {
            let now = Instant::now();
            let server = DigestServer::new(config, Seed([3; 32]), now);
            Self { server, now, here: SourceClass::of([192, 0, 2, 1].into()) }
        }

        /// The value of the Authorization header a phone with this password would send.
        fn authorization(
            &mut self,
            algorithms: &[Algorithm],
            password: &str,
            request: &ProtectedRequest<'_>,
        ) -> String {
            let config = ClientConfig {
                username: "alice".into(),
                password: Secret::new(password),
                realm: RealmBinding::Exactly("r".into()),
                peer: "p".into(),
                algorithms: algorithms.to_vec(),
                prefer_integrity: self.server.config.integrity,
            };
            let offered = self.server.challenges(self.here, false, self.now);
            let challenges: Vec<_> = offered
                .iter()
                .map(|h| (Challenger::Origin, WwwAuthenticate::parse(h.value.as_bytes()).unwrap().0))
                .collect();
            let mut client = DigestClient::new(config, Seed([4; 32]));
            client.answer(&challenges, "p", &mut Attempts::default(), request).unwrap().value
        }

        fn verify(&mut self, authorization: &str, request: &ProtectedRequest<'_>) -> Verdict {
            let credentials = Authorization::parse(authorization.as_bytes()).unwrap().0;
            let lookup = |user: &str| (user == "alice").then(|| Secret::new("secret"));
            self.server.verify(&credentials, request, self.here, lookup, self.now)
        }
    }

    fn config() -> ServerConfig {
        ServerConfig { realm: "r".into(), ..ServerConfig::default() }
    }

    fn all() -> Vec<Algorithm> {
        let plain = [Algorithm::SHA512_256, Algorithm::SHA256, Algorithm::MD5];
        plain.into_iter().flat_map(|a| [a, Algorithm { session: true, ..a }]).collect()
    }

    /// ST-005: the password is the clear secret, and every algorithm with either protection proves it.
    #[test]
    fn every_algorithm_and_protection_is_proved_and_wrong_ones_are_not() {
        for algorithm in all() {
            for integrity in [false, true] {
                let request = ProtectedRequest { body: b"v=0", ..REGISTER };
                let mut bench =
                    Bench::new(ServerConfig { algorithms: vec![algorithm], integrity, ..config() });
                let good = bench.authorization(&[algorithm], "secret", &request);
                let changed = ProtectedRequest { body: b"v=1", ..request };
                if integrity {
                    assert_eq!(
                        bench.verify(&good, &changed),
                        Verdict::Refused(Refusal::WrongPassword),
                        "{algorithm}"
                    );
                }
                let Verdict::Accepted(accepted) = bench.verify(&good, &request) else {
                    panic!("{algorithm}: {good}")
                };
                assert_eq!((accepted.user.as_str(), accepted.same_uri), ("alice", true));
                assert_eq!(accepted.authentication_info.is_some(), !integrity);
                let bad = bench.authorization(&[algorithm], "Secret", &request);
                assert_eq!(bench.verify(&bad, &request), Verdict::Refused(Refusal::WrongPassword));
                let method = ProtectedRequest { method: "INVITE", ..request };
                let good = bench.authorization(&[algorithm], "secret", &request);
                assert_eq!(bench.verify(&good, &method), Verdict::Refused(Refusal::WrongPassword));
            }
        }
    }

    /// ES-22: the same credentials are good once; what follows is a fresh challenge, not a hint.
    #[test]
    fn a_replayed_authorization_is_challenged_again() {
        let mut bench = Bench::new(config());
        let good = bench.authorization(&[Algorithm::SHA256], "secret", &REGISTER);
        assert!(matches!(bench.verify(&good, &REGISTER), Verdict::Accepted(_)));
        assert_eq!(bench.verify(&good, &REGISTER), Verdict::Challenge { stale: true });
    }

    /// ES-21: a nonce ends with its lifetime, and outside its source it is stale from the start.
    #[test]
    fn an_old_or_foreign_nonce_is_stale() {
        let mut bench = Bench::new(config());
        let good = bench.authorization(&[Algorithm::SHA256], "secret", &REGISTER);
        bench.here = SourceClass::of([192, 0, 2, 2].into());
        assert_eq!(bench.verify(&good, &REGISTER), Verdict::Challenge { stale: true });
        bench.here = SourceClass::of([192, 0, 2, 1].into());
        bench.now += Duration::from_secs(300);
        assert!(matches!(bench.verify(&good, &REGISTER), Verdict::Accepted(_)));
        let good = bench.authorization(&[Algorithm::SHA256], "secret", &REGISTER);
        bench.now += Duration::from_millis(300_001);
        assert_eq!(bench.verify(&good, &REGISTER), Verdict::Challenge { stale: true });
        assert!(bench.server.challenges(bench.here, true, bench.now)[0].value.contains("stale=true"));
    }

    /// RFC 8760 §2.2: one challenge for each algorithm, in the order of preference.
    #[test]
    fn challenges_come_in_order_of_preference_and_store_nothing() {
        let mut bench = Bench::new(config());
        let offered = bench.server.challenges(bench.here, false, bench.now);
        let algorithms: Vec<_> = offered
            .iter()
            .map(|h| WwwAuthenticate::parse(h.value.as_bytes()).unwrap().algorithm().unwrap())
            .collect();
        assert_eq!(algorithms, [Algorithm::SHA256, Algorithm::MD5]);
        let wrong = bench.authorization(&[Algorithm::MD5], "wrong", &REGISTER);
        bench.verify(&wrong, &REGISTER);
        assert_eq!(bench.server.seen.len(), 0);
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        let mut bench = Bench::new(ServerConfig { algorithms: all(), ..config() });
        let md5 = bench.authorization(&[Algorithm::MD5], "secret", &REGISTER);
        bench.server.apply(config_with(&[Algorithm::SHA256]));
        assert_eq!(bench.verify(&md5, &REGISTER), Verdict::Refused(Refusal::NotOffered));
        bench.server.apply(ServerConfig { realm: "other".into(), ..config() });
        assert_eq!(bench.verify(&md5, &REGISTER), Verdict::Challenge { stale: false });
    }

    fn config_with(algorithms: &[Algorithm]) -> ServerConfig {
        ServerConfig { algorithms: algorithms.to_vec(), ..config() }
    }

    /// ES-14: an unknown user is refused on the same path as a wrong password: password asked, response computed.
    #[test]
    fn unknown_users_take_the_path_of_wrong_passwords() {
        let mut bench = Bench::new(config());
        let good = bench.authorization(&[Algorithm::SHA256], "secret", &REGISTER).replace("alice", "mallory");
        assert_eq!(bench.verify(&good, &REGISTER), Verdict::Refused(Refusal::UnknownUser));
        // Even the stand-in password does not open anything.
        let stand_in = bench.authorization(&[Algorithm::SHA256], "no account has this password", &REGISTER);
        let credentials = Authorization::parse(stand_in.as_bytes()).unwrap().0;
        let nobody = bench.server.verify(&credentials, &REGISTER, bench.here, |_| None, bench.now);
        assert_eq!(nobody, Verdict::Refused(Refusal::UnknownUser));
    }

    /// ES-20 at this layer: memory for nonces is bounded, and forgetting one does not open a replay.
    #[test]
    fn the_table_is_bounded_and_forgets_safely() {
        let mut bench = Bench::new(ServerConfig { max_nonces: 4, ..config() });
        let used: Vec<_> = (0..6)
            .map(|_| {
                let good = bench.authorization(&[Algorithm::SHA256], "secret", &REGISTER);
                assert!(matches!(bench.verify(&good, &REGISTER), Verdict::Accepted(_)));
                good
            })
            .collect();
        assert_eq!(bench.server.seen.len(), 4);
        for replay in &used {
            assert_eq!(bench.verify(replay, &REGISTER), Verdict::Challenge { stale: true });
        }
    }

    #[test]
    fn clients_without_qop_are_let_in_only_when_allowed_and_once_per_nonce() {
        let mut bench = Bench::new(ServerConfig { algorithms: vec![Algorithm::MD5], ..config() });
        let nonce = bench.server.mint.issue("r", bench.here, bench.now);
        let exchange = Exchange {
            algorithm: Algorithm::MD5,
            user: "alice",
            realm: "r",
            nonce: &nonce,
            cnonce: "",
            protection: None,
            method: "REGISTER",
            uri: "sip:example.com",
            body: b"",
        };
        let response = crate::auth::compute_response(&exchange, &Secret::new("secret"));
        let value = format!(
            "Digest username=\"alice\", realm=\"r\", nonce=\"{nonce}\", uri=\"sip:example.com\", response=\"{}\"",
            response.as_str()
        );
        assert_eq!(bench.verify(&value, &REGISTER), Verdict::Refused(Refusal::NotOffered));
        bench.server.config.allow_without_qop = true;
        assert!(matches!(bench.verify(&value, &REGISTER), Verdict::Accepted(_)));
        assert_eq!(bench.verify(&value, &REGISTER), Verdict::Challenge { stale: true });
    }
}
