//! Phones that watch each other's calls (RFC 4235), and their message lamps (RFC 3842).

use std::time::Duration;

use sip_trunk::auth::ClientConfig;
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::subscription::SubscriptionId;
use sip_trunk::ua::{self, Answer, Progress, Subscribe, SubscriptionEnd};
use telco_testkit::{Node, Sim};

use crate::lab::{ALICE, BOB, CARRIER_A, EDGE, EdgeNode, Peer, credentials, offer, sim};

const SECOND: Duration = Duration::from_secs(1);

impl Peer {
    fn watch(&mut self, sim: &Sim, whom: &str, event: &str, expires: Duration) -> SubscriptionId {
        let password =
            [("alice", "wonderland"), ("bob", "builder")].into_iter().find(|(name, _)| *name == self.name());
        let credentials = password.map(|(name, password)| credentials(name, password));
        self.watch_as(sim, whom, event, expires, credentials)
    }

    fn watch_as(
        &mut self,
        sim: &Sim,
        whom: &str,
        event: &str,
        expires: Duration,
        credentials: Option<ClientConfig>,
    ) -> SubscriptionId {
        let subscribe = Subscribe {
            expires,
            credentials,
            ..Subscribe::new(format!("sip:{whom}@{EDGE}"), format!("<sip:watcher@{EDGE}>"), event)
        };
        self.act(sim, |agent, now| agent.subscribe(subscribe, now).unwrap())
    }

    fn notices(&self) -> Vec<&Message> {
        let events = self.events.iter();
        let notices = events.filter_map(|event| match event {
            ua::Event::Notified { message, .. } => Some(message),
            _ => None,
        });
        notices.collect()
    }

    /// Version, dialog and state of every document that was told.
    fn documents(&self) -> Vec<(u32, Option<u32>, Option<String>)> {
        let told = self.notices().into_iter().filter(|message| !message.body().is_empty());
        told.map(|message| {
            assert_eq!(message.header(HeaderName::ContentType), Some(&b"application/dialog-info+xml"[..]));
            let text = String::from_utf8_lossy(message.body()).into_owned();
            assert!(
                text.contains("state=\"full\"") && text.contains("entity=\"sip:4102@192.0.2.1\""),
                "{text}"
            );
            let between =
                |before: &str, after: &str| Some(text.split_once(before)?.1.split_once(after)?.0.to_owned());
            let number = |text: Option<String>| text.map(|digits| digits.parse().unwrap());
            let version = number(between("dialog-info\" version=\"", "\"")).unwrap();
            (version, number(between("<dialog id=\"", "\"")), between("<state>", "</state>"))
        })
        .collect()
    }

    fn refusals(&self) -> Vec<u16> {
        let refusal = |event: &ua::Event| match event {
            ua::Event::SubscriptionEnded { cause: SubscriptionEnd::Refused { status, .. }, .. } => {
                Some(*status)
            }
            _ => None,
        };
        self.events.iter().filter_map(refusal).collect()
    }
}

struct Scene {
    sim: Sim,
    edge: EdgeNode,
    alice: Peer,
    bob: Peer,
    carrier: Peer,
}

impl Scene {
    fn new() -> Self {
        let sim = sim();
        let edge = EdgeNode::new(&sim);
        let (alice, bob) = (Peer::new(&sim, "alice", ALICE), Peer::new(&sim, "bob", BOB));
        let carrier = Peer::new(&sim, "carrier", CARRIER_A);
        let mut scene = Self { sim, edge, alice, bob, carrier };
        scene.alice.register(&scene.sim, "wonderland");
        scene.bob.register(&scene.sim, "builder");
        scene.run(SECOND);
        scene
    }

    fn run(&mut self, time: Duration) {
        let nodes: &mut [&mut dyn Node] =
            &mut [&mut self.edge, &mut self.alice, &mut self.bob, &mut self.carrier];
        self.sim.run_for(nodes, time);
    }

