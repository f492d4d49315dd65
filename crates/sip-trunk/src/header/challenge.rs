//! Challenges: WWW-Authenticate and Proxy-Authenticate (RFC 3261 §20.44 and §20.27, RFC 7616 §3.3).

use std::{fmt, ops::Deref};

use super::{
    Header, HeaderFault, Text, Value,
    auth_params::{ListWriter, once, read_digest, required, text},
};
use crate::{
    auth::{Algorithm, Qop},
    msg::HeaderName,
};

/// A Digest challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Which accounts are meant.
    pub realm: Text<'a>,
    /// The server's one-time value.
    pub nonce: Text<'a>,
    /// Comes back unchanged.
    pub opaque: Option<Text<'a>>,
    /// As written; see [`Challenge::algorithm`].
    pub algorithm: Option<Text<'a>>,
    /// The protections offered; `None` is the older form without any.
    pub qop: Option<QopOffer>,
    /// The nonce was too old, the password may be right.
    pub stale: bool,
}

/// Which protections a challenge offers; unknown ones are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QopOffer {
    /// `auth`.
    pub auth: bool,
    /// `auth-int`.
    pub auth_int: bool,
}

impl<'a> Challenge<'a> {
    /// A challenge with nothing but realm and nonce.
    #[must_use]
    pub fn new(realm: &'a str, nonce: &'a str) -> Self {
        Self {
            realm: realm.into(),
            nonce: nonce.into(),
            opaque: None,
            algorithm: None,
            qop: None,
            stale: false,
        }
    }

    /// The algorithm: MD5 if absent, `None` if it is one this crate does not compute.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.map_or(Some(Algorithm::MD5), |a| Algorithm::parse(&a.decoded()))
    }

    /// Reads `Digest realm="…", …`; parameters that are not known are passed over.
    ///
    /// # Errors
    /// Another scheme, a malformed or repeated parameter, or no realm or nonce.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (mut realm, mut nonce, mut opaque, mut algorithm, mut qop, mut stale) =
            (None, None, None, None, None, None);
        read_digest(value, |name, value, at| match name {
            n if n.eq_ignore_ascii_case("realm") => once(&mut realm, text(value), "realm", at),
            n if n.eq_ignore_ascii_case("nonce") => once(&mut nonce, text(value), "nonce", at),
            n if n.eq_ignore_ascii_case("opaque") => once(&mut opaque, text(value), "opaque", at),
            n if n.eq_ignore_ascii_case("algorithm") => once(&mut algorithm, text(value), "algorithm", at),
            n if n.eq_ignore_ascii_case("qop") => once(&mut qop, offer(value), "qop", at),
            n if n.eq_ignore_ascii_case("stale") => {
                once(&mut stale, value.text().eq_ignore_ascii_case("true"), "stale", at)
            }
            _ => Ok(()),
        })?;
        Ok(Self {
            realm: required(realm, "realm")?,
            nonce: required(nonce, "nonce")?,
            opaque,
            algorithm,
            qop,
            stale: stale.unwrap_or(false),
        })
    }
}

fn offer(value: Value<'_>) -> QopOffer {
    value.text().split(',').fold(QopOffer::default(), |offer, token| match Qop::parse(token.trim()) {
        Some(Qop::Auth) => QopOffer { auth: true, ..offer },
        Some(Qop::AuthInt) => QopOffer { auth_int: true, ..offer },
        None => offer,
    })
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = ListWriter::new(f, "Digest ");
        list.param("realm", self.realm)?;
        list.param("nonce", self.nonce)?;
        if let Some(opaque) = self.opaque {
            list.param("opaque", opaque)?;
        }
        if self.stale {
            list.param("stale", "true")?;
        }
        if let Some(algorithm) = self.algorithm {
            list.param("algorithm", Value::from(&*algorithm.decoded()))?;
        }
        match self.qop {
            Some(QopOffer { auth: true, auth_int: true }) => list.param("qop", "\"auth,auth-int\""),
            Some(QopOffer { auth: true, auth_int: false }) => list.param("qop", "\"auth\""),
            Some(QopOffer { auth: false, auth_int: true }) => list.param("qop", "\"auth-int\""),
            Some(QopOffer { auth: false, auth_int: false }) | None => Ok(()),
        }
    }
}

macro_rules! challenges {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(pub Challenge<'a>);

        impl<'a> Header<'a> for $name<'a> {
            const NAME: HeaderName = HeaderName::$name;

            fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
                Challenge::parse(value).map(Self)
            }
        }

        impl<'a> Deref for $name<'a> {
            type Target = Challenge<'a>;

            fn deref(&self) -> &Challenge<'a> {
                &self.0
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

challenges! {
    /// The challenge of a registrar or user agent, in a 401.
    WwwAuthenticate
    /// The challenge of a proxy, in a 407.
    ProxyAuthenticate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::FaultKind;

    /// RFC 3261 §20.44 and RFC 8760 §2.1: the usual challenge, with and without quotes where peers differ.
    #[test]
    fn challenges_are_read_and_printed() {
        let value = b"Digest  realm=\"atlanta.com\",\r\n domain=\"sip:boxesbybob.com\", qop=\"auth, auth-int\",\
                      nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=SHA-512-256";
        let challenge = WwwAuthenticate::parse(value).unwrap();
        assert_eq!(challenge.realm.decoded(), "atlanta.com");
        assert_eq!(challenge.qop, Some(QopOffer { auth: true, auth_int: true }));
        assert_eq!((challenge.algorithm(), challenge.stale), (Some(Algorithm::SHA512_256), false));
        let printed = challenge.to_string();
        assert_eq!(WwwAuthenticate::parse(printed.as_bytes()).unwrap(), challenge);

        let odd = Challenge::parse(
            b"digest nonce=abc,realm=\"a \\\"b\\\"\",algorithm=\"md5\",stale=\"true\",qop=auth",
        )
        .unwrap();
        assert_eq!(
            (odd.realm.decoded(), odd.algorithm(), odd.stale),
            ("a \"b\"".into(), Some(Algorithm::MD5), true)
        );
        assert_eq!(Challenge::new("r", "n").algorithm(), Some(Algorithm::MD5));
    }

    #[test]
    fn unusable_challenges_say_why() {
        for (input, kind) in [
            ("Basic realm=\"x\"", FaultKind::Scheme),
            ("Digest", FaultKind::Scheme),
            ("Digest ", FaultKind::Token),
            ("Digest realm=\"x\"", FaultKind::Missing("nonce")),
            ("Digest nonce=\"x\"", FaultKind::Missing("realm")),
            ("Digest realm=\"x\", realm=\"y\", nonce=\"n\"", FaultKind::Duplicate("realm")),
            ("Digest realm=\"x\" nonce=\"n\"", FaultKind::Separator(',')),
            ("Digest realm", FaultKind::Separator('=')),
            ("Digest realm=\"x\",", FaultKind::Token),
            ("Digest realm=\"x", FaultKind::Quote),
        ] {
            assert_eq!(Challenge::parse(input.as_bytes()).unwrap_err().kind, kind, "{input}");
        }
    }
}
