//! Calls in the hands of a program.

use std::time::Duration;

use edge_core::cdr::EndedBy;
use edge_core::edge::Recorded;
use edge_core::media::{Action, CollectEnd, Collection, MediaLeg, Notice, PlayEnd, Sound, ToneKind};
use edge_core::program::{
    CallId, Command, CommandError, Destination, Offer, Outcome, ProgramEvent, Programmed, StepId,
};
use sip_trunk::ua;
use telco_model::value::{CallFlowId, TrunkId, UserId};
use telco_testkit::Sim;

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, DEVICE, EdgeNode, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);
const CALLER: MediaLeg = MediaLeg(0);

fn programmed(sim: &Sim, calls: Programmed) -> EdgeNode {
    EdgeNode::with(sim, |config| config.program.calls = calls)
}

/// What a test says and reads as the program.
impl EdgeNode {
    fn offers(&self) -> Vec<Offer> {
        let offer = |event: &ProgramEvent| match event {
            ProgramEvent::Offered(offer) => Some((**offer).clone()),
            ProgramEvent::Over { .. } | ProgramEvent::Recorded { .. } | ProgramEvent::Ended { .. } => None,
        };
        self.program.iter().filter_map(offer).collect()
    }

    fn offered(&self) -> CallId {
        self.offers().last().expect("a call was offered").call
    }

    fn say(&mut self, sim: &Sim, command: Command) -> StepId {
        self.try_say(sim, command).unwrap()
    }

    fn try_say(&mut self, sim: &Sim, command: Command) -> Result<StepId, CommandError> {
        let call = self.offered();
        self.act(sim, |edge, now| edge.command(call, command, now))
    }

    fn outcome(&self, wanted: StepId) -> Option<Outcome> {
        self.program.iter().find_map(|event| match event {
            ProgramEvent::Over { step, outcome, .. } if *step == wanted => Some(outcome.clone()),
            ProgramEvent::Offered(_)
            | ProgramEvent::Over { .. }
            | ProgramEvent::Recorded { .. }
            | ProgramEvent::Ended { .. } => None,
        })
    }

    fn ended(&self) -> Option<(EndedBy, &str)> {
        self.program.iter().find_map(|event| match event {
            ProgramEvent::Ended { by, reason, .. } => Some((*by, reason.as_str())),
            ProgramEvent::Offered(_) | ProgramEvent::Over { .. } | ProgramEvent::Recorded { .. } => None,
        })
    }

    fn ordered(&self, wanted: impl Fn(&Action) -> bool) -> bool {
        self.media.iter().any(|command| wanted(&command.action))
    }
}

/// EC-020: the program sees who calls whom on which trunk, and may branch by that.
#[test]
fn a_program_branches_by_trunk() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut first = Peer::new(&sim, "first", CARRIER_A);
    let mut second = Peer::new(&sim, "second", CARRIER_B);
    let headers = vec![
        ("User-to-User".to_owned(), "0068656c6c6f;encoding=hex".to_owned()),
        ("P-Asserted-Identity".to_owned(), "<tel:+12025550123>".to_owned()),
    ];
    first.call_with(&sim, "+13175550101", None, headers);
    sim.run_for(&mut [&mut edge, &mut first, &mut second], SECOND);
    let offer = edge.offers().remove(0);
    let trunk = offer.trunk.as_ref().map(|trunk| (trunk.id, trunk.name.to_string()));
    assert_eq!(trunk, Some((TrunkId::labelled("carrier-a"), "CarrierA".to_owned())));
    assert_eq!(offer.dialled, "+13175550101");
    assert!(offer.from.contains("first@") && offer.to.contains("+13175550101"), "{offer:?}");
    assert_eq!(offer.user_data.as_deref(), Some(&b"hello"[..]));
    assert_eq!(offer.asserted.as_deref(), Some("tel:+12025550123"));
    assert_eq!((offer.phone, offer.flow, offer.answered), (None, None, false));
    edge.say(&sim, Command::Answer);
    second.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut first, &mut second], SECOND);
    assert_eq!(
        edge.offers()[1].trunk.as_ref().map(|trunk| trunk.name.to_string()).as_deref(),
        Some("CarrierB")
    );
    edge.say(&sim, Command::Reject(486));
    sim.run_for(&mut [&mut edge, &mut first, &mut second], SECOND);
    assert!(first.was_answered());
    assert_eq!(second.refused(), Some(486));
    assert_eq!(edge.records[0].conversation, edge.offers()[1].conversation);
}

