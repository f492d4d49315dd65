//! Edges: appliances that handle signalling and media on the premises.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink, UniqueKey};
use crate::value::{EdgeGroupId, EdgeId, IpPrefix, MacAddr, Name, PortRange, SiteId, Text, TrunkId};

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Identifies the edge.
    pub id: EdgeId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The hardware it is.
    pub solution: HardwareSolution,
    /// Its serial number.
    pub serial_number: Text,
    /// The serial number typed a second time; must be the same.
    pub serial_number_confirmation: Text,
    /// Used while it is paired.
    pub pairing_id: Option<Text>,
    /// Model of the hardware.
    pub hardware_model: Option<Text>,
    /// The site it serves, a Premises site.
    pub site: SiteId,
    /// The group it shares trunks with.
    pub edge_group: EdgeGroupId,
    /// Whether it takes calls.
    #[serde(default)]
    pub in_service: bool,
    /// Network interfaces.
    #[serde(default)]
    pub interfaces: Vec<EdgeInterface>,
    /// What it can carry.
    pub capacity: EdgeCapacity,
    /// UDP ports for media (`docs/spec/conflicts.md`, K5).
    #[serde(default = "media_ports")]
    pub media_ports: PortRange,
}

const fn media_ports() -> PortRange {
    PortRange::TRUNK_DEFAULT
}

/// The hardware an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardwareSolution {
    /// The customer's hardware.
    CustomerHardware,
    /// A virtual machine of the customer's.
    Virtual,
    /// Hardware of the provider; out of support from 1 December 2026.
    GenesysHardware,
}

/// What an edge can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeCapacity {
    /// Calls at once.
    pub calls: u32,
    /// New calls per second.
    pub calls_per_second: u16,
}

/// A network interface of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeInterface {
    /// Its name on the machine, for example `eth0`.
    pub name: Name,
    /// Its hardware address.
    pub hardware_address: Option<MacAddr>,
    /// VLAN tag.
    pub vlan: Option<u16>,
    /// Its addresses.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The address others reach it by, when it is behind NAT.
    pub public_address: Option<IpAddr>,
    /// Networks reached over it; empty for the default route.
    #[serde(default)]
    pub routes: Vec<IpPrefix>,
    /// Trunks that run on this interface.
    #[serde(default)]
    pub trunks: Vec<TrunkId>,
}

impl Entity for Edge {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("site", self.site);
        sink.one("edge_group", self.edge_group);
        for (index, interface) in self.interfaces.iter().enumerate() {
            sink.many(&format!("interfaces[{index}].trunks"), &interface.trunks);
        }
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
        keys.push(UniqueKey::Serial(self.serial_number.clone()));
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.serial_number != self.serial_number_confirmation {
            let why = "the serial number and its confirmation differ";
            check.problem("serial_number_confirmation", "edge.serial", why);
        }
        let names = self.interfaces.iter().map(|interface| (&interface.name, interface.vlan));
        check.distinct("interfaces", names, "two interfaces have this name and VLAN");
        for (index, interface) in self.interfaces.iter().enumerate() {
            if interface.vlan.is_some_and(|tag| !(1..=4094).contains(&tag)) {
                check.problem(&format!("interfaces[{index}].vlan"), "edge.vlan", "a VLAN tag is 1 to 4094");
            }
        }
        if self.capacity.calls == 0 || self.capacity.calls_per_second == 0 {
            check.problem(
                "capacity",
                "edge.no_capacity",
                "an edge carries at least one call, one per second",
            );
        }
    }
}
