//! The registrar by RFC 3261 §10, RFC 5626, RFC 3327 and RFC 5627, message by message and as ladders.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::Duration;

use edge_core::registrar::{Cause, Change, Config, Event, Limits, Registrar, Status};
use sip_trunk::Seed;
use sip_trunk::header::Contact;
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::transport::{ConnectionId, Path};
use sip_trunk::uri::UriRef;
use support::{Bench, EDGE, EdgeNode, PhoneNode, Register, account, accounts, contacts, source, stream};
use telco_model::value::PhoneId;
use telco_testkit::{Sim, check_ladder, expect_file, label};

fn bench() -> Bench {
    Bench::new(Config::new(support::REALM), &[account("alice", &["4100"]), account("bob", &["4100"])])
}

fn header<'m>(answer: &'m Message, name: &str) -> &'m str {
    std::str::from_utf8(answer.header(name).unwrap_or_default()).unwrap()
}

/// EC-024: a binding with an expiry, refreshed under the same Call-ID, listed with what is left of it.
#[test]
fn a_contact_is_bound_refreshed_and_listed() {
    let mut bench = bench();
    let first = Register { headers: &[("Expires", "300")], ..Register::ALICE };
    assert_eq!(contacts(&bench.register(&first)), ["<sip:alice@192.0.2.20:5060>;expires=300"]);
    bench.now += Duration::from_secs(100);
    let fetch = Register { contacts: &[], cseq: 3, ..Register::ALICE };
    assert_eq!(contacts(&bench.register(&fetch)), ["<sip:alice@192.0.2.20:5060>;expires=200"]);
    let again = Register { cseq: 5, contacts: &["<sip:alice@192.0.2.20:5060>;expires=90"], ..first };
    assert_eq!(contacts(&bench.register(&again)), ["<sip:alice@192.0.2.20:5060>;expires=90"]);
    assert_eq!(bench.registrar.len(), 1);
    let changes: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Bound { change, .. } = event { Some(change) } else { None })
        .collect();
    assert_eq!(changes, [Change::Added, Change::Refreshed]);
}

/// EC-024: several contacts of one address, best q first; each may have its own lifetime.
#[test]
fn several_contacts_are_ranked_by_q() {
    let mut bench = bench();
    let contacts_of_alice = [
        "<sip:alice@192.0.2.20:5060>;q=0.5",
        "\"Desk\" <sip:alice@192.0.2.21;transport=tcp>;q=1.0;expires=120, <sip:alice@192.0.2.22>;q=0.25;expires=10000",
    ];
    let answer = bench.register(&Register { contacts: &contacts_of_alice, ..Register::ALICE });
    let expected = [
        "<sip:alice@192.0.2.21;transport=tcp>;expires=120",
        "<sip:alice@192.0.2.20:5060>;expires=600;q=0.500",
        "<sip:alice@192.0.2.22>;expires=3600;q=0.250",
    ];
    assert_eq!(contacts(&answer), expected);
    let order: Vec<_> = bench.registrar.contacts("alice").iter().map(|contact| contact.q()).collect();
    assert_eq!(order, [1000, 500, 250]);
}

/// EC-024, RFC 3261 §10.3 step 7: too brief an interval is refused with the shortest one allowed, and changes nothing.
#[test]
fn a_brief_interval_is_refused_as_a_whole() {
    let mut bench = bench();
    let brief = ["<sip:a@192.0.2.20>;expires=600", "<sip:b@192.0.2.20>;expires=59"];
    let answer = bench.register(&Register { contacts: &brief, ..Register::ALICE });
    assert_eq!((answer.status(), header(&answer, "Min-Expires")), (Some(423), "60"));
    assert!(bench.registrar.is_empty());
}

