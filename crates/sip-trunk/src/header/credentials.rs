//! Credentials: Authorization and Proxy-Authorization (RFC 3261 §20.7 and §20.28, RFC 7616 §3.4), and what a server answers with:
//! Authentication-Info and Proxy-Authentication-Info (RFC 7616 §3.5).

use std::{fmt, ops::Deref};

use super::{
    FaultKind, Header, HeaderFault, Text, Value,
    auth_params::{ListWriter, count, once, read_digest, read_list, required, text},
    lex::Cursor,
};
use crate::{
    auth::{Algorithm, Qop},
    msg::HeaderName,
};

/// Digest credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Whose they are.
    pub username: Text<'a>,
    /// As in the challenge.
    pub realm: Text<'a>,
    /// As in the challenge.
    pub nonce: Text<'a>,
    /// The Request-URI as the client sent it.
    pub uri: Text<'a>,
    /// The proof, in hexadecimal.
    pub response: Text<'a>,
    /// As written; see [`Credentials::algorithm`].
    pub algorithm: Option<Text<'a>>,
    /// The client's one-time value.
    pub cnonce: Option<Text<'a>>,
    /// As in the challenge.
    pub opaque: Option<Text<'a>>,
    /// The protection and how often the nonce was used with it; `None` is the older form without.
    pub protection: Option<(Qop, u32)>,
}

impl<'a> Credentials<'a> {
    /// The algorithm: MD5 if absent, `None` if it is one this crate does not compute.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.map_or(Some(Algorithm::MD5), |a| Algorithm::parse(&a.decoded()))
    }

    /// Reads `Digest username="…", …`; parameters that are not known are passed over.
    ///
    /// # Errors
    /// Another scheme, a malformed, repeated or missing parameter.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (mut username, mut realm, mut nonce, mut uri, mut response) = (None, None, None, None, None);
        let (mut algorithm, mut cnonce, mut opaque, mut qop, mut nc) = (None, None, None, None, None);
        read_digest(value, |name, value, at| match name {
            n if n.eq_ignore_ascii_case("username") => once(&mut username, text(value), "username", at),
            n if n.eq_ignore_ascii_case("realm") => once(&mut realm, text(value), "realm", at),
            n if n.eq_ignore_ascii_case("nonce") => once(&mut nonce, text(value), "nonce", at),
            n if n.eq_ignore_ascii_case("uri") => once(&mut uri, text(value), "uri", at),
            n if n.eq_ignore_ascii_case("response") => once(&mut response, text(value), "response", at),
            n if n.eq_ignore_ascii_case("algorithm") => once(&mut algorithm, text(value), "algorithm", at),
            n if n.eq_ignore_ascii_case("cnonce") => once(&mut cnonce, text(value), "cnonce", at),
            n if n.eq_ignore_ascii_case("opaque") => once(&mut opaque, text(value), "opaque", at),
            n if n.eq_ignore_ascii_case("nc") => once(&mut nc, count(value, at)?, "nc", at),
            n if n.eq_ignore_ascii_case("qop") => {
                let known = Qop::parse(&value.text());
                let token =
                    known.ok_or(HeaderFault { kind: FaultKind::Missing("qop=auth or auth-int"), at })?;
                once(&mut qop, token, "qop", at)
            }
            _ => Ok(()),
        })?;
        // RFC 7616 §3.4: with qop the count and the client nonce are required; `-sess` needs the client nonce too.
        let protection = match qop {
            Some(qop) => {
                required(cnonce, "cnonce")?;
                Some((qop, required(nc, "nc")?))
            }
            None => None,
        };
        let credentials = Self {
            username: required(username, "username")?,
            realm: required(realm, "realm")?,
            nonce: required(nonce, "nonce")?,
            uri: required(uri, "uri")?,
            response: required(response, "response")?,
            algorithm,
            cnonce,
            opaque,
            protection,
        };
        if credentials.algorithm().is_some_and(|a| a.session) {
            required(cnonce, "cnonce")?;
        }
        Ok(credentials)
    }
}

impl fmt::Display for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = ListWriter::new(f, "Digest ");
        list.param("username", self.username)?;
        list.param("realm", self.realm)?;
        list.param("nonce", self.nonce)?;
        list.param("uri", self.uri)?;
        list.param("response", self.response)?;
        if let Some(algorithm) = self.algorithm {
            list.param("algorithm", Value::from(&*algorithm.decoded()))?;
        }
        if let Some(cnonce) = self.cnonce {
            list.param("cnonce", cnonce)?;
        }
        if let Some(opaque) = self.opaque {
            list.param("opaque", opaque)?;
        }
        // RFC 7616 §3.4: qop and nc stand without quotes here.
        if let Some((qop, count)) = self.protection {
            list.param("qop", qop.as_str())?;
            list.param("nc", format_args!("{count:08x}"))?;
        }
        Ok(())
    }
}

