//! The bodies of the fuzz targets, one module per crate under attack.
//!
//! A body takes any bytes, must not panic, and asserts what must hold whatever they are. To add a target:
//!
//! 1. write the body, `pub fn name(bytes: &[u8])`, in the module of its crate, and add it to [`TARGETS`];
//! 2. add `fuzz_targets/name.rs` (copy a neighbour) and its `[[bin]]` to `Cargo.toml`;
//! 3. put a few inputs in `corpus/name/`: real messages, and every input that ever found a fault.
//!
//! `ci/fuzz.sh name 60` fuzzes it; `cargo test -p telco-tests --test corpora` replays the corpus and checks these steps.

pub mod audio;
pub mod calls;
pub mod endpoint;
pub mod media;
mod script;
pub mod sip;
pub mod trust;

/// Every target by name.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("audio_dtmf", audio::dtmf),
    ("audio_jitter", audio::jitter),
    ("audio_wav", audio::wav),
    ("media_demux", media::media_demux),
    ("rtp_rtcp", media::rtp_rtcp),
    ("sdp_offer_answer", media::sdp_offer_answer),
    ("sip_calls", calls::sip_calls),
    ("sip_datagram", sip::sip_datagram),
    ("sip_endpoint", endpoint::sip_endpoint),
    ("sip_header", sip::sip_header),
    ("sip_stream", sip::sip_stream),
    ("sip_stun", sip::sip_stun),
    ("srtp_unprotect", media::srtp_unprotect),
    ("trust_chain", trust::chain),
    ("trust_handshake", trust::handshake),
    ("trust_import", trust::import),
];
