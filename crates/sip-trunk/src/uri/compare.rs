//! When two URIs mean the same: RFC 3261 §19.1.4 for `sip:` and `sips:`, RFC 3966 §4 for `tel:`.

use super::{
    SipUri, Telephone, UriHeaders, UriKind, UriParams, UriRef,
    percent::{Octet, Octets},
    tel::is_separator,
};

pub(super) fn equivalent(a: UriRef<'_>, b: UriRef<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (UriKind::Sip(a), UriKind::Sip(b)) => sip(a, b),
        (UriKind::Tel(a), UriKind::Tel(b)) => tel(&a.telephone(), &b.telephone()),
        // RFC 5031 §4.2 and RFC 8141 §3.1: namespace without case; service labels without case too.
        (UriKind::Urn(a), UriKind::Urn(b)) => match (a.service(), b.service()) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => a.namespace().eq_ignore_ascii_case(b.namespace()) && a.name() == b.name(),
            (Some(_), None) | (None, Some(_)) => false,
        },
        (UriKind::Other(a), UriKind::Other(b)) => {
            let (colon_a, colon_b) = (usize::from(a.at.colon), usize::from(b.at.colon));
            a.text[..colon_a].eq_ignore_ascii_case(&b.text[..colon_b])
                && a.text[colon_a..] == b.text[colon_b..]
        }
        (UriKind::Sip(_) | UriKind::Tel(_) | UriKind::Urn(_) | UriKind::Other(_), _) => false,
    }
}

fn sip(a: SipUri<'_>, b: SipUri<'_>) -> bool {
    // RFC 3261 §19.1.4: sip and sips never match; user and password with case, host without, port only if both or none.
    a.is_secure() == b.is_secure()
        && same_option(a.user(), b.user(), Case::Matters)
        && same_option(a.password(), b.password(), Case::Matters)
        && a.host() == b.host()
        && a.port() == b.port()
        && params_match(a.params(), b.params())
        && params_match(b.params(), a.params())
        && headers_match(a.headers(), b.headers())
}

/// Parameters of `a` against those of `b`; the caller asks both ways round.
fn params_match<'a>(mut a: UriParams<'a>, b: UriParams<'a>) -> bool {
    a.all(|(name, value)| match b.clone().find(|(n, _)| same(n, name, Case::Ignored)) {
        Some((_, other)) => same_option(value, other, Case::Ignored),
        // RFC 3261 §19.1.4: these never match a URI without them; `transport` is in the RFC's list of components with a
        // default and in its examples.
        None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|n| same(n, name, Case::Ignored)),
    })
}

// RFC 3261 §19.1.4: headers are never ignored, and their order does not matter.
fn headers_match<'a>(a: UriHeaders<'a>, b: UriHeaders<'a>) -> bool {
    let times = |within: &UriHeaders<'a>, (name, value): (&str, Option<&str>)| {
        within
            .clone()
            .filter(|(n, v)| same(n, name, Case::Ignored) && same_option(*v, value, Case::Ignored))
            .count()
    };
    a.clone().count() == b.clone().count() && a.clone().all(|pair| times(&a, pair) == times(&b, pair))
}

fn tel(a: &Telephone<'_>, b: &Telephone<'_>) -> bool {
    let covers = |a: &Telephone<'_>, b: &Telephone<'_>| {
        a.params().all(|(name, value)| {
            let other = b.params().find(|(n, _)| n.eq_ignore_ascii_case(name));
            other.is_some_and(|(_, other)| {
                tel_param(name, value.unwrap_or_default(), other.unwrap_or_default())
            })
        })
    };
    // RFC 3966 §4: both global or both local, digits equal without separators, the same parameters in any order.
    a.is_global() == b.is_global()
        && a.digits().map(|c| c.to_ascii_lowercase()).eq(b.digits().map(|c| c.to_ascii_lowercase()))
        && covers(a, b)
        && covers(b, a)
}

fn tel_param(name: &str, a: &str, b: &str) -> bool {
    let digitwise = name.eq_ignore_ascii_case("ext") || (a.starts_with('+') && b.starts_with('+'));
    if digitwise {
        let digits = |text| Octets::new(text).filter(|o| !is_separator(o.byte));
        return digits(a).map(|o| o.byte).eq(digits(b).map(|o| o.byte));
    }
    same(a, b, Case::Ignored)
}

#[derive(Clone, Copy)]
enum Case {
    Matters,
    Ignored,
}

