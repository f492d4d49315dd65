//! Why an address of record is not registered, in words an administrator can act on.

use std::fmt;

use crate::auth::AnswerError;
use crate::endpoint::{Failure, SendError, TlsFault};
use crate::msg::reason_phrase;

/// Why a registration is not in force. `Display` is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It was withdrawn, because the trunk left service or its configuration changed.
    Withdrawn,
    /// The registrar asks for a password and does not take ours.
    Unauthorized {
        /// 401 or 407.
        status: u16,
        /// What is wrong with the challenge or our answer; `None` when no credentials are configured.
        fault: Option<AnswerError>,
        /// The user name that was used.
        username: String,
        /// The address of record.
        uri: String,
        /// The realm the registrar named.
        realm: String,
    },
    /// The registrar refuses for another reason.
    Refused {
        /// The status code.
        status: u16,
        /// Its reason phrase, as sent.
        phrase: String,
        /// The address of record.
        uri: String,
    },
    /// The registrar says yes, but lists no binding for us, or one that has expired.
    NotBound,
    /// No answer came.
    Silent {
        /// The registrar.
        registrar: String,
    },
    /// The registrar cannot be reached.
    Unreachable {
        /// The registrar.
        registrar: String,
        /// What the system or the resolver said.
        cause: String,
    },
    /// The TLS handshake failed; the peer's certificate, when it arrived, is in the fault.
    Tls(TlsFault),
    /// The connection the binding depended on (RFC 5626) was lost.
    FlowLost(String),
    /// The request could not be sent.
    Unsendable(SendError),
}

impl Cause {
    /// From a request that got no answer.
    pub(super) fn of_failure(failure: &Failure, registrar: &str) -> Self {
        let registrar = registrar.to_owned();
        match failure {
            Failure::Timeout => Self::Silent { registrar },
            Failure::Tls(fault) => Self::Tls(fault.clone()),
            Failure::Transport(_) | Failure::Unresolvable { .. } | Failure::NoRoute | Failure::Withdrawn => {
                Self::Unreachable { registrar, cause: failure.to_string() }
            }
        }
    }

    /// Whether only a change of configuration, ours or the carrier's, will help: then it is tried rarely, lest the carrier
    /// blocks us.
    pub fn is_persistent(&self) -> bool {
        match self {
            Self::Unauthorized { .. } => true,
            // RFC 3261 §21.4: 400 to 499 say that the request is wrong, except those about time and place.
            Self::Refused { status, .. } => {
                matches!(status, 300..=499 | 600..) && !matches!(status, 408 | 423 | 430 | 480 | 491)
            }
            Self::Withdrawn
            | Self::NotBound
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::Tls(_)
            | Self::FlowLost(_)
            | Self::Unsendable(_) => false,
        }
    }

    /// The status of the registrar's answer, if it gave one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { status, .. } | Self::Refused { status, .. } => Some(*status),
            Self::Withdrawn
            | Self::NotBound
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::Tls(_)
            | Self::FlowLost(_)
            | Self::Unsendable(_) => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withdrawn => f.write_str("withdrawn"),
            Self::Unauthorized { status, fault, username, uri, realm } => {
                write!(f, "SIP {status} {}: ", reason_phrase(*status))?;
                match fault {
                    None => write!(
                        f,
                        "the registrar asks for credentials in realm {realm:?}; give the trunk a user and password"
                    ),
                    Some(AnswerError::Rejected) => write!(
                        f,
                        "the registrar refuses the credentials; check user {username:?}, its password, SIP URI {uri} and realm {realm:?}"
                    ),
                    Some(fault) => write!(f, "{fault} (user {username:?}, SIP URI {uri})"),
                }
            }
            Self::Refused { status, phrase, uri } => {
                write!(f, "SIP {status} {phrase}")?;
                advice(*status).map_or(Ok(()), |advice| write!(f, ": {advice} (SIP URI {uri})"))
            }
            Self::NotBound => f.write_str("the registrar answers 200 but keeps no binding for this contact"),
            Self::Silent { registrar } => write!(
                f,
                "no answer from {registrar} (SIP 408 Request Timeout); check address, port, transport and firewall"
            ),
            Self::Unreachable { registrar, cause } => write!(f, "{registrar} cannot be reached: {cause}"),
            Self::Tls(fault) => write!(f, "TLS Handshake Error: {fault}"),
            Self::FlowLost(cause) => write!(f, "the connection to the registrar was lost: {cause}"),
            Self::Unsendable(error) => write!(f, "REGISTER could not be sent: {error}"),
        }
    }
}

fn advice(status: u16) -> Option<&'static str> {
    match status {
        300..=399 => Some("the registrar sends us elsewhere, but to no other address that can be used"),
        403 => Some("the account is blocked, or not allowed from this address; ask the carrier"),
        404 => Some("the registrar does not know this address of record; check the SIP URI and its domain"),
        405 | 501 => Some("this server is no registrar; check the registrar address"),
        423 => Some("the registrar wants an expiry that cannot be met"),
        482 | 483 => Some("the request went in a circle; check the registrar address"),
        500..=599 => Some("the registrar has a problem of its own"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST-004: a refused password is logged with everything that may be wrong about it.
    #[test]
    fn a_refused_password_names_what_to_check() {
        let cause = Cause::Unauthorized {
            status: 401,
            fault: Some(AnswerError::Rejected),
            username: "genesys".into(),
            uri: "sip:genesys@carrier.example".into(),
            realm: "carrier".into(),
        };
        assert_eq!(
            cause.to_string(),
            "SIP 401 Unauthorized: the registrar refuses the credentials; check user \"genesys\", its password, \
             SIP URI sip:genesys@carrier.example and realm \"carrier\""
        );
        assert!(cause.is_persistent());
    }

    #[test]
    fn causes_are_told_apart_by_who_can_mend_them() {
        let refused = |status| Cause::Refused { status, phrase: String::new(), uri: String::new() };
        for status in [301, 400, 403, 404, 405, 603] {
            assert!(refused(status).is_persistent(), "{status}");
        }
        for status in [408, 430, 480, 500, 503] {
            assert!(!refused(status).is_persistent(), "{status}");
        }
        assert!(!Cause::Silent { registrar: "c".into() }.is_persistent());
    }

    /// ST-008: a failed handshake is surfaced as such.
    #[test]
    fn a_failed_handshake_is_named() {
        let fault = TlsFault { text: "invalid peer certificate: UnknownIssuer".into(), certificate: None };
        let cause = Cause::of_failure(&Failure::Tls(fault), "c");
        assert_eq!(cause.to_string(), "TLS Handshake Error: invalid peer certificate: UnknownIssuer");
    }
}