/// EC-019, EC-020: rings, answers, plays, takes digits, sets user data and connects; each step's outcome is known by its id.
#[test]
fn a_program_leads_a_caller_through() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    let call = carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    edge.say(&sim, Command::Ring);
    edge.say(&sim, Command::Answer);
    let welcome =
        edge.say(&sim, Command::Play { sound: Sound::File("welcome.wav".into()), interruptible: false });
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert!(carrier.was_answered());
    edge.finish_playing(&sim, PlayEnd::Finished);
    assert_eq!(edge.outcome(welcome), Some(Outcome::Played(PlayEnd::Finished)));
    let collection = Collection { most: 4, ..Collection::default() };
    let digits = edge.say(&sim, Command::Collect { prompt: Some(Sound::Tone(ToneKind::Dial)), collection });
    let (keyed, end) = ("9991".to_owned(), CollectEnd::Complete);
    edge.finish_playing(&sim, PlayEnd::Interrupted);
    edge.finish_collecting(&sim, &keyed, end);
    assert_eq!(edge.outcome(digits), Some(Outcome::Collected { digits: keyed.clone(), end }));
    edge.say(&sim, Command::SetUserData(Some(b"hello".to_vec())));
    let connect = edge.say(&sim, Command::Transfer(Destination::Number(keyed)));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert_eq!(edge.outcome(connect), Some(Outcome::Connected));
    let data = device.invite().header("User-to-User").map(<[u8]>::to_vec);
    assert!(data.is_some_and(|data| data.starts_with(b"0068656c6c6f")));
    edge.say(&sim, Command::Record { file: "call.wav".into(), layout: Default::default() });
    assert!(edge.ordered(|action| matches!(action, Action::Record { leg: CALLER, .. })));
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert_eq!(edge.ended(), Some((EndedBy::Caller, "hung up")));
    assert_eq!(edge.try_say(&sim, Command::HangUp), Err(CommandError::Over));
    assert_eq!(edge.records.len(), 1);
}

/// Nobody answers: the caller is with the program again, which tries somebody else.
#[test]
fn a_program_tries_one_after_the_other() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut alice = Peer::new(&sim, "alice", ALICE).refusing(486);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice, &mut bob], SECOND);
    let busy = edge.say(&sim, Command::Transfer(Destination::User(UserId::labelled("alice"))));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice, &mut bob], SECOND);
    assert_eq!(edge.outcome(busy), Some(Outcome::Refused { status: 486, reason: None }));
    let unknown = edge.say(&sim, Command::Transfer(Destination::Extension("4999".into())));
    assert!(matches!(edge.outcome(unknown), Some(Outcome::Refused { status: 404, reason: Some(_) })));
    assert!(!carrier.was_answered() && carrier.refused().is_none(), "the program still has the caller");
    let answered = edge.say(&sim, Command::Transfer(Destination::Extension("4102".into())));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice, &mut bob], SECOND);
    assert_eq!(edge.outcome(answered), Some(Outcome::Connected));
    assert!(carrier.was_answered(), "whoever answers answers the caller");
    edge.say(&sim, Command::HangUp);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice, &mut bob], SECOND);
    assert!(carrier.has_ended() && bob.has_ended());
}

/// A step takes the place of the one under way: somebody who rings is withdrawn, a prompt stops, and the program is told.
#[test]
fn a_step_takes_the_place_of_the_one_under_way() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "wonderland");
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    edge.say(&sim, Command::Answer);
    let ringing = edge.say(&sim, Command::Transfer(Destination::User(UserId::labelled("alice"))));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    let session = alice.incoming();
    alice.act(&sim, |agent, now| agent.progress(session, Default::default(), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    edge.say(&sim, Command::Collect { prompt: None, collection: Collection::default() });
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert_eq!(edge.outcome(ringing), Some(Outcome::Stopped));
    assert!(alice.has_ended() && !carrier.has_ended());
    edge.say(&sim, Command::Stop);
    assert!(edge.ordered(|action| matches!(action, Action::StopCollect { leg: CALLER })));
}

/// The end of a sound that another one has replaced is not taken for the end of that one, and so with digits.
#[test]
fn the_end_of_what_was_replaced_concludes_nothing() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    edge.say(&sim, Command::Answer);
    let play = |file: &str| Command::Play { sound: Sound::File(file.into()), interruptible: false };
    edge.say(&sim, play("first.wav"));
    let (leg, order) = edge.played();
    let second = edge.say(&sim, play("second.wav"));
    edge.hear(&sim, Notice::PlayEnded { leg, order, end: PlayEnd::Failed("no such file".into()) });
    assert_eq!(edge.outcome(second), None);
    edge.finish_playing(&sim, PlayEnd::Finished);
    assert_eq!(edge.outcome(second), Some(Outcome::Played(PlayEnd::Finished)));
}

/// A program plays to no caller who talks to somebody, and leaves none to the configuration.
#[test]
fn a_connected_caller_is_not_played_to() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    edge.say(&sim, Command::Answer);
    edge.say(&sim, Command::Transfer(Destination::Number("9991".into())));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    let tone = || Sound::Tone(ToneKind::Information);
    for command in [
        Command::Play { sound: tone(), interruptible: false },
        Command::Loop(tone()),
        Command::Collect { prompt: None, collection: Collection::default() },
        Command::Proceed,
    ] {
        assert_eq!(edge.try_say(&sim, command), Err(CommandError::Connected));
    }
    assert!(!carrier.has_ended() && !device.has_ended());
}