/// EC-024: a phone takes one contact back, or all of them with `*`.
#[test]
fn contacts_are_taken_back_one_by_one_and_all_at_once() {
    let mut bench = bench();
    bench.register(&Register { contacts: &["<sip:a@192.0.2.20>", "<sip:b@192.0.2.20>"], ..Register::ALICE });
    let one = Register { contacts: &["<sip:a@192.0.2.20>;expires=0"], cseq: 4, ..Register::ALICE };
    assert_eq!(contacts(&bench.register(&one)), ["<sip:b@192.0.2.20>;expires=600"]);
    let star = Register { contacts: &["*"], cseq: 6, ..Register::ALICE };
    assert_eq!(bench.register(&star).status(), Some(400), "* without Expires: 0");
    let mixed = Register {
        contacts: &["*", "<sip:c@192.0.2.20>"],
        headers: &[("Expires", "0")],
        cseq: 8,
        ..Register::ALICE
    };
    assert_eq!(bench.register(&mixed).status(), Some(400), "* beside a contact");
    let all = Register { headers: &[("Expires", "0")], cseq: 10, ..star };
    assert_eq!(contacts(&bench.register(&all)), [""; 0]);
    let phone = PhoneId::labelled("alice");
    assert_eq!(bench.registrar.status(phone), Status::Offline);
    assert!(bench.events().contains(&Event::Offline { phone, cause: Cause::Unregistered }));
}

/// RFC 3261 §10.3 steps 6 and 7: under one Call-ID an older request changes nothing; under another it does.
#[test]
fn an_older_request_changes_nothing() {
    let mut bench = bench();
    bench.register(&Register { cseq: 10, ..Register::ALICE });
    let old = Register { cseq: 10, contacts: &["<sip:alice@192.0.2.20:5060>;expires=0"], ..Register::ALICE };
    assert_eq!(bench.register(&old).status(), Some(500));
    let star = Register { cseq: 9, contacts: &["*"], headers: &[("Expires", "0")], ..Register::ALICE };
    assert_eq!(bench.register(&star).status(), Some(500));
    assert_eq!(bench.registrar.len(), 1);
    let restarted = Register { cseq: 1, call_id: "r2", ..old };
    assert_eq!(bench.register(&restarted).status(), Some(200));
    assert!(bench.registrar.is_empty());
}

/// RFC 3261 §10.3 step 4: an account registers its own lines and no other; two accounts may share a line.
#[test]
fn an_account_registers_its_own_lines_only() {
    let mut bench = bench();
    assert_eq!(bench.register(&Register { aor: "bob", ..Register::ALICE }).status(), Some(403));
    assert_eq!(bench.register(&Register { aor: "nobody", cseq: 3, ..Register::ALICE }).status(), Some(403));
    assert_eq!(bench.register(&Register { aor: "4100", cseq: 5, ..Register::ALICE }).status(), Some(200));
    bench.log_in("bob");
    bench.from = source("192.0.2.30:5060");
    bench.register(&Register {
        aor: "4100",
        call_id: "b1",
        contacts: &["<sip:bob@192.0.2.30>"],
        ..Register::ALICE
    });
    let phones: Vec<_> = bench.registrar.contacts("4100").iter().map(|contact| contact.phone()).collect();
    assert_eq!(phones, [PhoneId::labelled("bob"), PhoneId::labelled("alice")]);
}

#[test]
fn other_domains_and_unknown_extensions_are_refused() {
    let domains = vec!["edge.example".into()];
    let mut bench = Bench::new(Config { domains, ..Config::new(support::REALM) }, &[account("alice", &[])]);
    assert_eq!(bench.register(&Register::ALICE).status(), Some(404));
    let mut bench = self::bench();
    let answer = bench
        .register(&Register { headers: &[("Require", "path, foo"), ("Require", "bar")], ..Register::ALICE });
    assert_eq!((answer.status(), header(&answer, "Unsupported")), (Some(420), "foo, bar"));
}

/// ES-28: a contact that leads back to the edge would send calls in circles.
#[test]
fn a_contact_at_the_edge_itself_is_refused() {
    let own = vec![EDGE.parse().unwrap()];
    let mut bench = Bench::new(Config { own, ..Config::new(support::REALM) }, &[account("alice", &[])]);
    for (contact, status, cseq) in
        [("<sip:alice@192.0.2.10>", 403, 1), ("<sip:alice@192.0.2.10:5070>", 200, 3)]
    {
        let answer = bench.register(&Register { contacts: &[contact], cseq, ..Register::ALICE });
        assert_eq!(answer.status(), Some(status), "{contact}");
    }
}

