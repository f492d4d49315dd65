//! Which protection an offer proposes, an answer takes, and a policy permits.

use super::super::attribute::{Crypto, Setup};
use super::super::media_line::Protocol;
use super::config::{Signalling, SrtpPolicy};
use super::refusal::Refusal;
use super::remote::RemoteAudio;
use super::sdes::{self, LocalKeys};
use super::session::{DtlsRole, MediaSecurity};
use super::{OfferAnswer, OfferError};
use crate::srtp::MasterKey;

/// What an offer proposes.
#[derive(Debug, Clone)]
pub(super) struct SecurityOffer {
    pub(super) protocol: Protocol,
    pub(super) cryptos: Vec<(u32, MasterKey)>,
    pub(super) setup: Option<Setup>,
}

/// What an answer says about protection.
#[derive(Debug, Default)]
pub(super) struct SecurityLines {
    pub(super) crypto: Option<Crypto>,
    pub(super) setup: Option<Setup>,
}

impl OfferAnswer {
    pub(super) fn offer_security(&mut self, signalling: Signalling) -> Result<SecurityOffer, OfferError> {
        let plain = SecurityOffer { protocol: Protocol::Avp, cryptos: Vec::new(), setup: None };
        let policy = self.config.srtp;
        if policy == SrtpPolicy::Off {
            return Ok(plain);
        }
        if self.local.dtls.is_some() {
            // RFC 5763 §5: the offerer leaves the role to the answerer.
            return Ok(SecurityOffer { protocol: Protocol::DtlsSavpf, setup: Some(Setup::ActPass), ..plain });
        }
        match (signalling, policy) {
            (Signalling::Insecure, SrtpPolicy::Required) => Err(OfferError::InsecureSignalling),
            (Signalling::Insecure, SrtpPolicy::Optional | SrtpPolicy::Off) => Ok(plain),
            (Signalling::Secure, _) => {
                let keys = self.config.suites.iter().map(|suite| self.keys.of(*suite));
                let cryptos = (1..).zip(keys).collect();
                // RFC 8643 §3.1: SRTP offered opportunistically is RTP/AVP with keys.
                let required = policy == SrtpPolicy::Required;
                let protocol = if required { Protocol::Savp } else { Protocol::Avp };
                Ok(SecurityOffer { protocol, cryptos, setup: None })
            }
        }
    }

    pub(super) fn answer_security(
        &self,
        keys: &mut LocalKeys,
        remote: &RemoteAudio<'_>,
        signalling: Signalling,
    ) -> Result<(MediaSecurity, SecurityLines), Refusal> {
        let protocol = &remote.media.line().protocol;
        let policy = self.config.srtp;
        if policy == SrtpPolicy::Off {
            let plain = (MediaSecurity::Plain, SecurityLines::default());
            return if protocol.is_secure() { Err(Refusal::SrtpOff) } else { Ok(plain) };
        }
        let dtls_offered = !remote.fingerprints.is_empty() && remote.setup.is_some();
        if protocol.is_dtls() || (dtls_offered && self.local.dtls.is_some()) {
            return self.answer_dtls(remote);
        }
        // RFC 4568 §7: keys that travelled in the clear are no keys.
        if signalling == Signalling::Insecure {
            let demanded = protocol.is_secure() || policy == SrtpPolicy::Required;
            return match (demanded, remote.cryptos.is_empty()) {
                (false, _) => Ok((MediaSecurity::Plain, SecurityLines::default())),
                (true, false) => Err(Refusal::InsecureSignalling),
                (true, true) => Err(Refusal::SrtpRequired),
            };
        }
        // RFC 4568 §5.1.2: the first line that can be used is taken; the answer repeats its tag and suite.
        let usable = |crypto: &Crypto| Some((crypto.tag, sdes::key(crypto, &self.config.suites)?));
        if let Some((tag, receive)) = remote.cryptos.iter().find_map(usable) {
            let send = keys.of(receive.profile());
            let lines = SecurityLines { crypto: Some(sdes::line(tag, &send)), setup: None };
            let security = MediaSecurity::Sdes { send: Box::new(send), receive: Box::new(receive) };
            return Ok((security, lines));
        }
        match (protocol.is_secure(), policy) {
            (false, SrtpPolicy::Optional | SrtpPolicy::Off) => {
                Ok((MediaSecurity::Plain, SecurityLines::default()))
            }
            (false, SrtpPolicy::Required) if remote.cryptos.is_empty() => Err(Refusal::SrtpRequired),
            (true | false, _) => Err(Refusal::NoCommonSuite { offered: suites(&remote.cryptos) }),
        }
    }

