//! Naming the cause of a failure and its cure.

mod cause;

pub use cause::Cause;
