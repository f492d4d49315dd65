//! ICE: `candidate`, `ice-ufrag`, `ice-pwd`, `ice-options` (RFC 8839).

use std::fmt;

use super::super::connection::Host;
use super::{Attribute, number};

/// `a=candidate` (RFC 8839 §5.1): one address a peer may be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Groups candidates of the same kind and base; at most 32 characters.
    pub foundation: String,
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// `UDP`, `TCP` …
    pub transport: String,
    /// Priority; higher is better.
    pub priority: u32,
    /// Address; a name ending in `.local` when a browser hides it (mDNS).
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Kind.
    pub kind: CandidateKind,
    /// What follows the kind, as written: `raddr`, `rport`, `tcptype`, extensions.
    pub rest: String,
}

/// Kind of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateKind {
    /// `host`: an address of the peer itself.
    Host,
    /// `srflx`: its address as seen by a STUN server.
    ServerReflexive,
    /// `prflx`: its address as seen by the other peer.
    PeerReflexive,
    /// `relay`: an address of a TURN server.
    Relay,
    /// Another token.
    Other(String),
}

impl CandidateKind {
    fn token(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
            Self::Other(token) => token,
        }
    }
}

impl Attribute for Candidate {
    const NAME: &'static str = "candidate";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `foundation component transport priority address port typ type …`";
        let mut fields = value.splitn(9, ' ');
        let mut field = || fields.next().filter(|field| !field.is_empty()).ok_or(wanted);
        let foundation = field()?;
        let candidate = Self {
            foundation: foundation.to_owned(),
            component: number(field()?).filter(|c| (1..=256).contains(c)).ok_or(wanted)?,
            transport: field()?.to_owned(),
            priority: number(field()?).ok_or(wanted)?,
            host: Host::parse(field()?).ok_or(wanted)?,
            port: number(field()?).ok_or(wanted)?,
            kind: match (field()?, field()?) {
                ("typ", "host") => CandidateKind::Host,
                ("typ", "srflx") => CandidateKind::ServerReflexive,
                ("typ", "prflx") => CandidateKind::PeerReflexive,
                ("typ", "relay") => CandidateKind::Relay,
                ("typ", other) => CandidateKind::Other(other.to_owned()),
                _ => return Err(wanted),
            },
            rest: fields.next().unwrap_or_default().to_owned(),
        };
        if foundation.len() > 32 { Err("the foundation has more than 32 characters") } else { Ok(candidate) }
    }

    fn value(&self) -> String {
        let Self { foundation, component, transport, priority, host, port, kind, rest } = self;
        let gap = if rest.is_empty() { "" } else { " " };
        format!(
            "{foundation} {component} {transport} {priority} {host} {port} typ {}{gap}{rest}",
            kind.token()
        )
    }
}

/// `a=ice-ufrag` (RFC 8839 §5.4): 4–256 ICE characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceUfrag(pub String);

/// `a=ice-pwd` (RFC 8839 §5.4): 22–256 ICE characters. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct IcePwd(pub String);

/// `a=ice-options` (RFC 8839 §5.6): for instance `trickle ice2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceOptions(pub Vec<String>);

impl Attribute for IceUfrag {
    const NAME: &'static str = "ice-ufrag";

    fn parse(value: &str) -> Result<Self, &'static str> {
        ice_chars(value, 4).map(Self).ok_or("expected 4 to 256 letters, digits, + or /")
    }

    fn value(&self) -> String {
        self.0.clone()
    }
}

impl Attribute for IcePwd {
    const NAME: &'static str = "ice-pwd";

    fn parse(value: &str) -> Result<Self, &'static str> {
        ice_chars(value, 22).map(Self).ok_or("expected 22 to 256 letters, digits, + or /")
    }

    fn value(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Debug for IcePwd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IcePwd(***)")
    }
}

impl Attribute for IceOptions {
    const NAME: &'static str = "ice-options";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let options: Vec<_> = value.split_ascii_whitespace().map(str::to_owned).collect();
        if options.is_empty() { Err("expected at least one option") } else { Ok(Self(options)) }
    }

    fn value(&self) -> String {
        self.0.join(" ")
    }
}

fn ice_chars(value: &str, least: usize) -> Option<String> {
    // Some browsers and SBCs also write - and _ here; RFC 8839 has only + and /.
    let fits = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b));
    (fits && (least..=256).contains(&value.len())).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, same};
    use super::*;

    #[test]
    fn candidates_of_each_kind() {
        let candidate: Candidate = same("1 1 UDP 2130706431 203.0.113.141 8998 typ host");
        assert_eq!((candidate.component, candidate.kind), (1, CandidateKind::Host));
        let candidate: Candidate =
            same("2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998");
        assert_eq!(candidate.rest, "raddr 203.0.113.141 rport 8998");
        same::<Candidate>(
            "a+/ 2 udp 1 2001:db8::1 9 typ relay raddr :: rport 0 generation 0 network-cost 999",
        );
        same::<Candidate>("0 1 UDP 2113937151 27d2b2a1-5f4c-4fb2-8d6e.local 54400 typ host generation 0");
    }

    #[test]
    fn broken_candidates_are_refused() {
        refused::<Candidate>(&[
            "",
            "1 1 UDP 1 192.0.2.1 1 typ",
            "1 1 UDP 1 192.0.2.1 1 type host",
            "1 0 UDP 1 192.0.2.1 1 typ host",
            "1 257 UDP 1 192.0.2.1 1 typ host",
            "1 1 UDP 4294967296 192.0.2.1 1 typ host",
            "1 1 UDP 1 2130706433 1 typ host",
            "1 1 UDP 1 192.0.2.1 65536 typ host",
            "123456789012345678901234567890123 1 UDP 1 192.0.2.1 1 typ host",
        ]);
    }

    #[test]
    fn credentials_have_their_least_length() {
        same::<IceUfrag>("8hhY");
        same::<IcePwd>("asd88fgpdd777uzjYhagZg");
        refused::<IceUfrag>(&["", "abc", "a b c", &"a".repeat(257)]);
        refused::<IcePwd>(&["asd88fgpdd777uzjYhagZ", &"a".repeat(257)]);
        assert_eq!(format!("{:?}", IcePwd("asd88fgpdd777uzjYhagZg".into())), "IcePwd(***)");
        assert_eq!(same::<IceOptions>("trickle ice2").0.len(), 2);
    }
}
