//! One binding: where a phone said it can be reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sip_trunk::transport::{Path, Transport};
use sip_trunk::uri::UriRef;
use telco_model::value::PhoneId;

use crate::compile::Account;

/// Names a contact: slot and generation, so that a contact that is gone is never taken for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A contact of an address of record (RFC 3261 §10).
#[derive(Debug, Clone)]
pub struct Contact {
    pub(super) id: ContactId,
    pub(super) aor: Arc<str>,
    pub(super) account: Arc<Account>,
    pub(super) uri: Box<str>,
    pub(super) call_id: Box<str>,
    pub(super) cseq: u32,
    pub(super) expires: Instant,
    /// In thousandths.
    pub(super) q: u16,
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
    pub(super) flow: Option<Path>,
    pub(super) route: Box<[Box<str>]>,
    /// The route is that of a trusted proxy.
    pub(super) trusted: bool,
    pub(super) instance: Option<Box<str>>,
    pub(super) reg_id: Option<u32>,
    pub(super) user_agent: Option<Box<str>>,
    /// Rises with every refresh: what makes each temporary GRUU a new one.
    pub(super) refreshes: u32,
    /// The first refresh under the present Call-ID: temporary GRUUs before it are invalid (RFC 5627 §5.4).
    pub(super) valid_from: u32,
}

/// Where a request for a contact goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'c> {
    /// The Request-URI.
    pub uri: &'c str,
    /// The route set, first hop first: the Path of the registration (RFC 3327 §5.2).
    pub route: &'c [Box<str>],
    /// The flow the registration came by. Requests go this way while it lives, whatever the URI says: the phone may stand behind
    /// NAT, or it asked for it (RFC 5626 §5.3).
    pub flow: Option<Path>,
    /// Where they go without a flow: to the first hop of a trusted proxy's Path, or to a URI at the address the registration came from.
    /// No phone has calls sent anywhere else.
    pub otherwise: Option<&'c str>,
}

impl Contact {
    /// Its name.
    pub fn id(&self) -> ContactId {
        self.id
    }

    /// The user part of the address of record it belongs to.
    pub fn aor(&self) -> &str {
        &self.aor
    }

    /// The account that registered it.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The phone that registered it.
    pub fn phone(&self) -> PhoneId {
        self.account.phone
    }

    /// The contact URI as registered.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Where requests for it go.
    pub fn target(&self) -> Target<'_> {
        Target { uri: &self.uri, route: &self.route, flow: self.flow, otherwise: self.otherwise() }
    }

    pub(super) fn otherwise(&self) -> Option<&str> {
        match self.route.first() {
            Some(hop) => self.trusted.then_some(hop),
            None => self.is_where_it_came_from().then_some(&self.uri),
        }
    }

    fn is_where_it_came_from(&self) -> bool {
        let uri = UriRef::parse(self.uri.as_bytes()).ok();
        uri.and_then(|uri| uri.as_sip()).is_some_and(|sip| {
            // RFC 3263 §4: maddr, where present, is the target.
            let host = sip.host().ip().filter(|_| sip.param("maddr").is_none());
            host.map(|ip| ip.to_canonical()) == Some(self.remote.ip().to_canonical())
        })
    }

    /// Its preference in thousandths, 1000 when it named none.
    pub fn q(&self) -> u16 {
        self.q
    }

    /// When it ends unless it is refreshed.
    pub fn expires(&self) -> Instant {
        self.expires
    }

    /// What its registration was sent with.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Where its registration came from.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The instance of the user agent, `<urn:uuid:…>` (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// Which of its flows it is; `Some` only for outbound registrations.
    pub fn reg_id(&self) -> Option<u32> {
        self.reg_id
    }

    /// What the phone says it is, at most 64 characters.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Whole seconds until it ends.
    pub(super) fn seconds_left(&self, now: Instant) -> u64 {
        self.expires.saturating_duration_since(now).as_secs()
    }
}