fn same_option(a: Option<&str>, b: Option<&str>, case: Case) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b, case),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

// RFC 3261 §19.1.4: `%HH` equals the bare character unless that one is reserved.
fn same(a: &str, b: &str, case: Case) -> bool {
    let fold = |o: Octet| match case {
        Case::Matters => (o.byte, o.guarded),
        Case::Ignored => (o.byte.to_ascii_lowercase(), o.guarded),
    };
    Octets::new(a).map(fold).eq(Octets::new(b).map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(a: &str, b: &str, expected: bool) {
        let (a, b) = (UriRef::parse(a.as_bytes()).unwrap(), UriRef::parse(b.as_bytes()).unwrap());
        assert_eq!(a.equivalent(&b), expected, "{a} and {b}");
        assert_eq!(b.equivalent(&a), expected, "{b} and {a}");
    }

    /// RFC 3261 §19.1.4: the examples of equivalent URIs.
    #[test]
    fn equivalent_examples_of_the_rfc() {
        check("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true);
        check("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true);
        check("sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true);
        check("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true);
        check(
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        );
        check(
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        );
    }

    /// RFC 3261 §19.1.4: the examples of URIs that are not equivalent, and that the relation is not transitive.
    #[test]
    fn different_examples_of_the_rfc() {
        check("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false);
        check("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false);
        check("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false);
        check("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false);
        check("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false);
        check("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false);
        check("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false);
    }

    /// RFC 3261 §19.1.4: each rule once more by itself.
    #[test]
    fn rules_one_by_one() {
        check("sip:a@h", "sips:a@h", false);
        check("sip:a@h", "sip:h", false);
        check("sip:a:pw@h", "sip:a@h", false);
        for param in ["user=phone", "ttl=1", "method=INVITE", "maddr=192.0.2.1"] {
            check("sip:a@h", &format!("sip:a@h;{param}"), false);
        }
        check("sip:a%3Bb@h", "sip:a;b@h", false);
        check("sip:a%3bb@h", "sip:a%3Bb@h", true);
        check("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]", true);
        check("sip:a@h?x=1&x=1", "sip:a@h?x=1&x=2", false);
        check("sip:a@h;lr", "sip:a@h;lr=", false);
    }

    /// RFC 3966 §4: numbers compare without separators, parameters in any order, missing ones differ.
    #[test]
    fn tel_rules() {
        check("tel:+1-201-555-0123", "tel:+1(201)555.0123", true);
        check("tel:+12015550123", "tel:12015550123", false);
        check("tel:7042;phone-context=example.com", "tel:70-42;phone-context=EXAMPLE.com", true);
        check("tel:7042;phone-context=+1-914", "tel:7042;phone-context=+1914", true);
        check("tel:+1201;ext=1-2;isub=3", "tel:+1201;ISUB=3;ext=12", true);
        check("tel:+1201;ext=12", "tel:+1201", false);
        check("tel:+1201", "sip:+1201@h", false);
    }

    #[test]
    fn other_schemes_compare_as_text() {
        check("urn:service:sos.fire", "URN:SERVICE:SOS.Fire", true);
        check("urn:uuid:a", "urn:uuid:A", false);
        check("urn:uuid:a", "urn:service:a", false);
        check("HTTP://x/", "http://x/", true);
        check("http://x/a", "http://x/A", false);
    }

    proptest! {
        #[test]
        fn every_uri_is_equivalent_to_itself_and_the_relation_is_symmetric(
            a in "sips?:([a-z%;:&=]{0,6}@)?[a-z.]{1,6}(:[0-9]{1,4})?(;[a-z]{1,2}(=[a-z0-9]{1,2})?){0,3}(\\?[a-z]=[a-z])?",
            b in "(sip|tel):([a-z]{1,3}@)?[a-z0-9]{1,3}(;[a-z](=[a-z])?){0,3}",
        ) {
            if let (Ok(a), Ok(b)) = (UriRef::parse(a.as_bytes()), UriRef::parse(b.as_bytes())) {
                prop_assert_eq!(a.equivalent(&b), b.equivalent(&a));
            }
            if let Ok(a) = UriRef::parse(a.as_bytes()) {
                let names: Vec<_> = a.as_sip().into_iter().flat_map(|s| s.params().map(|p| p.0)).collect();
                let distinct = names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len();
                // A parameter given twice with different values is malformed and equals nothing.
                prop_assert!(!distinct || a.equivalent(&a));
            }
        }
    }
}
