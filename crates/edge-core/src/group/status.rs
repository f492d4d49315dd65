//! How an edge is, for its information panel and the topology map.

use std::fmt;

use telco_model::Organization;
use telco_model::entity::Edge;
use telco_model::topology::{Link, Relation, Status, Topology};
use telco_model::value::{EdgeId, PhoneId, TrunkId};

use super::drain::Service;
use super::load::Load;
use crate::compile::{Assignment, Runtime};

/// The information panel of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeStatus {
    /// Its name.
    pub name: String,
    /// Whether it runs and is reached: for this edge, whether the control plane is; for a neighbour, whether it answers. Unknown when
    /// nobody has asked yet.
    pub online: Option<bool>,
    /// Whether it takes calls.
    pub service: Service,
    /// The software that runs, and what waits to be installed.
    pub software: Software,
    /// Used while it is paired.
    pub pairing_id: Option<String>,
    /// Its serial number.
    pub serial_number: String,
    /// Model of the hardware.
    pub hardware_model: Option<String>,
    /// Call capacity and calls per second; `None` for a neighbour that has not told.
    pub load: Option<Load>,
}

/// Versions of software.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Software {
    /// The version that runs.
    pub installed: String,
    /// The version that is on the edge and takes effect with the next update.
    pub staged: Option<String>,
}

impl EdgeStatus {
    pub(super) fn of(
        edge: &Edge,
        online: Option<bool>,
        service: Service,
        software: Software,
        load: Option<Load>,
    ) -> Self {
        let text = |value: &telco_model::value::Text| value.as_str().to_owned();
        Self {
            name: edge.name.as_str().to_owned(),
            online,
            service,
            software,
            pairing_id: edge.pairing_id.as_ref().map(text),
            serial_number: text(&edge.serial_number),
            hardware_model: edge.hardware_model.as_ref().map(text),
            load,
        }
    }

    /// The colour on the topology map.
    pub fn topology_status(&self) -> Status {
        match (self.online, self.service) {
            (Some(false), _) => Status::Down,
            (_, Service::Out) => Status::OutOfService,
            (_, Service::Draining { .. } | Service::Drained) => Status::Degraded,
            (Some(true), Service::In) => Status::Up,
            (None, Service::In) => Status::Unknown,
        }
    }
}

/// `MTY_Edge_01: online, in service, software 1.4.2, staged 1.5.0, calls=12;capacity=60;…`
impl fmt::Display for EdgeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let online = match self.online {
            Some(true) => "online",
            Some(false) => "offline",
            None => "not heard of",
        };
        let service = match self.service {
            Service::In => "in service",
            Service::Draining { .. } => "draining",
            Service::Drained => "drained",
            Service::Out => "out of service",
        };
        write!(f, "{}: {online}, {service}, software {}", self.name, self.software.installed)?;
        if let Some(staged) = &self.software.staged {
            write!(f, ", staged {staged}")?;
        }
        if let Some(load) = &self.load {
            write!(f, ", {load}")?;
        }
        Ok(())
    }
}

/// The topology map as this edge knows it: every phone with the edges it registers to, also where the choice was left to the system,
/// and how edges, trunks and phones are. What it does not know stays unknown.
pub fn topology(
    runtime: &Runtime,
    edges: &[(EdgeId, EdgeStatus)],
    trunk: impl Fn(TrunkId) -> Option<Status>,
    phone: impl Fn(PhoneId) -> Option<Status>,
) -> Topology {
    let organization: &Organization = &runtime.organization;
    let mut topology = organization.topology();
    for (edge, status) in edges {
        topology.set_status(*edge, status.topology_status());
    }
    for id in runtime.trunks.keys() {
        if let Some(status) = trunk(*id) {
            topology.set_status(*id, status);
        }
    }
    for entity in organization.phones() {
        if let Some(status) = phone(entity.id) {
            topology.set_status(entity.id, status);
        }
        let assigned = Assignment::of(organization, entity);
        let chosen = [
            (assigned.primary, Relation::PrimaryEdge, entity.primary_edge),
            (assigned.secondary, Relation::SecondaryEdge, entity.secondary_edge),
        ];
        for (edge, relation, configured) in chosen {
            if let Some(edge) = edge.filter(|_| configured.is_none()) {
                let label = "chosen".to_owned();
                topology.links.push(Link { from: entity.id.into(), to: edge.into(), relation, label });
            }
        }
    }
    topology.links.sort();
    topology
}
