//! SIP messages: names, methods, scanning, editing and building.
//!
//! ```text
//!                         ┌─ typed::<Via>(), all::<Via>() ──► views of `header`
//!  bytes ──► Message ─────┼─ header("X-A"), values("X-A") ──► bytes, as received
//!     │                   ├─ Edits::new(&message) ──────────► the same message, changed
//!     │                   └─ Draft::reply_to(&message, …) ──► an answer
//!     └────► Scan ────────── error_reply(&scan, tag) ───────► the answer to what must not be processed, or silence
//! ```
//!
//! ```
//! use sip_trunk::msg::{Draft, HeaderName, Message, error_reply};
//!
//! let received = "INVITE sip:100@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
//!     From: <sip:1@a.example>;tag=a\r\nTo: <sip:100@b.example>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
//!     Contact: <sip:1@a.example>\r\nX-Tenant: blue\r\n\r\n";
//! let invite = match Message::from_datagram(received) {
//!     Ok(message) => message,
//!     Err(refused) => {
//!         for finding in refused.diagnostics.iter() {
//!             println!("{}", finding.code); // a sentence each
//!         }
//!         println!("{:?}", error_reply(&refused, "our-tag"));
//!         return;
//!     }
//! };
//! assert_eq!(invite.header("x-tenant"), Some(&b"blue"[..]));
//! let busy = Draft::reply_to(&invite, 486, "our-tag").header(HeaderName::RetryAfter, "30").finish().unwrap();
//! assert!(busy.starts_with(b"SIP/2.0 486 Busy Here\r\n"));
//! ```

pub mod token;

mod answer;
mod check;
mod diagnostic;
mod draft;
mod edit;
mod field;
mod head;
mod hygiene;
mod limits;
mod message;
mod method;
mod name;
mod scan;
mod span;
mod start;
mod status;

pub use answer::{Silence, error_reply};
pub use check::{Element, Role};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use draft::{Draft, DraftError};
pub use edit::{EditError, Edits};
pub use field::{FieldName, HeaderField};
pub(crate) use head::declared_length;
pub use limits::{Limits, Strictness};
pub use message::Message;
pub use method::Method;
pub use name::HeaderName;
pub use scan::{Scan, Scanner};
pub use span::Span;
pub use start::StartLine;
pub use status::reason_phrase;
