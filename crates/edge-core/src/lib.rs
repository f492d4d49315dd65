//! The assembled edge: what a company needs to run its own voice layer, as one value without sockets.
//!
//! ```text
//!                                     Organization
//!                                          │ compile
//!                                          ▼
//!  phones ── REGISTER ──► guard ──► registrar ──┐ Online, Offline
//!  phones ── INVITE ────► guard ──► calls ──► route ──► trunks ──► carriers
//!  carriers ─ INVITE ───► guard ──►   │           └───► registrar contacts, neighbours of the group
//!                                     ├──► media commands ──► media threads
//!                                     └──► cdr: one record a conversation ──► spool on disk ──► export
//! ```
//!
//! It is where the model of `telco-model` meets the protocols of `sip-trunk` and `media-rtp`: [`compile::compile`] is the only
//! place where one becomes the other. It is no SIP stack and no codec, it provisions no phone, and it keeps no database: its
//! configuration is one value, its only memory across a restart are the call records and a snapshot of the registrations.
//!
//! | module | holds |
//! |---|---|
//! | [`compile`] | an organization, resolved and indexed for one edge |
//! | [`registrar`] | where phones are: bindings, outbound flows, GRUUs, online or offline |
//! | [`guard`] | floods, guessing, toll fraud; one line per incident for fail2ban |
//! | [`media`] | ports, offer/answer of a leg, who hears whom, prompts, digits, recordings |
//! | `driver` | sockets, media threads, prompts, recordings, the spool |
//! | [`route`] | where a call goes, and why; the code Simulate Call runs |
//! | [`edge`] | the engine: calls, flows, transfers, requests of phones and trunks |
//! | [`program`] | calls in the hands of a program: offers, commands, outcomes |
//! | [`group`] | trunks shared with neighbours, load, draining, status |
//! | [`diagnose`] | why something does not work, from the configuration and from what the edge sees |
//! | [`cdr`] | one record per conversation, on disk before it counts; export |
//!
//! ```
//! use edge_core::compile::compile;
//! use telco_model::{Organization, document::Format, value::{EdgeId, TrunkId}};
//!
//! # let text = include_str!("../../telco-model/samples/sample.toml");
//! let organization = Organization::from_document(text, Format::Toml, "2026-03-02T10:00:00Z".parse()?)?;
//! let (runtime, issues) = compile(&organization, EdgeId::labelled("mty-edge-1"));
//!
//! // Every problem at once, each with the entity and the field.
//! assert!(issues.iter().any(|issue| issue.to_string().contains("Branch_Fax_ATA")));
//! let carrier = &runtime.trunks[&TrunkId::labelled("branch-sip")];
//! assert!(carrier.runs_here() && carrier.run_by.len() == 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `driver` (default): sockets, media threads and files, on Linux. `phonenumber` (default): national prefixes and display
//! formats of every country, as in `numplan`.

mod call;
pub mod cdr;
pub mod clock;
pub mod compile;
mod conversation;
pub mod diagnose;
#[cfg(feature = "driver")]
pub mod driver;
pub mod edge;
mod flow;
pub mod group;
pub mod guard;
pub mod media;
pub mod program;
pub mod registrar;
pub mod route;

pub use conversation::{ConversationId, InvalidConversationId};
