//! An edge between two carriers.

use std::time::Duration;

use sip_trunk::auth::Secret;
use sip_trunk::group::Recovery;
use sip_trunk::registration::{Account, Registrar, RegistrationConfig};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Server, TrunkConfig, TrunkId};
use telco_testkit::{Sim, label};

use crate::carrier::Carrier;
use crate::edge::Edge;

pub(crate) const PRIMARY: TrunkId = TrunkId(1);
pub(crate) const FAILOVER: TrunkId = TrunkId(2);
pub(crate) const A: &str = "203.0.113.10";
pub(crate) const B: &str = "198.51.100.20";

/// The edge, the primary carrier and the failover carrier, ten milliseconds from each other.
pub(crate) struct Bench {
    pub(crate) sim: Sim,
    pub(crate) edge: Edge,
    pub(crate) a: Carrier,
    pub(crate) b: Carrier,
}

/// A trunk that registers with the carrier at `host` under a password of its own.
pub(crate) fn registering(id: TrunkId, name: &str, host: &str, password: &str) -> TrunkConfig {
    let registrar = Registrar { host: host.into(), port: None, transport: Transport::Udp };
    let account = Account { username: "genesys".into(), password: Secret::new(password), realm: None };
    let registration = RegistrationConfig {
        account: Some(account),
        ..RegistrationConfig::new(registrar, format!("sip:genesys@{host}"))
    };
    TrunkConfig { registrations: vec![registration], ..TrunkConfig::new(id, name) }
}

/// A trunk to fixed servers, watched with OPTIONS.
pub(crate) fn fixed(id: TrunkId, name: &str, hosts: &[&str]) -> TrunkConfig {
    let servers = hosts.iter().map(|host| Server { host: (*host).into(), port: Some(5060) }).collect();
    TrunkConfig { servers, ..TrunkConfig::new(id, name) }
}

pub(crate) fn both_registering() -> Vec<TrunkConfig> {
    vec![
        registering(PRIMARY, "BYOC-Primary", A, "first"),
        registering(FAILOVER, "BYOC-Failover", B, "second"),
    ]
}

impl Bench {
    /// Both trunks have had ten seconds to come up.
    pub(crate) fn new(trunks: Vec<TrunkConfig>, recovery: Recovery) -> Self {
        let sim = Sim::new(11).with_label(label::sip);
        let now = sim.now();
        let (edge, problems) = Edge::new(trunks, recovery, now);
        assert_eq!(problems, []);
        let a = Carrier::new("primary", &format!("{A}:5060"), "first", now);
        let b = Carrier::new("failover", &format!("{B}:5060"), "second", now);
        let mut bench = Self { sim, edge, a, b };
        bench.run(Duration::from_secs(10));
        bench
    }

    pub(crate) fn run(&mut self, span: Duration) {
        self.sim.run_for(&mut [&mut self.edge, &mut self.a, &mut self.b], span);
    }

    pub(crate) fn seconds(&mut self, span: u64) {
        self.run(Duration::from_secs(span));
    }

    /// Runs until something is so; at most ten minutes.
    pub(crate) fn until(&mut self, what: impl Fn(&Self) -> bool) {
        let end = self.sim.elapsed() + Duration::from_secs(600);
        while !what(self) {
            self.sim
                .step(&mut [&mut self.edge, &mut self.a, &mut self.b])
                .expect("something is left to happen");
            assert!(self.sim.elapsed() < end, "it did not happen:\n{}", self.sim.ladder());
        }
    }

    pub(crate) fn dial(&mut self) {
        let now = self.sim.now();
        self.edge.dial(now);
    }

    /// Places a call and gives the trunk that answered it.
    pub(crate) fn placed(&mut self) -> Result<TrunkId, u16> {
        let before = self.edge.placed.len();
        self.dial();
        self.until(|bench| bench.edge.placed.len() > before);
        self.edge.placed[before].outcome
    }

    pub(crate) fn hang_up(&mut self) {
        let now = self.sim.now();
        self.edge.hang_up_all(now);
        self.seconds(1);
    }

    pub(crate) fn kill_primary(&mut self) {
        self.sim.banner("the primary carrier dies");
        self.sim.net.cut("192.0.2.1".parse().unwrap(), A.parse().unwrap());
    }

    pub(crate) fn restore_primary(&mut self) {
        self.sim.banner("the primary carrier is back");
        self.sim.net.heal("192.0.2.1".parse().unwrap(), A.parse().unwrap());
    }

    /// Starts the ladder anew.
    pub(crate) fn fresh_ladder(&mut self) {
        self.sim.trace = telco_testkit::Trace::default();
        for node in ["edge", "primary", "failover"] {
            self.sim.trace.column(node);
        }
    }

    pub(crate) fn logged(&self, words: &str) -> bool {
        self.edge.log.iter().any(|(_, line)| line.contains(words))
    }
}
