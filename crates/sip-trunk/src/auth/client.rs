use super::{
    Algorithm, AuthHeader, Challenger, Exchange, HexDigest, ProtectedRequest, Qop, Secret,
    key::Key,
    response::{ha1, respond, rspauth},
};
use crate::{
    Seed,
    header::{AuthenticationInfo, Challenge, Credentials},
};

/// The credentials of a trunk and whom they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The user name.
    pub username: String,
    /// The clear password.
    pub password: Secret,
    /// Which realm may ask for it.
    pub realm: RealmBinding,
    /// The name of the peer that may ask for it; [`DigestClient::answer`] compares it with the peer the challenge came from.
    pub peer: String,
    /// The algorithms to use; leave MD5 out to refuse it.
    pub algorithms: Vec<Algorithm>,
    /// Whether to choose `auth-int` where both are offered.
    pub prefer_integrity: bool,
}

/// Which realm the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealmBinding {
    /// This one.
    Exactly(String),
    /// The first one the peer names; afterwards no other.
    FirstSeen,
}

impl Default for ClientConfig {
    /// No user, the first realm seen, every algorithm.
    fn default() -> Self {
        let plain = [Algorithm::SHA512_256, Algorithm::SHA256, Algorithm::MD5];
        Self {
            username: String::new(),
            password: Secret::new(""),
            realm: RealmBinding::FirstSeen,
            peer: String::new(),
            algorithms: plain.into_iter().flat_map(|a| [a, Algorithm { session: true, ..a }]).collect(),
            prefer_integrity: false,
        }
    }
}

/// Answers the challenges to one trunk's requests.
#[derive(Debug)]
pub struct DigestClient {
    config: ClientConfig,
    key: Key,
    realm: Option<String>,
    /// The last challenge of the registrar and of the proxy.
    sessions: [Option<Session>; 2],
    cnonces: u64,
}

/// How often one request has been answered; keep it with the request and start anew with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// By the registrar or user agent, and by proxies.
    answered: [u8; 2],
}

/// A challenge that is being answered.
#[derive(Debug)]
struct Session {
    algorithm: Algorithm,
    qop: Option<Qop>,
    nonce: String,
    opaque: Option<String>,
    ha1: HexDigest,
    /// How often the nonce was used.
    count: u32,
    /// For `-sess`, the client nonce of the first use stays part of the key.
    cnonce: String,
}

/// Why a challenge was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The challenge came from somebody else.
    #[error(
        "challenged by {from}, but the credentials are for {configured}; check where the request was routed"
    )]
    ForeignPeer {
        /// Who challenged.
        from: String,
        /// Whom the credentials are for.
        configured: String,
    },
    /// No challenge is for the realm of these credentials.
    #[error(
        "challenged for realm {offered:?}, but the credentials are for {configured:?}; correct the realm of the trunk"
    )]
    ForeignRealm {
        /// The first realm offered.
        offered: String,
        /// The realm the credentials are for.
        configured: String,
    },
    /// No challenge has an algorithm and protection that may be used here.
    #[error("no challenge offers an algorithm and qop that this trunk may use")]
    Unsupported,
    /// The answer before was not accepted.
    #[error("the peer refuses the credentials; check user, password and realm of the trunk")]
    Rejected,
    /// The request was answered twice already.
    #[error("challenged again after two answers; check the clock and nonce lifetime of the peer")]
    TooManyAttempts,
}

/// The most answers one request gets from each challenger.
const MAX_ANSWERS: u8 = 2;

impl DigestClient {
    /// Starts without a nonce.
    #[must_use]
    pub fn new(config: ClientConfig, seed: Seed) -> Self {
        let realm = bound(&config.realm);
        Self { config, key: Key::derive(seed, "cnonce"), realm, sessions: [None, None], cnonces: 0 }
    }

    /// Takes a new configuration; nonces learned with the old one are forgotten unless nothing has changed.
    pub fn apply(&mut self, config: ClientConfig) {
        if config != self.config {
            self.realm = bound(&config.realm);
            self.sessions = [None, None];
            self.config = config;
        }
    }

