//! Edge groups: edges that share trunks.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{EdgeGroupId, EdgeId, Name, Text, TrunkId};

/// Edges on a fast link that share their trunks. Edges of different groups share nothing. An edge names its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeGroup {
    /// Identifies the group.
    pub id: EdgeGroupId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// Trunks every edge of the group can use: external and phone trunks.
    #[serde(default)]
    pub trunks: Vec<TrunkId>,
    /// Measured round-trip times between members.
    #[serde(default)]
    pub links: Vec<EdgeLink>,
    /// The busiest hour's calls at once, for the N+1 check.
    pub peak_calls: Option<u32>,
}

/// The link between two edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeLink {
    /// One end.
    pub from: EdgeId,
    /// The other end.
    pub to: EdgeId,
    /// Round-trip time in milliseconds.
    pub latency_ms: u16,
}

impl Entity for EdgeGroup {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.many("trunks", &self.trunks);
        for (index, link) in self.links.iter().enumerate() {
            sink.one(&format!("links[{index}].from"), link.from);
            sink.one(&format!("links[{index}].to"), link.to);
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        check.distinct("trunks", &self.trunks, "a trunk is listed twice");
        let ends = |link: &EdgeLink| (link.from.min(link.to), link.from.max(link.to));
        check.distinct("links", self.links.iter().map(ends), "a link is listed twice");
        for (index, link) in self.links.iter().enumerate() {
            if link.from == link.to {
                check.problem(&format!("links[{index}].to"), "group.loop", "a link joins two edges");
            }
        }
    }
}
