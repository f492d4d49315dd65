use super::{Layout, UriFault, UriFaultKind, UriRef, fault::fault, short};

/// A `urn:` URI (RFC 8141), in telephony mostly an emergency service (RFC 5031).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UrnUri<'a>(pub(super) UriRef<'a>);

impl<'a> UrnUri<'a> {
    /// The namespace, such as `service` or `uuid`; compared without case.
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        self.0.slice(self.0.at.body, self.0.at.body_end)
    }

    /// What follows the namespace.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.0.text[usize::from(self.0.at.body_end) + 1..]
    }

    /// The service label of `urn:service:…`, such as `sos.police`.
    #[must_use]
    pub fn service(&self) -> Option<&'a str> {
        self.namespace().eq_ignore_ascii_case("service").then(|| self.name())
    }

    /// Whether this is `urn:service:sos` or one of its sub-services.
    // RFC 5031 §4.2: `sos` is the emergency service; labels after a dot refine it, case does not matter.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        let label = self.service().and_then(|s| s.split('.').next());
        label.is_some_and(|l| l.eq_ignore_ascii_case("sos"))
    }
}

pub(super) fn layout(text: &str, blank: Layout) -> Result<Layout, UriFault> {
    let start = usize::from(blank.body);
    let colon = text[start..].find(':').filter(|n| *n > 0).ok_or(fault(UriFaultKind::Urn, start))?;
    if start + colon + 1 == text.len() {
        return Err(fault(UriFaultKind::Urn, text.len()));
    }
    Ok(Layout { body_end: short(start + colon), ..blank })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::UriKind;

    #[test]
    fn emergency_services_are_recognised() {
        for (input, emergency) in [
            ("urn:service:sos", true),
            ("URN:Service:SOS.police", true),
            ("urn:service:sospolice", false),
            ("urn:service:counseling", false),
            ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", false),
        ] {
            let uri = UriRef::parse(input.as_bytes()).unwrap();
            let UriKind::Urn(urn) = uri.kind() else { panic!("{input}") };
            assert_eq!(urn.is_emergency(), emergency, "{input}");
        }
    }

    #[test]
    fn a_urn_needs_namespace_and_name() {
        for bad in ["urn:", "urn:service", "urn:service:", "urn::sos"] {
            assert_eq!(UriRef::parse(bad.as_bytes()).unwrap_err().kind, UriFaultKind::Urn, "{bad}");
        }
    }
}
