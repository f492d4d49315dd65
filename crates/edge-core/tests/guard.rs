//! The guard: enumeration, guessing, floods, fraud.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use edge_core::guard::{
    Allowed, Attempt, Budget, Code, Config, Destination, DestinationRule, Fraud, FraudLimits, FraudRefusal,
    Guard, Relation, Verdict,
};
use edge_core::registrar;
use sip_trunk::Seed;
use sip_trunk::endpoint::Source;
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::Rate;
use support::{Bench, REALM, Register, account, authorization, digest_client, source};
use telco_model::value::{PhoneId, TrunkId};

fn bench() -> Bench {
    Bench::new(registrar::Config::new(REALM), &[account("alice", &[])])
}

/// What the edge answers to this REGISTER from a stranger.
fn knock(bench: &mut Bench, request: &Message) -> Option<Message> {
    let (relation, now) = (Relation::Stranger, bench.now);
    match bench.guard.admit(request, &bench.from, relation, false, now) {
        Verdict::Prove => {
            let proved = bench.guard.prove(&mut bench.registrar, request, &bench.from, relation, false, now);
            let reply = proved.map(|proved| bench.registrar.register(request, &bench.from, &proved, now));
            Some(reply.unwrap_or_else(|challenge| challenge).into_message().unwrap())
        }
        Verdict::Serve | Verdict::Context | Verdict::Refuse(_) => panic!("strangers are not served"),
        Verdict::Silence => None,
    }
}

/// A REGISTER with credentials; the challenge is fetched first.
fn guess(bench: &mut Bench, username: &str, password: &str) -> Option<Message> {
    let plain = Register::ALICE.draft();
    let challenge = knock(bench, &plain.clone().into_message().unwrap())?;
    let value = authorization(&mut digest_client(username, password), &challenge, "REGISTER");
    knock(bench, &plain.header(HeaderName::Authorization, value).into_message().unwrap())
}

fn codes(guard: &mut Guard) -> Vec<Code> {
    std::iter::from_fn(|| guard.poll_event()).map(|event| event.code).collect()
}

/// ES-14: an unknown user and a wrong password get the same answer to the byte, except for what is random in it. A disabled account
/// is compiled out and so is an unknown user.
#[test]
fn nobody_learns_which_accounts_exist() {
    let answer = |username: &str, password: &str| {
        let answer = guess(&mut bench(), username, password).unwrap();
        let text = String::from_utf8(answer.as_bytes().to_vec()).unwrap();
        let random = |line: &&str| !line.starts_with("WWW-Authenticate") && !line.starts_with("To:");
        let lines: Vec<_> = text.lines().filter(random).map(str::to_owned).collect();
        (answer.status(), text.len(), lines, answer.values(HeaderName::WwwAuthenticate).count())
    };
    let wrong = answer("alice", "guess");
    assert_eq!(wrong.0, Some(401));
    assert_eq!(answer("mallory", "guess"), wrong);
    assert_eq!(answer("alice", "alice-secret").0, Some(200));
}

