//! Looking at a TLS server without talking SIP to it.

use std::fmt;
use std::io::{Read, Write};

use rustls::{CipherSuite, ClientConnection, NamedGroup, ProtocolVersion};
use rustls_pki_types::UnixTime;

use super::{ClientTls, Connection, TlsConfigError, complete_handshake};
use crate::diagnose::Diagnosis;
use crate::verify::{ChainReport, ReferenceName};

/// What a probe found, step by step.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// The name that was asked for and had to be proved.
    pub name: ReferenceName,
    /// The TLS version, once the server chose one.
    pub version: Option<ProtocolVersion>,
    /// The cipher suite, once negotiated.
    pub cipher_suite: Option<CipherSuite>,
    /// The key exchange group, once negotiated.
    pub group: Option<NamedGroup>,
    /// The chain the server presented, judged link by link.
    pub chain: ChainReport,
    /// Whether the server asked for a client certificate.
    pub asks_for_certificate: bool,
    /// Whether it stapled an OCSP answer.
    pub stapled: bool,
    /// Why the handshake failed; `None` when it succeeded.
    pub diagnosis: Option<Diagnosis>,
}

/// Makes one handshake on a connected stream and closes it again. Nothing but TLS is sent. Timeouts are the stream's.
pub fn probe(
    stream: &mut (impl Read + Write),
    tls: &ClientTls,
    name: &ReferenceName,
    now: UnixTime,
) -> Result<ProbeReport, TlsConfigError> {
    let (config, capture) = tls.attempt()?;
    let client = ClientConnection::new(config, name.to_server_name()).map_err(TlsConfigError::Rustls)?;
    let mut connection = Connection::Client(client);
    let diagnosis = complete_handshake(&mut connection, stream, &capture).err();
    let Connection::Client(mut client) = connection else { unreachable!("it was made a client above") };
    client.send_close_notify();
    // A peer that is gone already does not change what was found.
    let _ = client.write_tls(stream);
    Ok(ProbeReport {
        name: name.clone(),
        version: client.protocol_version(),
        cipher_suite: client.negotiated_cipher_suite().map(|suite| suite.suite()),
        group: client.negotiated_key_exchange_group().map(|group| group.name()),
        chain: ChainReport::of(&capture.chain(), &tls.anchors(), now),
        asks_for_certificate: capture.client_certificate().0,
        stapled: capture.stapled(),
        diagnosis,
    })
}

impl fmt::Display for ProbeReport {
    /// One step per line, then the chain, then the verdict with its fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name      {}", self.name)?;
        match (self.version, self.cipher_suite) {
            (Some(version), Some(suite)) => {
                let group = self.group.map_or_else(String::new, |group| format!(" {group:?}"));
                writeln!(f, "protocol  {version:?} {suite:?}{group}")?;
            }
            (Some(version), None) => writeln!(f, "protocol  {version:?}")?,
            (None, _) => writeln!(f, "protocol  none agreed")?,
        }
        writeln!(
            f,
            "client    certificate {}",
            if self.asks_for_certificate { "requested" } else { "not requested" }
        )?;
        writeln!(f, "ocsp      {}", if self.stapled { "stapled" } else { "not stapled" })?;
        write!(f, "{}", self.chain)?;
        if let Some(missing) = self.chain.missing_issuer() {
            writeln!(f, "missing   {missing}")?;
        }
        match &self.diagnosis {
            None => writeln!(f, "verdict   ok"),
            Some(diagnosis) => write!(f, "{diagnosis}"),
        }
    }
}
