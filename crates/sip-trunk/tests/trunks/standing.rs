//! Health of trunks, changes of their configuration, and the watch over their servers.

use std::time::Duration;

use sip_trunk::group::Recovery;
use sip_trunk::msg::HeaderName;
use sip_trunk::trunk::{KeepAlive, Reason, Standing, TrunkEvent, TrunkId};

use crate::bench::{A, B, Bench, FAILOVER, PRIMARY, both_registering, fixed, registering};
use crate::edge::{Edge, text};
use crate::registrar::Mode;

/// ST-039: a trunk out of service is not registered and gets no calls; what was registered is withdrawn.
#[test]
fn out_of_service_means_unregistered_and_without_calls() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    let mut trunks = both_registering();
    trunks[0].in_service = false;
    let now = bench.sim.now();
    bench.edge.apply(trunks, now);
    bench.seconds(5);
    let withdrawal = &bench.a.registrar.seen.last().unwrap().1;
    assert_eq!(text(withdrawal, HeaderName::Expires), "0");
    assert!(bench.logged("trunk \"BYOC-Primary\" is down, out of service"));
    assert_eq!(bench.placed(), Ok(FAILOVER));
    let count = bench.a.registrar.seen.len();
    bench.seconds(600);
    assert_eq!(bench.a.registrar.seen.len(), count);
}

/// A change that does not touch the registration leaves it alone; one that does makes a new one and withdraws the old.
#[test]
fn a_change_of_configuration_disturbs_only_what_it_changes() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    assert_eq!(bench.placed(), Ok(PRIMARY));
    let count = bench.a.registrar.seen.len();
    let mut trunks = both_registering();
    trunks[0].name = "Renamed".into();
    trunks[0].limits.calls = Some(1);
    let now = bench.sim.now();
    bench.edge.apply(trunks.clone(), now);
    bench.seconds(5);
    assert_eq!(bench.a.registrar.seen.len(), count);
    assert!(bench.edge.trunk(PRIMARY).health().is_up());
    assert_eq!(bench.placed(), Ok(FAILOVER), "the call before still counts");

    trunks[0].registrations[0].expires = Duration::from_secs(600);
    let now = bench.sim.now();
    bench.edge.apply(trunks, now);
    bench.seconds(5);
    let sent: Vec<String> =
        bench.a.registrar.seen[count..].iter().map(|(_, m)| text(m, HeaderName::Expires)).collect();
    assert!(sent.contains(&"600".to_owned()) && sent.contains(&"0".to_owned()), "{sent:?}");
    assert!(bench.edge.trunk(PRIMARY).health().is_up());
}

/// Trunks that are no longer configured are withdrawn.
#[test]
fn a_removed_trunk_is_withdrawn() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    let now = bench.sim.now();
    bench.edge.apply(vec![registering(FAILOVER, "BYOC-Failover", B, "second")], now);
    bench.seconds(2);
    assert_eq!(text(&bench.a.registrar.seen.last().unwrap().1, HeaderName::Expires), "0");
    assert!(bench.edge.agent.trunks().get(PRIMARY).is_none());
    assert!(bench.logged("trunk 1: registration of sip:genesys@203.0.113.10 at 203.0.113.10 is withdrawn"));
    assert!(!bench.edge.agent.trunks().is_leaving());
    assert_eq!(bench.placed(), Ok(FAILOVER));
}

/// ST-007: a registrar at our own address is a configuration error at once, not a registration pending for ever.
#[test]
fn registering_with_ourselves_is_a_configuration_error() {
    let sim = telco_testkit::Sim::new(1);
    let loops = vec![registering(PRIMARY, "Loop", "192.0.2.1", "x")];
    let (edge, problems) = Edge::new(loops, Recovery::OnSuccess, sim.now());
    assert_eq!(
        problems[0].to_string(),
        "registrations[0].registrar: 192.0.2.1:5060 is this system's own address; enter the carrier's registrar"
    );
    let trunk = edge.trunk(PRIMARY);
    assert!(matches!(trunk.health().reason(), Some(Reason::Misconfigured(_))));
    assert_eq!(trunk.registrations().count(), 0);
}

/// ST-007: a name that leads to ourselves is found out when our own REGISTER arrives.
#[test]
fn a_register_that_comes_back_is_a_loop() {
    let mut bench = Bench::new(vec![registering(PRIMARY, "Loop", A, "first")], Recovery::OnSuccess);
    let register = bench.a.registrar.seen.last().unwrap().1.to_bytes().to_vec();
    bench.sim.send(format!("{A}:5060").parse().unwrap(), "192.0.2.1:5060".parse().unwrap(), register);
    bench.seconds(1);
    assert!(bench.logged(
        "trunk \"Loop\" is down, configuration error: registrations[0].registrar: 203.0.113.10 leads to this system itself"
    ));
}