/// EC-024: bounds of one address and of the whole. A phone pushes out its own oldest contact, never that of another.
#[test]
fn contacts_are_bounded() {
    let limits = Limits { contacts_per_aor: 2, contacts: 3, ..Limits::default() };
    let config = Config { limits, ..Config::new(support::REALM) };
    let mut bench = Bench::new(config, &[account("alice", &["4100"]), account("bob", &["4100"])]);
    for (contact, cseq) in [("<sip:1@192.0.2.20>", 1), ("<sip:2@192.0.2.20>", 3), ("<sip:3@192.0.2.20>", 5)] {
        bench.now += Duration::from_secs(1);
        let answer = bench.register(&Register { aor: "4100", contacts: &[contact], cseq, ..Register::ALICE });
        assert_eq!(answer.status(), Some(200));
    }
    let uris: Vec<_> =
        bench.registrar.contacts("4100").iter().map(|contact| contact.uri().to_owned()).collect();
    assert_eq!(uris, ["sip:3@192.0.2.20", "sip:2@192.0.2.20"]);
    bench.log_in("bob");
    let shared = Register { aor: "4100", contacts: &["<sip:b@192.0.2.30>"], call_id: "b", ..Register::ALICE };
    assert_eq!(bench.register(&shared).status(), Some(403));
    let own = Register { aor: "bob", contacts: &["<sip:b@192.0.2.30>"], call_id: "c", ..Register::ALICE };
    assert_eq!(bench.register(&own).status(), Some(200));
    let more =
        Register { aor: "bob", contacts: &["<sip:b2@192.0.2.30>"], call_id: "c", cseq: 4, ..Register::ALICE };
    let full = bench.register(&more);
    assert_eq!((full.status(), header(&full, "Retry-After")), (Some(503), "60"));
}

const INSTANCE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0004f2aabb01>\"";

/// RFC 5626 §6: an outbound binding is a flow, told by instance and reg-id; a new flow takes the place of the old.
#[test]
fn an_outbound_binding_is_a_flow() {
    let mut bench = bench();
    bench.from = stream("192.0.2.20:40001", 1);
    let flow =
        |id: u32, port: u16| format!("<sip:alice@192.0.2.20:{port};transport=tcp>;{INSTANCE};reg-id={id}");
    let (one, two) = (flow(1, 40001), flow(2, 40002));
    let via = "SIP/2.0/TCP 192.0.2.20:40001;branch=z9hG4bKr";
    let outbound = &[("Supported", "path, outbound, gruu")][..];
    let base = Register { via, headers: outbound, ..Register::ALICE };
    let answer = bench.register(&Register { contacts: &[&one], ..base.clone() });
    assert_eq!((header(&answer, "Require"), header(&answer, "Flow-Timer")), ("outbound", "120"));
    bench.from = stream("192.0.2.20:40002", 2);
    bench.register(&Register { contacts: &[&two], call_id: "r2", ..base.clone() });
    let flows: Vec<_> = bench
        .registrar
        .contacts("alice")
        .iter()
        .map(|contact| (contact.reg_id(), contact.target().flow))
        .collect();
    let at = |count| Some(Path::Stream(ConnectionId::accepted(count)));
    assert_eq!(flows, [(Some(2), at(2)), (Some(1), at(1))]);

    bench.from = stream("192.0.2.20:40003", 3);
    bench.register(&Register { contacts: &[&flow(1, 40003)], cseq: 5, ..base });
    assert_eq!(bench.registrar.len(), 2);
    bench.registrar.flow_lost(Path::Stream(ConnectionId::accepted(1)));
    assert_eq!(bench.registrar.len(), 2, "flow 1 is on connection 3 by now");
    bench.registrar.flow_lost(Path::Stream(ConnectionId::accepted(3)));
    bench.registrar.flow_lost(Path::Stream(ConnectionId::accepted(2)));
    let lost = Event::Offline { phone: PhoneId::labelled("alice"), cause: Cause::FlowLost };
    assert_eq!(bench.events().last(), Some(&lost));
}

