//! The chain verdict: mean over BetterTLS cases (`$TELCO_VECTORS/x509/bettertls_limbo_subset.json`), or over one own
//! chain where the file is absent.

#![allow(missing_docs, reason = "criterion's macro makes an undocumented function")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use ca_trust::verify::RevocationList;
use ca_trust::{Anchors, Certificate, Peer, ReferenceName, Verifier, VerifyPolicy};
use criterion::{Criterion, criterion_group, criterion_main};
use rustls_pki_types::{CertificateDer, UnixTime};

#[path = "../examples/verify/limbo.rs"]
mod limbo;

/// One case, prepared as a running edge has it: the trust store is read once, the peer's chain every time.
struct Prepared {
    anchors: Anchors,
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    lists: Vec<RevocationList>,
    name: ReferenceName,
    at: UnixTime,
}

fn prepared() -> Vec<Prepared> {
    let data = std::env::var_os("TELCO_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(data.join("x509/bettertls_limbo_subset.json")) else {
        eprintln!("BetterTLS is not here; measuring one own chain of two");
        return vec![own_chain()];
    };
    let cases = limbo::parse(&text).expect("a limbo file");
    let prepare = |case: limbo::Case| {
        let roots = case.roots.iter().filter_map(|root| Certificate::from_der(root).ok());
        Some(Prepared {
            anchors: Anchors::from_certificates(roots),
            name: ReferenceName::parse(case.name.as_deref()?).ok()?,
            leaf: case.leaf,
            intermediates: case.intermediates,
            lists: Vec::new(),
            at: case.at,
        })
    };
    cases.into_iter().filter_map(prepare).collect()
}

fn own_chain() -> Prepared {
    let key = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("randomness");
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::CertifiedIssuer::self_signed(root, key()).expect("sound parameters");
    let leaf = rcgen::CertificateParams::new(vec!["sip.example.com".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key(), &root).expect("sound parameters");
    Prepared {
        anchors: Anchors::from_certificates([Certificate::from_der(root.der()).expect("just made")]),
        leaf: leaf.der().clone(),
        intermediates: Vec::new(),
        lists: Vec::new(),
        name: ReferenceName::parse("sip.example.com").expect("a name"),
        at: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
    }
}

fn verdict(criterion: &mut Criterion) {
    let cases = prepared();
    let algorithms = limbo::algorithms();
    for (name, policy) in [("default", VerifyPolicy::default()), ("web_pki", VerifyPolicy::web_pki())] {
        let mut next = cases.iter().cycle();
        criterion.bench_function(&format!("verdict/{name}"), |bencher| {
            bencher.iter(|| {
                let case = next.next().expect("a cycle");
                let verifier =
                    Verifier { anchors: &case.anchors, algorithms, policy: &policy, lists: &case.lists };
                black_box(
                    verifier
                        .verify(&case.leaf, &case.intermediates, Peer::Server(&case.name), case.at)
                        .is_ok(),
                )
            });
        });
    }
}

criterion_group!(benches, verdict);
criterion_main!(benches);
