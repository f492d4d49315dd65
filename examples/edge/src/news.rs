//! What the edge tells, as log lines and counts.

use std::collections::BTreeMap;

use edge_core::cdr::{CallRecord, LegParty, OutboxEvent};
use edge_core::edge::Event;
use edge_core::group;
use edge_core::guard::{Loudness, Quoted};
use edge_core::registrar;
use jiff::Timestamp;
use sip_trunk::trunk::TrunkEvent;
use tracing::{debug, error, info, warn};

use crate::diagnoses::Diagnoses;

/// What happened since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Calls that ended, by whether they were answered.
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// Seconds callers were connected.
    pub(crate) seconds: u64,
    /// Security events, by code.
    pub(crate) security: BTreeMap<&'static str, u64>,
    /// Call records that could not be kept.
    pub(crate) lost_records: u64,
    /// What is not as it should be now.
    pub(crate) diagnoses: Diagnoses,
}

impl Counts {
    /// Counts an event and writes it to the log.
    pub(crate) fn take(&mut self, event: &Event, wall: Timestamp) {
        match event {
            Event::CallEnded(record) => {
                let outcome = if record.answered.is_some() { "answered" } else { "unanswered" };
                *self.calls.entry(outcome).or_default() += 1;
                self.seconds += record.billed_seconds();
                let (conversation, outcome) = (record.conversation, outcome_of(record));
                // Who talked to whom is personal.
                info!(%conversation, "call{}: {outcome}", way_of(record));
                debug!(%conversation, "{}", parties_of(record));
            }
            Event::Registrar(event) => log_registrar(event),
            // The trunks have said so in the log themselves.
            Event::Trunk(TrunkEvent::HealthChanged { .. }) => {}
            Event::Trunk(event) => info!("{event}"),
            Event::Group(output) => log_group(output),
            Event::Security(event) => {
                *self.security.entry(event.code.as_str()).or_default() += u64::from(event.count);
                let line = event.line(wall);
                match event.code.loudness() {
                    Loudness::Notice => info!(target: "security", "{line}"),
                    Loudness::Warning | Loudness::Alert => warn!(target: "security", "{line}"),
                }
            }
            Event::Records(OutboxEvent::Failing { fault, waiting }) => {
                error!(waiting, "call records: {fault}")
            }
            Event::Records(OutboxEvent::Recovered { waiting }) => {
                info!(waiting, "call records are written again");
            }
            Event::Records(OutboxEvent::Dropped { record }) => {
                self.lost_records += 1;
                error!("call record lost: {record}");
            }
            // The driver's own; and this edge offers no calls to a program.
            Event::Media(_) | Event::Store(_) | Event::Program(_) => {}
        }
    }
}

fn log_group(output: &group::Output) {
    match output {
        group::Output::NeighbourUp(edge) => info!("edge {edge} of the group answers"),
        group::Output::NeighbourDown(edge) => warn!("edge {edge} of the group does not answer"),
        group::Output::EndCalls => info!("the time for draining is over; ending the calls that are left"),
        group::Output::Drained => info!("drained: no call is left"),
        // The edge's own.
        group::Output::Ask(_) => {}
    }
}

fn log_registrar(event: &registrar::Event) {
    match event {
        registrar::Event::Bound { aor, change, .. } => info!("{aor} registered ({change:?})"),
        registrar::Event::Unbound { aor, uri, cause, .. } => {
            info!("{aor} lost its contact {}: {cause}", Quoted(uri));
        }
        registrar::Event::Online { phone } => info!(%phone, "phone is online"),
        registrar::Event::Offline { phone, cause } => info!(%phone, "phone is offline: {cause}"),
        registrar::Event::Refused { phone, status, why } => {
            warn!(%phone, "registration refused ({status}): {why}")
        }
    }
}

/// How a call was carried.
fn way_of(record: &CallRecord) -> String {
    match record.connected_leg().map(|leg| &leg.party) {
        Some(LegParty::Trunk { name, .. }) => format!(" by trunk {name}"),
        Some(LegParty::Phone { .. }) => " to a phone".into(),
        Some(LegParty::Flow { .. }) => " in a flow".into(),
        Some(LegParty::Neighbour { .. }) => " by another edge".into(),
        Some(LegParty::Unknown) | None => String::new(),
    }
}

/// What became of a call.
fn outcome_of(record: &CallRecord) -> String {
    match (record.answered, record.ending.sip) {
        (Some(_), _) => format!("{} s", record.billed_seconds()),
        (None, Some(status)) => format!("not answered ({status})"),
        (None, None) => "not answered".into(),
    }
}

/// Who called whom, and why it ended: all of it what peers wrote.
fn parties_of(record: &CallRecord) -> String {
    let caller = record.legs.first().map_or("", |leg| leg.from.as_str());
    format!("call of {} to {}: {}", Quoted(caller), Quoted(&record.dialled), Quoted(&record.ending.reason))
}