    /// Answers a 401 or 407 with the header to repeat the request with.
    ///
    /// `challenges` are all the readable ones in the order received; `peer` is whom the response came from.
    ///
    /// # Errors
    /// The challenge is not to be answered, see [`AnswerError`].
    // RFC 8760 §2.4: the topmost challenge that is supported and allowed here counts, the others are ignored.
    pub fn answer(
        &mut self,
        challenges: &[(Challenger, Challenge<'_>)],
        peer: &str,
        attempts: &mut Attempts,
        request: &ProtectedRequest<'_>,
    ) -> Result<AuthHeader, AnswerError> {
        if peer != self.config.peer {
            let configured = self.config.peer.clone();
            return Err(AnswerError::ForeignPeer { from: peer.to_owned(), configured });
        }
        let own = |c: &Challenge<'_>| self.realm.as_deref().is_none_or(|own| c.realm.decoded() == own);
        let mut ours = challenges.iter().filter(|(_, c)| own(c)).peekable();
        if let (None, Some((_, first))) = (ours.peek(), challenges.first()) {
            let configured = self.realm.clone().unwrap_or_default();
            return Err(AnswerError::ForeignRealm {
                offered: first.realm.decoded().into_owned(),
                configured,
            });
        }
        let usable = ours.find_map(|(by, c)| self.usable(c).map(|(algorithm, qop)| (*by, c, algorithm, qop)));
        let (challenger, challenge, algorithm, qop) = usable.ok_or(AnswerError::Unsupported)?;
        let answered = &mut attempts.answered[slot(challenger)];
        if *answered >= MAX_ANSWERS {
            return Err(AnswerError::TooManyAttempts);
        }
        // RFC 7616 §3.3: without `stale` a second challenge from the same party means that the password is wrong.
        if *answered > 0 && !challenge.stale {
            self.sessions[slot(challenger)] = None;
            return Err(AnswerError::Rejected);
        }
        *answered += 1;
        let realm = challenge.realm.decoded().into_owned();
        let ha1 = ha1(algorithm, &self.config.username, &realm, &self.config.password);
        self.realm = Some(realm);
        self.sessions[slot(challenger)] = Some(Session {
            algorithm,
            qop,
            nonce: challenge.nonce.decoded().into_owned(),
            opaque: challenge.opaque.map(|o| o.decoded().into_owned()),
            ha1,
            count: 0,
            cnonce: String::new(),
        });
        self.next(challenger, request).ok_or(AnswerError::Unsupported)
    }

    /// Credentials for a further request with the nonce already known, so that it need not be challenged; `None` before the
    /// first challenge.
    pub fn next(&mut self, challenger: Challenger, request: &ProtectedRequest<'_>) -> Option<AuthHeader> {
        let cnonce = self.make_cnonce();
        let realm = self.realm.as_deref()?;
        let session = self.sessions[slot(challenger)].as_mut()?;
        session.count = session.count.checked_add(1)?;
        if !session.algorithm.session || session.cnonce.is_empty() {
            session.cnonce = cnonce;
        }
        let exchange = session.exchange(&self.config.username, realm, request);
        let response = respond(&exchange, &session.ha1);
        let credentials = Credentials {
            username: self.config.username.as_str().into(),
            realm: realm.into(),
            nonce: session.nonce.as_str().into(),
            uri: request.uri.into(),
            response: response.as_str().into(),
            algorithm: Some(session.algorithm.as_str().into()),
            cnonce: (session.qop.is_some() || session.algorithm.session)
                .then_some(session.cnonce.as_str().into()),
            opaque: session.opaque.as_deref().map(Into::into),
            protection: exchange.protection,
        };
        Some(AuthHeader { name: challenger.credentials_header(), value: credentials.to_string() })
    }

    /// Takes the Authentication-Info of a 2xx: whether the server has proved the password, if it tried to. A `nextnonce` is used
    /// for the request after, but never on the word of a server that failed to prove itself.
    pub fn take_authentication_info(
        &mut self,
        challenger: Challenger,
        info: &AuthenticationInfo<'_>,
        request: &ProtectedRequest<'_>,
        answer_body: &[u8],
    ) -> Option<bool> {
        let session = self.sessions[slot(challenger)].as_mut()?;
        let realm = self.realm.as_deref()?;
        let answered = ProtectedRequest { body: answer_body, ..*request };
        let exchange = session.exchange(&self.config.username, realm, &answered);
        let proved = info.rspauth.map(|proof| rspauth(&exchange, &session.ha1).matches(&proof.decoded()));
        if let Some(next) = info.nextnonce.filter(|_| proved != Some(false)) {
            session.nonce = next.decoded().into_owned();
            session.count = 0;
            session.cnonce.clear();
        }
        proved
    }

    /// The realm the credentials are bound to by now.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// Algorithm and protection to answer with; `None` if one of them is unknown or not allowed.
    fn usable(&self, challenge: &Challenge<'_>) -> Option<(Algorithm, Option<Qop>)> {
        let algorithm = challenge.algorithm().filter(|a| self.config.algorithms.contains(a))?;
        let Some(offer) = challenge.qop else { return Some((algorithm, None)) };
        if offer.auth_int && (self.config.prefer_integrity || !offer.auth) {
            return Some((algorithm, Some(Qop::AuthInt)));
        }
        offer.auth.then_some((algorithm, Some(Qop::Auth)))
    }

    fn make_cnonce(&mut self) -> String {
        self.cnonces += 1;
        let bytes = self.key.authenticate(&[&self.cnonces.to_be_bytes()]);
        bytes[..12].iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl Session {
    fn exchange<'a>(&'a self, user: &'a str, realm: &'a str, request: &ProtectedRequest<'a>) -> Exchange<'a> {
        Exchange {
            algorithm: self.algorithm,
            user,
            realm,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            protection: self.qop.map(|qop| (qop, self.count)),
            method: request.method,
            uri: request.uri,
            body: request.body,
        }
    }
}

fn bound(realm: &RealmBinding) -> Option<String> {
    match realm {
        RealmBinding::Exactly(realm) => Some(realm.clone()),
        RealmBinding::FirstSeen => None,
    }
}

fn slot(challenger: Challenger) -> usize {
    match challenger {
        Challenger::Origin => 0,
        Challenger::Proxy => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Authorization, Header, ProxyAuthorization, WwwAuthenticate};

    const REGISTER: ProtectedRequest<'static> =
        ProtectedRequest { method: "REGISTER", uri: "sip:registrar.example", body: b"" };

    fn client(realm: RealmBinding) -> DigestClient {
        let config = ClientConfig {
            username: "bob".into(),
            password: Secret::new("zanzibar"),
            realm,
            peer: "carrier".into(),
            ..ClientConfig::default()
        };
        DigestClient::new(config, Seed([9; 32]))
    }

    fn exactly(realm: &str) -> RealmBinding {
        RealmBinding::Exactly(realm.into())
    }

    fn challenge(value: &str) -> (Challenger, Challenge<'_>) {
        (Challenger::Origin, WwwAuthenticate::parse(value.as_bytes()).unwrap().0)
    }

    /// ST-020, ES-24: a challenge from another peer or for another realm is not answered, and the reason says so.
    #[test]
    fn credentials_stay_with_their_peer_and_realm() {
        let mut client = client(exactly("biloxi.com"));
        let rogue = [challenge("Digest realm=\"evil.example\", nonce=\"n\", qop=\"auth\"")];
        let error = client.answer(&rogue, "carrier", &mut Attempts::default(), &REGISTER).unwrap_err();
        let configured = "biloxi.com".to_owned();
        assert_eq!(error, AnswerError::ForeignRealm { offered: "evil.example".into(), configured });
        let own = [challenge("Digest realm=\"biloxi.com\", nonce=\"n\", qop=\"auth\"")];
        let error = client.answer(&own, "evil", &mut Attempts::default(), &REGISTER).unwrap_err();
        assert!(matches!(error, AnswerError::ForeignPeer { .. }));
        assert!(client.answer(&own, "carrier", &mut Attempts::default(), &REGISTER).is_ok());
    }

    #[test]
    fn the_first_realm_seen_is_the_only_one_answered_afterwards() {
        let mut client = client(RealmBinding::FirstSeen);
        let first = [challenge("Digest realm=\"a\", nonce=\"n\"")];
        let second = [challenge("Digest realm=\"b\", nonce=\"n\"")];
        assert!(client.answer(&first, "carrier", &mut Attempts::default(), &REGISTER).is_ok());
        assert_eq!(client.realm(), Some("a"));
        let refused = client.answer(&second, "carrier", &mut Attempts::default(), &REGISTER);
        assert!(matches!(refused, Err(AnswerError::ForeignRealm { .. })));
    }

    /// ST-004: the same challenge again means wrong credentials, and the diagnosis names what to check.
    #[test]
    fn a_second_challenge_means_wrong_credentials() {
        let mut client = client(exactly("r"));
        let mut attempts = Attempts::default();
        let challenges = [challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")];
        assert!(client.answer(&challenges, "carrier", &mut attempts, &REGISTER).is_ok());
        let error = client.answer(&challenges, "carrier", &mut attempts, &REGISTER).unwrap_err();
        assert_eq!(error, AnswerError::Rejected);
        assert_eq!(
            error.to_string(),
            "the peer refuses the credentials; check user, password and realm of the trunk"
        );
    }

    /// ES-24: stale nonces are answered again, but one request never more than twice.
    #[test]
    fn a_stale_nonce_is_answered_again_but_only_once() {
        let mut client = client(exactly("r"));
        let mut attempts = Attempts::default();
        let stale = [challenge("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=TRUE")];
        assert!(client.answer(&stale, "carrier", &mut attempts, &REGISTER).is_ok());
        assert!(client.answer(&stale, "carrier", &mut attempts, &REGISTER).is_ok());
        let third = client.answer(&stale, "carrier", &mut attempts, &REGISTER);
        assert_eq!(third, Err(AnswerError::TooManyAttempts));
    }

    /// RFC 8760 §2.4: the topmost challenge that is understood and allowed is answered.
    #[test]
    fn the_topmost_usable_challenge_counts() {
        let challenges = [
            challenge("Digest realm=\"r\", nonce=\"1\", qop=\"auth\", algorithm=AKAv1-MD5"),
            challenge("Digest realm=\"r\", nonce=\"2\", qop=\"token\", algorithm=SHA-256"),
            challenge("Digest realm=\"x\", nonce=\"3\", qop=\"auth\", algorithm=SHA-256"),
            challenge(
                "Digest realm=\"r\", nonce=\"4\", qop=\"auth-int,auth\", algorithm=SHA-256, opaque=\"o\"",
            ),
            challenge("Digest realm=\"r\", nonce=\"5\", qop=\"auth\", algorithm=MD5"),
        ];
        let mut client = client(exactly("r"));
        let header = client.answer(&challenges, "carrier", &mut Attempts::default(), &REGISTER).unwrap();
        let sent = Authorization::parse(header.value.as_bytes()).unwrap().0;
        assert_eq!((sent.nonce.decoded(), sent.algorithm()), ("4".into(), Some(Algorithm::SHA256)));
        assert_eq!(sent.protection, Some((Qop::Auth, 1)));
        assert_eq!(sent.opaque.map(|o| o.decoded()).as_deref(), Some("o"));

        let mut strict = ClientConfig { algorithms: vec![Algorithm::SHA512_256], ..client.config.clone() };
        strict.password = Secret::new("x");
        client.apply(strict);
        let refused = client.answer(&challenges, "carrier", &mut Attempts::default(), &REGISTER);
        assert_eq!(refused, Err(AnswerError::Unsupported));
    }

    #[test]
    fn later_requests_count_the_nonce_up_in_hexadecimal() {
        let mut client = client(exactly("r"));
        assert_eq!(client.next(Challenger::Proxy, &REGISTER), None);
        let challenges = [(Challenger::Proxy, challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"").1)];
        client.answer(&challenges, "carrier", &mut Attempts::default(), &REGISTER).unwrap();
        let mut cnonces = std::collections::BTreeSet::new();
        for expected in 2..=16 {
            let header = client.next(Challenger::Proxy, &REGISTER).unwrap();
            assert!(header.to_string().starts_with("Proxy-Authorization: Digest "));
            assert!(header.value.contains(&format!("nc={expected:08x}")), "{header}");
            let sent = ProxyAuthorization::parse(header.value.as_bytes()).unwrap().0;
            cnonces.insert(sent.cnonce.unwrap().decoded().into_owned());
        }
        assert_eq!(cnonces.len(), 15);
    }

    /// RFC 3261 §22.4 item 8: a challenge without qop gets the older answer without cnonce and nc.
    #[test]
    fn a_challenge_without_qop_is_answered_in_the_older_form() {
        let mut client = client(exactly("biloxi.com"));
        let challenges =
            [challenge("Digest realm=\"biloxi.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"")];
        let header = client.answer(&challenges, "carrier", &mut Attempts::default(), &REGISTER).unwrap();
        let sent = Authorization::parse(header.value.as_bytes()).unwrap().0;
        assert!(sent.protection.is_none() && sent.cnonce.is_none());
    }

    #[test]
    fn a_server_proves_itself_and_names_the_next_nonce() {
        let mut client = client(exactly("r"));
        let challenges = [challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")];
        client.answer(&challenges, "carrier", &mut Attempts::default(), &REGISTER).unwrap();
        let session = client.sessions[0].as_ref().unwrap();
        let proof = rspauth(&session.exchange("bob", "r", &REGISTER), &session.ha1);
        let info =
            |rspauth| AuthenticationInfo { rspauth, nextnonce: Some("m".into()), ..Default::default() };
        let forged = info(Some("00".into()));
        assert_eq!(client.take_authentication_info(Challenger::Origin, &forged, &REGISTER, b""), Some(false));
        assert_eq!(client.sessions[0].as_ref().unwrap().nonce, "n");
        let genuine = info(Some(proof.as_str().into()));
        assert_eq!(client.take_authentication_info(Challenger::Origin, &genuine, &REGISTER, b""), Some(true));
        assert!(client.next(Challenger::Origin, &REGISTER).unwrap().value.contains("nonce=\"m\""));
        assert_eq!(client.take_authentication_info(Challenger::Proxy, &genuine, &REGISTER, b""), None);
    }
}