/// RFC 5626 §6: what a first hop without flows breaks, and what is ignored.
#[test]
fn flows_need_a_first_hop_that_knows_them() {
    let config =
        Config { trusted_proxies: vec!["192.0.2.20".parse().unwrap()], ..Config::new(support::REALM) };
    let mut bench = Bench::new(config, &[account("alice", &[])]);
    bench.log_in("alice");
    let contact = format!("<sip:alice@192.0.2.20>;{INSTANCE};reg-id=1");
    let via = "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKp, SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKr";
    let behind = Register { via, contacts: &[&contact], ..Register::ALICE };
    let plain = &[("Supported", "path, outbound"), ("Path", "<sip:proxy.example;lr>")][..];
    assert_eq!(bench.register(&Register { headers: plain, ..behind.clone() }).status(), Some(439));
    let knows =
        &[("Supported", "path, outbound"), ("Path", "<sip:far.example;lr>, <sip:flow-7@near.example;lr;ob>")]
            [..];
    let answer = bench.register(&Register { headers: knows, cseq: 3, ..behind.clone() });
    assert_eq!((answer.status(), header(&answer, "Require")), (Some(200), "outbound"));
    // RFC 3327 §5.3: the path comes back in the answer, and requests take it.
    let path: Vec<_> = answer.values(HeaderName::Path).collect();
    assert_eq!(path, [&b"<sip:far.example;lr>"[..], b"<sip:flow-7@near.example;lr;ob>"]);
    let contacts = bench.registrar.contacts("alice");
    let target = contacts[0].target();
    assert_eq!((target.flow, target.route.len()), (None, 2));
    assert_eq!(&*target.route[0], "sip:far.example;lr");
    drop(contacts);

    let unsupported =
        bench.register(&Register { cseq: 5, headers: &[("Path", "<sip:proxy.example;lr>")], ..behind });
    assert_eq!((unsupported.status(), unsupported.header("Require")), (Some(200), None));
    let two = [&*contact, "<sip:alice@192.0.2.21>"];
    let answer = bench.register(&Register {
        contacts: &two,
        headers: &[("Supported", "outbound")],
        cseq: 7,
        ..Register::ALICE
    });
    assert_eq!(answer.status(), Some(400), "one flow, one contact");
}

/// RFC 5627 §5: both GRUUs lead to the instance; temporary ones of another Call-ID, or of a binding that is gone, do not.
#[test]
fn gruus_lead_to_one_instance() {
    let mut bench = bench();
    let contact = format!("<sip:alice@192.0.2.20>;{INSTANCE}");
    let base = Register { contacts: &[&contact], headers: &[("Supported", "gruu")], ..Register::ALICE };
    let gruus = |answer: &Message| {
        let contact = answer.all::<Contact<'_>>().next().unwrap().unwrap();
        let param = |name| contact.address().unwrap().params.get(name).unwrap().text().into_owned();
        (param("pub-gruu"), param("temp-gruu"))
    };
    let leads = |bench: &Bench, uri: &str| {
        let uri = UriRef::parse(uri.as_bytes()).unwrap().as_sip().unwrap();
        bench.registrar.resolve(&uri).iter().map(|contact| contact.uri().to_owned()).collect::<Vec<_>>()
    };
    let (public, first) = gruus(&bench.register(&base));
    assert_eq!(public, "sip:alice@voice.example;gr=urn:uuid:00000000-0000-1000-8000-0004f2aabb01");
    let (_, second) = gruus(&bench.register(&Register { cseq: 4, ..base.clone() }));
    assert_ne!(first, second);
    for gruu in [&public, &first, &second] {
        assert_eq!(leads(&bench, gruu), ["sip:alice@192.0.2.20"], "{gruu}");
    }
    let (_, third) = gruus(&bench.register(&Register { call_id: "r2", ..base.clone() }));
    assert_eq!((leads(&bench, &first).len(), leads(&bench, &third).len()), (0, 1));
    let forged = third.replace("sip:tgruu.", "sip:tgruu.0").replacen("@", "", 0);
    assert!(leads(&bench, &forged).is_empty() && leads(&bench, "sip:alice@voice.example").is_empty());
    bench.register(&Register { call_id: "r2", cseq: 9, headers: &[("Expires", "0")], ..base });
    assert!(leads(&bench, &third).is_empty() && leads(&bench, &public).is_empty());
}

