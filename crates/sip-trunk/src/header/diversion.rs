//! Where a call has been before: Diversion (RFC 5806) and History-Info (RFC 7044).

use std::borrow::Cow;

use super::address::addresses;

addresses! {
    /// One diversion of the call, the latest first (RFC 5806 §4).
    Diversion
    /// One target of the call, in the order of their index (RFC 7044 §5).
    HistoryInfo
}

impl<'a> Diversion<'a> {
    /// Why, such as `unconditional` or `user-busy`.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'a, str>> {
        self.0.params.get("reason").map(|v| v.text())
    }

    /// How many diversions this entry stands for; 1 if nothing is said.
    // RFC 5806 §4.1: without a counter an entry counts as one.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.0.params.number("counter").unwrap_or(1)
    }

    /// How many more diversions are wanted at most.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.0.params.number("limit")
    }

    /// Whether the diverting party is to be withheld.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.params.get("privacy").is_some_and(|p| !p.text().eq_ignore_ascii_case("off"))
    }

    /// Whether the sender has verified the address.
    #[must_use]
    pub fn is_screened(&self) -> bool {
        self.0.params.token("screen").is_some_and(|s| s.eq_ignore_ascii_case("yes"))
    }
}

/// How a target was chosen (RFC 7044 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryTarget<'a> {
    /// `rc`: a contact of the user at this index.
    RegisteredContact(&'a str),
    /// `mp`: another user than the one at this index.
    MappedUser(&'a str),
    /// `np`: unchanged from this index.
    Unchanged(&'a str),
}

impl<'a> HistoryInfo<'a> {
    /// The place in the tree of targets, such as `1.2.1`; `None` if missing or malformed.
    #[must_use]
    pub fn index(&self) -> Option<&'a str> {
        let index = self.0.params.token("index")?;
        let sound = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        index.split('.').all(sound).then_some(index)
    }

    /// How the target was chosen.
    #[must_use]
    pub fn target(&self) -> Option<HistoryTarget<'a>> {
        let param = |name| self.0.params.token(name);
        param("rc")
            .map(HistoryTarget::RegisteredContact)
            .or_else(|| param("mp").map(HistoryTarget::MappedUser))
            .or_else(|| param("np").map(HistoryTarget::Unchanged))
    }

    /// The decoded Reason header in the URI, to be read with [`super::Reason`]: why this target was left.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'a, str>> {
        self.0.uri.as_sip()?.headers().decoded("Reason")
    }

    /// Whether the entry is to be withheld (`Privacy=history` in the URI).
    #[must_use]
    pub fn is_private(&self) -> bool {
        let privacy = self.0.uri.as_sip().and_then(|sip| sip.headers().decoded("Privacy"));
        privacy.is_some_and(|p| p.split(';').any(|kind| kind.trim().eq_ignore_ascii_case("history")))
    }

    /// The `cause` parameter of the URI: the redirecting reason as a SIP status (RFC 4458 §2).
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        self.0.uri.as_sip()?.param("cause")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, Reason};

    /// RFC 5806 §4.
    #[test]
    fn diversions_say_why_and_how_often() {
        let diversion =
            Diversion::parse(b"\"Bob\" <sip:+1202@h>;reason=user-busy;counter=2;privacy=\"full\";screen=yes")
                .unwrap();
        assert_eq!((diversion.reason().as_deref(), diversion.counter()), (Some("user-busy"), 2));
        assert!(diversion.is_private() && diversion.is_screened());
        assert_eq!(Diversion::parse(b"<tel:+1202>").unwrap().counter(), 1);
    }

    /// RFC 7044 §5 and §10: entries with index, mapping, reason and privacy.
    #[test]
    fn history_entries_have_their_place_and_reason() {
        let entry = HistoryInfo::parse(
            b"<sip:bob@192.0.2.4;cause=302?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22&Privacy=history>;index=1.2.1;mp=1.2",
        )
        .unwrap();
        assert_eq!((entry.index(), entry.target()), (Some("1.2.1"), Some(HistoryTarget::MappedUser("1.2"))));
        assert_eq!(entry.cause(), Some(302));
        assert!(entry.is_private());
        let text = entry.reason().unwrap();
        assert_eq!(Reason::parse(text.as_bytes()).unwrap().cause(), Some(302));
        assert_eq!(HistoryInfo::parse(b"<sip:a@b>;index=1..2").unwrap().index(), None);
    }
}
