//! Which request of whom is served, asked for proof, or met with silence.

use sip_trunk::msg::Method;
use telco_model::value::{EdgeId, PhoneId, TrunkId};

/// What a sender is to us, by address, transport and certificate; never by what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The peer of a trunk.
    Trunk(TrunkId),
    /// Another edge of the group.
    Neighbour(EdgeId),
    /// A source that holds a registration: a phone, which proves itself all the same.
    Phone(PhoneId),
    /// Anybody else.
    Stranger,
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// It is served.
    Nothing,
    /// It is served once its sender has proved to be an account.
    Proof,
    /// It is served inside a dialog or for a transaction that exists, and dropped without a word else: it cannot be challenged
    /// (RFC 3261 §22.1).
    Context,
    /// It gets this status.
    Refusal(u16),
    /// It gets no answer.
    Silence,
}

/// What a request needs. Methods nobody knows need what the strictest known one does.
pub fn need(method: &Method<'_>, relation: Relation) -> Need {
    let peer = matches!(relation, Relation::Trunk(_) | Relation::Neighbour(_));
    match method {
        Method::Ack | Method::Cancel => Need::Context,
        // Phones register; peers of trunks are configured.
        Method::Register if matches!(relation, Relation::Trunk(_)) => Need::Refusal(403),
        Method::Register => Need::Proof,
        // ES-15: whether anybody lives here is nothing for strangers. A phone may ask without proof: it holds a binding.
        Method::Options => match relation {
            Relation::Trunk(_) | Relation::Neighbour(_) | Relation::Phone(_) => Need::Nothing,
            Relation::Stranger => Need::Silence,
        },
        Method::Invite
        | Method::Bye
        | Method::Info
        | Method::Message
        | Method::Notify
        | Method::Prack
        | Method::Publish
        | Method::Refer
        | Method::Subscribe
        | Method::Update => {
            if peer {
                Need::Nothing
            } else {
                Need::Proof
            }
        }
        Method::Other(_) => match relation {
            Relation::Trunk(_) | Relation::Neighbour(_) => Need::Refusal(501),
            Relation::Phone(_) => Need::Proof,
            Relation::Stranger => Need::Silence,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-25: from anybody but an allow-listed peer, every method there is, and any that will be, needs proof, needs a dialog or gets
    /// silence. From no relation is a method served that is in neither case.
    #[test]
    fn every_method_needs_proof_or_a_listed_peer() {
        let all = "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE \
                   NEWMETHOD ack Invite REGISTERX !*_+`.%'~";
        let phone = Relation::Phone(PhoneId::from_u128(1));
        for name in all.split_whitespace() {
            let method = Method::parse(name.as_bytes()).unwrap();
            let expected = match name {
                "ACK" | "CANCEL" => [Need::Context; 3],
                "OPTIONS" => [Need::Silence, Need::Nothing, Need::Nothing],
                "REGISTER" => [Need::Proof, Need::Proof, Need::Refusal(403)],
                known if known.bytes().all(|b| b.is_ascii_uppercase()) && !known.ends_with(['X', 'D']) => {
                    [Need::Proof, Need::Proof, Need::Nothing]
                }
                _ => [Need::Silence, Need::Proof, Need::Refusal(501)],
            };
            let trunk = Relation::Trunk(TrunkId::from_u128(1));
            let actual = [Relation::Stranger, phone, trunk].map(|relation| need(&method, relation));
            assert_eq!(actual, expected, "{name}");
        }
    }
}
