use std::{borrow::Cow, fmt, str::FromStr};

use super::{
    Host, Layout, Transport, UriFault, UriRef,
    percent::{self, Part},
};

/// A checked URI that owns its text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: Box<str>,
    at: Layout,
}

impl Uri {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// As [`UriRef::parse`].
    pub fn parse(text: &str) -> Result<Self, UriFault> {
        UriRef::parse(text.as_bytes()).map(|uri| uri.to_uri())
    }

    /// Starts a `sip:` URI to `host` (a name, an IPv4 address, or an IPv6 address in brackets).
    pub fn sip(host: impl Into<String>) -> SipUriBuilder {
        SipUriBuilder::new("sip:", host.into())
    }

    /// Starts a `sips:` URI to `host`.
    pub fn sips(host: impl Into<String>) -> SipUriBuilder {
        SipUriBuilder::new("sips:", host.into())
    }

    /// The borrowed view, with all accessors.
    #[must_use]
    pub fn view(&self) -> UriRef<'_> {
        UriRef { text: &self.text, at: self.at }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn from_checked(text: Box<str>, at: Layout) -> Self {
        Self { text, at }
    }
}

impl FromStr for Uri {
    type Err = UriFault;

    fn from_str(text: &str) -> Result<Self, UriFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.text)
    }
}

/// Puts a SIP URI together; user, parameters and headers are given decoded and escaped here.
///
/// ```
/// use sip_trunk::uri::{Transport, Uri};
///
/// let uri = Uri::sip("carrier.example").user("+12025550123").transport(Transport::Tcp).flag("lr").build()?;
/// assert_eq!(uri.as_str(), "sip:+12025550123@carrier.example;transport=tcp;lr");
/// # Ok::<(), sip_trunk::uri::UriFault>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SipUriBuilder {
    scheme: &'static str,
    user: String,
    host: String,
    port: Option<u16>,
    params: String,
    headers: String,
}

impl SipUriBuilder {
    fn new(scheme: &'static str, host: String) -> Self {
        Self { scheme, user: String::new(), host, port: None, params: String::new(), headers: String::new() }
    }

    /// Sets the user part; an empty one means none.
    pub fn user(mut self, user: &str) -> Self {
        self.user = percent::encode(Part::User, user.as_bytes());
        self
    }

    /// Puts a trunk group behind the user (RFC 4904 §5); call it after [`Self::user`].
    pub fn trunk_group(mut self, group: &str, context: &str) -> Self {
        let escaped = |text: &str| percent::encode(Part::Param, text.as_bytes());
        self.user += &format!(";tgrp={};trunk-context={}", escaped(group), escaped(context));
        self
    }

    /// Sets the port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds `;transport=…`.
    pub fn transport(self, transport: Transport<'_>) -> Self {
        let token: Cow<'_, str> = transport.as_str().to_ascii_lowercase().into();
        self.param("transport", &token)
    }

    /// Adds `;name=value`.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self = self.flag(name);
        self.params.push('=');
        percent::encode_into(&mut self.params, Part::Param, value.as_bytes());
        self
    }

    /// Adds `;name`.
    pub fn flag(mut self, name: &str) -> Self {
        self.params.push(';');
        percent::encode_into(&mut self.params, Part::Param, name.as_bytes());
        self
    }

    /// Adds a `?name=value` header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(if self.headers.is_empty() { '?' } else { '&' });
        percent::encode_into(&mut self.headers, Part::Header, name.as_bytes());
        self.headers.push('=');
        percent::encode_into(&mut self.headers, Part::Header, value.as_bytes());
        self
    }

    /// The finished URI.
    ///
    /// # Errors
    /// The host is none, a parameter has no name, or a limit of [`UriRef::parse`] is crossed.
    pub fn build(self) -> Result<Uri, UriFault> {
        Host::parse(&self.host)?;
        let at = if self.user.is_empty() { "" } else { "@" };
        let port = self.port.map(|p| format!(":{p}")).unwrap_or_default();
        let Self { scheme, user, host, params, headers, .. } = self;
        Uri::parse(&format!("{scheme}{user}{at}{host}{port}{params}{headers}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::UriFaultKind;
    use proptest::prelude::*;

    #[test]
    fn a_trunk_group_stands_behind_the_user() {
        let uri = Uri::sip("isp.example.net")
            .user("+16305550100")
            .trunk_group("TG-1", "example.com")
            .param("user", "phone")
            .build()
            .unwrap();
        assert_eq!(
            uri.as_str(),
            "sip:+16305550100;tgrp=TG-1;trunk-context=example.com@isp.example.net;user=phone"
        );
        assert_eq!(uri.view().telephone().and_then(|t| t.trunk_group()), Some("TG-1"));
    }

    #[test]
    fn a_host_cannot_smuggle_anything() {
        for host in ["", "a b", "h;lr", "u@h", "h:5060", "h\r\nVia: x", "::1"] {
            assert_eq!(Uri::sip(host).user("a").build().unwrap_err().kind, UriFaultKind::Host, "{host:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(user in "\\PC{1,12}", port: Option<u16>, value in "\\PC{0,12}", header in "\\PC{0,12}") {
            let mut builder = Uri::sips("[2001:db8::1]").user(&user).param("x-p", &value).header("Subject", &header);
            builder = match port { Some(port) => builder.port(port), None => builder };
            let uri = builder.build().unwrap();
            let sip = uri.view().as_sip().unwrap();
            prop_assert_eq!(sip.user_decoded().unwrap(), user);
            prop_assert_eq!(sip.port(), port);
            prop_assert_eq!(percent::decode_text(sip.param("x-p").unwrap()), value);
            prop_assert_eq!(sip.headers().decoded("subject").unwrap(), header);
            prop_assert_eq!(&Uri::parse(uri.as_str()).unwrap(), &uri);
        }
    }
}
