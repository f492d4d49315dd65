//! The vocabulary of bring-your-own-carrier telephony, and a validated organization made of it.

pub mod advice;
pub mod document;
pub mod entity;
pub mod organization;
pub mod value;

pub use organization::Organization;
