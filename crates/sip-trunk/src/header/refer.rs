//! Transfer: Refer-To (RFC 3515) and Referred-By (RFC 3892).

use std::borrow::Cow;

use super::{NameAddr, address::addresses};
use crate::uri::Telephone;

addresses! {
    /// Whom the receiver is asked to contact (RFC 3515 §2.1).
    ReferTo
    /// Who asked for it (RFC 3892 §3).
    ReferredBy
}

impl<'a> ReferTo<'a> {
    /// The address to contact.
    #[must_use]
    pub fn target(&self) -> &NameAddr<'a> {
        &self.0
    }

    /// The number to call, from a `tel:` URI or the user part of a `sip:` URI; the host plays no part in it.
    #[must_use]
    pub fn number(&self) -> Option<Telephone<'a>> {
        self.0.uri.telephone()
    }

    /// The decoded Replaces header inside the URI, to be read with [`super::Replaces`].
    #[must_use]
    pub fn replaces(&self) -> Option<Cow<'a, str>> {
        self.header("Replaces")
    }

    /// The decoded User-to-User header inside the URI, to be read with [`super::UserToUser`].
    ///
    /// All three spellings in use are understood: `?User-to-User=00ab%3Bencoding%3Dhex`, the same without escapes, and the same
    /// with the equals sign escaped too.
    // RFC 7433 §4.1: data for the transfer target travels as an escaped header in the Refer-To URI.
    #[must_use]
    pub fn user_to_user(&self) -> Option<Cow<'a, str>> {
        self.header("User-to-User")
    }

    fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.uri.as_sip()?.headers().decoded(name)
    }
}

impl<'a> ReferredBy<'a> {
    /// The Content-ID of the body part that proves it, without brackets (RFC 3892 §4).
    #[must_use]
    pub fn content_id(&self) -> Option<Cow<'a, str>> {
        self.0.params.get("cid").map(|v| v.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, Replaces, UserToUser};

    fn refer_to(value: &str) -> ReferTo<'_> {
        ReferTo::parse(value.as_bytes()).unwrap_or_else(|e| panic!("{value}: {e}"))
    }

    /// ST-026, ST-028: escaped, unescaped and without data, all are read; the discriminator is stripped and the text decoded.
    #[test]
    fn user_data_is_found_in_every_spelling() {
        for value in [
            "<sip:+33456456456@localhost?User-to-User=0054686973206973206d792064617461;encoding=hex>",
            "<sip:+33456456456@localhost?User-to-User%3D0054686973206973206d792064617461%3Bencoding%3Dhex>",
            "<sip:+33456456456@localhost?User-to-User=0054686973206973206d792064617461%3Bencoding%3Dhex>",
        ] {
            let header = refer_to(value).user_to_user().unwrap_or_else(|| panic!("{value}"));
            let uui = UserToUser::parse(header.as_bytes()).unwrap();
            assert_eq!(uui.data().unwrap().text(), Some("This is my data"), "{value}");
        }
        assert_eq!(refer_to("<sip:address@192.0.2.1>").user_to_user(), None);
    }

    /// ST-027: the number comes from the user part alone, whatever the host is.
    #[test]
    fn the_number_does_not_depend_on_the_host() {
        for host in ["localhost", "192.0.2.1", "[2001:db8::1]:5071", "anything.example;user=phone"] {
            let value = format!("<sip:+33456456456@{host}>");
            assert_eq!(
                refer_to(&value).number().and_then(|t| t.e164()).as_deref(),
                Some("+33456456456"),
                "{host}"
            );
        }
        assert!(refer_to("<sip:reception@localhost>").number().is_none());
    }

    /// RFC 3891 §1: attended transfer carries the dialog to be replaced.
    #[test]
    fn the_dialog_to_replace_is_found() {
        let header = refer_to(
            "<sip:bob@example.com?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>;x=1",
        );
        let text = header.replaces().unwrap();
        let replaces = Replaces::parse(text.as_bytes()).unwrap();
        assert_eq!((replaces.call_id, replaces.to_tag), ("12345@192.168.118.3", "12345"));
    }

    /// RFC 3892 §3.
    #[test]
    fn the_referrer_names_its_proof() {
        let by = ReferredBy::parse(b"sip:r@ref.example;cid=\"2UWQFN309shb3@ref.example\"").unwrap();
        assert_eq!(by.content_id().as_deref(), Some("2UWQFN309shb3@ref.example"));
    }
}
