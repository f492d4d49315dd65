//! Dialogs: what two user agents remember about each other between requests (RFC 3261 §12).
//!
//! ```text
//!            INVITE, SUBSCRIBE            18x with a To tag              2xx
//!   peer ──────────────────────────► early ────────────────► confirmed ──► usages: session, refer, other events
//!                                      └─ each To tag of a forked request is a dialog of its own
//! ```
//!
//! A [`Dialog`] writes requests and judges those that arrive. When it ends is decided by its usages.

mod routes;

use crate::endpoint::Source;
use crate::header::{CSeq, Contact, From, Header, To};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::transport::{Path, SocketId, Transport};
use routes::peer_is_behind_nat;

/// The state two user agents share (RFC 3261 §12).
#[derive(Debug, Clone)]
pub struct Dialog {
    identity: Identity,
    target: Box<str>,
    /// Route elements in the order our requests visit them.
    routes: Box<[Box<str>]>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    way: Way,
}

/// What never changes in a dialog, one text after the other: a call keeps it for long.
#[derive(Debug, Clone)]
struct Identity {
    text: Box<str>,
    /// Where each but the last ends.
    ends: [u32; 4],
}

impl Identity {
    const CALL_ID: usize = 0;
    /// Our address with our tag, as From of our requests and To of the peer's.
    const LOCAL: usize = 1;
    /// The peer's address with its tag.
    const REMOTE: usize = 2;
    const LOCAL_TAG: usize = 3;
    const REMOTE_TAG: usize = 4;

    /// The parts in the order of the constants.
    fn new(parts: [&str; 5]) -> Self {
        let mut end = 0;
        let ends = [0, 1, 2, 3].map(|part| {
            end += parts[part].len();
            // A message is much shorter than 4 GiB.
            end as u32
        });
        Self { text: parts.concat().into(), ends }
    }

    fn part(&self, part: usize) -> &str {
        let start = part.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let end = self.ends.get(part).map_or(self.text.len(), |end| *end as usize);
        &self.text[start..end]
    }
}

/// How requests of ours leave.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// The way back to the peer, when its address alone does not lead there: a connection, or the outside of its NAT.
    flow: Option<Path>,
    listener: Option<SocketId>,
    transport: Option<Transport>,
}

/// Why a message cannot open a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogFault {
    /// From, To, Call-ID or CSeq is missing or malformed.
    #[error("the message lacks a readable From, To, Call-ID or CSeq")]
    Identity,
    /// There is no tag of the peer.
    #[error("the peer gave no tag")]
    Tag,
    /// There is no Contact with one address that requests can be sent to.
    #[error("the message has no contact to send requests to")]
    Contact,
}

/// How a request of the peer stands in the order of its requests (RFC 3261 §12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Next in order, or with a gap, which is allowed.
    New,
    /// Older than one already seen: a 500 is due.
    Stale,
}

impl Dialog {
    /// The dialog an answer to our request opens (RFC 3261 §12.1.2). `local` is the From of the request, tag included.
    ///
    /// `fallback_target` serves answers without a usable Contact, which some peers send with 18x.
    ///
    /// # Errors
    /// [`DialogFault::Tag`] when To has no tag: the answer opens no dialog.
    pub fn of_response(response: &Message, local: &str, fallback_target: &str) -> Result<Self, DialogFault> {
        let to = first::<To<'_>>(response, HeaderName::To).ok_or(DialogFault::Identity)?;
        let from = first::<From<'_>>(response, HeaderName::From).ok_or(DialogFault::Identity)?;
        let cseq = first::<CSeq<'_>>(response, HeaderName::CSeq).ok_or(DialogFault::Identity)?;
        let mut routes = routes::recorded(response);
        // RFC 3261 §12.1.2: the caller's route set is the Record-Route read backwards.
        routes.reverse();
        Ok(Self {
            identity: Identity::new([
                &text(response, HeaderName::CallId)?,
                local,
                &text(response, HeaderName::To)?,
                from.tag().ok_or(DialogFault::Identity)?,
                to.tag().ok_or(DialogFault::Tag)?,
            ]),
            target: contact(response).unwrap_or_else(|| fallback_target.into()),
            routes: routes.into(),
            local_cseq: cseq.number,
            remote_cseq: None,
            way: Way::default(),
        })
    }

