//! Beyond syntax: is everything there, does it agree, and can this element serve it?

use std::net::IpAddr;

use crate::header::{self, Header, HeaderFault, split_list};
use crate::uri::{Host, Scheme, UriKind, UriRef};

use super::diagnostic::{Code, Diagnostics};
use super::message::Message;
use super::method::Method;
use super::name::HeaderName;
use super::scan::Scan;
use super::span::Span;

/// What an element is towards a message; some rules apply to some roles only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Only the rules every element follows.
    #[default]
    Any,
    /// Ends the transaction itself (RFC 3261 §8.2): methods, body types and Require count.
    UserAgent,
    /// Forwards (RFC 3261 §16.3): Proxy-Require and Max-Forwards count.
    Proxy,
    /// Keeps bindings (RFC 3261 §10.3): as a user agent, and To must be a SIP address of record.
    Registrar,
}

/// What an element understands. The default accepts any method and body, `sip:`, `sips:`, `tel:` and `urn:` targets, and
/// no extension.
#[derive(Clone, Copy, Debug)]
pub struct Element<'e> {
    /// Which rules apply.
    pub role: Role,
    /// Request-URI schemes served, lower case; others are answered 416.
    pub schemes: &'e [&'e str],
    /// Option tags supported; others in Require or Proxy-Require are answered 420.
    pub extensions: &'e [&'e str],
    /// Methods served by a user agent or registrar, others are answered 501; `None`: any.
    pub methods: Option<&'e [Method<'e>]>,
    /// Body types understood by a user agent or registrar, others are answered 415; `None`: any. The same list says what
    /// answers can be written in, for Accept on an INVITE (406).
    pub body_types: Option<&'e [&'e str]>,
}

impl Default for Element<'_> {
    fn default() -> Self {
        Self {
            role: Role::Any,
            schemes: &["sip", "sips", "tel", "urn"],
            extensions: &[],
            methods: None,
            body_types: None,
        }
    }
}

impl Scan {
    /// Adds what `element` finds wrong with the message to the diagnostics, reading every header this crate has a view for.
    ///
    /// Worth its price at the border, where a message comes from a stranger.
    pub fn check(mut self, element: &Element<'_>) -> Self {
        if let Some(message) = &self.message {
            Check { message, element, found: &mut self.diagnostics }.run();
        }
        self
    }
}

struct Check<'c> {
    message: &'c Message,
    element: &'c Element<'c>,
    found: &'c mut Diagnostics,
}

