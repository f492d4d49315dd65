//! Certificate cases nobody here wrote: BetterTLS and x509-limbo, read from `../shared/data/x509` or `$TELCO_VECTORS`.
#![cfg(feature = "rustls-ring")]

#[path = "../examples/verify/limbo.rs"]
mod limbo;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ca_trust::VerifyPolicy;
use limbo::{Case, Outcome};
use rustix::time::{ClockId, clock_gettime};
use webpki::{EndEntityCert, ExpirationPolicy, KeyUsage, RevocationOptionsBuilder, UnknownStatusPolicy};

fn cases(file: &str) -> Option<Vec<Case>> {
    let data = std::env::var_os("TELCO_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(data.join("x509").join(file)) else {
        eprintln!(
            "{file} is not here: set TELCO_VECTORS to a directory with x509/{file}; own chains are in tests/verify.rs"
        );
        return None;
    };
    Some(limbo::parse(&text).expect("a limbo file"))
}

/// CT-17: every BetterTLS case agrees, under both policies.
#[test]
fn bettertls_agrees_completely() {
    let Some(cases) = cases("bettertls_limbo_subset.json") else { return };
    for policy in [VerifyPolicy::default(), VerifyPolicy::web_pki()] {
        let wrong: Vec<_> = cases
            .iter()
            .map(|case| (case, case.run(policy)))
            .filter(|(case, outcome)| verdict(*outcome) != case.expected)
            .map(|(case, outcome)| (&case.id, outcome))
            .collect();
        assert_eq!(wrong, [], "of {}", cases.len());
    }
}

/// CT-18, CT-24: no limbo case is judged worse than by rustls-webpki alone, and the known gaps are closed.
#[test]
fn limbo_is_never_worse_than_webpki_alone() {
    let Some(cases) = cases("limbo.json") else { return };
    let (mut webpki_agrees, mut ours_agree) = (0, 0);
    for case in &cases {
        let alone = if webpki_accepts(case) { "SUCCESS" } else { "FAILURE" };
        let ours = verdict(case.run(VerifyPolicy::web_pki()));
        let by_default = verdict(case.run(VerifyPolicy::default()));
        webpki_agrees += usize::from(alone == case.expected);
        ours_agree += usize::from(ours == case.expected);
        if alone == case.expected {
            assert_eq!(ours, case.expected, "{}", case.id);
            assert_eq!(by_default, case.expected, "{} by default", case.id);
        }
    }
    assert!(ours_agree > webpki_agrees, "{ours_agree} of {} against {webpki_agrees}", cases.len());
    let refused = |id: &str| {
        let case = cases.iter().find(|case| case.id == id).unwrap_or_else(|| panic!("{id} is missing"));
        matches!(case.run(VerifyPolicy::default()), Outcome::Refused(_))
    };
    for id in [
        "rfc5280::validity::expired-root",
        "rfc5280::ica-ku-keycertsign",
        "rfc5280::leaf-ku-keycertsign",
        "rfc5280::root-missing-basic-constraints",
        "rfc5280::root-inconsistent-ca-extensions",
        "rfc5280::unknown-critical-extension-root",
        "crl::issuer-missing-crlsign",
        "crl::crlnumber-missing",
        "crl::crlnumber-critical",
        "webpki::forbidden-p192-leaf",
        "webpki::forbidden-dsa-leaf",
        "webpki::forbidden-weak-rsa-in-leaf",
        "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
    ] {
        assert!(refused(id), "{id}");
    }
}

/// CT-18: every deviation that remains is listed by name, with its reason, in docs/reference/certificates.md.
#[test]
fn remaining_deviations_are_documented() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/certificates.md");
    let document = std::fs::read_to_string(document).expect("part of the repository");
    let Some(cases) = cases("limbo.json") else { return };
    for case in cases.iter().filter(|case| verdict(case.run(VerifyPolicy::web_pki())) != case.expected) {
        assert!(document.contains(&format!("`{}`", case.id)), "{} is not listed", case.id);
    }
}

/// CT-20: cases built to exhaust the search end quickly. The bound is wall time with room for a busy machine; the
/// verdict itself is bounded by webpki's budgets.
#[test]
fn pathological_cases_end() {
    let Some(cases) = cases("limbo.json") else { return };
    let mut seen = 0;
    for case in cases.iter().filter(|case| case.id.starts_with("pathological::")) {
        #[expect(clippy::disallowed_methods, reason = "the test measures")]
        let begin = Instant::now();
        for _ in 0..5 {
            assert_eq!(verdict(case.run(VerifyPolicy::default())), case.expected, "{}", case.id);
        }
        assert!(begin.elapsed().as_secs() < 10, "{}: {:?}", case.id, begin.elapsed());
        seen += 1;
    }
    assert_eq!(seen, 11);
}

/// FG-10: a verdict with everything this crate adds costs at most twice what webpki alone takes for the same chains. The
/// figures are in docs/reference/certificates.md.
#[test]
fn verdicts_cost_little_more_than_webpki_alone() {
    let Some(cases) = cases("bettertls_limbo_subset.json") else { return };
    let alone = || cases.iter().filter(|case| webpki_accepts(case)).count();
    let ours = || {
        let accepted = |case: &&Case| case.run(VerifyPolicy::default()) == Outcome::Accepted;
        cases.iter().filter(accepted).count()
    };
    // The best of a few rounds in turns: a busy machine disturbs both.
    let (mut best_alone, mut best_ours) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        best_alone = best_alone.min(cpu_time(alone));
        best_ours = best_ours.min(cpu_time(ours));
    }
    assert!(best_ours < best_alone * 2, "{best_ours:?} against {best_alone:?}");
}

fn cpu_time(work: impl Fn() -> usize) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).expect("below a second"))
    };
    let begin = now();
    std::hint::black_box(work());
    now() - begin
}

fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "SUCCESS",
        Outcome::Refused(_) => "FAILURE",
    }
}

/// The baseline: webpki's path and name checks with revocation lists, unknown status allowed.
fn webpki_accepts(case: &Case) -> bool {
    let accepted = || -> Result<(), webpki::Error> {
        let anchors: Vec<_> =
            case.roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
        let leaf = EndEntityCert::try_from(&case.leaf)?;
        let lists = case
            .lists
            .iter()
            .map(|list| webpki::OwnedCertRevocationList::from_der(list).map(webpki::CertRevocationList::from))
            .collect::<Result<Vec<_>, _>>()?;
        let lists: Vec<_> = lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let usage = if case.is_client { KeyUsage::client_auth() } else { KeyUsage::server_auth() };
        let algorithms = limbo::algorithms();
        leaf.verify_for_usage(
            algorithms.all,
            &anchors,
            &case.intermediates,
            case.at,
            usage,
            revocation,
            None,
        )?;
        match &case.name {
            Some(name) if !case.is_client => {
                let name = rustls_pki_types::ServerName::try_from(name.as_str())
                    .map_err(|_| webpki::Error::BadDer)?;
                leaf.verify_is_valid_for_subject_name(&name)
            }
            Some(_) | None => Ok(()),
        }
    };
    accepted().is_ok()
}
