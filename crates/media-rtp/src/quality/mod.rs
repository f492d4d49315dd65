//! How good a call was, and why not better: loss, bursts, jitter, round trip, and the opinion score they lead to.
//!
//! | measure | source | here |
//! |---|---|---|
//! | expected, lost, jitter | RFC 3550 A.1, A.3, A.8 | [`Reception`] |
//! | bursts and gaps | RFC 3611 §4.7.2, A.2 | [`BurstGap`] |
//! | round trip | RFC 3550 §6.4.1 | [`round_trip`] |
//! | rating R and MOS | ITU-T G.107, values of G.113 | [`EModel`], [`Impairment`] |
//! | one leg of one call | all of it | [`Monitor`], [`CallQuality`] |
//! | nothing arrives any more | configuration | [`IdleWatch`] |

mod burst;
mod emodel;
mod idle;
mod impairment;
mod monitor;
mod reception;

pub use burst::{BurstGap, BurstGapSummary};
pub use emodel::{EModel, Rating};
pub use idle::IdleWatch;
pub use impairment::Impairment;
pub use monitor::{CallQuality, Monitor, MonitorConfig};
pub use reception::{Arrival, Interval, Reception, round_trip};
