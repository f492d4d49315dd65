//! Who callers say they are, and what others are told of them (RFC 3323, RFC 3325).
//!
//! Nothing a caller writes about itself goes on as it is. A phone is whoever its password proves, and is shown with the number and name
//! the configuration has for it; a trunk is believed about the callers it brings, who are shown by their number. A PBX alone, which the
//! configuration has to call one, says itself who calls.

use std::time::Instant;

use sip_trunk::endpoint::Source;
use sip_trunk::header::{
    From, NameAddr, PAssertedIdentity, PPreferredIdentity, Params, Privacy, RemotePartyId,
};
use sip_trunk::msg::Message;
use sip_trunk::trunk::OriginalCaller;
use sip_trunk::uri::UriRef;
use telco_model::value::E164;

use super::Edge;
use super::message::shown;
use crate::call::{Call, Identity, Party};
use crate::compile::{Phone, Reach, Runtime};
use crate::guard::Code;
use crate::route::Origin;

impl Edge {
    /// ES-27: a phone that says it is somebody else is told of, and goes on as itself.
    pub(super) fn examine_identity(
        &mut self,
        origin: &Origin,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        let Origin::Phone(phone) = origin else { return };
        let own = names(&self.runtime, phone);
        let other = claims(message).into_iter().find(|claim| !own.contains(claim));
        if let Some(other) = other {
            let detail = format!("claims to be {other}");
            self.guard.tell(Code::IdentityMismatch, source, Some(phone.name.as_str()), Some(&detail), now);
        }
    }
}

/// What a request says of its sender, and what we know of it: a call of `origin` that came from `party`.
pub(super) fn identity_in(message: &Message, origin: &Origin, party: &Party) -> Identity {
    let trunk = match origin {
        Origin::Trunk(trunk) => Some(trunk),
        Origin::Phone(_) => None,
    };
    let asserted =
        trunk.map(|_| shown::<PAssertedIdentity<'_>>(message, |asserted| asserted.uri.to_string()));
    let is_pbx = party.trunk().is_some_and(|trunk| trunk.settings.protocol.pbx_passthrough);
    Identity {
        original: is_pbx.then(|| as_written(message)).flatten().map(Box::new),
        behind: matches!(party, Party::Neighbour(_)).then(|| origin.clone()),
        asserted: asserted.filter(|address| !address.is_empty()).map(Into::into),
        restricted: withholds_identity(message),
    }
}

/// ST-040: who calls, in the words of a PBX.
fn as_written(message: &Message) -> Option<OriginalCaller> {
    let from = message.typed::<From<'_>>()?.ok()?;
    let from = NameAddr { display: from.display, uri: from.uri, params: Params::NONE };
    let names = ["P-Asserted-Identity", "Remote-Party-ID", "Privacy", "Diversion"];
    let headers = names.into_iter().flat_map(|name| {
        let values = message.values(name);
        values.map(move |value| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
    });
    Some(OriginalCaller { from: from.to_string(), headers: headers.collect() })
}

/// Whether the called may not learn who calls.
fn withholds_identity(message: &Message) -> bool {
    let privacy: Vec<_> = message.all::<Privacy<'_>>().collect();
    let says = |kind| privacy.iter().flatten().any(|privacy| privacy.has(kind));
    // RFC 3323 §4.2: `none` overrules everything.
    if says("none") {
        return false;
    }
    // A wish that cannot be read is one. RFC 3323 §4.1.1.3: a caller may stay anonymous by itself.
    privacy.iter().any(Result::is_err) || ["id", "user", "header"].into_iter().any(says) || is_nobody(message)
}

/// Whether the From names a host that can be nobody's (RFC 2606 §2).
fn is_nobody(message: &Message) -> bool {
    let from = message.typed::<From<'_>>().and_then(Result::ok);
    let host = from.and_then(|from| from.uri.as_sip().map(|sip| sip.host_str().to_ascii_lowercase()));
    host.is_some_and(|host| host.ends_with(".invalid"))
}

/// The number of a caller from outside: what it shows, else what its trunk asserts.
pub(super) fn outside_number(call: &Call) -> Option<E164> {
    let asserted = || {
        let uri = UriRef::parse(call.asserted()?.as_bytes()).ok()?;
        let digits: String = uri.telephone()?.digits().collect();
        E164::from_digits(digits.trim_start_matches('+')).ok()
    };
    call.caller_number().or_else(asserted)
}

/// The From of a call to a phone of ours: the caller's number where there is one, and a name.
pub(super) fn caller_of_phone_call(call: &Call, host: &str) -> String {
    let runtime = &call.runtime;
    let (number, name) = match &call.origin {
        Origin::Phone(phone) => {
            let user = phone.user.and_then(|user| runtime.users.get(&user));
            let extension = user.and_then(|user| user.extensions.first()).map(ToString::to_string);
            let number = extension.or_else(|| call.origin.number(runtime).map(|number| number.to_string()));
            (number, user.map_or_else(|| phone.name.to_string(), |user| user.name.to_string()))
        }
        Origin::Trunk(_) => (call.caller_number().map(|number| number.to_string()), String::new()),
    };
    let user = number.unwrap_or_else(|| "anonymous".into());
    let name: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
    if name.is_empty() { format!("<sip:{user}@{host}>") } else { format!("\"{name}\" <sip:{user}@{host}>") }
}

/// The From of a caller who wants to stay unknown (RFC 3323 §4.1.1.3).
pub(super) fn anonymous() -> String {
    "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned()
}

/// Every name a phone may call itself.
fn names(runtime: &Runtime, phone: &Phone) -> Vec<String> {
    let user = phone.user.and_then(|user| runtime.users.get(&user));
    let numbers = phone.numbers.iter().chain(user.iter().flat_map(|user| &user.numbers));
    let numbers = numbers.map(ToString::to_string);
    let extensions = user.into_iter().flat_map(|user| &user.extensions).map(ToString::to_string);
    let mut names: Vec<_> = numbers.chain(extensions).collect();
    if let Reach::Registered(account) = &phone.reach {
        names.extend(account.lines.iter().map(ToString::to_string));
    }
    names.iter_mut().for_each(|name| *name = plain(name));
    names
}

/// Whom a request says it is from, wherever it says so.
fn claims(message: &Message) -> Vec<String> {
    let from = message.all::<From<'_>>().filter_map(Result::ok).map(|claim| user_of(claim.uri));
    let asserted = message.all::<PAssertedIdentity<'_>>().filter_map(Result::ok).map(|c| user_of(c.uri));
    let preferred = message.all::<PPreferredIdentity<'_>>().filter_map(Result::ok).map(|c| user_of(c.uri));
    let older = message.all::<RemotePartyId<'_>>().filter_map(Result::ok).map(|claim| user_of(claim.uri));
    let all = from.chain(asserted).chain(preferred).chain(older).flatten();
    all.filter(|claim| !claim.is_empty() && claim != "anonymous").collect()
}

fn user_of(uri: UriRef<'_>) -> Option<String> {
    let user = match uri.telephone() {
        Some(number) => number.digits().collect(),
        None => uri.as_sip()?.user_decoded()?.into_owned(),
    };
    Some(plain(&user))
}

fn plain(name: &str) -> String {
    name.trim_start_matches('+').to_owned()
}
