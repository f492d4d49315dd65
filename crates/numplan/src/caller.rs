//! Which number and name a call shows, and in what form the trunk wants them.

use std::fmt::Write as _;

use telco_model::entity::{CallerSource, Identity, NumberFormat, Party};
use telco_model::value::{CallingCode, E164, Extension, Text};

use crate::dialled::{Digits, Number};

/// What is known about a caller before the trunk has its say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The number of the call itself: of the queue, the campaign or the user's DID; for a transferred call the number of whoever
    /// was transferred (guide, "Address Override Method").
    pub number: Option<E164>,
    /// The user's extension; `None` for a phone that belongs to nobody.
    pub extension: Option<Extension>,
    /// The caller address of the site.
    pub site: Option<E164>,
    /// The name to show: the user's.
    pub name: Option<&'a Text>,
    /// The caller name of the site.
    pub site_name: Option<&'a Text>,
}

/// The identity a call leaves with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented<'a> {
    /// The number as the trunk wants it written; `None` when no source had one.
    pub number: Option<Number>,
    /// The name.
    pub name: Option<&'a Text>,
    /// Where the number came from.
    pub source: Option<CallerSource>,
    /// Sources that were asked before it and had nothing.
    pub empty: Vec<CallerSource>,
}

/// Chooses the identity of a call on a trunk: the first source in the trunk's order that has a number (ICD §5.1.7).
///
/// `country` is the calling code of the site, for trunks that want national numbers.
pub fn present<'a>(
    identity: &'a Identity,
    caller: Caller<'a>,
    country: Option<CallingCode>,
) -> Presented<'a> {
    let mut empty = Vec::new();
    for source in identity.caller_order() {
        let number = match source {
            CallerSource::CallSource => {
                caller.number.map(|number| write_number(number, identity.calling, country))
            }
            CallerSource::UserExtension => caller.extension.map(plain),
            CallerSource::Site => caller.site.map(|number| write_number(number, identity.calling, country)),
            CallerSource::Trunk => {
                identity.caller_address.map(|number| write_number(number, identity.calling, country))
            }
        };
        if number.is_some() {
            let name = match source {
                CallerSource::CallSource | CallerSource::UserExtension => caller.name,
                CallerSource::Site => caller.site_name,
                CallerSource::Trunk => identity.caller_name.as_ref(),
            };
            return Presented {
                number,
                name: name.or(identity.caller_name.as_ref()),
                source: Some(source),
                empty,
            };
        }
        empty.push(source);
    }
    Presented { number: None, name: caller.name.or(identity.caller_name.as_ref()), source: None, empty }
}

/// Writes a number the way one party of a trunk wants it: E.164 or national, with or without `+`.
pub fn write_number(number: E164, party: Party, country: Option<CallingCode>) -> Number {
    let national = party.format == NumberFormat::National && country == Some(number.calling_code());
    match (national, party.omit_plus) {
        (true, _) => plain(&*number.national_digits()),
        (false, true) => plain(&*number.digits()),
        (false, false) => plain(number),
    }
}