    /// The carrier calls Bob, who rings, answers when he is to, and hangs up.
    fn call_bob(&mut self, answers: bool) {
        let call = self.carrier.call(&self.sim, "+13175550102", None);
        self.run(SECOND);
        let ringing = self.bob.incoming();
        self.bob.act(&self.sim, |agent, now| agent.progress(ringing, Progress::default(), now).unwrap());
        self.run(SECOND);
        if answers {
            let body = Some(offer(BOB.parse().unwrap()));
            self.bob.act(&self.sim, |agent, now| {
                agent.answer(ringing, Answer { body, ..Answer::default() }, now).unwrap();
            });
            self.run(SECOND);
        }
        self.carrier.act(&self.sim, |agent, now| agent.hang_up(call, None, now).unwrap());
        self.run(SECOND);
    }

    fn subscriptions(&self) -> usize {
        self.edge.edge.signalling_in_use().subscriptions
    }
}

fn shown(documents: &[(u32, Option<u32>, Option<String>)]) -> Vec<(u32, Option<u32>, Option<&str>)> {
    documents.iter().map(|(version, dialog, state)| (*version, *dialog, state.as_deref())).collect()
}

/// RFC 4235 §3.7.2, §4.1: who watches an extension is told at once that nobody talks, then of each call that it rings, that it is
/// answered and that it is over, in documents that count up by one.
#[test]
fn a_lamp_follows_the_calls_of_the_watched() {
    let mut scene = Scene::new();
    scene.alice.watch(&scene.sim, "4102", "dialog", 3600 * SECOND);
    scene.run(SECOND);
    assert_eq!(shown(&scene.alice.documents()), [(0, None, None)]);
    scene.call_bob(true);
    let first = [
        (0, None, None),
        (1, Some(1), Some("early")),
        (2, Some(1), Some("confirmed")),
        (3, Some(1), Some("terminated")),
    ];
    assert_eq!(shown(&scene.alice.documents()), first);
    scene.call_bob(false);
    let second = [(4, Some(2), Some("early")), (5, Some(2), Some("terminated"))];
    assert_eq!(shown(&scene.alice.documents())[4..], second);
    assert!(scene.bob.notices().is_empty(), "only who asked is told");
}

/// RFC 6665 §4.2.1.2: a subscription is refreshed before it runs out, and the whole state comes again: a call that has ended is in it no
/// more.
#[test]
fn a_lamp_is_told_again_when_it_is_refreshed() {
    let mut scene = Scene::new();
    scene.alice.watch(&scene.sim, "4102", "dialog", 120 * SECOND);
    scene.run(SECOND);
    scene.call_bob(true);
    let before = scene.alice.documents().len();
    scene.run(120 * SECOND);
    let documents = scene.alice.documents();
    assert!(documents.len() > before, "{documents:?}");
    assert!(
        documents[before..].iter().all(|(_, dialog, state)| (dialog, state) == (&None, &None)),
        "{documents:?}"
    );
    assert!((0..).zip(&documents).all(|(count, (version, ..))| *version == count), "{documents:?}");
    assert_eq!(scene.subscriptions(), 1);
}

/// RFC 6665 §4.2.1.3: who withdraws a subscription gets a last NOTIFY and then nothing, whatever the watched does.
#[test]
fn a_lamp_that_is_withdrawn_stays_dark() {
    let mut scene = Scene::new();
    let lamp = scene.alice.watch(&scene.sim, "4102", "dialog", 3600 * SECOND);
    scene.run(SECOND);
    scene.sim.trace.clear();
    scene.alice.act(&scene.sim, |agent, now| agent.unsubscribe(lamp, now).unwrap());
    scene.run(SECOND);
    assert_eq!(scene.sim.ladder().matches("NOTIFY sip:").count(), 1, "{}", scene.sim.ladder());
    assert_eq!(scene.subscriptions(), 0);
    let over = ua::Event::SubscriptionEnded { subscription: lamp, cause: SubscriptionEnd::Ended };
    assert_eq!(format!("{:?}", scene.alice.events.last()), format!("{:?}", Some(over)));
    scene.sim.trace.clear();
    scene.call_bob(true);
    assert_eq!(scene.sim.ladder().matches("NOTIFY sip:").count(), 0, "{}", scene.sim.ladder());
}

