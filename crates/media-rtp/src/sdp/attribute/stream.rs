//! How streams are carried and named: `rtcp`, `rtcp-mux`, `ssrc`, `mid`, `group`, `extmap`.

use super::super::attribute::direction::Direction;
use super::super::connection::{Connection, Host};
use super::{Attribute, is_token, number};

/// `a=rtcp` (RFC 3605): where RTCP goes when that is not the RTP port plus one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtcp {
    /// Port.
    pub port: u16,
    /// Address, when it is not that of `c=`.
    pub host: Option<Host>,
}

impl Attribute for Rtcp {
    const NAME: &'static str = "rtcp";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `port [IN IP4|IP6 address]`";
        let (port, address) = match value.split_once(' ') {
            Some((port, address)) => (port, Some(address)),
            None => (value, None),
        };
        let host = match address {
            Some(address) => Some(Connection::parse(address).ok_or(wanted)?.host),
            None => None,
        };
        Ok(Self { port: number(port).ok_or(wanted)?, host })
    }

    fn value(&self) -> String {
        match &self.host {
            Some(host) => format!("{} {}", self.port, Connection { host: host.clone(), suffix: None }),
            None => self.port.to_string(),
        }
    }
}

/// `a=rtcp-mux` (RFC 5761): RTP and RTCP share one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpMux;

impl Attribute for RtcpMux {
    const NAME: &'static str = "rtcp-mux";

    fn parse(value: &str) -> Result<Self, &'static str> {
        if value.is_empty() { Ok(Self) } else { Err("takes no value") }
    }

    fn value(&self) -> String {
        String::new()
    }
}

/// `a=ssrc` (RFC 5576): a property of one RTP source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssrc {
    /// The source.
    pub id: u32,
    /// Name of the property, for instance `cname`.
    pub name: String,
    /// Its value.
    pub property: Option<String>,
}

impl Attribute for Ssrc {
    const NAME: &'static str = "ssrc";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `ssrc attribute[:value]`";
        let (id, rest) = value.split_once(' ').ok_or(wanted)?;
        let (name, property) = match rest.split_once(':') {
            Some((name, property)) => (name, Some(property.to_owned())),
            None => (rest, None),
        };
        if !is_token(name) {
            return Err(wanted);
        }
        Ok(Self { id: number(id).ok_or(wanted)?, name: name.to_owned(), property })
    }

    fn value(&self) -> String {
        let property = self.property.as_ref().map_or_else(String::new, |p| format!(":{p}"));
        format!("{} {}{property}", self.id, self.name)
    }
}

/// `a=mid` (RFC 5888): the name of a media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mid(pub String);

impl Attribute for Mid {
    const NAME: &'static str = "mid";

    fn parse(value: &str) -> Result<Self, &'static str> {
        if is_token(value) { Ok(Self(value.to_owned())) } else { Err("expected a token") }
    }

    fn value(&self) -> String {
        self.0.clone()
    }
}

/// `a=group` (RFC 5888): media sections that belong together, for instance `BUNDLE 0 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS`, `DUP` …
    pub semantics: String,
    /// Names of the sections.
    pub mids: Vec<String>,
}

impl Attribute for Group {
    const NAME: &'static str = "group";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let mut tokens = value.split_ascii_whitespace().map(str::to_owned);
        let semantics = tokens.next().ok_or("expected `semantics mid…`")?;
        Ok(Self { semantics, mids: tokens.collect() })
    }

    fn value(&self) -> String {
        self.mids.iter().fold(self.semantics.clone(), |text, mid| format!("{text} {mid}"))
    }
}

/// `a=extmap` (RFC 8285 §5): an RTP header extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtMap {
    /// Local identifier, 1–14 in one-byte and 1–255 in two-byte headers; up to 4351 while negotiating.
    pub id: u16,
    /// Direction, when one is given.
    pub direction: Option<Direction>,
    /// URI of the extension.
    pub uri: String,
    /// What follows the URI.
    pub parameters: Option<String>,
}

impl Attribute for ExtMap {
    const NAME: &'static str = "extmap";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `id[/direction] uri [attributes]`";
        let (id, rest) = value.split_once(' ').ok_or(wanted)?;
        let (id, direction) = match id.split_once('/') {
            Some((id, "sendrecv")) => (id, Some(Direction::SendRecv)),
            Some((id, "sendonly")) => (id, Some(Direction::SendOnly)),
            Some((id, "recvonly")) => (id, Some(Direction::RecvOnly)),
            Some((id, "inactive")) => (id, Some(Direction::Inactive)),
            Some(_) => return Err(wanted),
            None => (id, None),
        };
        let (uri, parameters) = match rest.split_once(' ') {
            Some((uri, parameters)) => (uri, Some(parameters.to_owned())),
            None => (rest, None),
        };
        if uri.is_empty() {
            return Err(wanted);
        }
        let id = number(id).filter(|id| (1..=4351).contains(id)).ok_or(wanted)?;
        Ok(Self { id, direction, uri: uri.to_owned(), parameters })
    }

    fn value(&self) -> String {
        let direction = self.direction.map_or_else(String::new, |d| format!("/{d}"));
        let parameters = self.parameters.as_ref().map_or_else(String::new, |p| format!(" {p}"));
        format!("{}{direction} {}{parameters}", self.id, self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, same};
    use super::*;

    #[test]
    fn rtcp_port_with_and_without_address() {
        assert_eq!(same::<Rtcp>("53020").host, None);
        assert_eq!(same::<Rtcp>("53020 IN IP4 126.16.64.4").port, 53020);
        same::<Rtcp>("53020 IN IP6 2001:db8::4");
        refused::<Rtcp>(&["", "x", "65536", "1 IN IP4", "1 IN IP4 ::1"]);
        refused::<RtcpMux>(&["x"]);
    }

    #[test]
    fn ssrc_properties() {
        let ssrc: Ssrc = same("1001 cname:user@host:1");
        assert_eq!((ssrc.id, ssrc.property.as_deref()), (1001, Some("user@host:1")));
        same::<Ssrc>("4294967295 fmtp");
        refused::<Ssrc>(&["", "1", "1 ", "4294967296 cname:x", "-1 a"]);
    }

    #[test]
    fn groups_and_mids() {
        assert_eq!(same::<Group>("BUNDLE 0 1").mids, ["0", "1"]);
        same::<Group>("BUNDLE");
        same::<Mid>("audio");
        refused::<Group>(&["", " "]);
        refused::<Mid>(&["", "a b"]);
    }

    #[test]
    fn header_extensions() {
        let map: ExtMap = same("1/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on");
        assert_eq!((map.id, map.direction), (1, Some(Direction::RecvOnly)));
        same::<ExtMap>("4351 urn:x");
        refused::<ExtMap>(&["", "1", "1 ", "0 urn:x", "4352 urn:x", "1/both urn:x"]);
    }
}
