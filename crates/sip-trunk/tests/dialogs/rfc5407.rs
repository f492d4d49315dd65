//! RFC 5407 §3: every race condition between two user agents, each drawn in the ladder that bears its number.
//!
//! The callee of these flows is called by its first name in the RFC too: Bob.

use sip_trunk::ua::{Event, SessionId};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, lab, millis, sdp, seconds};

struct Race {
    sim: Sim,
    alice: Phone,
    bob: Phone,
    /// Alice's side of the call.
    session: SessionId,
}

impl Race {
    /// Alice's INVITE has arrived, and Bob rings.
    fn ringing() -> Self {
        Self::ringing_with(|_| {})
    }

    fn ringing_with(adjust: impl FnOnce(&mut sip_trunk::ua::Invite)) -> Self {
        let mut sim = lab();
        let plain = |config: &mut sip_trunk::ua::UaConfig| config.reliable = sip_trunk::ua::Reliable::Never;
        let mut alice = Phone::with(&sim, "alice", ALICE, plain);
        let mut bob = Phone::with(&sim, "bob", BOB, plain);
        let mut invite = alice.invitation(&bob);
        adjust(&mut invite);
        let session = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
        sim.run_for(&mut [&mut alice, &mut bob], millis(100));
        bob.ring(&sim);
        sim.run_for(&mut [&mut alice, &mut bob], millis(900));
        Self { sim, alice, bob, session }
    }

    /// The call is answered and acknowledged.
    fn established() -> Self {
        let mut race = Self::ringing();
        race.bob.answer(&race.sim);
        race.run(millis(1000));
        race.alice.news();
        race.bob.heard.clear();
        race
    }

    fn run(&mut self, span: std::time::Duration) {
        self.sim.run_for(&mut [&mut self.alice, &mut self.bob], span);
    }

    fn lose_from_alice(&mut self, count: u32) {
        self.sim.net.drop_next(self.alice.at.ip(), self.bob.at.ip(), count);
    }