/// RFC 6665 §4.2.2: a phone that goes away without a word is forgotten when its time is over.
#[test]
fn a_lamp_that_nobody_refreshes_goes_out() {
    let mut scene = Scene::new();
    scene.alice.watch(&scene.sim, "4102", "dialog", 60 * SECOND);
    scene.run(SECOND);
    assert_eq!(scene.subscriptions(), 1);
    let Scene { sim, edge, bob, carrier, .. } = &mut scene;
    sim.run_for(&mut [edge, bob, carrier], 100 * SECOND);
    assert_eq!(edge.edge.signalling_in_use().subscriptions, 0);
    let before = scene.alice.notices().len();
    scene.call_bob(true);
    assert_eq!(scene.alice.notices().len(), before);
}

/// Only a phone that holds a registration may watch; who talks to whom is nobody else's business, carriers included. An address without
/// phones is not found, and what the edge does not know it refuses (RFC 6665 §8.3.2).
#[test]
fn not_everybody_may_watch() {
    let mut scene = Scene::new();
    let mut stranger = Peer::new(&scene.sim, "stranger", "192.0.2.66:5060");
    scene.carrier.watch(&scene.sim, "4102", "dialog", 3600 * SECOND);
    stranger.watch(&scene.sim, "4102", "dialog", 3600 * SECOND);
    scene.alice.watch(&scene.sim, "4199", "dialog", 3600 * SECOND);
    scene.alice.watch(&scene.sim, "4102", "presence", 3600 * SECOND);
    let Scene { sim, edge, alice, carrier, .. } = &mut scene;
    sim.run_for(&mut [edge, alice, carrier, &mut stranger], SECOND);
    assert_eq!((scene.carrier.refusals(), stranger.refusals()), (vec![403], vec![403]));
    let mut refusals = scene.alice.refusals();
    refusals.sort_unstable();
    assert_eq!(refusals, [404, 489]);
    assert_eq!(scene.subscriptions(), 0);
    scene.call_bob(true);
    assert!(
        scene.carrier.notices().is_empty()
            && stranger.notices().is_empty()
            && scene.alice.notices().is_empty()
    );
}

/// ES-25: who sends with the address and port of a registered phone has not proved to be it: it is asked for the password, and told
/// nothing of any call.
#[test]
fn the_address_of_a_phone_is_not_enough_to_watch() {
    let mut scene = Scene::new();
    scene.alice.watch_as(&scene.sim, "4102", "dialog", 3600 * SECOND, None);
    scene.alice.watch_as(
        &scene.sim,
        "alice",
        "message-summary",
        3600 * SECOND,
        Some(credentials("alice", "guess")),
    );
    scene.run(SECOND);
    assert_eq!((scene.alice.refusals(), scene.subscriptions()), (vec![401, 401], 0));
    scene.call_bob(true);
    assert!(scene.alice.notices().is_empty());
}

/// RFC 3842 §5.2: a message lamp is told its state at once. The edge keeps no messages: none wait.
#[test]
fn a_message_lamp_is_told_that_nothing_waits() {
    let mut scene = Scene::new();
    scene.alice.watch(&scene.sim, "alice", "message-summary", 3600 * SECOND);
    scene.run(SECOND);
    let notices = scene.alice.notices();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(notice.header(HeaderName::ContentType), Some(&b"application/simple-message-summary"[..]));
    assert_eq!(notice.header(HeaderName::Event), Some(&b"message-summary"[..]));
    assert_eq!(notice.body(), b"Messages-Waiting: no\r\n");
}

/// Lamps are bounded like everything a peer can make the edge remember; one more is refused with 503, and those there go on.
#[test]
fn lamps_are_bounded() {
    let mut scene = Scene::new();
    scene.edge = EdgeNode::with(&scene.sim, |config| config.ua.limits.subscriptions = 2);
    scene.alice.register(&scene.sim, "wonderland");
    scene.bob.register(&scene.sim, "builder");
    scene.run(SECOND);
    for _ in 0..3 {
        scene.alice.watch(&scene.sim, "4102", "dialog", 3600 * SECOND);
        scene.run(SECOND);
    }
    assert_eq!((scene.alice.refusals(), scene.subscriptions()), (vec![503], 2));
    let before = scene.alice.notices().len();
    scene.call_bob(true);
    assert_eq!(scene.alice.notices().len(), before + 2 * 3, "both lamps are told");
}