/// ES-14: the time an answer takes tells neither. Medians of many runs, in turns, within a generous factor: both compute a digest.
#[test]
#[allow(clippy::disallowed_methods, reason = "real time is what is measured")]
fn the_time_of_an_answer_tells_nothing() {
    let mut bench = bench();
    let plain = Register::ALICE.draft();
    let challenge = bench.send(&plain.clone().into_message().unwrap());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..2000 {
        for (user, times) in ["alice", "nobody"].into_iter().zip(&mut times) {
            let value = authorization(&mut digest_client(user, "guess"), &challenge, "REGISTER");
            let request = plain.clone().header(HeaderName::Authorization, value).into_message().unwrap();
            let start = Instant::now();
            assert_eq!(bench.send(&request).status(), Some(401));
            times.push(start.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_nanos()
    });
    assert!(known * 10 < unknown * 15 && unknown * 10 < known * 15, "{known} ns and {unknown} ns");
}

/// ES-15: OPTIONS and unknown methods of strangers meet silence; peers and phones get an answer. In silent mode nothing of a
/// stranger is answered. Known scanners meet silence whatever they send.
#[test]
fn strangers_meet_silence() {
    let now = telco_testkit::Clock::new().now();
    let request = |method: &str, agent: &str| {
        Draft::request(&Method::parse(method.as_bytes()).unwrap(), "sip:100@192.0.2.10")
            .header(HeaderName::UserAgent, agent)
            .into_message()
            .unwrap()
    };
    let from = source("203.0.113.9:5062");
    let mut guard = Guard::new(Config::default(), Seed([2; 32]), now);
    let mut ask = |method, agent, relation| guard.admit(&request(method, agent), &from, relation, false, now);
    assert_eq!(ask("OPTIONS", "x", Relation::Stranger), Verdict::Silence);
    assert_eq!(ask("FOO", "x", Relation::Stranger), Verdict::Silence);
    assert_eq!(ask("INVITE", "friendly-scanner", Relation::Stranger), Verdict::Silence);
    assert_eq!(ask("REGISTER", "x", Relation::Stranger), Verdict::Prove);
    assert_eq!(ask("OPTIONS", "friendly-scanner", Relation::Trunk(TrunkId::labelled("a"))), Verdict::Serve);
    assert_eq!(ask("OPTIONS", "x", Relation::Phone(PhoneId::labelled("a"))), Verdict::Serve);
    assert_eq!(codes(&mut guard), [Code::RequestNotAllowed, Code::RequestNotAllowed, Code::Scanner]);

    let mut silent = Guard::new(Config { silent: true, ..Config::default() }, Seed([2; 32]), now);
    for method in ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "FOO"] {
        let verdict = silent.admit(&request(method, "x"), &from, Relation::Stranger, false, now);
        assert_eq!(verdict, Verdict::Silence, "{method}");
    }
}

/// ES-16: a list of 10,000 passwords with the right one in it at place 5,000 ends at the eighth guess; the right one proves
/// nothing any more, and the event is raised once.
#[test]
fn guessing_ends_before_the_twentieth_guess() {
    let mut bench = bench();
    bench.guard.apply(Config {
        per_stranger: Rate { events: 100_000, per: Duration::from_secs(1) },
        ..Config::default()
    });
    let mut tried = 0;
    let mut found = false;
    for at in 0..10_000 {
        bench.now += Duration::from_millis(5);
        let password = if at == 5_000 { "alice-secret".to_owned() } else { format!("guess-{at}") };
        let plain = Register::ALICE.draft();
        let challenge = bench.send(&plain.clone().into_message().unwrap());
        let value = authorization(&mut digest_client("alice", &password), &challenge, "REGISTER");
        let request = plain.header(HeaderName::Authorization, value).into_message().unwrap();
        let answer = knock(&mut bench, &request).unwrap();
        tried += u32::from(bench.guard.stats().locked == 0);
        found |= answer.status() == Some(200);
    }
    assert!(!found && tried < 20, "{tried} guesses counted");
    let codes = codes(&mut bench.guard);
    assert_eq!(codes.iter().filter(|code| **code == Code::AuthLocked).count(), 1);
    assert!(codes.contains(&Code::AuthWhileLocked));

    // The owner of the account is let in at an address that proved it before, and everywhere once the lock has ended.
    bench.now += Duration::from_secs(300);
    assert_eq!(guess(&mut bench, "alice", "alice-secret").unwrap().status(), Some(200));
}

