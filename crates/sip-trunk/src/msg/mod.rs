//! SIP messages: names, methods, scanning, editing and building.

pub mod token;

mod method;
mod name;

pub use method::Method;
pub use name::HeaderName;