    /// The dialog a request of a peer opens when it is answered with `local_tag` (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// [`DialogFault`]: the request deserves a 400.
    pub fn of_request(request: &Message, local_tag: &str) -> Result<Self, DialogFault> {
        let to = first::<To<'_>>(request, HeaderName::To).ok_or(DialogFault::Identity)?;
        let from = first::<From<'_>>(request, HeaderName::From).ok_or(DialogFault::Identity)?;
        let cseq = first::<CSeq<'_>>(request, HeaderName::CSeq).ok_or(DialogFault::Identity)?;
        let mut local = text(request, HeaderName::To)?;
        if to.tag().is_none() {
            local = format!("{local};tag={local_tag}").into();
        }
        Ok(Self {
            identity: Identity::new([
                &text(request, HeaderName::CallId)?,
                &local,
                &text(request, HeaderName::From)?,
                to.tag().unwrap_or(local_tag),
                // RFC 3261 §12.1.1: a peer of RFC 2543 may have no tag; it counts as empty.
                from.tag().unwrap_or_default(),
            ]),
            target: contact(request).ok_or(DialogFault::Contact)?,
            routes: routes::recorded(request).into(),
            local_cseq: 0,
            remote_cseq: Some(cseq.number),
            way: Way::default(),
        })
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.identity.part(Identity::CALL_ID)
    }

    /// Our address with our tag, as a header value.
    #[must_use]
    pub fn local(&self) -> &str {
        self.identity.part(Identity::LOCAL)
    }

    /// The peer's address with its tag, as a header value.
    #[must_use]
    pub fn remote(&self) -> &str {
        self.identity.part(Identity::REMOTE)
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        self.identity.part(Identity::LOCAL_TAG)
    }

    /// The peer's tag.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        self.identity.part(Identity::REMOTE_TAG)
    }

    /// The peer's contact URI.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The way our requests take, when it is not found from the next hop's address.
    #[must_use]
    pub fn flow(&self) -> Option<Path> {
        self.way.flow
    }

    /// The listener our requests leave by, and the transport they take when the next hop does not say.
    pub(crate) fn listener(&self) -> (Option<SocketId>, Option<Transport>) {
        (self.way.listener, self.way.transport)
    }

    /// Decides by which way our requests go: back along the peer's connection or through its NAT, else by RFC 3263.
    /// With `affinity` always back the way `source` came.
    pub(crate) fn follow(&mut self, source: &Source, affinity: bool) {
        let outside = self.routes.is_empty() && peer_is_behind_nat(&self.target, source.remote.ip());
        let flow = match source.path {
            // RFC 5923: the connection of the peer is the way to the peer.
            Path::Stream(_) => Some(source.path),
            Path::Datagram { .. } => (affinity || outside).then_some(source.path),
        };
        self.way = Way { flow, listener: source.listener, transport: Some(source.transport) };
    }

    /// The CSeq number our last request had.
    #[must_use]
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Goes on with the numbers an early form of this dialog has reached.
    pub(crate) fn continue_from(&mut self, early: &Self) {
        self.local_cseq = self.local_cseq.max(early.local_cseq);
        self.remote_cseq = self.remote_cseq.max(early.remote_cseq);
    }

    /// Our requests go on after this number, which one sent before there was a dialog had.
    pub(crate) fn start_at(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    /// The CSeq number of our next request.
    // RFC 3261 §12.2.1.1: up by one for each request but ACK and CANCEL.
    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.wrapping_add(1) & 0x7fff_ffff;
        self.local_cseq
    }

    /// Takes note of a request of the peer.
    pub(crate) fn order(&mut self, cseq: u32) -> Order {
        // RFC 3261 §12.2.2: lower than the last one is out of order; a gap is not.
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Order::Stale;
        }
        self.remote_cseq = Some(cseq);
        Order::New
    }

    /// Takes the peer's new contact from a target refresh request or its 2xx (RFC 3261 §12.2, RFC 6141 §3.2).
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact(message) {
            self.target = target;
        }
    }

    /// Where the next request goes: the first route, or the target (RFC 3261 §8.1.2).
    #[must_use]
    pub fn next_hop(&self) -> &str {
        self.routes.first().map_or(&self.target, |route| routes::uri_of(route))
    }

    /// The Request-URI of requests in this dialog.
    #[must_use]
    pub fn request_uri(&self) -> &str {
        match self.routes.first() {
            Some(first) if !routes::is_loose(first) => routes::uri_of(first),
            Some(_) | None => &self.target,
        }
    }

    /// A request of ours without Via, CSeq and Contact (RFC 3261 §12.2.1.1).
    pub(crate) fn request(&self, method: &Method<'_>) -> Draft {
        let mut draft = Draft::request(method, self.request_uri()).header(HeaderName::MaxForwards, "70");
        let strict = self.routes.first().is_some_and(|first| !routes::is_loose(first));
        for route in self.routes.iter().skip(usize::from(strict)) {
            draft = draft.header(HeaderName::Route, &**route);
        }
        if strict {
            // RFC 3261 §12.2.1.1: a strict router takes the Request-URI; the target becomes the last route.
            draft = draft.header(HeaderName::Route, format!("<{}>", self.target));
        }
        draft
            .header(HeaderName::From, self.local())
            .header(HeaderName::To, self.remote())
            .header(HeaderName::CallId, self.call_id())
    }
}