fn plain(value: impl std::fmt::Display) -> Number {
    let mut text = Digits::new();
    // An E.164 number has 16 characters at most, an extension 9.
    let _ = write!(text, "{value}");
    Number::from_digits(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn shown(order: &[CallerSource], caller: Caller<'_>) -> (Option<String>, Option<CallerSource>) {
        let identity = Identity {
            caller_address: Some(e164("+13175550199")),
            prioritized_caller: order.to_vec(),
            ..Identity::default()
        };
        let presented = present(&identity, caller, None);
        (presented.number.map(|n| n.to_string()), presented.source)
    }

    const FULL: [CallerSource; 4] =
        [CallerSource::CallSource, CallerSource::UserExtension, CallerSource::Site, CallerSource::Trunk];

    /// NP-029: the first source in the configured order that yields a value wins.
    #[test]
    fn prioritized_selection_takes_the_first_source_with_a_value() {
        let caller = Caller {
            number: Some(e164("+13175550101")),
            extension: Some("4100".parse().unwrap()),
            site: Some(e164("+13175550100")),
            ..Caller::default()
        };
        assert_eq!(shown(&FULL, caller), (Some("+13175550101".into()), Some(CallerSource::CallSource)));
        let no_did = Caller { number: None, ..caller };
        assert_eq!(shown(&FULL, no_did), (Some("4100".into()), Some(CallerSource::UserExtension)));
        assert_eq!(shown(&FULL[1..], caller), (Some("4100".into()), Some(CallerSource::UserExtension)));
        let no_user = Caller { extension: None, ..no_did };
        assert_eq!(shown(&FULL, no_user), (Some("+13175550100".into()), Some(CallerSource::Site)));
        let empty_site = Caller { site: None, ..no_user };
        assert_eq!(shown(&FULL, empty_site), (Some("+13175550199".into()), Some(CallerSource::Trunk)));
    }

    /// NP-028: without an order of the trunk the call's own number is shown, then the site's caller address.
    #[test]
    fn the_site_address_stands_in_for_a_missing_number() {
        let caller = Caller { site: Some(e164("+13175550100")), ..Caller::default() };
        assert_eq!(shown(&[], caller), (Some("+13175550100".into()), Some(CallerSource::Site)));
    }

    /// NP-030: Unassigned DID keeps the number of a transferred caller; the trunk's number is for calls that have none.
    #[test]
    fn unassigned_did_preserves_the_transferred_caller() {
        use telco_model::entity::AddressOverride;
        let identity = Identity {
            caller_address: Some(e164("+19999990000")),
            address_override: Some(AddressOverride::UnassignedDid),
            ..Identity::default()
        };
        let number = |caller| present(&identity, caller, None).number.map(|n| n.to_string());
        let transferred = Caller { number: Some(e164("+528181234567")), ..Caller::default() };
        assert_eq!(number(transferred).as_deref(), Some("+528181234567"));
        assert_eq!(number(Caller::default()).as_deref(), Some("+19999990000"));
        let always = Identity { address_override: Some(AddressOverride::Always), ..identity.clone() };
        assert_eq!(
            present(&always, transferred, None).number.map(|n| n.to_string()).as_deref(),
            Some("+19999990000")
        );
    }

    /// NP-031: the `+` is kept unless the trunk omits it, for each party by itself.
    #[test]
    fn plus_is_kept_unless_omitted() {
        let number = e164("+13175550123");
        let party = |omit_plus| Party { omit_plus, ..Party::default() };
        assert_eq!(write_number(number, party(false), None).as_str(), "+13175550123");
        assert_eq!(write_number(number, party(true), None).as_str(), "13175550123");
    }

    /// NP-027: a carrier that wants ten digits gets them, for numbers of its own country.
    #[test]
    fn national_format_drops_the_own_country_code() {
        let party = Party { format: NumberFormat::National, omit_plus: false };
        let us = Some(CallingCode::NANP);
        assert_eq!(write_number(e164("+12025550199"), party, us).as_str(), "2025550199");
        assert_eq!(write_number(e164("+528181234567"), party, us).as_str(), "+528181234567");
        assert_eq!(write_number(e164("+12025550199"), party, None).as_str(), "+12025550199");
    }

    /// NP-028: the caller name follows the number that is shown.
    #[test]
    fn the_name_follows_the_number() {
        let (user, site): (Text, Text) = ("Ana".parse().unwrap(), "Acme".parse().unwrap());
        let caller = Caller {
            site: Some(e164("+13175550100")),
            name: Some(&user),
            site_name: Some(&site),
            ..Caller::default()
        };
        assert_eq!(present(&Identity::default(), caller, None).name, Some(&site));
        let own = Caller { number: Some(e164("+13175550101")), ..caller };
        assert_eq!(present(&Identity::default(), own, None).name, Some(&user));
    }
}
