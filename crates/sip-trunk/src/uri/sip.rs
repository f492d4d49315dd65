use std::borrow::Cow;

use super::{
    Host, Layout, Marks, Scheme, Telephone, Transport, UriFault, UriFaultKind, UriHeaders, UriParams, UriRef,
    fault::fault, host::HostPort, percent, short, tel,
};

/// A `sip:` or `sips:` URI (RFC 3261 §19.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SipUri<'a>(pub(super) UriRef<'a>);

impl<'a> SipUri<'a> {
    /// The whole URI.
    #[must_use]
    pub fn uri(&self) -> UriRef<'a> {
        self.0
    }

    /// Whether the scheme is `sips:`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == Scheme::Sips
    }

    /// The user part as written, without the password.
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        let at = &self.0.at;
        (at.user_end > at.colon).then(|| self.0.slice(at.colon + 1, at.user_end))
    }

    /// The user part with `%HH` decoded; it may hold any character, also controls. For looking up, not for comparing URIs.
    #[must_use]
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user().map(percent::decode_text)
    }

    /// The password as written; deprecated by the RFC and never to be trusted.
    #[must_use]
    pub fn password(&self) -> Option<&'a str> {
        let at = &self.0.at;
        // Between `user:` and `@`; without a password the `@` follows the user at once.
        (at.user_end > at.colon && at.user_end + 1 < at.body)
            .then(|| self.0.slice(at.user_end + 1, at.body - 1))
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> Host<'a> {
        Host::checked(self.host_str())
    }

    /// The host as written.
    #[must_use]
    pub fn host_str(&self) -> &'a str {
        self.0.slice(self.0.at.body, self.0.at.body_end)
    }

    /// The port, when written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.0.at.port
    }

    /// The URI parameters.
    #[must_use]
    pub fn params(&self) -> UriParams<'a> {
        UriParams::new(self.0.slice(self.0.at.params, self.0.at.headers))
    }

    /// The value of one URI parameter, `Some("")` for a flag.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params().value(name)
    }

    /// The `?name=value` headers.
    #[must_use]
    pub fn headers(&self) -> UriHeaders<'a> {
        UriHeaders::new(self.0.slice(self.0.at.headers, short(self.0.text.len())))
    }

    /// The `transport` parameter.
    #[must_use]
    pub fn transport(&self) -> Option<Transport<'a>> {
        self.param("transport").map(Transport::parse)
    }

    /// Whether `;lr` is present: a loose router (RFC 3261 §16.4).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.param("lr").is_some()
    }

    /// Whether `user=phone` is present.
    #[must_use]
    pub fn is_phone(&self) -> bool {
        self.param("user").is_some_and(|v| v.eq_ignore_ascii_case("phone"))
    }

    /// The user part read as a telephone number.
    ///
    /// With `user=phone` every local number the `tel:` grammar knows counts; without it only `+` or plain dialling digits,
    /// because `sip:deadbeef@…` is a name.
    #[must_use]
    pub fn telephone(&self) -> Option<Telephone<'a>> {
        tel::from_user(self.user()?, self.is_phone())
    }
}