impl Check<'_> {
    fn run(mut self) {
        self.presence();
        self.headers();
        self.identifiers();
        match (self.message.method(), self.message.request_uri()) {
            (Some(method), Some(uri)) => {
                self.request_uri(uri);
                self.method(&method);
                self.extensions(&method);
                self.bodies(&method);
                self.hops();
                self.address_of_record();
            }
            (None, _) | (_, None) => self.response(),
        }
    }

    fn report(&mut self, code: Code, part: &[u8]) {
        self.found.push(code, self.message.span_of(part).unwrap_or_default());
    }

    fn start(&self) -> Span {
        Span { start: self.message.begin(), end: self.message.start().1 }
    }

    /// RFC 3261 §8.1.1: the headers no message is without.
    fn presence(&mut self) {
        let mandatory =
            [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
        for name in mandatory {
            if self.message.header(name).is_none() {
                self.found.push(Code::MissingHeader(name), self.start());
            }
        }
        // RFC 4475 §3.4.1: RFC 2543 peers send no Max-Forwards.
        if self.message.is_request() && self.message.header(HeaderName::MaxForwards).is_none() {
            self.found.push(Code::MissingMaxForwards, self.start());
        }
    }

    fn headers(&mut self) {
        let message = self.message;
        for field in message.headers() {
            let Some(name) = field.known else { continue };
            let Some(fault) = unreadable(name, field.value) else { continue };
            let code = if is_essential(name) { Code::BadHeader(name) } else { Code::IgnoredHeader(name) };
            self.report(code, field.value.get(fault..).unwrap_or_default());
        }
    }

    /// CSeq against the start line, tag and branch.
    fn identifiers(&mut self) {
        let message = self.message;
        if let (Some(method), Some(Ok(cseq))) = (message.method(), message.typed::<header::CSeq<'_>>())
            && cseq.method != method
        {
            let known = match self.element.methods {
                Some(methods) => methods.contains(&method),
                None => !matches!(method, Method::Other(_)),
            };
            let code = if known { Code::MethodMismatch } else { Code::UnknownMethodMismatch };
            self.report(code, message.header(HeaderName::CSeq).unwrap_or_default());
        }
        if let Some(Ok(from)) = message.typed::<header::From<'_>>()
            && from.tag().is_none()
        {
            self.report(Code::MissingTag, message.header(HeaderName::From).unwrap_or_default());
        }
        if let Some(Ok(via)) = message.typed::<header::Via<'_>>()
            && via.unique_branch().is_none()
        {
            // RFC 4475 §3.2.1: the bare cookie identifies nothing; both are matched as RFC 2543 did.
            let empty = via.branch().is_some_and(|branch| branch.eq_ignore_ascii_case("z9hG4bK"));
            let code = if empty { Code::EmptyBranch } else { Code::MissingBranch };
            self.report(code, message.header(HeaderName::Via).unwrap_or_default());
        }
    }

    fn request_uri(&mut self, text: &[u8]) {
        if self.found.contains(Code::BadRequestUri) {
            return;
        }
        let Ok(uri) = UriRef::parse(text) else { return self.report(Code::BadRequestUri, text) };
        if let UriKind::Sip(sip) = uri.kind()
            && sip.headers().next().is_some()
        {
            // RFC 3261 §19.1.1 table 1: headers are not allowed in a Request-URI.
            self.report(Code::RequestUriHeaders, text);
        }
        let scheme = match uri.scheme() {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Urn => "urn",
            Scheme::Other(scheme) => scheme,
        };
        if !self.element.schemes.iter().any(|served| served.eq_ignore_ascii_case(scheme)) {
            self.report(Code::UnsupportedScheme, &text[..scheme.len()]);
        }
    }

    fn is_end(&self) -> bool {
        matches!(self.element.role, Role::UserAgent | Role::Registrar)
    }

    fn method(&mut self, method: &Method<'_>) {
        if self.is_end() && self.element.methods.is_some_and(|served| !served.contains(method)) {
            self.found.push(Code::UnsupportedMethod, self.start());
        }
    }

    /// RFC 3261 §8.2.2.3: neither ACK nor CANCEL is refused for its Require.
    fn extensions(&mut self, method: &Method<'_>) {
        if matches!(method, Method::Ack | Method::Cancel) {
            return;
        }
        let message = self.message;
        for (name, exempt) in
            [(HeaderName::Require, Role::Proxy), (HeaderName::ProxyRequire, Role::UserAgent)]
        {
            let registrar_exempt = name == HeaderName::ProxyRequire && self.element.role == Role::Registrar;
            if self.element.role == exempt || registrar_exempt {
                continue;
            }
            for tag in message.values(name) {
                let supported =
                    self.element.extensions.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(tag));
                if !supported {
                    self.report(Code::UnsupportedExtension(name), tag);
                }
            }
        }
    }

    fn bodies(&mut self, method: &Method<'_>) {
        let message = self.message;
        let Some(types) = self.element.body_types.filter(|_| self.is_end()) else { return };
        if let Some(content_type) = message.header(HeaderName::ContentType)
            && !message.body().is_empty()
            && !types.iter().any(|own| media_type(content_type).eq_ignore_ascii_case(own.as_bytes()))
        {
            self.report(Code::UnsupportedBody, content_type);
        }
        // RFC 3261 §20.1: Accept on an INVITE names what the answer may hold; RFC 4475 §3.3.15.
        if *method == Method::Invite
            && let Some(accept) = message.header(HeaderName::Accept)
            && !message
                .values(HeaderName::Accept)
                .any(|range| types.iter().any(|own| covers(range, own.as_bytes())))
        {
            self.report(Code::NotAcceptable, accept);
        }
    }

    fn hops(&mut self) {
        if self.element.role == Role::Proxy
            && let Some(Ok(header::MaxForwards(0))) = self.message.typed()
        {
            self.report(Code::TooManyHops, self.message.header(HeaderName::MaxForwards).unwrap_or_default());
        }
    }

    fn address_of_record(&mut self) {
        if self.element.role == Role::Registrar
            && let Some(Ok(to)) = self.message.typed::<header::To<'_>>()
            && !matches!(to.uri.scheme(), Scheme::Sip | Scheme::Sips)
        {
            self.report(Code::AorNotSip, self.message.header(HeaderName::To).unwrap_or_default());
        }
    }

    fn response(&mut self) {
        let message = self.message;
        let below = message.values(HeaderName::Via).nth(1);
        let Some(value) = below else { return };
        match self.element.role {
            // RFC 3261 §8.1.3.3: a user agent is the last to get an answer.
            Role::UserAgent | Role::Registrar => self.report(Code::ForeignResponse, value),
            // RFC 4475 §3.3.10: forwarding there would be an attack.
            Role::Proxy => {
                if let Ok(via) = header::Via::parse(value)
                    && is_many(via.host)
                {
                    self.report(Code::BroadcastVia, value);
                }
            }
            Role::Any => {}
        }
    }
}

