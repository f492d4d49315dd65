//! What the running edge knows, gathered for a diagnosis.

use std::collections::BTreeMap;

use jiff::Timestamp;
use media_rtp::diagnosis::MediaDiagnosis;
use sip_trunk::trunk::{Reason, Standing};
use telco_model::entity::HardwareSolution;
use telco_model::value::{EdgeId, PhoneId, TrunkId};

use crate::compile::{Role, Runtime};
use crate::group::EdgeStatus;

/// Everything the edge knows beside its configuration. What is absent is not known.
#[derive(Debug)]
pub struct Facts<'f> {
    /// The configuration it runs with.
    pub runtime: &'f Runtime,
    /// The wall time now.
    pub now: Timestamp,
    /// This edge and its neighbours: [`Group::statuses`](crate::group::Group::statuses).
    pub edges: BTreeMap<EdgeId, EdgeStatus>,
    /// The way to the control plane.
    pub control: Control,
    /// The machine this edge runs on.
    pub machine: Option<Machine>,
    /// Trunks that run here.
    pub trunks: BTreeMap<TrunkId, TrunkFacts>,
    /// Phones that have registered here.
    pub phones: BTreeMap<PhoneId, PhoneFacts>,
}

/// The way to the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The edge runs from a file.
    Standalone,
    /// It is connected.
    Connected,
    /// The control plane cannot be reached.
    Unreachable(String),
    /// The control plane does not know this edge, or its pairing has ended.
    NotPaired(String),
}

/// What a machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its serial number.
    pub serial_number: String,
    /// What hardware it is.
    pub solution: HardwareSolution,
}

/// What is known of a trunk.
#[derive(Debug, Clone, Default)]
pub struct TrunkFacts {
    /// Whether it can carry calls, and why not.
    pub standing: Option<Standing>,
    /// For how many seconds it has stood so.
    pub seconds: u64,
    /// Requests that named the trunk and were refused, latest last: who sent them and why.
    pub refused: Vec<String>,
    /// Termination identifiers that requests named and no trunk has, latest last.
    pub unknown_terminations: Vec<String>,
    /// Media faults of recent calls, latest last.
    pub media: Vec<MediaDiagnosis>,
    /// Mean opinion scores of recent calls, latest last.
    pub mos: Vec<f64>,
}

/// What is known of a phone.
#[derive(Debug, Clone, Copy, Default)]
pub struct PhoneFacts {
    /// Whether it is registered here.
    pub online: bool,
    /// How often its password was wrong since it was last right.
    pub wrong_passwords: u32,
    /// What this edge is to it.
    pub role: Option<Role>,
}

impl Facts<'_> {
    /// Nothing known but the configuration.
    pub fn of(runtime: &Runtime, now: Timestamp) -> Facts<'_> {
        Facts {
            runtime,
            now,
            edges: BTreeMap::new(),
            control: Control::Standalone,
            machine: None,
            trunks: BTreeMap::new(),
            phones: BTreeMap::new(),
        }
    }
}

impl TrunkFacts {
    /// Why the trunk cannot carry calls.
    pub(super) fn reason(&self) -> Option<&Reason> {
        match self.standing.as_ref()? {
            Standing::Up => None,
            Standing::Down(reason) => Some(reason),
        }
    }
}
