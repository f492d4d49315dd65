//! Two agents, commands in any order, a network that does what it likes: whatever happens, every session tells a story that the
//! model below can follow, ends once, and leaves nothing behind.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sip_trunk::msg::Method;
use sip_trunk::ua::{Answer, Event, Progress, Refer, ReferId, Rejection, Reliable, SessionId, SessionTimer};
use telco_testkit::{Link, Sim};

use crate::lab::{ALICE, BOB, Phone, millis, sdp, seconds};

/// What a test makes one of the two do. Numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Call { offer: bool },
    Progress(u16, bool),
    Answer,
    Reject,
    HangUp(usize),
    Reinvite(usize, bool),
    Update(usize, bool),
    AnswerOffer(usize),
    RefuseOffer(usize),
    Refer(usize),
    AnswerRefer(usize, bool),
    Report(usize, u16),
    Info(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        3 => any::<bool>().prop_map(|offer| Step::Call { offer }),
        3 => (prop_oneof![Just(180), Just(183)], any::<bool>()).prop_map(|(status, body)| Step::Progress(status, body)),
        4 => Just(Step::Answer),
        1 => Just(Step::Reject),
        2 => which.clone().prop_map(Step::HangUp),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, offer)| Step::Reinvite(which, offer)),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, offer)| Step::Update(which, offer)),
        5 => which.clone().prop_map(Step::AnswerOffer),
        1 => which.clone().prop_map(Step::RefuseOffer),
        1 => which.clone().prop_map(Step::Refer),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, accept)| Step::AnswerRefer(which, accept)),
        2 => (which.clone(), prop_oneof![Just(180), Just(200)]).prop_map(|(which, status)| Step::Report(which, status)),
        1 => which.prop_map(Step::Info),
        6 => prop_oneof![Just(1), Just(30), Just(300), Just(3000), Just(40_000)].prop_map(Step::Wait),
    ]
}

/// What a session may still tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    Placed,
    Incoming,
    Up,
    Over,
}

/// The reference: one story per session, told by its events in an order that makes sense.
#[derive(Debug, Default)]
struct Model {
    stories: BTreeMap<SessionId, Story>,
    incoming: Vec<SessionId>,
    refers: Vec<(SessionId, ReferId)>,
}

impl Model {
    /// Follows an event; says what is wrong with it.
    fn follow(&mut self, event: &Event) -> Result<(), String> {
        let (session, allowed, next): (SessionId, &[Story], Option<Story>) = match event {
            Event::Incoming { session, .. } => {
                self.incoming.push(*session);
                let fresh = self.stories.insert(*session, Story::Incoming).is_none();
                return fresh.then_some(()).ok_or_else(|| "an id was given twice".into());
            }
            Event::Progressed { session, .. } => (*session, &[Story::Placed], None),
            Event::Answered { session, .. } => (*session, &[Story::Placed], Some(Story::Up)),
            Event::Rejected { session, .. } => (*session, &[Story::Placed], Some(Story::Over)),
            Event::Confirmed { session, .. } => (*session, &[Story::Incoming], Some(Story::Up)),
            Event::Ended { session, .. } => {
                (*session, &[Story::Placed, Story::Incoming, Story::Up], Some(Story::Over))
            }
            Event::Offered { session, .. }
            | Event::OfferAnswered { session, .. }
            | Event::OfferRefused { session, .. }
            | Event::OfferWithdrawn { session }
            | Event::InDialog { session, .. }
            | Event::InDialogResponse { session, .. } => {
                (*session, &[Story::Placed, Story::Incoming, Story::Up], None)
            }
            Event::Referred { session, refer, .. } => {
                self.refers.push((*session, *refer));
                (*session, &[Story::Placed, Story::Incoming, Story::Up], None)
            }
            // Reports outlive the session.
            Event::ReferProgress { session, .. } => {
                (*session, &[Story::Placed, Story::Incoming, Story::Up, Story::Over], None)
            }
            other => return Err(format!("nobody asked for {other:?}")),
        };
        let story = self.stories.get_mut(&session).ok_or("an event of a session nobody knows")?;
        if !allowed.contains(story) {
            return Err(format!("{event:?} while {story:?}"));
        }
        *story = next.unwrap_or(*story);
        Ok(())
    }

