//! Headers that point at another dialog: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538).

use std::fmt;

use super::{FaultKind, Header, HeaderFault, Params, lex::Cursor, text::Word};
use crate::msg::HeaderName;

/// The dialog a new INVITE takes the place of (RFC 3891 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The tag of the receiver of this header.
    pub to_tag: &'a str,
    /// The tag of its peer.
    pub from_tag: &'a str,
    /// Only if the dialog is not confirmed yet.
    pub early_only: bool,
}

impl<'a> Header<'a> for Replaces<'a> {
    const NAME: HeaderName = HeaderName::Replaces;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (call_id, params) = call_id_and_params(value)?;
        Ok(Self {
            call_id,
            to_tag: tag(&params, "to-tag")?,
            from_tag: tag(&params, "from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", Word(self.call_id), Word(self.to_tag), Word(self.from_tag))?;
        f.write_str(if self.early_only { ";early-only" } else { "" })
    }
}

/// The dialog a new INVITE joins (RFC 3911 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The tag of the receiver of this header.
    pub to_tag: &'a str,
    /// The tag of its peer.
    pub from_tag: &'a str,
}

impl<'a> Header<'a> for Join<'a> {
    const NAME: HeaderName = HeaderName::Join;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (call_id, params) = call_id_and_params(value)?;
        Ok(Self { call_id, to_tag: tag(&params, "to-tag")?, from_tag: tag(&params, "from-tag")? })
    }
}

impl fmt::Display for Join<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", Word(self.call_id), Word(self.to_tag), Word(self.from_tag))
    }
}

/// A dialog the sender shares with the receiver, as proof of acquaintance (RFC 4538 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetDialog<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The tag of the sender of this header.
    pub local_tag: &'a str,
    /// The tag of the receiver of this header.
    pub remote_tag: &'a str,
}

impl<'a> Header<'a> for TargetDialog<'a> {
    const NAME: HeaderName = HeaderName::TargetDialog;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (call_id, params) = call_id_and_params(value)?;
        Ok(Self { call_id, local_tag: tag(&params, "local-tag")?, remote_tag: tag(&params, "remote-tag")? })
    }
}

impl fmt::Display for TargetDialog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{};local-tag={};remote-tag={}",
            Word(self.call_id),
            Word(self.local_tag),
            Word(self.remote_tag)
        )
    }
}

fn call_id_and_params(value: &[u8]) -> Result<(&str, Params<'_>), HeaderFault> {
    let mut cursor = Cursor::begin(value)?;
    let call_id = cursor.word()?;
    Ok((call_id, Params::read(&mut cursor)?))
}

// RFC 3891 §6.1: exactly one of each tag.
fn tag<'a>(params: &Params<'a>, name: &'static str) -> Result<&'a str, HeaderFault> {
    let mut tags = params.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    match (tags.next(), tags.next()) {
        (Some((_, value)), None) => value.and_then(|v| v.token()).ok_or(FaultKind::Missing(name)),
        (Some(_), Some(_)) => Err(FaultKind::Duplicate(name)),
        (None, _) => Err(FaultKind::Missing(name)),
    }
    .map_err(|kind| HeaderFault { kind, at: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3891 §6.1: the examples.
    #[test]
    fn dialogs_are_named_by_call_id_and_tags() {
        let replaces =
            Replaces::parse(b"98732@sip.example.com\r\n  ;from-tag=r33th4x0r\r\n  ;to-tag=ff87ff").unwrap();
        assert_eq!(
            (replaces.call_id, replaces.to_tag, replaces.from_tag),
            ("98732@sip.example.com", "ff87ff", "r33th4x0r")
        );
        let early = Replaces::parse(b"12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only").unwrap();
        assert!(early.early_only && !replaces.early_only);
        assert_eq!(early.to_string(), "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only");
        let target =
            TargetDialog::parse(b"fa77as7dad8-sd98ajzz@host.example.com ;local-tag=kkaz- ;remote-tag=6544")
                .unwrap();
        assert_eq!(TargetDialog::parse(target.to_string().as_bytes()), Ok(target));
        let join = Join::parse(b"12@h;from-tag=a;to-tag=b").unwrap();
        assert_eq!(Join::parse(join.to_string().as_bytes()), Ok(join));
    }

    /// RFC 3891 §6.1: a tag missing or given twice makes the header useless.
    #[test]
    fn both_tags_are_needed_exactly_once() {
        for (input, kind) in [
            ("c;to-tag=1", FaultKind::Missing("from-tag")),
            ("c;from-tag=1;to-tag", FaultKind::Missing("to-tag")),
            ("c;to-tag=1;from-tag=2;TO-TAG=3", FaultKind::Duplicate("to-tag")),
            (";to-tag=1;from-tag=2", FaultKind::Token),
            ("", FaultKind::Empty),
        ] {
            assert_eq!(Replaces::parse(input.as_bytes()).unwrap_err().kind, kind, "{input}");
        }
    }
}