    fn finish(&mut self, alice: &[&str], bob: &[&str], ladder: &telco_testkit::ExpectFile) {
        self.sim.run_until_idle(&mut [&mut self.alice, &mut self.bob], MINUTES);
        check_ladder(&self.sim, ladder);
        assert_eq!((&self.alice.heard[..], &self.bob.heard[..]), (&strings(alice)[..], &strings(bob)[..]));
        assert!(self.alice.is_idle() && self.bob.is_idle(), "nothing is left");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// RFC 5407 §3.1.1: a repeat of the INVITE that arrives after the 200 is no new call.
#[test]
fn s3_1_1_a_repeated_invite_meets_the_moratorium() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut bob = Phone::new(&sim, "bob", BOB).answering();
    let session = alice.call(&sim, &bob);
    sim.net.drop_next(bob.at.ip(), alice.at.ip(), 2);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(3));
    alice.hang_up(&sim, session);
    let mut race = Race { sim, alice, bob, session };
    race.finish(
        &["answered 200", "ended: HungUp"],
        &["incoming call", "confirmed", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_1.txt"],
    );
}

/// RFC 5407 §3.1.2: CANCEL crosses the 200; both are answered, and the session is ended with BYE.
#[test]
fn s3_1_2_cancel_meets_the_moratorium() {
    let mut race = Race::ringing();
    race.alice.hang_up(&race.sim, race.session);
    race.bob.answer(&race.sim);
    race.finish(
        &["progress 180", "ended: HungUp"],
        &["incoming call", "confirmed", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_2.txt"],
    );
}

/// RFC 5407 §3.1.3: a BYE of the early state crosses the 200. We never send such a BYE, so it is written by hand.
#[test]
fn s3_1_3_early_bye_meets_the_moratorium() {
    let mut race = Race::ringing();
    let dialog = race.alice.agent.session(race.session).and_then(|session| session.dialog()).unwrap();
    let bye = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bKearly\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
        dialog.target(),
        dialog.local(),
        dialog.remote(),
        dialog.call_id()
    );
    race.sim.send(race.alice.at, race.bob.at, bye.into_bytes());
    race.bob.answer(&race.sim);
    race.run(seconds(3));
    // Alice's agent did not send that BYE, and still believes in the call.
    race.alice.hang_up(&race.sim, race.session);
    race.finish(
        &["progress 180", "answered 200", "ended: HungUp"],
        &["incoming call", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_3.txt"],
    );
}

/// RFC 5407 §3.1.4: the ACK is lost, and a re-INVITE arrives first: it is taken, and both 200 are acknowledged.
#[test]
fn s3_1_4_reinvite_meets_the_moratorium_after_the_answer() {
    let mut race = Race::ringing();
    race.bob.answer(&race.sim);
    race.run(millis(15));
    race.lose_from_alice(1);
    race.run(millis(15));
    let session = race.session;
    race.alice.act(&race.sim, |agent, now| agent.reinvite(session, sdp("hold"), Vec::new(), now)).unwrap();
    race.run(millis(100));
    let callee = race.bob.incoming();
    race.bob.act(&race.sim, |agent, now| agent.answer_offer(callee, sdp("held"), Vec::new(), now)).unwrap();
    race.run(seconds(3));
    race.alice.hang_up(&race.sim, session);
    race.finish(
        &["progress 180", "answered 200", "offer answered 200", "ended: HungUp"],
        &["incoming call", "offer by Reinvite", "confirmed", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_4.txt"],
    );
}

/// RFC 5407 §3.1.5: the same with the offer in the 200: the re-INVITE meets an offer without answer, and gets 491.
#[test]
fn s3_1_5_reinvite_meets_the_moratorium_before_the_answer() {
    let mut race = Race::ringing_with(|invite| invite.body = None);
    race.bob.answer(&race.sim);
    race.run(millis(30));
    race.lose_from_alice(1);
    let (session, callee) = (race.session, race.bob.incoming());
    race.alice
        .act(&race.sim, |agent, now| agent.answer_offer(session, sdp("late"), Vec::new(), now))
        .unwrap();
    race.run(millis(10));
    race.alice.act(&race.sim, |agent, now| agent.reinvite(session, sdp("hold"), Vec::new(), now)).unwrap();
    race.run(seconds(5));
    race.bob.act(&race.sim, |agent, now| agent.answer_offer(callee, sdp("held"), Vec::new(), now)).unwrap();
    race.run(seconds(1));
    race.alice.hang_up(&race.sim, session);
    race.finish(
        &["progress 180", "answered 200", "offer answered 200", "ended: HungUp"],
        &["incoming call", "confirmed", "offer by Reinvite", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_5.txt"],
    );
}

/// RFC 5407 §3.1.6: the ACK is lost and BYE overtakes its repeat: the repeated 200 brings no session back.
#[test]
fn s3_1_6_bye_meets_the_moratorium() {
    let mut race = Race::ringing();
    race.bob.answer(&race.sim);
    race.run(millis(15));
    race.lose_from_alice(1);
    race.run(millis(480));
    race.alice.hang_up(&race.sim, race.session);
    race.finish(
        &["progress 180", "answered 200", "ended: HungUp"],
        &["incoming call", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_1_6.txt"],
    );
}

/// RFC 5407 §3.2.1: both hang up at once; both BYEs are answered 200.
#[test]
fn s3_2_1_bye_meets_bye() {
    let mut race = Race::established();
    let callee = race.bob.incoming();
    race.alice.hang_up(&race.sim, race.session);
    race.bob.hang_up(&race.sim, callee);
    race.finish(&["ended: HungUp"], &["ended: HungUp"], &expect_file!["ladders/rfc5407_3_2_1.txt"]);
}

/// RFC 5407 §3.2.2: a re-INVITE crosses BYE and gets 481.
#[test]
fn s3_2_2_reinvite_meets_the_mortal_state() {
    let mut race = Race::established();
    let callee = race.bob.incoming();
    race.alice.hang_up(&race.sim, race.session);
    race.bob.act(&race.sim, |agent, now| agent.reinvite(callee, sdp("hold"), Vec::new(), now)).unwrap();
    race.finish(&["ended: HungUp"], &["ended by BYE"], &expect_file!["ladders/rfc5407_3_2_2.txt"]);
}

/// RFC 5407 §3.2.3: the 200 to a re-INVITE arrives after our BYE: it is still acknowledged.
#[test]
fn s3_2_3_success_of_a_reinvite_meets_the_mortal_state() {
    let mut race = Race::established();
    let (session, callee) = (race.session, race.bob.incoming());
    race.bob.act(&race.sim, |agent, now| agent.reinvite(callee, sdp("hold"), Vec::new(), now)).unwrap();
    race.run(millis(20));
    race.alice
        .act(&race.sim, |agent, now| agent.answer_offer(session, sdp("held"), Vec::new(), now))
        .unwrap();
    race.bob.hang_up(&race.sim, callee);
    race.finish(
        &["offer by Reinvite", "ended by BYE"],
        &["ended: HungUp"],
        &expect_file!["ladders/rfc5407_3_2_3.txt"],
    );
}

/// RFC 5407 §3.2.4: the callee wants out before the ACK has come: its BYE waits for it (RFC 3261 §15).
#[test]
fn s3_2_4_ack_meets_the_mortal_state() {
    let mut race = Race::ringing();
    let callee = race.bob.answer(&race.sim);
    race.run(millis(30));
    race.bob.hang_up(&race.sim, callee);
    race.finish(
        &["progress 180", "answered 200", "ended by BYE"],
        &["incoming call", "ended: HungUp"],
        &expect_file!["ladders/rfc5407_3_2_4.txt"],
    );
}

/// RFC 5407 §3.3.1: two re-INVITEs cross; both get 491, the callee tries again within 2 s, the caller after 2.1 to 4 s.
#[test]
fn s3_3_1_reinvite_crosses_reinvite() {
    let mut race = Race::established();
    let (session, callee) = (race.session, race.bob.incoming());
    race.alice.act(&race.sim, |agent, now| agent.reinvite(session, sdp("hold"), Vec::new(), now)).unwrap();
    race.bob.act(&race.sim, |agent, now| agent.reinvite(callee, sdp("video"), Vec::new(), now)).unwrap();
    answer_offers(&mut race);
    race.alice.hang_up(&race.sim, session);
    race.finish(
        &["offer by Reinvite", "offer answered 200", "ended: HungUp"],
        &["offer answered 200", "offer by Reinvite", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_3_1.txt"],
    );
}

/// RFC 5407 §3.3.2: an UPDATE crosses a re-INVITE, with the same result.
#[test]
fn s3_3_2_update_crosses_reinvite() {
    let mut race = Race::established();
    let (session, callee) = (race.session, race.bob.incoming());
    race.alice.act(&race.sim, |agent, now| agent.update(session, sdp("hold"), Vec::new(), now)).unwrap();
    race.bob.act(&race.sim, |agent, now| agent.reinvite(callee, sdp("video"), Vec::new(), now)).unwrap();
    answer_offers(&mut race);
    race.alice.hang_up(&race.sim, session);
    race.finish(
        &["offer by Reinvite", "offer answered 200", "ended: HungUp"],
        &["offer answered 200", "offer by Update", "ended by BYE"],
        &expect_file!["ladders/rfc5407_3_3_2.txt"],
    );
}

/// RFC 5407 §3.3.3: a REFER crosses BYE and gets 481.
#[test]
fn s3_3_3_refer_meets_the_mortal_state() {
    let mut race = Race::established();
    let callee = race.bob.incoming();
    race.alice.hang_up(&race.sim, race.session);
    let refer = sip_trunk::ua::Refer::new("<sip:carol@192.0.2.3>");
    race.bob.act(&race.sim, |agent, now| agent.refer(callee, refer, now)).unwrap();
    race.finish(
        &["ended: HungUp"],
        &["ended by BYE", "transfer 481, finished"],
        &expect_file!["ladders/rfc5407_3_3_3.txt"],
    );
}

/// Both phones answer whatever is offered, for ten seconds.
fn answer_offers(race: &mut Race) {
    for _ in 0..100 {
        race.run(millis(100));
        for phone in [&mut race.alice, &mut race.bob] {
            let offered = phone.events.iter().find_map(|event| match event {
                Event::Offered { session, .. } => Some(*session),
                _ => None,
            });
            if let Some(session) = offered {
                phone.events.clear();
                phone.act(&race.sim, |agent, now| {
                    agent.answer_offer(session, sdp("agreed"), Vec::new(), now).unwrap();
                });
            }
        }
    }
}