/// ES-16: a guesser at other addresses does not log the owner out.
#[test]
fn an_attack_on_an_account_leaves_its_phone_alone() {
    let mut bench = bench();
    assert_eq!(guess(&mut bench, "alice", "alice-secret").unwrap().status(), Some(200));
    for host in 0..60u8 {
        bench.from = source(&format!("203.0.113.{host}:5060"));
        for _ in 0..3 {
            guess(&mut bench, "alice", "guess");
        }
    }
    let elsewhere = guess(&mut bench, "alice", "alice-secret").unwrap();
    assert_eq!(elsewhere.status(), Some(401), "the account is under attack");
    bench.from = source("192.0.2.20:5060");
    let again = Register { cseq: 9, ..Register::ALICE }.draft();
    let challenge = knock(&mut bench, &again.clone().into_message().unwrap()).unwrap();
    let value = authorization(&mut digest_client("alice", "alice-secret"), &challenge, "REGISTER");
    let answer = knock(&mut bench, &again.header(HeaderName::Authorization, value).into_message().unwrap());
    assert_eq!(answer.unwrap().status(), Some(200), "its phone is not");
}

/// ES-17: a million spoofed sources; the tables stay at their bound, and most of the flood is met with silence.
#[test]
fn a_million_spoofed_sources_leave_memory_flat() {
    let mut bench = bench();
    let request = Register::ALICE.draft().into_message().unwrap();
    let (mut answered, mut most) = (0, 0);
    let info = allocation_counter::measure(|| {
        for address in 0..1_000_000u32 {
            // 20,000 a second.
            bench.now += Duration::from_micros(50);
            let remote = (Ipv4Addr::from(0x0b00_0000 + address), 5060).into();
            let from = Source { remote, ..source("11.0.0.0:5060") };
            let verdict = bench.guard.admit(&request, &from, Relation::Stranger, false, bench.now);
            answered += u32::from(verdict == Verdict::Prove);
            most = most.max(bench.guard.stats().remembered);
            while bench.guard.poll_event().is_some() {}
        }
    });
    assert!(most <= 100_000, "{most} entries");
    // 50 s at 500 a second, and the first burst.
    assert!(answered <= 50 * 500 + 500, "{answered} challenged");
    assert!(info.bytes_max < 40 << 20, "{} bytes at most", info.bytes_max);
}

/// ES-17: one source and one account each have their own bucket; a flood of strangers does not touch those who are known.
#[test]
fn known_sources_are_not_part_of_the_flood() {
    let mut bench = bench();
    assert_eq!(guess(&mut bench, "alice", "alice-secret").unwrap().status(), Some(200));
    let phone = bench.from.clone();
    let request = Register::ALICE.draft().into_message().unwrap();
    let mut served = 0;
    for round in 0..20_000u32 {
        bench.now += Duration::from_micros(50);
        let remote = (Ipv4Addr::from(0x0b00_0000 + round), 5060).into();
        let from = Source { remote, ..phone.clone() };
        bench.guard.admit(&request, &from, Relation::Stranger, false, bench.now);
        if round % 2000 == 0 {
            served += u32::from(
                bench.guard.admit(&request, &phone, Relation::Stranger, false, bench.now) == Verdict::Prove,
            );
        }
    }
    assert_eq!(served, 10);
    let burst = (0..100).filter(|_| {
        bench.guard.admit(&request, &phone, Relation::Stranger, false, bench.now) == Verdict::Prove
    });
    assert_eq!(burst.count(), 40, "and one known source has a bound of its own");
}

/// ES-44: who has proved nothing and calls an emergency number has rates of its own, a source and in all; others of that kind, and
/// whoever has proved an account, are not held back by it.
#[test]
fn strangers_do_not_skip_every_rate_with_an_emergency_number() {
    let mut bench = bench();
    let call = Draft::request(&Method::Invite, format!("sip:911@{REALM}")).into_message().unwrap();
    let now = bench.now;
    let mut calls = |from: &Source, relation, count: usize| {
        (0..count).filter(|_| bench.guard.admit(&call, from, relation, true, now) != Verdict::Silence).count()
    };
    let phone = Relation::Phone(PhoneId::from_u128(1));
    let at = |n: u8| source(&format!("198.51.100.{n}:5060"));
    assert_eq!(calls(&at(1), Relation::Stranger, 100), 10);
    assert_eq!(calls(&at(2), Relation::Stranger, 4), 4, "somebody else has called too much");
    let all: usize = (3..60).map(|n| calls(&at(n), Relation::Stranger, 10)).sum();
    assert_eq!(all, 200 - 14);
    assert_eq!(calls(&at(1), phone, 1000), 1000);
}