/// A phone behind NAT is reached where its request came from; one that can only be reached where it says, there.
#[test]
fn requests_go_where_the_phone_can_hear_them() {
    let mut bench = bench();
    let asymmetric = "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKr";
    for (contact, via, by_flow, cseq) in [
        ("<sip:alice@10.0.0.7:5060>", asymmetric, true, 1),
        ("<sip:alice@192.0.2.20:5062>", asymmetric, false, 3),
        ("<sip:alice@192.0.2.20:5064>", Register::ALICE.via, true, 5),
    ] {
        bench.register(&Register { contacts: &[contact], via, cseq, ..Register::ALICE });
        let contacts = bench.registrar.contacts("alice");
        let bound = contacts.iter().find(|bound| contact.contains(bound.uri())).unwrap();
        assert_eq!(bound.target().flow.is_some(), by_flow, "{contact}");
    }
}

/// RFC 3327 §6.1: whatever a phone writes into its registration, calls for it go to where that came from and nowhere else; a proxy
/// between is believed when the configuration names it.
#[test]
fn nobody_registers_somebody_elses_address() {
    let one = "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKr";
    let two = "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKp, SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKr";
    let path = &[("Path", "<sip:203.0.113.1;lr>")][..];
    let carrier = "<sip:+19005551234@203.0.113.1>";
    let maddr = "<sip:alice@192.0.2.20;maddr=203.0.113.1>";
    for from in [source("192.0.2.20:5060"), stream("192.0.2.20:40001", 1)] {
        for (via, contact, headers) in [
            (one, carrier, &[][..]),
            (two, carrier, &[]),
            (two, "<sip:alice@127.0.0.1>", &[]),
            (two, maddr, &[]),
            (one, maddr, &[]),
            (two, "<sip:alice@192.0.2.20:5070>", path),
            (one, "<sip:alice@192.0.2.20:5070>", path),
        ] {
            let mut bench = bench();
            bench.from = from.clone();
            bench.register(&Register { via, contacts: &[contact], headers, ..Register::ALICE });
            let found = bench.registrar.contacts("alice");
            let target = found[0].target();
            assert_eq!((target.flow, target.otherwise), (Some(from.path), None), "{contact} {via}");
            drop(found);
            bench.registrar.flow_lost(from.path);
            let left = bench.registrar.contacts("alice").len();
            assert_eq!(left, usize::from(!from.path.is_reliable()), "{contact}");
        }
    }
    let config =
        Config { trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()], ..Config::new(support::REALM) };
    let mut bench = Bench::new(config, &[account("alice", &[])]);
    bench.log_in("alice");
    bench.register(&Register { via: two, contacts: &[carrier], headers: path, ..Register::ALICE });
    let found = bench.registrar.contacts("alice");
    assert_eq!((found[0].target().flow, found[0].target().otherwise), (None, Some("sip:203.0.113.1;lr")));
}

/// What was withdrawn from an account is withdrawn from its bindings; the rest stays.
#[test]
fn a_new_configuration_revokes_what_is_gone() {
    let mut bench = bench();
    bench.register(&Register::ALICE);
    bench.register(&Register {
        aor: "4100",
        cseq: 3,
        contacts: &["<sip:4100@192.0.2.20>"],
        ..Register::ALICE
    });
    bench.events();
    bench.registrar.apply(Config::new(support::REALM), accounts(&[account("alice", &[])]));
    assert_eq!((bench.registrar.len(), bench.events().len()), (1, 1));
    bench.registrar.apply(Config::new(support::REALM), accounts(&[account("bob", &[])]));
    let phone = PhoneId::labelled("alice");
    assert_eq!(bench.events().last(), Some(&Event::Offline { phone, cause: Cause::Revoked }));
}

