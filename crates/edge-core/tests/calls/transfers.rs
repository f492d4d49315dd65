//! Transfers, flows and hold.

use std::time::Duration;

use edge_core::cdr::TransferKind;
use edge_core::edge::Recorded;
use edge_core::media::{Action, CollectEnd, MediaLeg, PlayEnd};
use sip_trunk::ua::{self, Body, Refer};
use telco_model::value::TrunkId;
use telco_testkit::{check_ladder, expect_file};

use crate::lab::{ALICE, BOB, CARRIER_A, DEVICE, EDGE, EdgeNode, OFFICE, Peer, offer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// EC-019, ST-021, ST-025, ST-031: a flow answers, plays, sets user data and transfers to the device: with the caller's number, the
/// device's token, the data in hexadecimal behind its discriminator, and the same conversation.
#[test]
fn a_flow_transfers_with_user_data() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    carrier.call(&sim, "+13175550110", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert!(carrier.was_answered());
    edge.finish_playing(&sim, PlayEnd::Finished);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    let invite = device.invite();
    let header = |name: &str| invite.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
    assert!(header("User-to-User").unwrap().starts_with("0068656c6c6f;encoding=hex"));
    assert_eq!(header("CUSTOM-DEVICE-TOKEN").as_deref(), Some("1234567"));
    assert!(header("x-inin-cnv").is_some());
    assert!(edge.media.iter().any(|command| matches!(command.action, Action::Bridge { .. })));
    check_ladder(&sim, &expect_file!["ladders/flow.txt"]);
}

/// ST-024: the data of a call reaches a phone where the trunk of the phones passes data on, written as that trunk says, and no phone
/// where it does not.
#[test]
fn a_phone_gets_user_data_as_its_trunk_says() {
    let phones = "kind = \"sip_phone\"";
    let passing =
        "protocol = { uui = { header = \"x_user_to_user\", encoding = \"ascii\", discriminator = 0 } }";
    let received = |document: &str| {
        let mut sim = sim();
        let mut edge = EdgeNode::of(&sim, "edge", EDGE, document, |_| {});
        let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
        let mut alice = Peer::new(&sim, "alice", ALICE).answering();
        alice.register(&sim, "wonderland");
        sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
        let data = ("User-to-User".to_owned(), "0068656c6c6f;encoding=hex".to_owned());
        carrier.call_with(&sim, "+13175550101", None, vec![data]);
        sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
        assert!(carrier.was_answered());
        let value = |name: &str| alice.invite().header(name).map(|v| String::from_utf8_lossy(v).into_owned());
        (value("x-User-To-User"), value("User-to-User"))
    };
    let (data, standard) = received(&OFFICE.replace(phones, &format!("{phones}\n{passing}")));
    assert!(data.as_deref().is_some_and(|data| data.contains("hello")), "{data:?}");
    assert_eq!(standard, None);
    assert_eq!(received(OFFICE), (None, None));
}

/// The office, with a carrier that is to connect transfers itself.
fn releasing() -> String {
    OFFICE.replacen("[trunks.protocol]\n", "[trunks.protocol]\nrelease_link_transfer = true\n", 1)
}

/// ST-030: with Release Link Transfer the carrier gets REFER, with the data the flow has set, and the edge leaves the path. Without
/// it a call is bridged, as above.
#[test]
fn a_carrier_connects_a_transfer_itself() {
    let mut sim = sim();
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &releasing(), |_| {});
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    carrier.call(&sim, "+13175550110", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    edge.finish_playing(&sim, PlayEnd::Finished);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    let (session, refer, target) = carrier.referred();
    assert!(target.starts_with("<sip:9991@"), "{target}");
    assert!(target.contains("?User-to-User=0068656c6c6f"), "{target}");
    carrier.act(&sim, |agent, now| agent.accept_refer(session, refer, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    assert!(!carrier.has_ended(), "the carrier has not connected it yet");
    carrier.act(&sim, |agent, now| agent.notify_refer(session, refer, 200, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    assert!(carrier.has_ended(), "the edge leaves");
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert_eq!((record.transfers[0].kind, record.transfers[0].status), (TransferKind::ReleaseLink, 200));
}

/// ST-030: a carrier that refuses leaves the call to the edge, which bridges it.
#[test]
fn a_carrier_that_refuses_a_transfer_keeps_its_call() {
    let mut sim = sim();
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &releasing(), |_| {});
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    carrier.call(&sim, "+13175550110", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    edge.finish_playing(&sim, PlayEnd::Finished);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    let (session, refer, _) = carrier.referred();
    carrier.act(&sim, |agent, now| agent.refuse_refer(session, refer, 603, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert!(!carrier.has_ended());
    assert!(device.events.iter().any(|event| matches!(event, ua::Event::Confirmed { .. })), "it is bridged");
}

/// EC-018, ST-027, ST-028, ST-029: a device takes a call back with REFER: whatever the host, the number's owner rings, the data goes
/// along, the device is told and released.
#[test]
fn a_device_gives_a_call_back() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    alice.register(&sim, "wonderland");
    carrier.call(&sim, "+13175550110", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut device], SECOND);
    edge.finish_playing(&sim, PlayEnd::Finished);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut device], SECOND);
    let call = device.incoming();
    let refer = Refer::new("<sip:+13175550101@anywhere.invalid?User-to-User=006279650a%3Bencoding%3Dhex>");
    device.act(&sim, |agent, now| agent.refer(call, refer, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut device], 2 * SECOND);
    let progress: Vec<u16> = device
        .events
        .iter()
        .filter_map(
            |event| if let ua::Event::ReferProgress { status, .. } = event { Some(*status) } else { None },
        )
        .collect();
    assert_eq!(progress.last(), Some(&200), "{progress:?}");
    assert!(device.has_ended(), "the device is released");
    assert!(!carrier.has_ended(), "the caller stays");
    let unknown = Refer::new("<sip:+13175550140@192.0.2.1>");
    assert!(alice.events.iter().any(|event| matches!(event, ua::Event::Confirmed { .. })));
    let session = alice.incoming();
    alice.act(&sim, |agent, now| agent.refer(session, unknown, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut device], SECOND);
    assert!(!carrier.has_ended(), "a transfer that leads nowhere leaves the call as it was");
}

/// RFC 5057 §5.1: a transfer to somebody who is not there is refused with a status that leaves the dialog alone, and both go on talking.
#[test]
fn a_refused_transfer_ends_no_dialog() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let session = alice.incoming();
    alice.act(&sim, |agent, now| agent.refer(session, Refer::new("<sip:4999@192.0.2.1>"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let told = alice.events.iter().rev().find_map(|event| match event {
        ua::Event::ReferProgress { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!((told, alice.has_ended(), carrier.has_ended()), (Some(403), false, false));
}

/// A phone transfers its caller to a colleague: the caller hears ring-back, then the colleague.
#[test]
fn a_phone_transfers_blindly() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let session = alice.incoming();
    alice.act(&sim, |agent, now| agent.refer(session, Refer::new("<sip:4102@192.0.2.1>"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], 2 * SECOND);
    assert!(alice.has_ended() && !bob.has_ended() && !carrier.has_ended());
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(bob.has_ended());
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert_eq!((record.transfers[0].kind, record.transfers[0].status), (TransferKind::Blind, 200));
    check_ladder(&sim, &expect_file!["ladders/blind_transfer.txt"]);
}

/// A call over a recorded trunk is recorded from when two sides are connected, once for each caller it is for; others are not.
#[test]
fn calls_are_recorded_by_configuration() {
    let files = |trunk: &str| {
        let mut sim = sim();
        let recorded = Recorded::Trunks([TrunkId::labelled(trunk)].into());
        let mut edge = EdgeNode::with(&sim, |config| config.recording = recorded);
        let mut alice = Peer::new(&sim, "alice", ALICE).answering();
        let mut bob = Peer::new(&sim, "bob", BOB).answering();
        let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
        alice.register(&sim, "wonderland");
        bob.register(&sim, "builder");
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
        let call = carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
        let session = alice.incoming();
        alice.act(&sim, |agent, now| agent.refer(session, Refer::new("<sip:4102@192.0.2.1>"), now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], 2 * SECOND);
        carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
        let begun = edge.media.iter().filter_map(|command| match &command.action {
            Action::Record { leg, file, .. } => Some((*leg, file.display().to_string())),
            _ => None,
        });
        (edge.records[0].conversation.to_string(), begun.collect::<Vec<_>>())
    };
    let (conversation, recorded) = files("carrier-a");
    assert_eq!(recorded, [(MediaLeg(0), format!("{conversation}-1.wav"))]);
    assert_eq!(files("carrier-b").1, []);
}

/// EC-018, RFC 5589 §7: a phone asks a colleague, then connects its caller with the colleague and is released; one call goes on, and is
/// recorded on.
#[test]
fn a_phone_transfers_after_a_consultation() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| config.recording = Recorded::Everything);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    // Alice calls out, so that the caller's leg is the one that goes.
    let first = alice.call(&sim, "4102", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(edge.recorded().len(), 2);
    let second = alice.incoming();
    let refer = alice.act(&sim, |agent, now| {
        let dialog = agent.session(second).unwrap().dialog().unwrap();
        let replaces = format!(
            "{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}",
            dialog.call_id(),
            dialog.remote_tag(),
            dialog.local_tag()
        );
        let target = format!("<sip:carrier@192.0.2.1?Replaces={replaces}>");
        agent.refer(first, Refer::new(target), now).unwrap()
    });
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], 2 * SECOND);
    let told = alice.events.iter().any(|event| {
        matches!(event, ua::Event::ReferProgress { refer: known, status: 200, .. } if *known == refer)
    });
    assert!(told, "{:?}", alice.events);
    assert!(!bob.has_ended() && !carrier.has_ended());
    assert_eq!(edge.edge.status().calls, 1);
    assert_eq!(edge.recorded().len(), 3, "{:?}", edge.recorded());
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.hang_up(session, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(carrier.has_ended() && alice.has_ended());
    let transfers = edge.records.iter().flat_map(|record| &record.transfers);
    assert!(transfers.into_iter().any(|transfer| transfer.kind == TransferKind::Attended));
}

/// EC-017: hold on one side is offered to the other, and the record still has two legs.
#[test]
fn hold_goes_across() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let held = String::from_utf8(offer("192.0.2.10:5060".parse().unwrap()).bytes.to_vec()).unwrap();
    let held = Body::sdp(held.replace("sendrecv", "sendonly").replace("o=- 1 1", "o=- 1 2"));
    carrier.act(&sim, |agent, now| agent.reinvite(call, Some(held), Vec::new(), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let offered = alice.events.iter().rev().find_map(|event| match event {
        ua::Event::Offered { message, .. } => Some(String::from_utf8_lossy(message.body()).into_owned()),
        _ => None,
    });
    assert!(offered.as_deref().is_some_and(|offer| offer.contains("a=sendonly")), "{offered:?}");
}

/// A menu waits for a key, takes the choice and rings whoever it names.
#[test]
fn a_menu_leads_to_a_person() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    carrier.call(&sim, "+13175550111", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    edge.finish_collecting(&sim, "7", CollectEnd::Complete);
    assert!(alice.events.iter().all(|event| !matches!(event, ua::Event::Incoming { .. })), "7 is no choice");
    edge.finish_collecting(&sim, "1", CollectEnd::Complete);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.events.iter().any(|event| matches!(event, ua::Event::Confirmed { .. })));
}
