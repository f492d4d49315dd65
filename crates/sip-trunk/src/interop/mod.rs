//! Conversions to the types of other crates, each behind the feature of that crate's name.

pub mod rsip;