/// Bindings survive a restart with what is left of their time, without those that lived on a connection alone.
#[test]
fn a_snapshot_brings_bindings_back() {
    let mut bench = bench();
    bench.register(&Register::ALICE);
    bench.from = stream("192.0.2.21:40001", 1);
    let via = "SIP/2.0/TCP 192.0.2.21:40001;branch=z9hG4bKr";
    let of_connection = ["<sip:alice@192.0.2.21:40001;transport=tcp>"];
    bench.register(&Register { via, call_id: "r2", contacts: &of_connection, ..Register::ALICE });
    assert_eq!(bench.registrar.len(), 2);

    let taken = "2026-03-02T10:00:00Z".parse().unwrap();
    let text = serde_json::to_string(&bench.registrar.snapshot(taken, bench.now)).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let later = "2026-03-02T10:01:00Z".parse().unwrap();
    let mut fresh = Registrar::new(
        Config::new(support::REALM),
        accounts(&[account("alice", &[])]),
        Seed([9; 32]),
        bench.now,
    );
    assert_eq!(fresh.restore(&snapshot, later, bench.now), 1);
    let contacts = fresh.contacts("alice");
    assert_eq!(contacts[0].expires(), bench.now + Duration::from_secs(540));
    assert!(contacts[0].target().flow.is_some());
    drop(contacts);
    assert_eq!(fresh.poll_event().map(|event| matches!(event, Event::Bound { .. })), Some(true));
    assert_eq!(
        fresh.restore(&snapshot, "2026-03-02T11:00:00Z".parse().unwrap(), bench.now),
        0,
        "an hour later"
    );
}

/// EC-024: register, refresh, fall silent, expire; as the network sees it.
#[test]
fn ladder_of_a_phone_that_refreshes_and_falls_silent() {
    let mut sim = Sim::new(1).with_label(label::sip);
    let mut edge =
        EdgeNode::new("edge", EDGE, Config::new(support::REALM), &[account("alice", &[])], sim.now());
    let mut phone = PhoneNode::new("phone", "192.0.2.20:5060", EDGE, "alice");
    phone.send_register();
    sim.run_for(&mut [&mut edge, &mut phone], Duration::from_secs(310));
    sim.banner("the phone loses its power");
    phone.refreshes = false;
    sim.net.cut("192.0.2.20".parse().unwrap(), "192.0.2.10".parse().unwrap());
    sim.run_for(&mut [&mut edge, &mut phone], Duration::from_secs(700));
    assert_eq!(edge.registrar.status(PhoneId::labelled("alice")), Status::Offline);
    check_ladder(&sim, &expect_file!["./ladders/register_and_expire.txt"]);
}

/// RFC 5626: two flows of one phone; one connection breaks, the phone stays online; the other breaks, it is offline at once.
#[test]
fn ladder_of_two_flows_that_break() {
    let mut sim = Sim::new(1).with_label(label::sip);
    let mut edge =
        EdgeNode::new("edge", EDGE, Config::new(support::REALM), &[account("alice", &[])], sim.now());
    let flow = |name, at, contacts, call_id| {
        let mut phone = PhoneNode::new(name, at, EDGE, "alice");
        let via = "SIP/2.0/TCP 192.0.2.20;branch=z9hG4bKr";
        phone.register =
            Register { contacts, call_id, via, headers: &[("Supported", "outbound")], ..Register::ALICE };
        (phone.tcp, phone.refreshes) = (true, false);
        phone.send_register();
        phone
    };
    const ONE: &[&str] = &["<sip:alice@192.0.2.20;transport=tcp>;+sip.instance=\"<urn:uuid:7>\";reg-id=1"];
    const TWO: &[&str] = &["<sip:alice@192.0.2.20;transport=tcp>;+sip.instance=\"<urn:uuid:7>\";reg-id=2"];
    let mut first = flow("flow 1", "192.0.2.20:5061", ONE, "f1");
    let mut second = flow("flow 2", "192.0.2.20:5062", TWO, "f2");
    sim.run_for(&mut [&mut edge, &mut first, &mut second], Duration::from_secs(1));
    assert_eq!(edge.registrar.contacts("alice").len(), 2);
    for phone in [&mut first, &mut second] {
        phone.hang_up_connection();
        sim.run_for(&mut [&mut edge, phone], Duration::from_secs(1));
    }
    check_ladder(&sim, &expect_file!["./ladders/flows_break.txt"]);
}
