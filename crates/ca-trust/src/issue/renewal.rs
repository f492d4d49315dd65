//! When to renew.

use rustls_pki_types::UnixTime;

use crate::cert::Certificate;

/// When a certificate should be renewed: at two thirds of its life, up to a twentieth of the life earlier.
///
/// The jitter comes from the certificate's fingerprint: it spreads a fleet that was certified in one night, and every
/// restart computes the same time again.
pub fn renewal_time(certificate: &Certificate) -> UnixTime {
    let life = certificate.not_after().saturating_sub(certificate.not_before()).max(0);
    let window = life / 20;
    let [a, b, c, d, ..] = *certificate.fingerprint().as_bytes();
    let fraction = i64::from(u32::from_be_bytes([a, b, c, d]));
    let jitter = i64::try_from((i128::from(window) * i128::from(fraction)) >> 32).unwrap_or(0);
    let at = certificate.not_before().saturating_add(life / 3 * 2).saturating_sub(jitter);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}
