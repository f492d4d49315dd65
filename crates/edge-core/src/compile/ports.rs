//! The ranges of media ports an edge prepares: its own, and those trunks have for themselves.

use std::net::IpAddr;

use media_rtp::relay;
use telco_model::entity::{Edge, Trunk};
use telco_model::value::PortRange;

use super::issue::Issues;
use crate::media::PoolId;

/// A range of media ports, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    /// What it is called in the profiles of legs.
    pub pool: PoolId,
    /// The ports.
    pub ports: relay::PortRange,
    /// The address they are bound on: that of the trunk's interface; the edge's media address when absent.
    pub bind: Option<IpAddr>,
    /// The address peers are told, when that interface is behind NAT.
    pub advertised: Option<IpAddr>,
    /// The most calls that use it at once.
    pub calls: u32,
}

/// Collects ranges while trunks are compiled. The first is the edge's.
pub(super) struct Ranges<'o> {
    edge: &'o Edge,
    list: Vec<(MediaRange, PortRange, String)>,
}

impl<'o> Ranges<'o> {
    pub(super) fn new(edge: &'o Edge, issues: &mut Issues<'_>) -> Self {
        let (wanted, calls) = (edge.media_ports, edge.capacity.calls);
        let ports = relay::PortRange::new(wanted.first(), wanted.last()).unwrap_or_else(|fault| {
            issues.error(edge.id, "media_ports", "edge.media_ports", fault.to_string());
            relay::PortRange::TRUNK
        });
        let own = MediaRange { pool: PoolId::default(), ports, bind: None, advertised: None, calls };
        Self { edge, list: vec![(own, wanted, "the edge".to_owned())] }
    }

    /// The range a trunk that runs here uses: its own when it has one that can be used, else the edge's.
    pub(super) fn of(&mut self, trunk: &Trunk, issues: &mut Issues<'_>) -> PoolId {
        let default = PoolId::default();
        let Some(wanted) = trunk.media.ports.filter(|ports| *ports != self.edge.media_ports) else {
            return default;
        };
        let ports = match relay::PortRange::new(wanted.first(), wanted.last()) {
            Ok(ports) => ports,
            Err(fault) => {
                issues.error(trunk.id, "media.ports", "trunk.media_ports", fault.to_string());
                return default;
            }
        };
        let interface = self.edge.interfaces.iter().find(|interface| interface.trunks.contains(&trunk.id));
        let bind = interface.and_then(|interface| interface.addresses.first()).copied();
        let advertised = interface.and_then(|interface| interface.public_address);
        let calls = trunk.max_calls.unwrap_or(u32::MAX).min(self.edge.capacity.calls);
        let shared = |range: &MediaRange| (range.bind, range.advertised) == (bind, advertised);
        if let Some((same, ..)) = self.list.iter_mut().find(|(one, of, _)| *of == wanted && shared(one)) {
            same.calls = same.calls.saturating_add(calls).min(self.edge.capacity.calls);
            return same.pool;
        }
        let overlaps = |of: PortRange| of.first() <= wanted.last() && wanted.first() <= of.last();
        if let Some((_, of, whose)) = self.list.iter().find(|(_, of, _)| overlaps(*of)) {
            let why = format!("{wanted} overlaps with {of} of {whose}; give it ports nobody else has");
            issues.error(trunk.id, "media.ports", "trunk.media_ports", why);
            return default;
        }
        let pool = PoolId(wanted.first());
        let whose = format!("trunk {:?}", trunk.name.as_str());
        self.list.push((MediaRange { pool, ports, bind, advertised, calls }, wanted, whose));
        pool
    }

    pub(super) fn into_list(self) -> Vec<MediaRange> {
        self.list.into_iter().map(|(range, ..)| range).collect()
    }
}
