//! A call that one edge of a group gives to another: what the INVITE between them says beside SIP.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sip_trunk::auth::Secret;
use telco_model::value::{PhoneId, TrunkId};

use crate::ConversationId;

/// The header of an INVITE from one edge of a group to another.
pub const CALL_HEADER: &str = "X-Edge-Call";

const SEAL: &str = "seal=";

/// Trunks that one call may be offered.
const MOST_TRUNKS: usize = 64;

/// What an edge tells its neighbour about a call. It has been decided already; the neighbour only carries it.
///
/// Text form, the value of [`CALL_HEADER`]:
/// `conversation=<uuid>;from=phone:<hex>;to=trunks:<hex>,<hex>;emergency=no;data=<hex>`; ids are their 128 bits in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The conversation, the same on both edges.
    pub conversation: ConversationId,
    /// Who calls.
    pub from: Giver,
    /// Where it is to go.
    pub to: Taker,
    /// An emergency call: nothing may hold it back.
    pub emergency: bool,
    /// User-to-user data.
    pub user_data: Option<Vec<u8>>,
}

/// Who placed a call that is given on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// A phone that proved itself to the edge that gives the call.
    Phone(PhoneId),
    /// A trunk of the group.
    Trunk(TrunkId),
}

/// Where a call that is given on goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taker {
    /// To a phone that registers with the neighbour.
    Phone(PhoneId),
    /// Out over the first of these trunks that takes it.
    Trunks(Vec<TrunkId>),
}

/// The text is no handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call between edges is described by conversation, from, to, emergency and data")]
pub struct HandoverError;

impl Handover {
    /// The text form, with a seal that only edges with this key can make: `…;seal=<hex>;`, the HMAC-SHA256 of the dialled address and
    /// the text before it.
    pub fn sealed(&self, dialled: &str, key: &Secret) -> String {
        let text = self.to_string();
        let octets = seal(dialled, &text, key).finalize().into_bytes();
        let seal = octets.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
        format!("{text}{SEAL}{seal};")
    }

    /// Reads a text whose seal is right for this address and key.
    ///
    /// # Errors
    /// [`HandoverError`], also when there is no seal.
    pub fn opened(text: &str, dialled: &str, key: &Secret) -> Result<Self, HandoverError> {
        let (text, found) = text.rsplit_once(SEAL).ok_or(HandoverError)?;
        let found = octets(found.trim_end().trim_end_matches(';'))?;
        seal(dialled, text, key).verify_slice(&found).map_err(|_| HandoverError)?;
        text.parse()
    }
}

fn seal(dialled: &str, text: &str, key: &Secret) -> Hmac<Sha256> {
    let mut seal = Hmac::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    [dialled, "\n", text].into_iter().for_each(|part| seal.update(part.as_bytes()));
    seal
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conversation={};from=", self.conversation)?;
        match self.from {
            Giver::Phone(phone) => write!(f, "phone:{:x}", phone.as_u128())?,
            Giver::Trunk(trunk) => write!(f, "trunk:{:x}", trunk.as_u128())?,
        }
        match &self.to {
            Taker::Phone(phone) => write!(f, ";to=phone:{:x}", phone.as_u128())?,
            Taker::Trunks(trunks) => {
                f.write_str(";to=trunks:")?;
                for (n, trunk) in trunks.iter().enumerate() {
                    let comma = if n > 0 { "," } else { "" };
                    write!(f, "{comma}{:x}", trunk.as_u128())?;
                }
            }
        }
        write!(f, ";emergency={}", if self.emergency { "yes" } else { "no" })?;
        if let Some(data) = &self.user_data {
            f.write_str(";data=")?;
            data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        f.write_char(';')
    }
}

impl FromStr for Handover {
    type Err = HandoverError;

    fn from_str(text: &str) -> Result<Self, HandoverError> {
        let value = |name: &str| {
            let mut parts = text.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let needed = |name| value(name).ok_or(HandoverError);
        Ok(Self {
            conversation: needed("conversation")?.parse().map_err(|_| HandoverError)?,
            from: match needed("from")?.split_once(':').ok_or(HandoverError)? {
                ("phone", id) => Giver::Phone(PhoneId::from_u128(number(id)?)),
                ("trunk", id) => Giver::Trunk(TrunkId::from_u128(number(id)?)),
                _ => return Err(HandoverError),
            },
            to: match needed("to")?.split_once(':').ok_or(HandoverError)? {
                ("phone", id) => Taker::Phone(PhoneId::from_u128(number(id)?)),
                ("trunks", ids) => {
                    let ids = ids.split(',').take(MOST_TRUNKS);
                    Taker::Trunks(ids.map(|id| number(id).map(TrunkId::from_u128)).collect::<Result<_, _>>()?)
                }
                _ => return Err(HandoverError),
            },
            emergency: match needed("emergency")? {
                "yes" => true,
                "no" => false,
                _ => return Err(HandoverError),
            },
            user_data: value("data").map(octets).transpose()?,
        })
    }
}

fn number(text: &str) -> Result<u128, HandoverError> {
    u128::from_str_radix(text, 16).map_err(|_| HandoverError)
}

fn octets(text: &str) -> Result<Vec<u8>, HandoverError> {
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect::<Option<_>>().ok_or(HandoverError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn handovers() -> impl Strategy<Value = Handover> {
        let from = prop_oneof![
            any::<u128>().prop_map(|id| Giver::Phone(PhoneId::from_u128(id))),
            any::<u128>().prop_map(|id| Giver::Trunk(TrunkId::from_u128(id))),
        ];
        let trunks = prop::collection::vec(any::<u128>().prop_map(TrunkId::from_u128), 1..4);
        let to = prop_oneof![
            any::<u128>().prop_map(|id| Taker::Phone(PhoneId::from_u128(id))),
            trunks.prop_map(Taker::Trunks),
        ];
        let data = prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
        (any::<[u8; 16]>(), from, to, any::<bool>(), data).prop_map(|(id, from, to, emergency, user_data)| {
            Handover { conversation: ConversationId::from_random(id), from, to, emergency, user_data }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(handover in handovers()) {
            prop_assert_eq!(handover.to_string().parse(), Ok(handover));
        }

        /// A seal is for one text, one dialled address and one key.
        #[test]
        fn what_is_sealed_is_opened(handover in handovers(), at in any::<prop::sample::Index>()) {
            let (key, other) = (Secret::new("of the group"), Secret::new("of another"));
            let text = handover.sealed("911", &key);
            prop_assert_eq!(Handover::opened(&text, "911", &key), Ok(handover.clone()));
            prop_assert_eq!(Handover::opened(&text, "+19005550100", &key), Err(HandoverError));
            prop_assert_eq!(Handover::opened(&text, "911", &other), Err(HandoverError));
            prop_assert_eq!(Handover::opened(&handover.to_string(), "911", &key), Err(HandoverError));
            let mut changed = text.into_bytes();
            let at = at.index(changed.len() - 1);
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(Handover::opened(&changed, "911", &key), Err(HandoverError));
        }

        #[test]
        fn anything_else_is_refused_or_read(text in "(conversation|from|to|phone:|trunks:|[=;:,0-9a-f-]){0,40}") {
            let _ = text.parse::<Handover>();
        }
    }
}
