//! Media for telephony, as values that do no I/O: SDP, RTP, RTCP, SRTP, DTMF, codecs, jitter, quality, relaying.
//!
//! ```text
//!  SIP body ──► sdp: offer/answer ──► what to expect: addresses, codecs, keys
//!                                                │
//!  datagram ──► demux ──► srtp ──► rtp ──► jitter ──► codec ──► mix ──► codec ──► rtp ──► srtp ──► datagram
//!                  │        │       │         │
//!                  │        │       └ dtmf    └ quality: loss, jitter, MOS ──► rtcp reports
//!                  └ STUN, DTLS     └ every drop is counted, every silence has a reason
//! ```
//!
//! Bytes from the network never panic and never allocate without bound: they become a typed error, a counter, or a
//! drop. State is kept only for sources that authenticated. Time comes in as an argument, so tests run in virtual time.
//!
//! | module | gives |
//! |---|---|
//! | [`sdp`] | descriptions without loss, offer/answer with typed refusals |
//! | [`demux`], [`rtp`], [`rtcp`] | packets: told apart, checked, read, built, rewritten in place |
//! | [`srtp`] | protection in place: AES-CM and AES-GCM, replay window always on, sources bounded |
//! | [`codec`], [`mix`], [`tone`], [`wav`] | G.711, G.722, L16, Opus; mixing, resampling, tones per country, files |
//! | [`dtmf`], [`jitter`], [`quality`] | digits by every way, playout, loss, jitter and MOS |
//! | `driver` | sockets and media threads around the engines |
//!
//! Features: `driver` (default) sockets with DSCP and media threads on epoll; `tokio` (default) a light driver; `opus` the
//! Opus codec through libopus; `sdp-rs` conversions to and from that crate; `webrtc-srtp` that crate as a guarded SRTP
//! backend. No feature changes what another does.
//!
//! What it is not: a SIP stack (see `sip-trunk`), a media server with its own sockets (drivers are separate and thin),
//! or a video engine (video passes through the relay untouched).
//!
//! ```
//! use media_rtp::demux::{Screen, Screened};
//! use media_rtp::rtcp::CompoundRule;
//! use media_rtp::rtp::{RtpBuilder, RtpHeaderMut};
//!
//! // A 20 ms packet of G.711 …
//! let mut datagram = [0; 172];
//! RtpBuilder::new(0, 4711, 160, 0xCAFE).payload(&[0xFF; 160]).write(&mut datagram)?;
//!
//! // … is checked on arrival, and relayed under another SSRC without copying.
//! let mut screen = Screen::new(CompoundRule::Full);
//! assert!(matches!(screen.pass(&datagram), Some(Screened::Rtp(packet)) if packet.sequence() == 4711));
//! RtpHeaderMut::parse(&mut datagram)?.set_ssrc(0xBEEF);
//! assert!(screen.pass(&datagram[..11]).is_none());
//! assert_eq!(screen.stats().malformed, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod codec;
pub mod demux;
pub mod diagnosis;
#[cfg(feature = "driver")]
pub mod driver;
pub mod dtmf;
pub mod jitter;
pub mod mix;
pub mod quality;
pub mod relay;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod seed;
pub mod srtp;
pub mod tone;
pub mod wav;
mod wire;

pub use seed::Seed;
