//! SIP messages: names, methods, scanning, editing and building.

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
