//! Calls somebody else would pay for, and flags that would let them through.

use std::time::Duration;

use telco_model::value::PhoneId;

use crate::lab::{ALICE, CARRIER_A, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// The office, in which Alice has a remote phone too, which comes before her desk phone.
fn with_remote_phone() -> String {
    let desk = PhoneId::labelled("alice-phone");
    let label = (0..64).map(|n| format!("far-{n}")).find(|label| PhoneId::labelled(label) < desk).unwrap();
    OFFICE.replace(
        "[[call_flows]]\nid = \"@ivr\"",
        &format!(
            "[[phones]]\nid = \"@{label}\"\nname = \"AliceRemote\"\nsite = \"@main\"\nbase_settings = \"@remote\"\n\
             category = {{ remote = {{ address = {{ number = \"+12025550166\" }}, user = \"@alice\" }} }}\n\n\
             [[call_flows]]\nid = \"@ivr\""
        ),
    )
}

/// EC-016: a remote phone that cannot be called, because its trunk is full, does not end the search: the desk phone beside it
/// rings and gets the call.
#[test]
fn a_remote_phone_that_fails_at_once_leaves_the_call_to_the_desk_phone() {
    let mut sim = sim();
    let document = with_remote_phone()
        .replace("name = \"CarrierA\"\n", "name = \"CarrierA\"\nmax_calls = 1\n")
        .replace(", { trunk = \"@carrier-b\", priority = 2 }", "");
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?} {:?}", carrier.refused(), edge.records);
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.has_ended(), "nobody is left on the line");
    assert_eq!(edge.edge.status().calls, 0);
}