pub(super) fn layout(text: &str, blank: Layout, marks: Marks) -> Result<Layout, UriFault> {
    let bytes = text.as_bytes();
    let start = usize::from(blank.body);
    let (user_end, host) = match (marks.at, marks.colon) {
        (Some(at), Some(user_end)) if user_end > start => (user_end, at + 1),
        (Some(_), _) => return Err(fault(UriFaultKind::User, start)),
        (None, _) => (start - 1, start),
    };
    let HostPort { host_len, port, len, .. } =
        HostPort::read(&bytes[host..]).map_err(|e| UriFault { at: e.at + host, ..e })?;
    let params = host + len;
    match bytes.get(params) {
        None | Some(b';' | b'?') => {}
        Some(_) if port.is_some() => return Err(fault(UriFaultKind::Port, params)),
        Some(_) => return Err(fault(UriFaultKind::Host, params)),
    }
    let headers = marks.question.unwrap_or(bytes.len());
    if let Some(bad) = marks.bad_param {
        return Err(bad);
    }
    Ok(Layout {
        user_end: short(user_end),
        body: short(host),
        body_end: short(host + host_len),
        params: short(params),
        headers: short(headers),
        port,
        ..blank
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::MAX_PARAMS;

    fn sip(text: &str) -> SipUri<'_> {
        UriRef::parse(text.as_bytes()).expect(text).as_sip().expect(text)
    }

    #[test]
    fn every_part_is_found() {
        let uri = sip("sips:alice:pa$$@Example.com:5061;transport=tls;lr?subject=a%20b&to=x");
        assert!(uri.is_secure());
        assert_eq!((uri.user(), uri.password()), (Some("alice"), Some("pa$$")));
        assert_eq!((uri.host_str(), uri.port()), ("Example.com", Some(5061)));
        assert_eq!(uri.transport(), Some(Transport::Tls));
        assert!(uri.is_loose_router() && !uri.is_phone());
        assert_eq!(uri.headers().decoded("Subject").as_deref(), Some("a b"));
        assert_eq!(uri.headers().count(), 2);
    }

    #[test]
    fn every_part_may_be_missing() {
        let uri = sip("sip:example.com");
        assert_eq!((uri.user(), uri.password(), uri.port()), (None, None, None));
        assert_eq!((uri.params().count(), uri.headers().count()), (0, 0));
        assert_eq!(sip("sip:alice:@example.com").password(), Some(""));
        assert_eq!(sip("sip:a@h?x=1").headers().count(), 1);
    }

    /// ST-006: a user with and without a domain part are both URIs of the configured shape.
    #[test]
    fn user_at_domain_and_domain_alone_are_both_read() {
        assert_eq!(sip("sip:trunk-7@carrier.example").user(), Some("trunk-7"));
        assert_eq!(sip("sip:carrier.example").user(), None);
    }

    /// RFC 4475 §3.1.1.2: a user part may look like parameters, hosts and escapes.
    #[test]
    fn delimiters_inside_the_user_part_stay_there() {
        let uri = sip(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        );
        assert_eq!(uri.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
        assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
        assert_eq!(uri.host_str(), "example.com");
        assert_eq!(sip("sip:user;par=u%40example.net@example.com").user(), Some("user;par=u%40example.net"));
    }

    #[test]
    fn faults_point_at_the_part() {
        for (input, kind, at) in [
            ("sip:@example.com", UriFaultKind::User, 4),
            ("sip::pw@example.com", UriFaultKind::User, 4),
            ("sip:", UriFaultKind::Host, 4),
            ("sip:a@", UriFaultKind::Host, 6),
            ("sip:a@b@c", UriFaultKind::Host, 7),
            ("sip:a@[::1", UriFaultKind::Host, 6),
            ("sip:a@h:70000", UriFaultKind::Port, 8),
            ("sip:a@h:50x", UriFaultKind::Port, 10),
            ("sip:a@h;;lr", UriFaultKind::Param, 8),
            ("sip:a@h;", UriFaultKind::Param, 8),
            ("sip:a@h;=x", UriFaultKind::Param, 8),
        ] {
            assert_eq!(UriRef::parse(input.as_bytes()), Err(fault(kind, at)), "{input}");
        }
    }

    /// ES-04: the hundredth URI parameter is accepted, the next is not.
    #[test]
    fn parameters_are_limited() {
        let with = |n: usize| format!("sip:a@h{}", ";x".repeat(n));
        assert!(UriRef::parse(with(MAX_PARAMS).as_bytes()).is_ok());
        assert_eq!(
            UriRef::parse(with(MAX_PARAMS + 1).as_bytes()),
            Err(fault(UriFaultKind::TooManyParams, 7 + 2 * MAX_PARAMS))
        );
    }
}