    fn answer_dtls(&self, remote: &RemoteAudio<'_>) -> Result<(MediaSecurity, SecurityLines), Refusal> {
        if self.local.dtls.is_none() {
            return Err(Refusal::Transport(remote.media.line().protocol.to_string()));
        }
        let before = self.agreement.as_ref().and_then(|agreement| agreement.dtls.as_deref());
        let role = match (remote.setup, before) {
            // RFC 8842 §5.5: a running association keeps its roles unless the fingerprint changed.
            (Some(Setup::ActPass), Some((fingerprints, role))) if *fingerprints == remote.fingerprints => {
                *role
            }
            (Some(Setup::ActPass | Setup::Passive), _) => DtlsRole::Client,
            (Some(Setup::Active), _) => DtlsRole::Server,
            (Some(Setup::HoldConn) | None, _) => return Err(Refusal::DtlsIncomplete),
        };
        if remote.fingerprints.is_empty() {
            return Err(Refusal::DtlsIncomplete);
        }
        let setup = match role {
            DtlsRole::Client => Setup::Active,
            DtlsRole::Server => Setup::Passive,
        };
        let security = MediaSecurity::Dtls { fingerprints: remote.fingerprints.clone(), role };
        Ok((security, SecurityLines { crypto: None, setup: Some(setup) }))
    }

    pub(super) fn accept_security(
        &self,
        offer: &SecurityOffer,
        remote: &RemoteAudio<'_>,
        signalling: Signalling,
    ) -> Result<MediaSecurity, Refusal> {
        if offer.setup.is_some() {
            let role = match remote.setup {
                Some(Setup::Active) => DtlsRole::Server,
                Some(Setup::Passive) => DtlsRole::Client,
                Some(Setup::ActPass | Setup::HoldConn) | None => return Err(Refusal::DtlsIncomplete),
            };
            if remote.fingerprints.is_empty() {
                return Err(Refusal::DtlsIncomplete);
            }
            return Ok(MediaSecurity::Dtls { fingerprints: remote.fingerprints.clone(), role });
        }
        let Some(crypto) = remote.cryptos.first() else {
            let secure = remote.media.line().protocol.is_secure();
            // Also when the offer was optional: a peer that answers SAVP without a key has no way to be understood.
            let refused = secure || self.config.srtp == SrtpPolicy::Required;
            return if refused { Err(Refusal::SrtpRequired) } else { Ok(MediaSecurity::Plain) };
        };
        if signalling == Signalling::Insecure {
            return Err(Refusal::InsecureSignalling);
        }
        // RFC 4568 §5.1.3: tag and suite must be those of one offered line.
        let receive = sdes::key(crypto, &self.config.suites).ok_or(Refusal::CryptoNotOffered)?;
        let ours =
            offer.cryptos.iter().find(|(tag, key)| *tag == crypto.tag && key.profile() == receive.profile());
        let (_, send) = ours.ok_or(Refusal::CryptoNotOffered)?;
        Ok(MediaSecurity::Sdes { send: Box::new(send.clone()), receive: Box::new(receive) })
    }
}

fn suites(cryptos: &[Crypto]) -> String {
    let names: Vec<_> = cryptos.iter().take(16).map(|crypto| crypto.suite.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
