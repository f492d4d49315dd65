//! GRUUs: addresses of one instance of a user agent (RFC 5627).

use hmac::{Hmac, Mac};
use sha2::Sha256;
use sip_trunk::Seed;
use sip_trunk::uri::{SipUri, percent};

use super::contact::{Contact, ContactId};

/// What the user part of every temporary GRUU begins with.
const TEMPORARY: &str = "tgruu.";
const PLAIN: usize = 12;
const TAG: usize = 8;

/// Makes temporary GRUUs and reads them back. They hold everything by themselves: which contact, and which of its refreshes,
/// masked so that two of them cannot be told to belong together.
#[derive(Debug, Clone)]
pub(super) struct Mint {
    tag: Seed,
    mask: Seed,
}

impl Mint {
    pub(super) fn new(seed: Seed) -> Self {
        Self { tag: seed.derive("gruu tag"), mask: seed.derive("gruu mask") }
    }

    /// The temporary GRUU of the contact's latest refresh.
    pub(super) fn temporary(&self, contact: &Contact, domain: &str) -> String {
        let plain = plain(contact.id(), contact.refreshes);
        let tag = keyed(&self.tag, &plain);
        let pad = keyed(&self.mask, &tag[..TAG]);
        let masked = plain.iter().zip(pad).map(|(byte, pad)| byte ^ pad);
        let text: String =
            masked.chain(tag[..TAG].iter().copied()).map(|byte| format!("{byte:02x}")).collect();
        format!("sip:{TEMPORARY}{text}@{domain};gr")
    }

    /// The contact and the refresh a temporary GRUU stands for, when we made it.
    pub(super) fn read(&self, user: &str) -> Option<(ContactId, u32)> {
        let text =
            user.strip_prefix(TEMPORARY).filter(|text| text.len() == 2 * (PLAIN + TAG) && text.is_ascii())?;
        let mut bytes = [0; PLAIN + TAG];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        let (masked, tag) = bytes.split_at(PLAIN);
        let pad = keyed(&self.mask, tag);
        let mut plain = [0; PLAIN];
        plain.iter_mut().zip(masked.iter().zip(pad)).for_each(|(byte, (masked, pad))| *byte = masked ^ pad);
        let expected = keyed(&self.tag, &plain);
        let number = |at: usize| u32::from_be_bytes([plain[at], plain[at + 1], plain[at + 2], plain[at + 3]]);
        (expected[..TAG] == *tag).then(|| (ContactId { slot: number(0), generation: number(4) }, number(8)))
    }
}

/// The public GRUU of an instance: the address of record with the instance as its `gr` parameter.
pub(super) fn public(contact: &Contact, domain: &str) -> Option<String> {
    let instance = bare(contact.instance()?);
    let user = percent::encode(percent::Part::User, contact.aor().as_bytes());
    let instance = percent::encode(percent::Part::Param, instance.as_bytes());
    Some(format!("sip:{user}@{domain};gr={instance}"))
}

/// The instance a public GRUU names.
pub(super) fn instance_of(uri: &SipUri<'_>) -> Option<String> {
    uri.param("gr").filter(|gr| !gr.is_empty()).map(|gr| percent::decode_text(gr).into_owned())
}

/// Whether the instance of a contact is the one a GRUU names.
pub(super) fn is_instance(contact: &Contact, instance: &str) -> bool {
    contact.instance().is_some_and(|own| bare(own).eq_ignore_ascii_case(instance))
}

/// An instance without its brackets.
fn bare(instance: &str) -> &str {
    instance.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(instance)
}

fn plain(id: ContactId, refresh: u32) -> [u8; PLAIN] {
    let mut plain = [0; PLAIN];
    plain[..4].copy_from_slice(&id.slot.to_be_bytes());
    plain[4..8].copy_from_slice(&id.generation.to_be_bytes());
    plain[8..].copy_from_slice(&refresh.to_be_bytes());
    plain
}

fn keyed(key: &Seed, message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
