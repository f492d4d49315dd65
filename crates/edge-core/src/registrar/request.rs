//! A REGISTER request, read and checked as a whole before anything is changed (RFC 3261 §10.3).

use sip_trunk::header::{CSeq, CallId, Contact, Expires, Path, Require, Supported, To, Via};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::uri::UriRef;

use super::config::Limits;

/// What the extensions a registrar may be required to know are called.
const EXTENSIONS: [&str; 3] = ["path", "outbound", "gruu"];

/// Longest contact URI that is stored.
const MAX_URI: usize = 512;

/// A checked request.
#[derive(Debug)]
pub(super) struct Asked<'m> {
    pub(super) call_id: &'m str,
    pub(super) cseq: u32,
    pub(super) changes: Changes<'m>,
    /// Path, first hop first.
    pub(super) path: Vec<&'m str>,
    /// Whether nobody stands between the phone and us.
    pub(super) direct: bool,
    /// Whether the sender answers to the port it sends from: it asked for `rport`, or there is a connection.
    pub(super) symmetric: bool,
    pub(super) outbound: bool,
    pub(super) gruu: bool,
}

/// What shall happen to the bindings.
#[derive(Debug)]
pub(super) enum Changes<'m> {
    /// Nothing: the sender wants to know them.
    Fetch,
    /// All go.
    RemoveAll,
    /// These are added, refreshed or removed.
    Contacts(Vec<Wanted<'m>>),
}

/// One contact of the request.
#[derive(Debug)]
pub(super) struct Wanted<'m> {
    pub(super) uri: UriRef<'m>,
    /// In seconds, 0 removes.
    pub(super) expires: u32,
    pub(super) q: u16,
    /// With its brackets.
    pub(super) instance: Option<String>,
    /// Only when the whole is an outbound registration.
    pub(super) reg_id: Option<u32>,
}

/// Why a request changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// 400, with what is wrong.
    Malformed(&'static str),
    /// 420, with what is not known.
    Extensions(Vec<String>),
    /// 423.
    TooBrief,
    /// 439.
    FirstHopLacksOutbound,
    /// 403, with the reason.
    Forbidden(&'static str),
    /// 404: the address of record is not of our domains.
    NotFound,
    /// 500: an older request than the one that made the binding.
    OutOfOrder,
    /// 503.
    Full,
}

impl<'m> Asked<'m> {
    pub(super) fn read(request: &'m Message, limits: &Limits) -> Result<Self, Refused> {
        // RFC 3261 §8.2.2.3 and §10.3 step 2: what must be understood and is not.
        let unknown: Vec<_> = request
            .all::<Require<'_>>()
            .flatten()
            .filter(|wanted| !EXTENSIONS.iter().any(|known| wanted.is(known)))
            .map(|wanted| wanted.0.to_owned())
            .collect();
        if !unknown.is_empty() {
            return Err(Refused::Extensions(unknown));
        }
        let call_id =
            request.typed::<CallId<'_>>().and_then(Result::ok).ok_or(Refused::Malformed("Call-ID"))?;
        let cseq = request.typed::<CSeq<'_>>().and_then(Result::ok).ok_or(Refused::Malformed("CSeq"))?;
        let mut path = Vec::new();
        for hop in request.all::<Path<'m>>() {
            path.push(hop.map_err(|_| Refused::Malformed("Path"))?.uri.as_str());
        }
        let mut vias = request.all::<Via<'_>>();
        let first = vias.next().and_then(Result::ok);
        let direct = vias.next().is_none();
        let supports = |tag: &str| {
            request.all::<Supported<'_>>().flatten().any(|s| s.is(tag))
                || request.all::<Require<'_>>().flatten().any(|r| r.is(tag))
        };
        let mut asked = Self {
            call_id: call_id.as_str(),
            cseq: cseq.number,
            changes: changes(request, limits)?,
            direct,
            symmetric: first.is_some_and(|via| via.rport().is_some() || via.transport.is_reliable()),
            outbound: false,
            gruu: supports("gruu"),
            path,
        };
        asked.outbound = asked.is_outbound(supports("outbound"))?;
        asked.check_contacts(limits)?;
        Ok(asked)
    }

    /// RFC 5626 §6: whether bindings are those of flows. Behind a first hop that does not know flows they cannot be.
    fn is_outbound(&mut self, supported: bool) -> Result<bool, Refused> {
        let Changes::Contacts(wanted) = &mut self.changes else { return Ok(false) };
        // A reg-id without an instance is ignored.
        wanted
            .iter_mut()
            .filter(|contact| contact.instance.is_none())
            .for_each(|contact| contact.reg_id = None);
        let has_flow = wanted.iter().any(|contact| contact.reg_id.is_some());
        // The first hop writes its Path first, so it stands last.
        let knows_flows = |uri: &str| {
            UriRef::parse(uri.as_bytes())
                .ok()
                .and_then(|uri| uri.as_sip())
                .is_some_and(|sip| sip.param("ob").is_some())
        };
        let possible = self.direct || self.path.last().is_some_and(|hop| knows_flows(hop));
        if has_flow && supported && !possible {
            return Err(Refused::FirstHopLacksOutbound);
        }
        if !(has_flow && supported) {
            wanted.iter_mut().for_each(|contact| contact.reg_id = None);
            return Ok(false);
        }
        if wanted.iter().filter(|contact| contact.expires > 0).count() > 1 {
            return Err(Refused::Malformed("one flow, one contact"));
        }
        Ok(true)
    }

    /// RFC 3261 §10.3 step 7: a contact that asks for too short a time makes the whole request fail.
    fn check_contacts(&self, limits: &Limits) -> Result<(), Refused> {
        let Changes::Contacts(wanted) = &self.changes else { return Ok(()) };
        if wanted.len() > limits.contacts_per_aor {
            return Err(Refused::Malformed("too many contacts"));
        }
        let brief = |contact: &Wanted<'_>| contact.expires > 0 && contact.expires < limits.min_expires;
        if wanted.iter().any(brief) { Err(Refused::TooBrief) } else { Ok(()) }
    }
}

