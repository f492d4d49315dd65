//! The table of diagnoses the configuration alone can show.

use serde::Serialize;

/// One row of `docs/spec/diagnoses.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: &'static str,
    /// What is seen.
    pub issue: &'static str,
    /// What is behind it.
    pub cause: &'static str,
    /// What to do.
    pub resolution: &'static str,
}

const fn row(id: &'static str, issue: &'static str, cause: &'static str, resolution: &'static str) -> Row {
    Row { id, issue, cause, resolution }
}

/// The rows, by id.
pub const ROWS: &[Row] = &[
    row(
        "DG-001",
        "Remote TLS endpoint not trusted",
        "required remote CA not imported",
        "import the CA and assign it to the SIP service",
    ),
    row(
        "DG-002",
        "Cannot edit certificate authority",
        "selected CA is Managed",
        "managed authorities are read-only; edit a Remote one",
    ),
    row(
        "DG-003",
        "Service still fails after import",
        "wrong certificate or wrong service association",
        "check the chain and the selected services",
    ),
    row(
        "DG-004",
        "Admin cannot access CA management",
        "missing Telephony > Plugin > All",
        "grant Telephony > Plugin > All",
    ),
    row(
        "DG-005",
        "Used wrong workflow for BYOC Cloud",
        "page is for BYOC Premises",
        "follow the TLS trunk transport of BYOC Cloud",
    ),
    row(
        "DG-006",
        "Number not visible",
        "range not created or imported",
        "check DID ranges and the carrier's data",
    ),
    row(
        "DG-007",
        "Number cannot be assigned",
        "already assigned or not in inventory",
        "unassign it first, or add its range",
    ),
    row(
        "DG-008",
        "Calls do not reach destination",
        "wrong target or downstream routing",
        "check the target and its flow, phone or user",
    ),
    row("DG-009", "Wrong user or flow receives calls", "incorrect assignment", "unassign and assign again"),
    row(
        "DG-010",
        "Toll-free not available",
        "not purchased, ported or activated",
        "confirm procurement or porting with the carrier",
    ),
    row(
        "DG-012",
        "Trunks not shared across edges",
        "different group or latency too high",
        "check group membership and links",
    ),
    row(
        "DG-013",
        "Phones fail over unexpectedly",
        "primary edge unavailable",
        "check primary and secondary edges",
    ),
    row("DG-016", "Extension not assignable", "not in a pool", "add it to an extension pool"),
    row("DG-017", "Duplicate extension error", "number exists", "use another extension"),
    row(
        "DG-018",
        "Extension not visible in Assignments",
        "entered in a Work Phone entry that already had a number",
        "remove it and enter it in an empty Work Phone entry",
    ),
    row(
        "DG-019",
        "Cannot delete extension",
        "part of a range or assigned",
        "unassign it, then delete the whole pool",
    ),
    row(
        "DG-020",
        "User not receiving calls by extension",
        "profile or dial-plan issue",
        "check pool, profile entry and phones",
    ),
    row(
        "DG-021",
        "Dial By Extension not working immediately",
        "propagation delay up to 60 min",
        "wait and try again",
    ),
    row(
        "DG-022",
        "Location not visible in selector",
        "not marked available for sites",
        "mark the location available for sites",
    ),
    row(
        "DG-023",
        "Caller ID not displaying correctly",
        "not E.164 or overridden by prioritized caller selection",
        "check the address and the caller selection",
    ),
    row(
        "DG-024",
        "Calls not routing",
        "number plan or route mismatch (use Simulate Call)",
        "simulate the call and follow its steps",
    ),
    row(
        "DG-025",
        "No route selected",
        "route disabled or no matching classification",
        "check route state, classification and trunks",
    ),
    row(
        "DG-028",
        "Phones not where expected",
        "assignment or site relation",
        "check the phone's edges and site",
    ),
    row(
        "DG-029",
        "Map looks incomplete",
        "objects missing or in unexpected state",
        "check that sites, trunks, edges and phones exist and are assigned",
    ),
    row("DG-030", "Trunk/site relationship unclear", "naming inconsistency", "follow one naming convention"),
    row(
        "DG-031",
        "Trunk not sending calls",
        "wrong protocol or routing config",
        "check service state, protocol, request URI and servers",
    ),
    row(
        "DG-032",
        "Inbound calls fail",
        "wrong inbound SIP identifier",
        "compare the termination identifier with the carrier's",
    ),
    row(
        "DG-033",
        "Secure calls fail",
        "TLS/certificate mismatch",
        "use names that stand in the certificate, and a trusted chain",
    ),
    row("DG-034", "Unauthorized SIP traffic", "no SIP ACL", "restrict signalling to the carrier's addresses"),
    row("DG-035", "Wrong outbound identity", "caller ID/name misconfigured", "check the calling section"),
    row(
        "DG-036",
        "Route not selecting trunk",
        "number plan or route misconfigured",
        "add the trunk to an enabled route or a trunk group in use",
    ),
    row(
        "DG-037",
        "User cannot answer reliably",
        "persistent connection disabled or not applied (log out/in)",
        "enable it, then log out and in",
    ),
    row(
        "DG-040",
        "WebRTC phone not visible to user",
        "not created or wrong user",
        "make the phone, or correct its user",
    ),
    row(
        "DG-043",
        "Unexpected TURN/media path",
        "media regions or relay behaviour",
        "check the site's media regions and relay behaviour",
    ),
    row("DG-045", "RTP port mismatch", "carrier static port or TCP media", "agree on a range of UDP ports"),
    row(
        "DG-046",
        "Registration Pending forever",
        "registrar address points at ourselves / unreachable",
        "enter the carrier's registrar",
    ),
    row(
        "DG-047",
        "Split-brain inbound",
        "same DID on two registered trunks",
        "let the carrier use the second trunk on failure only",
    ),
    row(
        "DG-048",
        "Specificity conflict",
        "more specific pattern bypasses the trunk group",
        "point both patterns to one trunk group",
    ),
    row(
        "DG-052",
        "Duplicate DID conflicts inbound",
        "two rules for one DID; rule priority decides",
        "keep one enabled rule per number",
    ),
];
