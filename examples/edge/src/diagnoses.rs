//! What is not as it should be: a line in the log when it begins and when it ends, and a metric while it lasts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use edge_core::edge::Edge;
use sip_trunk::driver::{Handle, Unanswered};
use tracing::{info, warn};

use crate::news::Counts;

/// How often the edge is asked.
const EVERY: Duration = Duration::from_secs(15);

/// Diagnoses by row and by what they are about, with issue, evidence and what to do.
pub(crate) type Diagnoses = BTreeMap<(&'static str, String), String>;

/// Asks the edge again and again, until it has stopped.
pub(crate) async fn watch(edge: Handle<Edge>, counts: &Mutex<Counts>) {
    loop {
        let now = match edge.call(|edge, now| found(edge, now)).await {
            Ok(now) => now,
            // The log has why. It costs the edge nothing but these lines.
            Err(Unanswered::Panicked) => {
                tokio::time::sleep(EVERY).await;
                continue;
            }
            Err(Unanswered::Stopped) => return,
        };
        let before = {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut counts.diagnoses, now.clone())
        };
        for ((row, about), what) in now.iter().filter(|(key, _)| !before.contains_key(key)) {
            warn!("{row} {about}: {what}");
        }
        for (row, about) in before.keys().filter(|key| !now.contains_key(key)) {
            info!("{row} {about}: over");
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn found(edge: &Edge, now: Instant) -> Diagnoses {
    let organization = &edge.runtime().organization;
    let name = |entity: &telco_model::entity::EntityRef| {
        organization.get(*entity).map_or_else(|| entity.to_string(), |found| found.label().into_owned())
    };
    let all = edge.diagnose(now).into_iter().map(|found| {
        let about: Vec<_> = found.about.iter().map(name).collect();
        let what = format!("{}: {}; {}", found.row.issue, found.evidence, found.row.resolution);
        ((found.row.id, about.join(", ")), what)
    });
    all.collect()
}
