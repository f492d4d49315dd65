//! Answers to REGISTER.

use std::fmt::Write;
use std::time::Instant;

use sip_trunk::header::NameAddr;
use sip_trunk::msg::{Draft, HeaderName, Message};
use sip_trunk::uri::UriRef;

use super::Registrar;
use super::authentication::Proved;
use super::contact::Contact;
use super::gruu;
use super::request::{Asked, Refused};

/// Seconds a client is asked to wait when no table has room.
const RETRY_AFTER: u32 = 60;

impl Registrar {
    /// RFC 3261 §10.3 step 8: every binding there is now.
    pub(super) fn ok(
        &mut self,
        request: &Message,
        proved: &Proved,
        aor: &str,
        asked: &Asked<'_>,
        now: Instant,
    ) -> Draft {
        let mut reply = Draft::reply_to(request, 200, &self.tag());
        for contact in self.contacts(aor) {
            reply = reply.header(HeaderName::Contact, self.contact_value(contact, asked.gruu, now));
        }
        // RFC 3327 §5.3: the path is shown to the phone, so that it knows who stands on it.
        reply = reply.copy(request, HeaderName::Path).header(HeaderName::Supported, "path, outbound, gruu");
        if asked.outbound {
            reply = reply
                .header(HeaderName::Require, "outbound")
                .header(HeaderName::FlowTimer, self.config.limits.flow_timer.to_string());
        }
        match &proved.info {
            Some(info) => reply.header(info.name, &info.value),
            None => reply,
        }
    }

    fn contact_value(&self, contact: &Contact, gruus: bool, now: Instant) -> String {
        let mut value = match UriRef::parse(contact.uri.as_bytes()) {
            Ok(uri) => NameAddr::new(uri).to_string(),
            // It was read when it was registered.
            Err(_) => format!("<{}>", contact.uri),
        };
        // Writing into a String cannot fail.
        let _ = write!(value, ";expires={}", contact.seconds_left(now).max(1));
        if contact.q < 1000 {
            let _ = write!(value, ";q=0.{:03}", contact.q);
        }
        if let Some(instance) = &contact.instance {
            let _ = write!(value, ";+sip.instance=\"{instance}\"");
            if let Some(id) = contact.reg_id {
                let _ = write!(value, ";reg-id={id}");
            }
            // RFC 5627 §5.2: both GRUUs of every contact with an instance, for clients that know them.
            let domain = &self.config.gruu_domain;
            if let Some(public) = gruu::public(contact, domain).filter(|_| gruus) {
                let temporary = self.gruus.temporary(contact, domain);
                let _ = write!(value, ";pub-gruu=\"{public}\";temp-gruu=\"{temporary}\"");
            }
        }
        value
    }

    pub(super) fn refusal(&mut self, request: &Message, refused: &Refused) -> Draft {
        let tag = self.tag();
        let reply = |status| Draft::reply_to(request, status, &tag);
        match refused {
            Refused::Malformed(_) => reply(400),
            Refused::Extensions(unknown) => reply(420).header(HeaderName::Unsupported, unknown.join(", ")),
            Refused::TooBrief => {
                reply(423).header(HeaderName::MinExpires, self.config.limits.min_expires.to_string())
            }
            Refused::FirstHopLacksOutbound => reply(439),
            Refused::Forbidden(_) => reply(403),
            Refused::NotFound => reply(404),
            Refused::OutOfOrder => reply(500),
            Refused::Full => reply(503).header(HeaderName::RetryAfter, RETRY_AFTER.to_string()),
        }
    }
}

impl Refused {
    /// Status and reason, for the log.
    pub(super) fn told(&self) -> (u16, &'static str) {
        match self {
            Refused::Malformed(what) => (400, what),
            Refused::Extensions(_) => (420, "an extension is required that is not known"),
            Refused::TooBrief => (423, "the interval is too brief"),
            Refused::FirstHopLacksOutbound => (439, "the first hop does not know flows"),
            Refused::Forbidden(why) => (403, why),
            Refused::NotFound => (404, "the address of record is of another domain"),
            Refused::OutOfOrder => (500, "the request is older than the binding"),
            Refused::Full => (503, "there is no room for more contacts"),
        }
    }
}