/// ES-44: an emergency call passes rates, silence and a lock; its password must still be right.
#[test]
fn emergency_calls_pass_rates_and_locks() {
    let mut bench = bench();
    bench.guard.apply(Config {
        silent: true,
        per_stranger: Rate { events: 0, per: Duration::from_secs(1) },
        ..Config::default()
    });
    let call = Draft::request(&Method::Invite, format!("sip:911@{REALM}")).into_message().unwrap();
    let (from, now) = (bench.from.clone(), bench.now);
    assert_eq!(bench.guard.admit(&call, &from, Relation::Stranger, false, now), Verdict::Silence);
    assert_eq!(bench.guard.admit(&call, &from, Relation::Stranger, true, now), Verdict::Prove);

    let prove = |bench: &mut Bench, password: &str, emergency| {
        let plain = Register::ALICE.draft();
        let challenge = bench.send(&plain.clone().into_message().unwrap());
        let value = authorization(&mut digest_client("alice", password), &challenge, "REGISTER");
        let request = plain.header(HeaderName::Authorization, value).into_message().unwrap();
        let relation = Relation::Stranger;
        bench.guard.prove(&mut bench.registrar, &request, &from, relation, emergency, now).is_ok()
    };
    for _ in 0..10 {
        prove(&mut bench, "guess", false);
    }
    assert!(!prove(&mut bench, "alice-secret", false), "locked out");
    assert!(!prove(&mut bench, "guess", true) && prove(&mut bench, "alice-secret", true));

    let limits = FraudLimits {
        organization: Budget { calls: Some(0), minutes: Some(0), new_calls: None },
        destinations: vec![rule(Destination::Prefix(String::new()), Allowed::Never)],
        ..FraudLimits::default()
    };
    let mut fraud = Fraud::new(limits, now);
    assert_eq!(fraud.admit(&Attempt { emergency: true, ..attempt("911") }, now), Ok(None));
    assert_eq!(fraud.admit(&attempt("911"), now), Err(FraudRefusal::Destination));
}

/// ES-29 at this layer: a stranger's datagram is not answered with more than it brought, as long as one challenge fits.
#[test]
fn a_challenge_is_no_longer_than_what_it_answers() {
    let mut bench = bench();
    let request =
        Register { headers: &[("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")], ..Register::ALICE };
    let request = request.draft().into_message().unwrap();
    let answer = knock(&mut bench, &request).unwrap();
    assert!(answer.as_bytes().len() <= request.as_bytes().len());
    assert_eq!(answer.values(HeaderName::WwwAuthenticate).count(), 1);
    guess(&mut bench, "alice", "alice-secret");
    let answer = knock(&mut bench, &request).unwrap();
    assert_eq!(answer.values(HeaderName::WwwAuthenticate).count(), 2, "once known, both");
}

/// ES-45: a flood of one event from one source becomes five lines, and a summary says how many were left out.
#[test]
fn the_event_stream_is_thinned_and_says_so() {
    let mut bench = bench();
    let from = bench.from.clone();
    for _ in 0..1000 {
        bench.guard.tell(Code::AclDenied, &from, None, None, bench.now);
    }
    assert_eq!(codes(&mut bench.guard), [Code::AclDenied; 5]);
    let at = bench.guard.next_timeout().unwrap().at;
    bench.guard.handle_timeout(at);
    let summary = bench.guard.poll_event().unwrap();
    assert_eq!((summary.code, summary.count), (Code::EventsSuppressed, 995));
}

fn rule(destination: Destination, allowed: Allowed) -> DestinationRule {
    DestinationRule { destination, allowed }
}

fn attempt(destination: &str) -> Attempt<'_> {
    let local = "2026-03-02T10:00:00".parse().unwrap();
    Attempt { account: 7, destination, classification: Some("National"), emergency: false, local }
}

