//! SIP behaviour of a trunk.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    entity::Check,
    value::{Fqdn, HeaderName, Host, InvalidValue, Text, text_form},
};

/// A SIP transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Connections.
    Tcp,
    /// Encrypted connections.
    Tls,
}

/// Transfer, headers, user-to-user data, retry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Release Link Transfer: a transfer to an outside number leaves the signalling path with REFER.
    pub release_link_transfer: bool,
    /// Take Back and Transfer: the other side may send REFER to have the call back.
    pub take_back_and_transfer: bool,
    /// PBX passthrough: the other side is a PBX of ours. It calls out by the plans of its site, and who calls is passed on as it writes it.
    /// Never for a carrier, which would call the world at our cost.
    pub pbx_passthrough: bool,
    /// Whether the `x-inin-cnv` header with the conversation id is sent.
    pub conversation_headers: bool,
    /// User-to-user data, when passed on.
    pub uui: Option<UuiSettings>,
    /// Headers with fixed values added to every INVITE going out (static user data).
    pub custom_headers: Vec<CustomHeader>,
    /// When the next trunk is tried.
    pub retry: Retry,
}

/// How user-to-user data is written (RFC 7433; `docs/spec/conflicts.md`, K13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UuiSettings {
    /// The header.
    pub header: UuiHeader,
    /// The encoding of the data.
    pub encoding: UuiEncoding,
    /// The protocol discriminator.
    pub discriminator: u8,
}

/// The header of user-to-user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UuiHeader {
    /// `User-to-User`, the discriminator as first octet of the data.
    #[default]
    UserToUser,
    /// `User-to-User` with the discriminator in a `pd` parameter.
    UserToUserPd,
    /// `x-User-To-User`, without a discriminator.
    XUserToUser,
}

/// The encoding of user-to-user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UuiEncoding {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Text.
    Ascii,
}

/// A header with a fixed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: Text,
}

/// How the request URI of a call going out is built.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestUri {
    /// The host part; the SIP server's when absent.
    pub host: Option<Fqdn>,
    /// Trunk-group parameters added to the user part (RFC 4904).
    pub tgrp: Option<Tgrp>,
}

/// Trunk-group parameters of RFC 4904 §4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tgrp {
    /// `tgrp`.
    pub group: Text,
    /// `trunk-context`.
    pub context: Host,
}

/// What finds the trunk for a call coming in, besides the termination identifier in host or `tgrp`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InboundRouting {
    /// The called number alone may find it, when it is among the trunk's numbers.
    pub by_number: bool,
    /// A header that carries the termination identifier.
    pub header: Option<HeaderName>,
}

/// Which failures move a call to the next trunk. Loss of registration, transport failure, timeout and a trunk at
/// capacity always do (`docs/spec/conflicts.md`, K3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// SIP status codes.
    pub codes: Vec<CodeRange>,
    /// Q.850 causes in a Reason header (RFC 3326).
    pub causes: Vec<CodeRange>,
}

impl Default for Retry {
    fn default() -> Self {
        const CAUSES: [(u16, u16); 15] = [
            (1, 5),
            (25, 25),
            (27, 28),
            (31, 31),
            (34, 34),
            (38, 38),
            (41, 42),
            (44, 44),
            (46, 46),
            (62, 63),
            (79, 79),
            (91, 91),
            (96, 97),
            (99, 100),
            (103, 103),
        ];
        let range = |&(first, last): &(u16, u16)| CodeRange { first, last };
        Retry { codes: vec![CodeRange { first: 500, last: 599 }], causes: CAUSES.iter().map(range).collect() }
    }
}

/// Codes from one to another. Text form: `500-599` or `503`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeRange {
    first: u16,
    last: u16,
}

impl CodeRange {
    /// Whether the code lies in the range.
    pub const fn contains(self, code: u16) -> bool {
        self.first <= code && code <= self.last
    }

    /// The lowest code.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest code.
    pub const fn last(self) -> u16 {
        self.last
    }
}

impl FromStr for CodeRange {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last && last <= 699 => Ok(CodeRange { first, last }),
            _ => Err(InvalidValue::new("code range", "must be a code or two in order, such as 500-599")),
        }
    }
}

impl fmt::Display for CodeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

text_form!(CodeRange);

/// Headers the engine writes itself; a fixed value would break the message.
const RESERVED: [&str; 16] = [
    "via",
    "from",
    "to",
    "call-id",
    "cseq",
    "contact",
    "route",
    "record-route",
    "max-forwards",
    "content-length",
    "content-type",
    "authorization",
    "proxy-authorization",
    "require",
    "supported",
    "user-to-user",
];

impl Protocol {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        let names = self.custom_headers.iter().map(|header| header.name.as_str().to_ascii_lowercase());
        check.distinct("protocol.custom_headers", names.clone(), "a header is listed twice");
        for (index, name) in names.enumerate() {
            if RESERVED.contains(&name.as_str()) {
                let at = format!("protocol.custom_headers[{index}].name");
                check.problem(&at, "header.reserved", "this header belongs to the SIP engine");
            }
        }
    }
}