    fn alive(&self) -> Vec<SessionId> {
        self.stories.iter().filter(|(_, story)| **story != Story::Over).map(|(id, _)| *id).collect()
    }
}

fn pick<T: Copy>(among: &[T], which: usize) -> Option<T> {
    (!among.is_empty()).then(|| among[which % among.len()])
}

/// Carries out a step. That a command is refused in the wrong state is what commands are for.
fn act(sim: &Sim, step: Step, phone: &mut Phone, other: &Phone, model: &mut Model) {
    let alive = model.alive();
    match step {
        Step::Call { offer } => {
            let mut invite = phone.invitation(other);
            invite.body = invite.body.filter(|_| offer);
            let session = phone.act(sim, |agent, now| agent.invite(invite, now)).unwrap();
            model.stories.insert(session, Story::Placed);
        }
        Step::Progress(status, describes) => {
            if let Some(session) = model.incoming.last().copied() {
                let progress =
                    Progress { status, body: sdp("early").filter(|_| describes), ..Progress::default() };
                let _ = phone.act(sim, |agent, now| agent.progress(session, progress, now));
            }
        }
        Step::Answer => {
            if let Some(session) = model.incoming.last().copied() {
                let answer = Answer { body: sdp("answer"), ..Answer::default() };
                let _ = phone.act(sim, |agent, now| agent.answer(session, answer, now));
            }
        }
        Step::Reject => {
            if let Some(session) = model.incoming.last().copied() {
                let _ = phone.act(sim, |agent, now| agent.reject(session, Rejection::new(486), now));
            }
        }
        Step::HangUp(which) => {
            if let Some(session) = pick(&alive, which) {
                phone.act(sim, |agent, now| agent.hang_up(session, None, now)).unwrap();
            }
        }
        Step::Reinvite(which, offer) => {
            if let Some(session) = pick(&alive, which) {
                let body = sdp("hold").filter(|_| offer);
                let _ = phone.act(sim, |agent, now| agent.reinvite(session, body, Vec::new(), now));
            }
        }
        Step::Update(which, offer) => {
            if let Some(session) = pick(&alive, which) {
                let body = sdp("update").filter(|_| offer);
                let _ = phone.act(sim, |agent, now| agent.update(session, body, Vec::new(), now));
            }
        }
        Step::AnswerOffer(which) => {
            if let Some(session) = pick(&alive, which) {
                let _ = phone.act(sim, |agent, now| agent.answer_offer(session, sdp("ok"), Vec::new(), now));
            }
        }
        Step::RefuseOffer(which) => {
            if let Some(session) = pick(&alive, which) {
                let _ = phone.act(sim, |agent, now| agent.refuse_offer(session, 488, Vec::new(), now));
            }
        }
        Step::Refer(which) => {
            if let Some(session) = pick(&alive, which) {
                let refer = Refer::new("<sip:carol@192.0.2.3>");
                let _ = phone.act(sim, |agent, now| agent.refer(session, refer, now));
            }
        }
        Step::AnswerRefer(which, accept) => {
            if let Some((session, refer)) = pick(&model.refers, which) {
                let _ = phone.act(sim, |agent, now| match accept {
                    true => agent.accept_refer(session, refer, now),
                    false => agent.refuse_refer(session, refer, 603, now),
                });
            }
        }
        Step::Report(which, status) => {
            if let Some((session, refer)) = pick(&model.refers, which) {
                let _ = phone.act(sim, |agent, now| agent.notify_refer(session, refer, status, now));
            }
        }
        Step::Info(which) => {
            if let Some(session) = pick(&alive, which) {
                let _ =
                    phone.act(sim, |agent, now| agent.send(session, &Method::Info, None, Vec::new(), now));
            }
        }
        Step::Wait(_) => {}
    }
}