/// ES-43: calls at once and per second, for all and for each account.
#[test]
fn fraud_budgets_bound_calls() {
    let now = telco_testkit::Clock::new().now();
    let limits = FraudLimits {
        organization: Budget { calls: Some(3), ..Budget::default() },
        account: Budget {
            calls: Some(2),
            new_calls: Some(Rate { events: 3, per: Duration::from_secs(60) }),
            minutes: None,
        },
        destinations: Vec::new(),
    };
    let mut fraud = Fraud::new(limits, now);
    let other = Attempt { account: 8, ..attempt("+1") };
    let first = fraud.admit(&attempt("+1"), now).unwrap().unwrap();
    assert!(fraud.admit(&attempt("+1"), now).is_ok());
    assert_eq!(fraud.admit(&attempt("+1"), now), Err(FraudRefusal::Calls));
    assert!(fraud.admit(&other, now).is_ok());
    assert_eq!(fraud.admit(&other, now), Err(FraudRefusal::Calls), "three in all");
    fraud.ended(first, now);
    let again = fraud.admit(&attempt("+1"), now).unwrap().unwrap();
    fraud.ended(again, now);
    assert_eq!(fraud.admit(&attempt("+1"), now), Err(FraudRefusal::Rate), "the fourth in a minute");
    assert_eq!(fraud.calls(), 2);
}

/// ES-43: the call that uses up the minutes is cut at that moment, and no other begins; a new day gives new minutes.
#[test]
fn fraud_minutes_cut_within_the_call() {
    let start = telco_testkit::Clock::new().now();
    let minutes = |minutes| FraudLimits {
        account: Budget { minutes: Some(minutes), ..Budget::default() },
        ..FraudLimits::default()
    };
    let mut fraud = Fraud::new(minutes(10), start);
    let calls: Vec<_> = (0..2).map(|_| fraud.admit(&attempt("+1"), start).unwrap().unwrap()).collect();
    assert_eq!(fraud.next_timeout(), None, "ringing costs nothing");
    calls.iter().for_each(|call| fraud.connected(*call, start));
    let at = fraud.next_timeout().unwrap().at;
    assert_eq!(at, start + Duration::from_secs(300), "two calls use ten minutes in five");
    assert!(fraud.handle_timeout(at - Duration::from_secs(1)).is_empty());
    assert_eq!(fraud.handle_timeout(at), calls);
    assert_eq!(fraud.admit(&attempt("+1"), at), Err(FraudRefusal::Minutes));
    assert!(fraud.admit(&attempt("+1"), start + Duration::from_secs(86_400)).is_ok());
}

/// ES-43: destinations and hours. The first rule that fits decides.
#[test]
fn fraud_rules_bound_destinations_and_hours() {
    let now = telco_testkit::Clock::new().now();
    let hours = Allowed::WorkingHours { from: 8 * 60, until: 18 * 60 };
    let destinations = vec![
        rule(Destination::Prefix("+52".into()), Allowed::Always),
        rule(Destination::Prefix("+882".into()), Allowed::Never),
        rule(Destination::Class("international".into()), hours),
    ];
    let mut fraud = Fraud::new(FraudLimits { destinations, ..FraudLimits::default() }, now);
    let mut check = |destination, local: &str, expected: Result<(), FraudRefusal>| {
        let classification = Some("International");
        let attempt = Attempt { classification, local: local.parse().unwrap(), ..attempt(destination) };
        assert_eq!(fraud.admit(&attempt, now).map(|_| ()), expected, "{destination} at {local}");
    };
    check("+528155550100", "2026-03-01T03:00:00", Ok(()));
    check("+88213300000", "2026-03-02T10:00:00", Err(FraudRefusal::Destination));
    check("+442079460018", "2026-03-02T08:00:00", Ok(()));
    check("+442079460018", "2026-03-02T18:00:00", Err(FraudRefusal::Hours));
    check("+442079460018", "2026-03-01T10:00:00", Err(FraudRefusal::Hours)); // a Sunday
}
