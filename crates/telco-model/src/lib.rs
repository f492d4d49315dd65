//! The vocabulary of bring-your-own-carrier telephony, and a validated organization made of it.
//!
//! It is data and its rules: sites, number plans, routes, trunks and groups, edges, phones, numbers and extensions,
//! certificate authorities, call flows, roles. Nothing here opens a socket, reads a clock or carries a call; `numplan`
//! decides with it, `provisioning` configures phones from it, `edge-core` runs it.
//!
//! ```text
//!   document (JSON, TOML) ──► Organization ──► issues, diagnoses, topology (DOT, SVG)
//!                               ▲   │  ▲
//!        Change + actor + now ──┘   │  └── replay
//!                     Rejected ◄────┤        │
//!                                   └─► Event ──► storage, edges
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | ids, E.164 numbers, patterns, host names, secrets: checked once, one text form |
//! | [`entity`] | every entity as plain data, with the rules inside it |
//! | [`organization`] | the aggregate: [`Organization::apply`], events, the rules between entities |
//! | [`document`] | the whole as one text, read with every problem and its path |
//! | [`advice`] | issues, naming, deprecations, the quick reference |
//! | [`diagnose`] | symptom to cause, evidence and resolution |
//! | [`topology`] | the graph, and its picture |
//! | [`link`] | messages between edge and control plane |
//!
//! ```
//! use telco_model::{Organization, document::Format, entity::{Actor, Site}, organization::Change};
//!
//! let now = "2026-03-02T10:00:00Z".parse()?;
//! let text = include_str!("../samples/sample.toml");
//! let mut organization = Organization::from_document(text, Format::Toml, now)?;
//!
//! let mut site = organization.named::<Site>("MTY_Main_Cloud").expect("in the sample").clone();
//! site.caller_address = Some("+528155550105".parse()?);
//! let version = organization.meta(site.id).expect("just read").version;
//! let events = organization.apply(Change::update(site, version), Actor::System, now)?;
//! assert_eq!(events[0].version, version + 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `phonenumber` (default): numbers formatted for people to read, [`value::E164::international`]. Nothing is decided
//! with it.

pub mod advice;
pub mod diagnose;
pub mod document;
pub mod entity;
pub mod link;
pub mod organization;
pub mod topology;
pub mod value;

pub use organization::Organization;
