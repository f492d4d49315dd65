//! The causes, each with a stable code and what to do about it.

use std::fmt;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $fix:literal;)+) => {
        /// Why a certificate or a handshake failed. Codes are stable; texts may improve.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code for logs, counters and tickets.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What to do, addressed to whoever administers the trunk or phone.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)+ }
            }
        }
    };
}

causes! {
    /// No trusted authority leads to the certificate.
    NotTrusted = "not_trusted",
        "import the authority that issued the certificate as a remote certificate authority and select the service";
    /// The authority is stored, but bound to other services.
    WrongService = "wrong_service",
        "edit the certificate authority and select this service too; if it still fails, recheck the chain";
    /// A cloud trunk relies on a remote authority.
    WrongWorkflow = "wrong_workflow",
        "BYOC Cloud trunks accept public authorities only: have the carrier install a publicly issued certificate, \
         see the TLS trunk transport documentation";
    /// The peer does not send the certificate between its own and the authority.
    MissingIntermediate = "missing_intermediate",
        "have the peer send its full chain: its own certificate, every intermediate, and the root";
    /// The peer signed its own certificate.
    SelfSigned = "self_signed",
        "have the peer install a certificate issued by an authority, or pin this one after checking its fingerprint";
    /// The peer presents the certificate of an authority as its own.
    CaUsedAsPeer = "ca_used_as_peer",
        "have the peer install a server certificate issued by that authority (CA:FALSE), or pin this one";
    /// The certificate's validity is over.
    Expired = "expired", "have the peer renew its certificate";
    /// The certificate's validity has not begun.
    NotYetValid = "not_yet_valid",
        "check the clocks of both sides against NTP; otherwise wait until the certificate becomes valid";
    /// An authority above the certificate has expired.
    AuthorityExpired = "authority_expired", "import the renewed authority, or have the peer send its new chain";
    /// The certificate is for other names.
    WrongName = "wrong_name",
        "connect by a name in the certificate, or have the peer add the contacted domain to its alternative names";
    /// Only a wildcard would match, and SIP forbids wildcards.
    WildcardNotAllowed = "wildcard_not_allowed",
        "have the peer name the domain itself (RFC 5922 forbids wildcards for SIP), or choose WebPKI names for this trunk";
    /// The name stands only in the common name.
    NameOnlyInCommonName = "name_only_in_common_name",
        "have the peer issue a certificate with a subject alternative name, or allow the common name for this trunk";
    /// The certificate is for another purpose.
    WrongUsage = "wrong_usage",
        "have the peer issue a certificate with serverAuth (servers) or clientAuth (clients and phones)";
    /// The key is too weak for TLS.
    WeakKey = "weak_key", "have the peer issue a certificate with ECDSA P-256, P-384 or RSA of at least 2048 bits";
    /// SHA-1, MD5 or another signature algorithm that is no longer accepted.
    WeakSignature = "weak_signature", "have the certificate reissued with SHA-256 or better";
    /// A critical extension nobody here understands.
    UnknownCriticalExtension = "unknown_critical_extension",
        "have the certificate reissued without that extension, or with it not critical";
    /// An authority constrains names of a kind that cannot be checked.
    UnsupportedNameConstraint = "unsupported_name_constraint",
        "have the authority constrain DNS names and IP addresses only";
    /// The certificate has a name its authority may not issue.
    NameConstraintViolated = "name_constraint_violated",
        "have the certificate issued by an authority that is allowed to issue for this name";
    /// More authorities below one another than allowed.
    PathTooLong = "path_too_long", "have the peer use a chain within the path length its authorities allow";
    /// A certificate in the chain acts as an authority without being allowed to.
    NotAnAuthority = "not_an_authority",
        "have the chain reissued by an authority with CA:TRUE and the key usage keyCertSign";
    /// A signature in the chain does not verify with the issuer's key.
    BadSignature = "bad_signature",
        "compare fingerprints: an authority of the same name but another key is imported; import the current one";
    /// The certificate or an authority is revoked.
    Revoked = "revoked", "have the peer replace its certificate and key";
    /// The policy demands a revocation list and none covers the certificate.
    RevocationUnknown = "revocation_unknown", "load the authority's current revocation list";
    /// The revocation list is out of date.
    RevocationListExpired = "revocation_list_expired", "load a fresh revocation list; check why the last update was missed";
    /// The revocation list is not signed by an authority that may.
    RevocationListUnusable = "revocation_list_unusable",
        "have the authority sign its lists with a certificate whose key usage has cRLSign";
    /// An X.509 version 1 certificate.
    OldCertificateVersion = "old_certificate_version", "have the certificate reissued as version 3";
    /// The octets are not a certificate.
    Malformed = "malformed", "have the certificate reissued; its encoding is damaged";
    /// The strict profile found a violation of RFC 5280 or of the web PKI's rules.
    NonConformant = "non_conformant", "have the certificate reissued according to RFC 5280";
    /// The chain is so tangled that the search was stopped.
    TooComplex = "too_complex", "have the peer send only its own chain";
    /// No TLS version in common.
    VersionMismatch = "version_mismatch", "enable TLS 1.2 or 1.3 on the peer; older versions are refused";
    /// No cipher suite, key exchange group or signature scheme in common.
    CipherMismatch = "cipher_mismatch",
        "enable ECDHE with AES-GCM or ChaCha20 on the peer (P-256, P-384 or X25519); RSA key exchange, CBC and RC4 are refused";
    /// The peer wants a client certificate and got none.
    ClientCertificateRequired = "client_certificate_required",
        "configure a client certificate for this trunk, or switch mutual TLS off on the peer";
    /// The peer sent no client certificate and the policy demands one.
    NoClientCertificate = "no_client_certificate",
        "install a device certificate on the peer and enable mutual authentication there";
    /// The peer refused our certificate.
    OwnCertificateRefused = "own_certificate_refused",
        "have the peer trust the authority of our certificate; the alert says what it disliked";
    /// SIP or other plain text arrived where TLS was expected.
    PlainTextOnTlsPort = "plain_text_on_tls_port", "switch the peer to TLS, or send plain SIP to the UDP/TCP port";
    /// We began TLS and the peer answered in plain text.
    TlsToPlainPort = "tls_to_plain_port", "use the peer's TLS port (usually 5061), or switch this trunk to UDP/TCP";
    /// Neither TLS nor SIP.
    NotTls = "not_tls", "check address and port; the other side speaks another protocol, or sends garbage";
    /// The server has no certificate for the contacted name.
    UnknownServerName = "unknown_server_name", "check the trunk's domain; the server does not serve that name";
    /// The handshake did not finish in time.
    HandshakeTimeout = "handshake_timeout", "check firewalls and the peer's load; nothing or too little arrived in time";
    /// The peer closed the connection during the handshake without saying why.
    ClosedDuringHandshake = "closed_during_handshake",
        "look at the peer's log; address lists and connection limits close without an alert";
    /// The peer sent an alert that none of the above explains.
    PeerAlert = "peer_alert", "look at the peer's log for the alert named here";
    /// The peer broke the TLS protocol, or a record was altered on the way.
    ProtocolViolation = "protocol_violation", "look for a middlebox that alters TLS, and update the peer's TLS library";
    /// This side is misconfigured.
    LocalConfiguration = "local_configuration", "check the certificate and key configured here";
}

impl fmt::Display for Cause {
    /// The code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// CT-41: at least twenty causes, each with its own code and a fix.
    #[test]
    fn codes_are_distinct_and_fixes_present() {
        let codes: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        assert!(codes.len() >= 20);
        assert!(Cause::ALL.iter().all(|cause| cause.fix().len() > 20));
    }
}