macro_rules! wrappers {
    ($($(#[$doc:meta])* $name:ident($inner:ident))+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(pub $inner<'a>);

        impl<'a> Header<'a> for $name<'a> {
            const NAME: HeaderName = HeaderName::$name;

            fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
                $inner::parse(value).map(Self)
            }
        }

        impl<'a> Deref for $name<'a> {
            type Target = $inner<'a>;

            fn deref(&self) -> &$inner<'a> {
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

wrappers! {
    /// Credentials for a registrar or user agent.
    Authorization(Credentials)
    /// Credentials for a proxy.
    ProxyAuthorization(Credentials)
    /// As [`AuthenticationInfo`], from a proxy.
    ProxyAuthenticationInfo(AuthenticationInfo)
}

/// What a server adds to a successful answer: its own proof, and the nonce to use next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuthenticationInfo<'a> {
    /// The nonce for the next request.
    pub nextnonce: Option<Text<'a>>,
    /// The protection of this answer.
    pub qop: Option<Qop>,
    /// The server's proof, in hexadecimal.
    pub rspauth: Option<Text<'a>>,
    /// The client's one-time value, repeated.
    pub cnonce: Option<Text<'a>>,
    /// The count, repeated.
    pub count: Option<u32>,
}

impl<'a> Header<'a> for AuthenticationInfo<'a> {
    const NAME: HeaderName = HeaderName::AuthenticationInfo;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut info = Self::default();
        read_list(&mut Cursor::begin(value)?, |name, value, at| match name {
            n if n.eq_ignore_ascii_case("nextnonce") => {
                once(&mut info.nextnonce, text(value), "nextnonce", at)
            }
            n if n.eq_ignore_ascii_case("rspauth") => once(&mut info.rspauth, text(value), "rspauth", at),
            n if n.eq_ignore_ascii_case("cnonce") => once(&mut info.cnonce, text(value), "cnonce", at),
            n if n.eq_ignore_ascii_case("nc") => once(&mut info.count, count(value, at)?, "nc", at),
            n if n.eq_ignore_ascii_case("qop") => {
                info.qop = Qop::parse(&value.text());
                Ok(())
            }
            _ => Ok(()),
        })?;
        if info == Self::default() {
            return Err(HeaderFault { kind: FaultKind::Missing("nextnonce or rspauth"), at: 0 });
        }
        Ok(info)
    }
}

impl fmt::Display for AuthenticationInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = ListWriter::new(f, "");
        if let Some(nextnonce) = self.nextnonce {
            list.param("nextnonce", nextnonce)?;
        }
        if let Some(qop) = self.qop {
            list.param("qop", qop.as_str())?;
        }
        if let Some(rspauth) = self.rspauth {
            list.param("rspauth", rspauth)?;
        }
        if let Some(cnonce) = self.cnonce {
            list.param("cnonce", cnonce)?;
        }
        if let Some(count) = self.count {
            list.param("nc", format_args!("{count:08x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: &str = "Digest username=\"bob\", realm=\"biloxi.com\",\r\n nonce=\"dcd98b\", uri=\"sip:bob@biloxi.com\", qop=auth, \
                        nc=0000000a, cnonce=\"0a4f113b\", response=\"6629fae4\", opaque=\"5ccc\", unknown=x";

    #[test]
    fn credentials_are_read_and_printed() {
        let credentials = Authorization::parse(FULL.as_bytes()).unwrap();
        assert_eq!(credentials.username.decoded(), "bob");
        assert_eq!(credentials.protection, Some((Qop::Auth, 10)));
        assert_eq!(credentials.algorithm(), Some(Algorithm::MD5));
        assert_eq!(ProxyAuthorization::parse(credentials.to_string().as_bytes()).unwrap().0, credentials.0);
    }

    /// ES-21: the count is eight hexadecimal digits, and everything that is required must be there.
    #[test]
    fn incomplete_or_odd_credentials_are_refused() {
        for nc in ["1", "0000000g", "000000001", "", "+0000001"] {
            assert!(Credentials::parse(FULL.replace("0000000a", nc).as_bytes()).is_err(), "{nc}");
        }
        assert_eq!(
            Credentials::parse(FULL.replace("0000000a", "FFFFFFFF").as_bytes()).unwrap().protection,
            Some((Qop::Auth, u32::MAX))
        );
        for name in ["username", "realm", "nonce", "uri", "response", "cnonce", "nc"] {
            let without = FULL.replace(&format!(" {name}="), " x=");
            assert_eq!(Credentials::parse(without.as_bytes()).unwrap_err().kind, FaultKind::Missing(name));
        }
        let session =
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", algorithm=MD5-sess";
        assert_eq!(Credentials::parse(session.as_bytes()).unwrap_err().kind, FaultKind::Missing("cnonce"));
        assert!(Credentials::parse(FULL.replace("qop=auth", "qop=token").as_bytes()).is_err());
        assert!(Credentials::parse(format!("{FULL}, nonce=\"x\"").as_bytes()).is_err());
    }

    #[test]
    fn the_answer_of_a_server_is_read_and_printed() {
        let info =
            AuthenticationInfo::parse(b"nextnonce=\"47364c\", qop=auth, rspauth=\"6629\", nc=00000001")
                .unwrap();
        assert_eq!((info.count, info.qop), (Some(1), Some(Qop::Auth)));
        assert_eq!(AuthenticationInfo::parse(info.to_string().as_bytes()).unwrap(), info);
    }

    proptest! {
        #[test]
        fn printed_credentials_are_read_back(user in "[^\\p{C}\u{2028}\u{2029}]{1,12}", realm in "[^\\p{C}\u{2028}\u{2029}]{0,12}", count: u32, integrity: bool) {
            let credentials = Credentials {
                username: user.as_str().into(),
                realm: realm.as_str().into(),
                nonce: "n\\\"".into(),
                uri: "sip:a@b".into(),
                response: "00".into(),
                algorithm: Some("SHA-256-sess".into()),
                cnonce: Some("c".into()),
                opaque: None,
                protection: Some((if integrity { Qop::AuthInt } else { Qop::Auth }, count)),
            };
            let printed = credentials.to_string();
            prop_assert_eq!(Credentials::parse(printed.as_bytes()).unwrap(), credentials);
        }
    }
}
