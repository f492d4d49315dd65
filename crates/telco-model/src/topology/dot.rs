//! The graph for Graphviz.

use std::fmt::Write;

use super::{Relation, Status, Topology};
use crate::entity::EntityKind;

impl Topology {
    /// The graph in the DOT language, left to right: phones, sites and edges, groups, trunks.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from(
            "digraph topology {\n  rankdir=LR;\n  node [style=filled, fontname=\"sans-serif\"];\n",
        );
        let _ = writeln!(dot, "  label={};", quoted(&self.title));
        for node in self.nodes.values() {
            let kind = node.entity.kind();
            let shape = if kind == EntityKind::Site {
                "house"
            } else if kind == EntityKind::Edge {
                "component"
            } else if matches!(kind, EntityKind::EdgeGroup | EntityKind::TrunkGroup) {
                "folder"
            } else if kind == EntityKind::Trunk {
                "cds"
            } else {
                "box"
            };
            let label = quoted(&format!("{}\n{}", node.label, node.kind));
            let (name, fill) = (quoted(&node.entity.to_string()), node.status.colour());
            let _ = writeln!(dot, "  {name} [label={label}, shape={shape}, fillcolor=\"{fill}\"];");
        }
        for link in &self.links {
            let (from, to) = (quoted(&link.from.to_string()), quoted(&link.to.to_string()));
            let style = if link.relation == Relation::SecondaryEdge { "dashed" } else { "solid" };
            let _ = writeln!(dot, "  {from} -> {to} [label={}, style={style}];", quoted(&link.label));
        }
        dot.push_str("}\n");
        dot
    }
}

impl Status {
    /// The colour it is drawn in.
    pub const fn colour(self) -> &'static str {
        match self {
            Status::Unknown => "#e8ecf1",
            Status::Up => "#c9efd3",
            Status::Degraded => "#fdebb3",
            Status::Down => "#f9c6c1",
            Status::OutOfService => "#d4d4d8",
        }
    }

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Status::Unknown => "unknown",
            Status::Up => "up",
            Status::Degraded => "degraded",
            Status::Down => "down",
            Status::OutOfService => "out of service",
        }
    }
}

/// A DOT string: names are data, whatever is in them.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