/// OPTIONS show which servers live; a trunk is down when none does, and up again within seconds of the first answer.
#[test]
fn servers_are_watched_with_options() {
    let mut bench = Bench::new(vec![fixed(PRIMARY, "T", &[A, B])], Recovery::OnSuccess);
    let up = |bench: &Bench| bench.edge.trunk(PRIMARY).health().is_up();
    assert!(up(&bench));
    bench.a.options = 503;
    bench.seconds(61);
    assert!(up(&bench), "one server is enough");
    bench.b.options = 503;
    bench.seconds(61);
    assert!(!up(&bench));
    assert!(bench.logged(
        "trunk \"T\" is down, no server answers: 203.0.113.10:5060: SIP 503 to OPTIONS; 198.51.100.20:5060: SIP 503 to OPTIONS"
    ));
    bench.b.options = 404;
    bench.seconds(61);
    assert!(up(&bench), "404 is a sign of life");
}

/// The history of a trunk names every change with its reason and time.
#[test]
fn the_history_names_every_change() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.a.registrar.password = "changed";
    bench.seconds(100);
    bench.a.registrar.password = "first";
    bench.seconds(100);
    let trunk = bench.edge.trunk(PRIMARY);
    let told: Vec<String> = trunk.health().changes().map(|change| change.to.to_string()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(
        (told[0].as_str(), told[1].as_str(), told[3].as_str()),
        ("down, registration pending", "up", "up")
    );
    assert!(
        told[2]
            .starts_with("down, unregistered: SIP 401 Unauthorized: the registrar refuses the credentials")
    );
    let times: Vec<_> = trunk.health().changes().map(|change| change.at).collect();
    assert!(times.is_sorted());
}

/// A registration rate spreads the registrations of a trunk.
#[test]
fn registrations_keep_to_their_rate() {
    let mut trunk = registering(PRIMARY, "T", A, "first");
    let one = trunk.registrations[0].clone();
    trunk.registrations = (0..10).map(|_| one.clone()).collect();
    trunk.limits.registration_rate = Some("2/5s".parse().unwrap());
    let bench = Bench::new(vec![trunk], Recovery::OnSuccess);
    let seen = bench.a.registrar.seen.len();
    assert!((5..=6).contains(&seen), "{seen} in ten seconds at two in five");
}

/// Several registrars: one that is in force is enough.
#[test]
fn one_of_several_registrars_is_enough() {
    let mut trunk = registering(PRIMARY, "T", A, "first");
    trunk.registrations.extend(registering(PRIMARY, "T", B, "second").registrations);
    let mut bench = Bench::new(vec![trunk], Recovery::OnSuccess);
    bench.a.registrar.mode = Mode::Silent;
    bench.seconds(120);
    let trunk = bench.edge.trunk(PRIMARY);
    assert!(trunk.health().is_up());
    assert_eq!(trunk.registrations().filter(|one| one.state().is_registered()).count(), 1);
    assert_eq!(bench.placed(), Ok(PRIMARY));
    assert_eq!((bench.a.invites.len(), bench.b.invites.len()), (0, 1), "by the flow that is registered");
}

/// Events come in order, each once.
#[test]
fn events_tell_each_change_once() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.seconds(300);
    let health: Vec<(TrunkId, &Standing)> = bench
        .edge
        .events
        .iter()
        .filter_map(|event| match event {
            TrunkEvent::HealthChanged { trunk, standing, .. } => Some((*trunk, standing)),
            TrunkEvent::RegistrationChanged { .. } | TrunkEvent::Withdrawn { .. } => None,
        })
        .collect();
    assert_eq!(health, [(PRIMARY, &Standing::Up), (FAILOVER, &Standing::Up)]);
    assert_eq!(bench.edge.events.len(), 4);
}

/// Without OPTIONS a dead server is avoided only after it has failed a call.
#[test]
fn without_keep_alive_calls_find_out() {
    let mut trunk = fixed(PRIMARY, "T", &[A]);
    trunk.keep_alive = KeepAlive::Off;
    let mut bench = Bench::new(vec![trunk], Recovery::OnSuccess);
    bench.kill_primary();
    bench.seconds(300);
    assert!(bench.edge.trunk(PRIMARY).health().is_up());
    assert_eq!(bench.placed(), Err(408));
    let reason = bench.edge.trunk(PRIMARY).health().reason().cloned();
    assert!(matches!(reason, Some(Reason::Paused { .. })));
    bench.seconds(31);
    assert!(bench.edge.trunk(PRIMARY).health().is_up());
}
