//! SIP for carrier trunks: what an SBC, a PBX or a softphone needs to speak to carriers and phones, as values that own their
//! state, take bytes and the time, and queue what to send. No socket, task, clock or randomness inside; those are in `driver`
//! alone.
//!
//! It is not a ready-made PBX, and it does not hide SIP: a message stays the message that was received.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sip_trunk::driver::Trunk;
//! use sip_trunk::trunk::{Server, TrunkConfig, TrunkId};
//! use sip_trunk::ua::Body;
//!
//! let mut config = TrunkConfig::new(TrunkId(1), "Carrier");
//! config.servers = vec![Server { host: "sip.carrier.example".into(), port: None }];
//! let trunk = Trunk::connect(config).await?;
//! let call = trunk.invite("+12025550123", "+14085550100", Body::sdp("v=0\r\n…")).await?;
//! call.hang_up().await;
//! while let Some(call) = trunk.incoming().await {
//!     call.answer(Body::sdp("v=0\r\n…")).await?.ended().await;
//! }
//! # Ok(()) }
//! ```
//!
//! [`agent`] is what that stands on: calls over trunk groups that fail over. Below it [`ua`] keeps dialogs, [`endpoint`] transports and
//! transactions, and [`msg`] the messages:
//!
//! ```text
//!  UDP, WebSocket ──► msg::Scanner ──► Message ──► header::Via, From, CSeq …      views, read when asked
//!  TCP, TLS ──► frame::StreamFramer ─┘    │   └──► msg::Edits ──► bytes           what no edit touches stays as it came
//!                                         ├──────► msg::Draft ──► bytes           replies and new requests
//!                    Diagnostics ◄────────┘
//!                         └──► msg::error_reply ──► 400 414 416 420 505 513, or why silence is right
//! ```
//!
//! ```
//! use sip_trunk::header::{Contact, Via};
//! use sip_trunk::msg::{Draft, Edits, HeaderName, Message, Method};
//!
//! let received = "INVITE sip:+12025550123@sbc.example.net SIP/2.0\r\n\
//!     v: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK1, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK0\r\n\
//!     f: <sip:+14085550100@carrier.example>;tag=8v\r\nt: <sip:+12025550123@sbc.example.net>\r\n\
//!     Call-ID: 6f2b\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nm: <sip:gw@203.0.113.10>\r\nl: 0\r\n\r\n";
//! let invite = Message::from_datagram(received).map_err(|refused| format!("{:?}", refused.diagnostics))?;
//! assert_eq!(invite.method(), Some(Method::Invite));
//! assert_eq!(invite.typed::<Via>().unwrap()?.branch(), Some("z9hG4bK1"));
//! assert_eq!(invite.all::<Via>().count(), 2); // one line, two elements
//! assert_eq!(invite.header("From"), invite.header("f"));
//!
//! let mut onward = Edits::new(&invite);
//! onward.push_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK7")?.decrement_max_forwards()?;
//! assert!(onward.finish().starts_with(b"INVITE sip:+12025550123@sbc.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;"));
//!
//! let ringing = Draft::reply_to(&invite, 180, "our-tag").header(HeaderName::Contact, "<sip:192.0.2.1>").finish()?;
//! assert!(ringing.starts_with(b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK1, "));
//! # let _: Option<Result<Contact, _>> = invite.typed::<Contact>();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | coming from rsip | here |
//! |---|---|
//! | `SipMessage::try_from(bytes)?` | [`Message::from_datagram`](msg::Message::from_datagram); what it refuses is a [`Scan`](msg::Scan), no `Error` for `?` |
//! | `request.via_header()?.typed()?` | `message.typed::<Via>()`; every element with `message.all::<Via>()` |
//! | `from.display_name`, `from.params` | `from.display`, `from.params.get("x")`: [`NameAddr`](header::NameAddr) |
//! | `Header::Other("X-A".into(), …)` | `message.header("X-A")`: bytes |
//! | `headers_mut().unique_push(…)` | [`Edits`](msg::Edits): `replace`, `remove`, `push_via` … |
//! | `Response { status_code, headers, … }` | [`Draft::reply_to`](msg::Draft::reply_to) |
//! | rsip's own types | feature `rsip`: `rsip::SipMessage::try_from(&message)` and back |
//!
//! | feature | adds |
//! |---|---|
//! | `tokio` (default) | [`driver`]: UDP, TCP, TLS, WebSocket and names around any engine of this crate |
//! | `hickory` | `driver::HickoryResolver`: NAPTR and SRV records; the system's resolver knows addresses only |
//! | `rsip` | `interop::rsip`: conversions to and from rsip 0.4, with a table of what it cannot hold |

pub mod agent;
pub mod auth;
pub mod dialog;
#[cfg(feature = "tokio")]
pub mod driver;
pub mod endpoint;
mod engine;
pub mod frame;
pub mod group;
pub mod header;
#[cfg(feature = "rsip")]
pub mod interop;
pub mod locate;
pub mod msg;
pub mod overload;
pub mod registration;
pub mod session;
mod store;
pub mod stun;
pub mod subscription;
pub mod transaction;
pub mod transport;
pub mod trunk;
pub mod ua;
pub mod uri;

pub use engine::{Deadline, During, Engine, Fault, Seed};

/// The example of the front page compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