fn changes<'m>(request: &'m Message, limits: &Limits) -> Result<Changes<'m>, Refused> {
    // A malformed value counts as one hour (RFC 3261 §20.19 leaves it open, §10.2.1.1 does so for the parameter).
    let header = request.typed::<Expires>().map(|read| read.map_or(3600, |expires| expires.0));
    let mut wanted = Vec::new();
    let mut any = false;
    for contact in request.all::<Contact<'m>>() {
        let contact = contact.map_err(|_| Refused::Malformed("Contact"))?;
        let Some(address) = contact.address() else {
            any = true;
            continue;
        };
        if address.uri.as_sip().is_none() || address.uri.as_str().len() > MAX_URI {
            return Err(Refused::Malformed("Contact is no SIP URI of at most 512 bytes"));
        }
        let asked = contact.expires().or(header).unwrap_or(limits.default_expires);
        wanted.push(Wanted {
            uri: address.uri,
            expires: asked.min(limits.max_expires),
            q: contact.q().unwrap_or(1000),
            instance: address
                .params
                .get("+sip.instance")
                .map(|value| value.text().into_owned())
                .filter(|instance| is_plain(instance)),
            reg_id: address.params.number("reg-id").filter(|id| *id > 0),
        });
    }
    // RFC 3261 §10.3 step 6: `*` stands alone and with a lifetime of zero.
    match (any, wanted.is_empty()) {
        (true, true) if header == Some(0) => Ok(Changes::RemoveAll),
        (true, _) => Err(Refused::Malformed("Contact: * needs Expires: 0 and stands alone")),
        (false, true) => Ok(Changes::Fetch),
        (false, false) => Ok(Changes::Contacts(wanted)),
    }
}

/// An instance that is written back as it came: a URN in brackets needs no escapes.
fn is_plain(instance: &str) -> bool {
    (1..=128).contains(&instance.len())
        && instance.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// The user part and host of the address of record: the To URI (RFC 3261 §10.2).
pub(super) fn aor(request: &Message) -> Option<(String, String)> {
    let to = request.typed::<To<'_>>()?.ok()?;
    let sip = to.uri.as_sip()?;
    Some((sip.user_decoded()?.into_owned(), sip.host_str().to_ascii_lowercase()))
}

/// The host of the Request-URI.
pub(super) fn registrar_host(request: &Message) -> Option<String> {
    let uri = UriRef::parse(request.request_uri()?).ok()?;
    Some(uri.as_sip()?.host_str().to_ascii_lowercase())
}

/// What the phone says it is, cut to what is worth keeping.
pub(super) fn user_agent(request: &Message) -> Option<Box<str>> {
    let text = std::str::from_utf8(request.header(HeaderName::UserAgent)?).ok()?;
    Some(text.chars().filter(|c| !c.is_control()).take(64).collect::<String>().into())
}
