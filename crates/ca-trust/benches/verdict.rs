//! The chain verdict over the BetterTLS cases, beside plain rustls-webpki: `cargo bench -p ca-trust --bench verdict`.
//!
//! Reads `$TELCO_VECTORS/x509/bettertls_limbo_subset.json`, or measures one own chain where the file is absent. The
//! contenders take turns, so that what else runs on the machine strikes all of them; the figures are CPU time of the
//! thread, parsing of the peer's chain included, the trust store read before.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use ca_trust::{Anchors, Certificate, Peer, ReferenceName, Verifier, VerifyPolicy};
use rustix::time::{ClockId, clock_gettime};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

#[path = "../examples/verify/limbo.rs"]
mod limbo;

/// One case, prepared as a running edge has it: the trust store is read once, the peer's chain every time.
struct Prepared {
    anchors: Anchors,
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    name: ReferenceName,
    at: UnixTime,
}

/// Who judges, and whether it accepts a case.
type Contender = (&'static str, Box<dyn Fn(&Prepared) -> bool>);

const ROUNDS: usize = 9;

fn main() {
    let cases = prepared();
    let (default, web) = (VerifyPolicy::default(), VerifyPolicy::web_pki());
    let ring = limbo::algorithms();
    #[cfg_attr(not(feature = "rustls-aws-lc-rs"), expect(unused_mut, reason = "nothing to add"))]
    let mut contenders: Vec<Contender> = vec![
        ("rustls-webpki alone", Box::new(move |case| webpki_alone(case, ring).is_ok())),
        ("default policy", Box::new(move |case| ours(case, &default, ring))),
        ("web PKI policy", Box::new(move |case| ours(case, &web, ring))),
    ];
    #[cfg(feature = "rustls-aws-lc-rs")]
    {
        let aws = ca_trust::tls::aws_lc_rs_provider().signature_verification_algorithms;
        contenders.push(("webpki, aws-lc-rs", Box::new(move |case| webpki_alone(case, aws).is_ok())));
        contenders.push(("default, aws-lc-rs", Box::new(move |case| ours(case, &default, aws))));
    }
    let mut best = vec![Duration::MAX; contenders.len()];
    let mut accepted = vec![0; contenders.len()];
    for _ in 0..ROUNDS {
        for (index, (_, judge)) in contenders.iter().enumerate() {
            let begin = cpu_time();
            accepted[index] = cases.iter().filter(|case| black_box(judge(case))).count();
            best[index] = best[index].min(cpu_time().saturating_sub(begin));
        }
    }
    println!("{} cases, best of {ROUNDS} rounds in turns, CPU time per verdict", cases.len());
    for (index, (name, _)) in contenders.iter().enumerate() {
        let mean = best[index].as_secs_f64() * 1e6 / cases.len() as f64;
        let ratio = best[index].as_secs_f64() / best[0].as_secs_f64();
        println!("{name:<20} {mean:7.1} µs   × {ratio:.2}   {} accepted", accepted[index]);
    }
}

fn ours(case: &Prepared, policy: &VerifyPolicy, algorithms: WebPkiSupportedAlgorithms) -> bool {
    let verifier = Verifier { anchors: &case.anchors, algorithms, policy, lists: &[] };
    verifier.verify(&case.leaf, &case.intermediates, Peer::Server(&case.name), case.at).is_ok()
}

fn webpki_alone(case: &Prepared, algorithms: WebPkiSupportedAlgorithms) -> Result<(), webpki::Error> {
    let leaf = EndEntityCert::try_from(&case.leaf)?;
    leaf.verify_for_usage(
        algorithms.all,
        case.anchors.trust_anchors(),
        &case.intermediates,
        case.at,
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    leaf.verify_is_valid_for_subject_name(&case.name.to_server_name())
}

/// CPU time of this thread: what other programs on the machine do is not counted.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).expect("below a second"))
}

fn prepared() -> Vec<Prepared> {
    let data = std::env::var_os("TELCO_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(data.join("x509/bettertls_limbo_subset.json")) else {
        println!("BetterTLS is not here; measuring one own chain of two");
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
        name: ReferenceName::parse("sip.example.com").expect("a name"),
        at: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
    }
}
