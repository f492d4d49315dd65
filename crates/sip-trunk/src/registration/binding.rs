//! What a registrar's 2xx says about our contact.

use std::time::{Duration, Instant};

use crate::endpoint::Source;
use crate::header::{Contact, Expires, Header, PAssociatedUri, ServiceRoute};
use crate::msg::{HeaderName, Message};

/// A binding in force.
#[derive(Debug, Clone)]
pub struct Binding {
    /// When the registrar forgets it.
    pub until: Instant,
    /// Who answered, and by which way: calls leave and arrive by it.
    pub source: Source,
    /// Proxies calls of this address have to go through, as values of Route, topmost first (RFC 3608).
    pub service_route: Vec<String>,
    /// Further addresses the carrier associates with this one (RFC 7315 §4.1).
    pub associated: Vec<String>,
    /// Whether the carrier sends calls down this flow (RFC 5626 §6).
    pub outbound: bool,
}

impl Binding {
    /// Reads a 2xx; `None` when it leaves our contact unbound. `line` is the token in our Contact.
    pub(super) fn read(
        answer: &Message,
        source: &Source,
        line: &str,
        asked: Duration,
        now: Instant,
    ) -> Option<Self> {
        let granted = granted(answer, line, asked);
        if granted.is_zero() {
            return None;
        }
        let texts =
            |name| answer.values(name).filter_map(|value| std::str::from_utf8(value).ok().map(str::to_owned));
        let required = answer.values(HeaderName::Require).any(|tag| tag.eq_ignore_ascii_case(b"outbound"));
        Some(Self {
            until: now + granted,
            source: source.clone(),
            // RFC 3608 §5: the order is that of the Route set.
            service_route: texts(ServiceRoute::NAME).collect(),
            associated: texts(PAssociatedUri::NAME).collect(),
            outbound: required,
        })
    }
}

/// A binding that lasts longer than a day is refreshed long before; more is a mistake of the registrar.
const LONGEST: Duration = Duration::from_secs(86_400);

// RFC 3261 §10.2.4: the lifetime of our own binding among those listed; without a list, that of the whole answer.
fn granted(answer: &Message, line: &str, asked: Duration) -> Duration {
    let header = answer.typed::<Expires>().and_then(Result::ok).map(|expires| expires.duration());
    let listed: Vec<Contact<'_>> = answer.all::<Contact<'_>>().filter_map(Result::ok).collect();
    let is_ours = |contact: &&Contact<'_>| {
        let uri = contact.address().and_then(|address| address.uri.as_sip());
        uri.and_then(|uri| uri.param("line")).is_some_and(|token| token == line)
    };
    let lifetime =
        |contact: &Contact<'_>| contact.expires().map(|seconds| Duration::from_secs(seconds.into()));
    let granted = match listed.iter().find(is_ours) {
        Some(ours) => lifetime(ours).or(header),
        // Registrars behind border elements list contacts in a form of their own: then the shortest counts.
        None => listed.iter().filter_map(lifetime).filter(|span| !span.is_zero()).min().or(header),
    };
    granted.unwrap_or(asked).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted_by(headers: &str) -> u64 {
        let text = format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        granted(&Message::from_datagram(text).unwrap(), "ours", Duration::from_secs(3600)).as_secs()
    }

    #[test]
    fn the_lifetime_of_our_own_contact_counts() {
        for (headers, seconds) in [
            ("", 3600),
            ("Expires: 300\r\n", 300),
            (
                "Contact: <sip:a@10.0.0.9>;expires=20, <sip:a@192.0.2.1;line=ours>;expires=60\r\nExpires: 10\r\n",
                60,
            ),
            ("Contact: <sip:a@192.0.2.1;line=ours>\r\nExpires: 120\r\n", 120),
            ("Contact: <sip:a@192.0.2.1;line=ours>;expires=0\r\n", 0),
            ("Contact: <sip:a@sbc>;expires=90, <sip:b@sbc>;expires=0\r\n", 90),
            ("Contact: <sip:a@192.0.2.1;line=ours>;expires=4000000000\r\n", 86_400),
            ("Contact: garbage <<\r\n", 3600),
        ] {
            assert_eq!(granted_by(headers), seconds, "{headers}");
        }
    }
}