fn is_many(host: Host<'_>) -> bool {
    let address = match host {
        Host::V4(address) => IpAddr::V4(address),
        Host::V6(address) => IpAddr::V6(address),
        Host::Name(_) => return false,
    };
    address.is_multicast() || address == IpAddr::from([255, 255, 255, 255])
}

/// `type/subtype` of a Content-Type, without parameters.
fn media_type(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Whether a media range of Accept (`*/*`, `type/*`, `type/subtype`) covers a type.
fn covers(range: &[u8], own: &[u8]) -> bool {
    let range = media_type(range);
    match range.strip_suffix(b"/*") {
        Some(b"*") => true,
        Some(family) => {
            own.split(|&byte| byte == b'/').next().is_some_and(|own| own.eq_ignore_ascii_case(family))
        }
        None => range.eq_ignore_ascii_case(own),
    }
}

/// Whether a message with this header unreadable cannot be processed at all.
const fn is_essential(name: HeaderName) -> bool {
    matches!(
        name,
        HeaderName::Via
            | HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::Contact
            | HeaderName::Route
            | HeaderName::RecordRoute
            | HeaderName::Path
            | HeaderName::ServiceRoute
            | HeaderName::Require
            | HeaderName::ProxyRequire
            | HeaderName::RAck
            | HeaderName::RSeq
            | HeaderName::ReferTo
            | HeaderName::Replaces
    )
}

/// Offset in `value` of the first fault of the header's view; `None` when it reads, or there is no view.
fn unreadable(name: HeaderName, value: &[u8]) -> Option<usize> {
    macro_rules! views {
        ($($view:ident),* $(,)?) => {
            match name {
                $( HeaderName::$view => read::<header::$view>(value), )*
                _ => return None,
            }
        };
    }
    fn read<'a, H: Header<'a>>(value: &'a [u8]) -> Result<(), (usize, HeaderFault)> {
        if !H::NAME.is_list() {
            return H::parse(value).map(drop).map_err(|fault| (0, fault));
        }
        for element in split_list(value) {
            let at = element.as_ptr() as usize - value.as_ptr() as usize;
            H::parse(element).map_err(|fault| (at, fault))?;
        }
        Ok(())
    }
    #[allow(clippy::wildcard_enum_match_arm)] // a header without a view has nothing to check
    let read = views!(
        AlertInfo,
        Allow,
        AllowEvents,
        CallId,
        CallInfo,
        Contact,
        ContentDisposition,
        ContentId,
        ContentType,
        CSeq,
        Date,
        Diversion,
        ErrorInfo,
        Event,
        Expires,
        From,
        Geolocation,
        GeolocationError,
        GeolocationRouting,
        HistoryInfo,
        Identity,
        Join,
        MaxForwards,
        MinExpires,
        MinSe,
        PAssertedIdentity,
        PAssociatedUri,
        Path,
        PPreferredIdentity,
        Privacy,
        ProxyRequire,
        RAck,
        Reason,
        RecordRoute,
        ReferredBy,
        ReferTo,
        RemotePartyId,
        Replaces,
        ReplyTo,
        Require,
        RetryAfter,
        Route,
        RSeq,
        ServiceRoute,
        SessionExpires,
        SubscriptionState,
        Supported,
        TargetDialog,
        To,
        Unsupported,
        UserToUser,
        Via,
        Warning,
        XUserToUser,
    );
    read.err().map(|(at, fault)| (at + fault.at).min(value.len()))
}
