//! The REGISTER request.

use std::time::Duration;

use super::config::RegistrationConfig;
use crate::auth::AuthHeader;
use crate::endpoint::ContactSpec;
use crate::msg::{Draft, HeaderName, Method};
use crate::uri::{Uri, UriFault};

/// What stays the same in all requests of one registration (RFC 3261 §10.2.4: Call-ID), and what it was given to write.
#[derive(Debug)]
pub(super) struct Identity {
    /// To and From.
    pub(super) record: Uri,
    pub(super) call_id: String,
    pub(super) tag: String,
    /// Marks our contact, so that it is found again in answers and in calls that arrive for it.
    pub(super) line: String,
    /// User part of the contact, escaped.
    contact_user: String,
}

impl Identity {
    pub(super) fn new(
        config: &RegistrationConfig,
        call_id: String,
        tag: String,
        line: String,
    ) -> Result<Self, UriFault> {
        let record = config.address_of_record()?;
        let own = record.view().as_sip().and_then(|sip| sip.user()).unwrap_or_default().to_owned();
        let contact_user = match &config.contact_user {
            Some(user) => crate::uri::percent::encode(crate::uri::percent::Part::User, user.as_bytes()),
            None => own,
        };
        Ok(Self { record, call_id, tag, line, contact_user })
    }

    pub(super) fn contact(&self, outbound: Option<&(String, u32)>) -> ContactSpec {
        // RFC 5626 §4.2: instance and flow number are header parameters of the contact.
        let params = outbound
            .map(|(instance, flow)| format!(";+sip.instance=\"<{instance}>\";reg-id={flow}"))
            .unwrap_or_default();
        ContactSpec { user: self.contact_user.clone(), uri_params: format!(";line={}", self.line), params }
    }

    pub(super) fn draft(
        &self,
        request_uri: &str,
        cseq: u32,
        expires: Duration,
        config: &RegistrationConfig,
        credentials: &[AuthHeader],
    ) -> Draft {
        let record = self.record.as_str();
        let mut draft = Draft::request(&Method::Register, request_uri)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("<{record}>;tag={}", self.tag))
            .header(HeaderName::To, format!("<{record}>"))
            .header(HeaderName::CallId, &self.call_id)
            .header(HeaderName::CSeq, format!("{cseq} REGISTER"));
        for route in &config.route {
            draft = draft.header(HeaderName::Route, route);
        }
        // RFC 3327 §5.1, RFC 5626 §4.2.1.
        let supported = if config.outbound.is_some() { "path, outbound" } else { "path" };
        draft = draft
            .header(HeaderName::Supported, supported)
            .header(HeaderName::Expires, expires.as_secs().to_string());
        credentials.iter().fold(draft, |draft, header| draft.header(header.name, &header.value))
    }
}

/// The Request-URI: the registrar's domain, without user part (RFC 3261 §10.2) and without what only says how to get there.
pub(crate) fn request_uri(next_hop: &str) -> String {
    let parsed = Uri::parse(next_hop);
    let sip = parsed.as_ref().ok().and_then(|uri| uri.view().as_sip());
    let Some(sip) = sip else { return next_hop.to_owned() };
    let scheme = if sip.is_secure() { "sips" } else { "sip" };
    let port = sip.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}:{}{port}", sip.host_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 §10.2: the Request-URI names the domain of the location service, without user.
    #[test]
    fn the_request_uri_has_neither_user_nor_parameters() {
        assert_eq!(request_uri("sip:carrier.example;transport=tls"), "sip:carrier.example");
        assert_eq!(request_uri("sip:bob@[2001:db8::1]:5080;transport=udp"), "sip:[2001:db8::1]:5080");
        assert_eq!(request_uri("sips:carrier.example"), "sips:carrier.example");
    }
}
