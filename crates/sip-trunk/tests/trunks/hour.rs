//! An hour of calls over a network that loses a third of everything.

use telco_testkit::Link;

use sip_trunk::group::Recovery;

use crate::bench::{Bench, FAILOVER, PRIMARY, both_registering};

/// ST-043: calls, failover and registrations go on under 30 % loss, and when it is over nothing is left of them.
#[test]
fn an_hour_of_loss_leaves_nothing_behind() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.sim.net.set_link(Link { loss: 0.3, ..Link::default() });
    for round in 0..120 {
        if round % 30 == 10 {
            bench.kill_primary();
        }
        if round % 30 == 20 {
            bench.restore_primary();
        }
        bench.dial();
        bench.seconds(25);
        bench.hang_up();
        bench.seconds(4);
    }
    let answered = bench.edge.placed.iter().filter(|placed| placed.outcome.is_ok()).count();
    let of = bench.edge.placed.len();
    assert!(answered * 10 >= of * 9, "{answered} of {of} calls were answered");
    let by_failover = bench.edge.placed.iter().filter(|placed| placed.outcome == Ok(FAILOVER)).count();
    assert!(by_failover > 20, "the failover trunk took {by_failover}");

    bench.sim.net.set_link(Link::default());
    bench.seconds(150);
    bench.hang_up();
    bench.seconds(150);
    for trunk in [PRIMARY, FAILOVER] {
        assert!(bench.edge.trunk(trunk).health().is_up());
        assert_eq!(bench.edge.trunk(trunk).calls(), 0);
    }
    for ua in [bench.edge.agent.ua(), &bench.a.ua, &bench.b.ua] {
        let in_use = ua.in_use();
        assert_eq!((in_use.sessions, in_use.lingering), (0, 0), "{in_use:?}");
        assert!(in_use.requests <= 1, "{in_use:?}");
    }
}