/// A caller has one recording at a time: the program's is not cut off by the configuration's, which begins when that has ended, and the
/// other way round the program is told.
#[test]
fn a_program_and_the_configuration_record_in_turns() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| {
        config.program.calls = Programmed::Inbound;
        config.recording = Recorded::Everything;
    });
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    edge.say(&sim, Command::Answer);
    assert_eq!(edge.try_say(&sim, Command::StopRecording), Err(CommandError::NotRecording));
    let record = || Command::Record { file: "own.wav".into(), layout: Default::default() };
    edge.say(&sim, record());
    assert_eq!(edge.try_say(&sim, record()), Err(CommandError::Recorded));
    edge.say(&sim, Command::Transfer(Destination::Number("9991".into())));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    assert_eq!(edge.recorded(), ["own.wav"]);
    edge.say(&sim, Command::StopRecording);
    let ended =
        |file: &str| Notice::RecordingEnded { leg: CALLER, file: file.into(), length: SECOND, error: None };
    edge.hear(&sim, ended("own.wav"));
    let told = |edge: &EdgeNode| {
        edge.program.iter().filter(|event| matches!(event, ProgramEvent::Recorded { .. })).count()
    };
    assert_eq!(told(&edge), 1);
    let configured = format!("{}-1.wav", edge.offers()[0].conversation);
    assert_eq!(edge.recorded(), ["own.wav", configured.as_str()]);
    assert_eq!(edge.try_say(&sim, record()), Err(CommandError::Recorded));
    edge.hear(&sim, ended(&configured));
    assert_eq!(told(&edge), 1, "the configuration's file is no business of the program");
    assert_eq!(edge.recorded().len(), 2, "what could not go on does not begin again and again");
}

/// What cannot be done is refused and changes nothing.
#[test]
fn a_program_is_told_what_cannot_be_done() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Inbound);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    assert_eq!(edge.try_say(&sim, Command::Reject(200)), Err(CommandError::Status(200)));
    edge.say(&sim, Command::Play { sound: Sound::Tone(ToneKind::Information), interruptible: false });
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    let early = |event: &ua::Event| matches!(event, ua::Event::Progressed { message, .. } if message.status() == Some(183));
    assert!(carrier.events.iter().any(early), "heard before the answer");
    edge.say(&sim, Command::Answer);
    assert_eq!(edge.try_say(&sim, Command::Ring), Err(CommandError::Answered));
    edge.say(&sim, Command::Proceed);
    assert_eq!(edge.try_say(&sim, Command::Stop), Err(CommandError::Over));
}

/// A call the program lets go on goes where it would have gone without it.
#[test]
fn a_program_may_leave_a_call_to_the_configuration() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Everything);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    alice.register(&sim, "wonderland");
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    edge.say(&sim, Command::Proceed);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert!(carrier.was_answered());
    assert_eq!(edge.try_say(&sim, Command::HangUp), Err(CommandError::NotInHand));
    carrier.call(&sim, "+13175550149", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    edge.say(&sim, Command::Proceed);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert_eq!(carrier.refused(), Some(404), "the number is assigned to nobody");
}

/// A program that says nothing holds nobody: 503 when it never took the call, 480 when it let it ring, and an answered call is hung up.
#[test]
fn a_silent_program_holds_nobody() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| {
        config.program.calls = Programmed::Inbound;
        config.program.idle = 90 * SECOND;
    });
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut carrier], 11 * SECOND);
    assert_eq!(carrier.refused(), Some(503));
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    edge.say(&sim, Command::Ring);
    sim.run_for(&mut [&mut edge, &mut carrier], 61 * SECOND);
    assert_eq!(carrier.refused(), Some(480));
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    edge.say(&sim, Command::Answer);
    sim.run_for(&mut [&mut edge, &mut carrier], 89 * SECOND);
    assert!(!carrier.has_ended());
    sim.run_for(&mut [&mut edge, &mut carrier], 2 * SECOND);
    assert!(carrier.has_ended());
    assert_eq!(edge.edge.status().calls, 0);
}

/// EC-019: the program stands for the steps of a flow, also when another flow leads to it.
#[test]
fn a_program_stands_for_a_flow() {
    let mut sim = sim();
    let flow = CallFlowId::labelled("to-alice");
    let mut edge = programmed(&sim, Programmed::Flows([flow].into()));
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    alice.register(&sim, "wonderland");
    carrier.call(&sim, "+13175550111", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert!(edge.offers().is_empty(), "the menu is the configuration's");
    edge.finish_collecting(&sim, "1", CollectEnd::Complete);
    let offer = edge.offers().remove(0);
    assert_eq!((offer.flow, offer.answered), (Some(flow), true));
    edge.say(&sim, Command::Proceed);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert!(
        alice.events.iter().any(|event| matches!(event, ua::Event::Confirmed { .. })),
        "its steps are taken"
    );
}

/// An emergency call is no program's business.
#[test]
fn emergency_calls_pass_the_program_by() {
    let mut sim = sim();
    let mut edge = programmed(&sim, Programmed::Everything);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A).answering();
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    alice.call(&sim, "911", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], 2 * SECOND);
    assert!(alice.was_answered() && edge.offers().is_empty());
    alice.call(&sim, "4102", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut carrier, &mut alice], SECOND);
    assert!(edge.offers()[0].phone.is_some());
}