fn run(
    start: u64,
    link: Link,
    reliable: Reliable,
    timer: SessionTimer,
    steps: &[(bool, Step)],
) -> Result<(), String> {
    let mut sim = Sim::new(start);
    sim.net.set_link(link);
    let mut phones = [("alice", ALICE), ("bob", BOB)].map(|(name, at)| {
        Phone::with(&sim, name, at, |config| (config.reliable, config.session_timer) = (reliable, timer))
    });
    let mut models = [Model::default(), Model::default()];
    let follow = |phones: &mut [Phone; 2], models: &mut [Model; 2]| -> Result<(), String> {
        for (phone, model) in phones.iter_mut().zip(models.iter_mut()) {
            phone.events.drain(..).try_for_each(|event| model.follow(&event))?;
        }
        Ok(())
    };
    for (side, step) in steps {
        let [alice, bob] = &mut phones;
        let (phone, other) = if *side { (alice, &*bob) } else { (bob, &*alice) };
        act(&sim, *step, phone, other, &mut models[usize::from(!side)]);
        let [alice, bob] = &mut phones;
        let span = if let Step::Wait(span) = step { *span } else { 0 };
        sim.run_for(&mut [alice, bob], millis(span));
        follow(&mut phones, &mut models)?;
    }
    // The weather clears, everybody hangs up, and in the end nothing is left.
    sim.net.set_link(Link::default());
    for (phone, model) in phones.iter_mut().zip(&models) {
        for session in model.alive() {
            phone.act(&sim, |agent, now| agent.hang_up(session, None, now)).map_err(|why| why.to_string())?;
        }
    }
    let [alice, bob] = &mut phones;
    sim.run_for(&mut [alice, bob], seconds(1));
    // A call that was still under way when everybody hung up may have arrived since.
    follow(&mut phones, &mut models)?;
    for (phone, model) in phones.iter_mut().zip(&models) {
        for session in model.alive() {
            let _ = phone.act(&sim, |agent, now| agent.hang_up(session, None, now));
        }
    }
    let [alice, bob] = &mut phones;
    sim.run_for(&mut [alice, bob], seconds(600));
    follow(&mut phones, &mut models)?;
    for (phone, model) in phones.iter().zip(&models) {
        if !model.alive().is_empty() {
            return Err(format!("{:?} never ended", model.alive()));
        }
        if !phone.is_idle() {
            return Err(format!(
                "{:?} and {:?} are left",
                phone.agent.in_use(),
                phone.agent.endpoint().in_use()
            ));
        }
    }
    Ok(())
}

fn link() -> impl Strategy<Value = Link> {
    let chance = prop_oneof![Just(0.0), Just(0.1), Just(0.4)];
    (chance.clone(), chance.clone(), chance, prop_oneof![Just(0), Just(20), Just(400)]).prop_map(
        |(loss, duplicate, reorder, latency)| Link {
            latency: millis(latency),
            jitter: millis(latency / 2),
            loss,
            duplicate,
            reorder,
            reorder_by: millis(250),
            ..Link::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_tell_stories_that_make_sense(
        start: u64,
        link in link(),
        reliable in prop_oneof![Just(Reliable::Never), Just(Reliable::WhenSupported)],
        timer in prop_oneof![
            Just(SessionTimer::Off),
            Just(SessionTimer::On { interval: seconds(90), min: seconds(90) }),
        ],
        steps in prop::collection::vec((any::<bool>(), step()), 1..60),
    ) {
        run(start, link, reliable, timer, &steps).map_err(TestCaseError::fail)?;
    }
}

/// Found by the model: a 200 to a re-INVITE is lost while both sides hang up. It is repeated until its ACK comes, or the re-INVITE
/// would wait for ever.
#[test]
fn a_lost_success_is_repeated_beyond_the_bye() {
    let link = Link { latency: millis(0), loss: 0.1, reorder: 0.1, reorder_by: millis(250), ..Link::PERFECT };
    let steps = [
        (false, Step::Call { offer: false }),
        (true, Step::Answer),
        (false, Step::Wait(3000)),
        (false, Step::Update(0, false)),
        (false, Step::AnswerOffer(0)),
        (false, Step::Update(0, false)),
        (false, Step::Reinvite(0, false)),
        (false, Step::Wait(40000)),
        (false, Step::Info(0)),
        (true, Step::Update(0, false)),
        (true, Step::AnswerOffer(0)),
    ];
    assert_eq!(run(693_603_130_900_325_348, link, Reliable::Never, SessionTimer::Off, &steps), Ok(()));
}
