//! The limbo file format: what this program reads of it.
#![allow(unreachable_pub, dead_code, reason = "also part of a test binary")]

use ca_trust::diagnose::Cause;
use ca_trust::verify::RevocationList;
use ca_trust::{Anchors, Certificate, Peer, ReferenceName, Verifier, VerifyPolicy};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use serde_json::Value;

/// One case, decoded.
pub struct Case {
    /// Its name.
    pub id: String,
    /// `SUCCESS` or `FAILURE`.
    pub expected: String,
    pub leaf: CertificateDer<'static>,
    pub intermediates: Vec<CertificateDer<'static>>,
    pub roots: Vec<CertificateDer<'static>>,
    pub lists: Vec<CertificateRevocationListDer<'static>>,
    pub name: Option<String>,
    pub is_client: bool,
    pub max_depth: Option<usize>,
    pub at: UnixTime,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Refused(Cause),
}

/// Reads a file. Cases without validation time are judged as of 2026-11-20.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let cases = file["testcases"].as_array().ok_or("no testcases")?;
    cases.iter().map(case).collect()
}

fn case(value: &Value) -> Result<Case, String> {
    let id = value["id"].as_str().ok_or("a case without id")?.to_owned();
    let texts = |key: &str| -> Vec<&str> {
        value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let certificate = |text: &str| {
        CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("{id}: {error}"))
    };
    let list = |text: &str| {
        CertificateRevocationListDer::from_pem_slice(text.as_bytes())
            .map_err(|error| format!("{id}: {error}"))
    };
    let at = value["validation_time"].as_str().unwrap_or("2026-11-20T00:00:00Z");
    let at: jiff::Timestamp = at.parse().map_err(|error| format!("{id}: {error}"))?;
    let seconds = u64::try_from(at.as_second()).map_err(|error| format!("{id}: {error}"))?;
    Ok(Case {
        leaf: certificate(value["peer_certificate"].as_str().ok_or("no peer certificate")?)?,
        intermediates: texts("untrusted_intermediates")
            .into_iter()
            .map(certificate)
            .collect::<Result<_, _>>()?,
        roots: texts("trusted_certs").into_iter().map(certificate).collect::<Result<_, _>>()?,
        lists: texts("crls").into_iter().map(list).collect::<Result<_, _>>()?,
        expected: value["expected_result"].as_str().unwrap_or_default().to_owned(),
        name: value["expected_peer_name"]["value"].as_str().map(str::to_owned),
        is_client: value["validation_kind"] == "CLIENT",
        max_depth: value["max_chain_depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()),
        at: UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        id,
    })
}

impl Case {
    /// Judges the case with ring's algorithms.
    pub fn run(&self, policy: VerifyPolicy) -> Outcome {
        let policy = VerifyPolicy { max_intermediates: self.max_depth, ..policy };
        let mut lists = Vec::new();
        for list in &self.lists {
            match RevocationList::from_der(list) {
                Ok(list) => lists.push(list),
                Err(_) => return Outcome::Refused(Cause::RevocationListUnusable),
            }
        }
        // A root that cannot be read is trusted by nobody.
        let roots = self.roots.iter().filter_map(|root| Certificate::from_der(root).ok());
        let anchors = Anchors::from_certificates(roots);
        let verifier =
            Verifier { anchors: &anchors, algorithms: algorithms(), policy: &policy, lists: &lists };
        let reference = self.name.as_deref().map(ReferenceName::parse);
        let peer = match &reference {
            _ if self.is_client => Peer::Client,
            Some(Ok(name)) => Peer::Server(name),
            Some(Err(_)) => return Outcome::Refused(Cause::WrongName),
            // A server case without a name asks for the path alone.
            None => return self.path_only(&verifier),
        };
        match verifier.verify(&self.leaf, &self.intermediates, peer, self.at) {
            Ok(_) => Outcome::Accepted,
            Err(rejection) => Outcome::Refused(rejection.cause),
        }
    }

    /// The path is judged before the name: a complaint about a name nobody asked for means the path is good.
    fn path_only(&self, verifier: &Verifier<'_>) -> Outcome {
        let nobody = ReferenceName::Dns("name.invalid".to_owned());
        match verifier.verify(&self.leaf, &self.intermediates, Peer::Server(&nobody), self.at) {
            Ok(_) => Outcome::Accepted,
            Err(rejection) if matches!(rejection.cause, Cause::WrongName | Cause::NameOnlyInCommonName) => {
                Outcome::Accepted
            }
            Err(rejection) => Outcome::Refused(rejection.cause),
        }
    }
}

pub fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}
