//! The sample organization with more edges.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, reason = "shared by test binaries")]
#![allow(dead_code, reason = "each test binary uses a part of this")]

use edge_core::compile::{Runtime, compile};
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;

pub const SAMPLE: &str = include_str!("../../../telco-model/samples/sample.toml");

/// A third edge in the sample's group, and one in a group of its own with a trunk of its own.
pub const MORE_EDGES: &str = r#"
[[edges]]
id = "@mty-edge-3"
name = "MTY_Edge_03"
solution = "customer_hardware"
serial_number = "CH-0001-0473"
serial_number_confirmation = "CH-0001-0473"
pairing_id = "P-473"
site = "@mty-branch"
edge_group = "@mty-core"
in_service = true
capacity = { calls = 120, calls_per_second = 10 }
interfaces = [{ name = "eth0", addresses = ["192.0.2.133"], trunks = ["@branch-sip"] }]

[[edge_groups]]
id = "@other"
name = "MTY_Other_Group"

[[edges]]
id = "@other-edge"
name = "MTY_Edge_91"
solution = "customer_hardware"
serial_number = "CH-0009-0001"
serial_number_confirmation = "CH-0009-0001"
site = "@mty-branch"
edge_group = "@other"
in_service = true
capacity = { calls = 600, calls_per_second = 50 }
interfaces = [{ name = "eth0", addresses = ["192.0.2.191"], trunks = ["@other-sip"] }]

[[trunks]]
id = "@other-sip"
name = "Other_ExternalSIP_Prod"
kind = "external_sip"
in_service = true
site = "@mty-branch"
servers = ["sip.other.example"]
"#;

pub fn organization(text: &str) -> Organization {
    Organization::from_document(text, Format::Toml, "2026-03-02T10:00:00Z".parse().unwrap())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub fn runtime(text: &str, edge: &str) -> Runtime {
    compile(&organization(text), EdgeId::labelled(edge)).0
}

/// The sample with more edges, compiled for one of them.
pub fn wide(edge: &str) -> Runtime {
    runtime(&format!("{SAMPLE}{MORE_EDGES}"), edge)
}
