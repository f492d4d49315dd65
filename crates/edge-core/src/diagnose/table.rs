//! Rows of the table of diagnoses that only the running edge can show.

use telco_model::diagnose::{ROWS, Row};

const fn row(id: &'static str, issue: &'static str, cause: &'static str, resolution: &'static str) -> Row {
    Row { id, issue, cause, resolution }
}

/// The rows of `docs/spec/diagnoses.md` that need what only the edge knows, by id. The others are
/// [`telco_model::diagnose::ROWS`].
pub const RUNTIME_ROWS: &[Row] = &[
    row(
        "DG-011",
        "Edge offline / unavailable",
        "network, pairing, software or service",
        "look at network, pairing, software and service in this order",
    ),
    row(
        "DG-014",
        "Calls fail after update",
        "software change or maintenance timing; use draining",
        "drain the edge and install what is staged, or take it back",
    ),
    row(
        "DG-015",
        "Edge not provisioning",
        "hardware type or serial wrong",
        "enter the hardware type and serial number of the machine itself",
    ),
    row(
        "DG-026",
        "Simulator shows failure",
        "site, trunk, edge or destination incomplete (read outputs in order)",
        "mend the first output that failed",
    ),
    row(
        "DG-027",
        "Edge appears offline",
        "edge, network or service",
        "look at the edge itself, then at the network between the edges",
    ),
    row(
        "DG-044",
        "TLS handshake error, registration fails silently",
        "self-signed or missing intermediate",
        "have the carrier send its whole chain, or import its root for SIP",
    ),
    row(
        "DG-049",
        "Unregistered, SIP 401",
        "user, password, URI or realm wrong",
        "compare user, password, SIP URI and realm with the carrier's letter",
    ),
    row(
        "DG-050",
        "One-way audio",
        "NAT/firewall, asymmetric routing",
        "let media in, and advertise the public address behind NAT",
    ),
    row(
        "DG-051",
        "Failover not triggering on soft failure",
        "only registration loss / transaction failure trigger",
        "take the trunk out of service by hand or by program while its quality is poor",
    ),
];

/// A row of either table.
pub(super) fn find(id: &str) -> &'static Row {
    let row = RUNTIME_ROWS.iter().chain(ROWS).find(|row| row.id == id);
    row.expect("rows are named out of the tables")
}