/// The one contact address of a message.
fn contact(message: &Message) -> Option<Box<str>> {
    let contact = message.all::<Contact<'_>>().next()?.ok()?;
    contact.address().map(|address| address.uri.as_str().into())
}

pub(crate) fn first<'a, H: Header<'a>>(message: &'a Message, name: HeaderName) -> Option<H> {
    H::parse(message.values(name).next()?).ok()
}

/// A header value as text, folds and stray bytes cleaned.
fn text(message: &Message, name: HeaderName) -> Result<Box<str>, DialogFault> {
    let value = message.header(name).ok_or(DialogFault::Identity)?;
    let value = String::from_utf8_lossy(value.trim_ascii());
    Ok(if value.contains(['\r', '\n']) {
        value.split_whitespace().collect::<Vec<_>>().join(" ").into()
    } else {
        value.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::from_datagram(text.replace('\n', "\r\n").into_bytes()).unwrap()
    }

    fn ok(extra: &str) -> Message {
        message(&format!(
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=a\nTo: <sip:b@y>;tag=b\n\
             Call-ID: c\nCSeq: 7 INVITE\nContact: \"B\" <sip:b@192.0.2.2;x=1>;q=1\n{extra}Content-Length: 0\n\n"
        ))
    }

    fn lines(draft: Draft) -> String {
        String::from_utf8(draft.finish().unwrap().to_vec()).unwrap().replace("\r\n", "\n")
    }

    /// RFC 3261 §12.1.2 and §12.2.1.1: the route set is reversed, the request goes to the target through it.
    #[test]
    fn requests_of_the_caller_visit_the_recorded_routes_backwards() {
        let answer = ok("Record-Route: <sip:p2;lr>, <sip:p1;lr>\n");
        let mut dialog = Dialog::of_response(&answer, "<sip:a@x>;tag=a", "sip:b@y").unwrap();
        assert_eq!(dialog.next_hop(), "sip:p1;lr");
        assert_eq!(dialog.next_cseq(), 8);
        assert_eq!(
            lines(dialog.request(&Method::Bye)),
            "BYE sip:b@192.0.2.2;x=1 SIP/2.0\nMax-Forwards: 70\nRoute: <sip:p1;lr>\nRoute: <sip:p2;lr>\n\
             From: <sip:a@x>;tag=a\nTo: <sip:b@y>;tag=b\nCall-ID: c\nContent-Length: 0\n\n"
        );
    }

    /// RFC 3261 §12.2.1.1: a first hop without `lr` is a strict router.
    #[test]
    fn a_strict_router_becomes_the_request_uri() {
        let answer = ok("Record-Route: <sip:p2;lr>, <sip:p1>\n");
        let dialog = Dialog::of_response(&answer, "<sip:a@x>;tag=a", "sip:b@y").unwrap();
        let request = lines(dialog.request(&Method::Bye));
        assert!(request.starts_with(
            "BYE sip:p1 SIP/2.0\nMax-Forwards: 70\nRoute: <sip:p2;lr>\nRoute: <sip:b@192.0.2.2;x=1>\n"
        ));
    }

    /// RFC 3261 §12.1.1 and §12.2.2: the callee keeps the order of routes; older requests are stale.
    #[test]
    fn the_callee_orders_requests_by_their_number() {
        let invite = message(
            "INVITE sip:b@y SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nMax-Forwards: 70\nFrom: <sip:a@x>;tag=a\n\
             To: <sip:b@y>\nCall-ID: c\nCSeq: 7 INVITE\nContact: <sip:a@192.0.2.1>\nRecord-Route: <sip:p2;lr>\n\
             Record-Route: <sip:p1;lr>\nContent-Length: 0\n\n",
        );
        let mut dialog = Dialog::of_request(&invite, "b").unwrap();
        assert_eq!((dialog.local(), dialog.remote()), ("<sip:b@y>;tag=b", "<sip:a@x>;tag=a"));
        assert_eq!((dialog.next_hop(), dialog.target()), ("sip:p2;lr", "sip:a@192.0.2.1"));
        assert_eq!(
            [dialog.order(7), dialog.order(9), dialog.order(8)],
            [Order::Stale, Order::New, Order::Stale]
        );
    }

    #[test]
    fn what_opens_no_dialog_says_why() {
        let untagged = message(
            "SIP/2.0 180 Ringing\nFrom: <sip:a@x>;tag=a\nTo: <sip:b@y>\nCall-ID: c\nCSeq: 1 INVITE\n\n",
        );
        assert_eq!(Dialog::of_response(&untagged, "x", "y").unwrap_err(), DialogFault::Tag);
        let without_contact = message(
            "INVITE sip:b@y SIP/2.0\nFrom: <sip:a@x>;tag=a\nTo: <sip:b@y>\nCall-ID: c\nCSeq: 1 INVITE\n\n",
        );
        assert_eq!(Dialog::of_request(&without_contact, "b").unwrap_err(), DialogFault::Contact);
    }
}
