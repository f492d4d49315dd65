//! Digest authentication, both ends (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! ```text
//!   DigestClient (a trunk's credentials)                 DigestServer (one realm)
//!   REGISTER ────────────────────────────────────────►   challenges(): signed nonce, nothing stored
//!   answer(): own realm? own peer? second try?   ◄── 401
//!   REGISTER + Authorization ────────────────────────►   verify(): nonce ► user ► response ► nc window
//! ```
//!
//! * MD5, SHA-256 and SHA-512-256, each also as `-sess`; `auth` and `auth-int`; several challenges in order of preference.
//! * A nonce carries its own proof, so that unauthenticated requests leave no state behind. Only a nonce that proved a
//!   password gets a window of 128 counts, and the table of windows is bounded.
//! * Unknown user and wrong password take the same path; responses compare in constant time.
//! * The client answers only its own realm at its own peer, at most twice per request.
//!
//! The engines take `now` and a [`Seed`](crate::Seed); they read no clock and no random source.

mod algorithm;
mod client;
mod key;
mod nonce;
mod replay;
mod response;
mod secret;
mod server;

pub use algorithm::{Algorithm, Hash, HexDigest, Qop};
pub use client::{AnswerError, Attempts, ClientConfig, DigestClient, RealmBinding};
pub use nonce::SourceClass;
pub use response::{Exchange, ProtectedRequest, compute_response};
pub use secret::Secret;
pub use server::{Accepted, DigestServer, Refusal, ServerConfig, Verdict};

use std::fmt;

use crate::msg::{HeaderName, Method};

/// A finished authentication header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHeader {
    /// Which header it is.
    pub name: HeaderName,
    /// Its value, ready to be put on a line.
    pub value: String,
}

impl fmt::Display for AuthHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// Who challenges, and with which headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Challenger {
    /// The registrar or user agent itself: 401, `WWW-Authenticate`, `Authorization`.
    Origin,
    /// A proxy on the way: 407, `Proxy-Authenticate`, `Proxy-Authorization`.
    Proxy,
}

impl Challenger {
    /// The header that carries the challenge.
    #[must_use]
    pub fn challenge_header(self) -> HeaderName {
        match self {
            Self::Origin => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header that carries the answer.
    #[must_use]
    pub fn credentials_header(self) -> HeaderName {
        match self {
            Self::Origin => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    /// The status that carries the challenge.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Origin => 401,
            Self::Proxy => 407,
        }
    }
}

/// Whether a request with this method may be challenged; if not, it is taken only as part of a known transaction or dialog.
// RFC 3261 §22.1: ACK has no answer and CANCEL cannot be sent again, so neither is ever challenged; every other method, also
// an unknown one, is.
#[must_use]
pub fn is_challengeable(method: &Method<'_>) -> bool {
    match method {
        Method::Ack | Method::Cancel => false,
        Method::Bye
        | Method::Info
        | Method::Invite
        | Method::Message
        | Method::Notify
        | Method::Options
        | Method::Prack
        | Method::Publish
        | Method::Refer
        | Method::Register
        | Method::Subscribe
        | Method::Update
        | Method::Other(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-25: every method but the two that cannot be repeated is challenged, also methods nobody has heard of.
    #[test]
    fn every_method_is_challenged_but_ack_and_cancel() {
        let all = "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE \
                   NEWMETHOD ack Invite REGISTERX !*_+`.%'~";
        for name in all.split_whitespace() {
            let method = Method::parse(name.as_bytes()).unwrap();
            assert_eq!(is_challengeable(&method), !["ACK", "CANCEL"].contains(&name), "{name}");
        }
    }

    #[test]
    fn each_challenger_has_its_headers() {
        assert_eq!(Challenger::Origin.challenge_header().as_str(), "WWW-Authenticate");
        assert_eq!(Challenger::Proxy.credentials_header().as_str(), "Proxy-Authorization");
        assert_eq!((Challenger::Origin.status(), Challenger::Proxy.status()), (401, 407));
    }
}
