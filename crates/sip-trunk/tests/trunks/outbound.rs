//! The INVITE a call becomes on one trunk.

use sip_trunk::auth::Secret;
use sip_trunk::group::Recovery;
use sip_trunk::header::{UuiFormat, UuiHeader};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::registration::Account;
use sip_trunk::trunk::{Assertion, Identity, OriginalCaller, OutboundCall, RequestUri, Tgrp, TrunkConfig};

use crate::bench::{A, Bench, PRIMARY, fixed, registering};
use crate::carrier::Calls;
use crate::edge::text;

/// The INVITE that arrives at the carrier.
fn arrives(trunk: TrunkConfig, call: OutboundCall) -> Message {
    let mut bench = Bench::new(vec![trunk], Recovery::OnSuccess);
    let now = bench.sim.now();
    bench.edge.call(call, now);
    bench.seconds(2);
    bench.a.invites.remove(0)
}

fn call() -> OutboundCall {
    OutboundCall {
        called: "+12025550123".into(),
        caller_number: Some("+14085550100".into()),
        caller_name: Some("Alice".into()),
        conversation: Some("4f1c7b1e-5a0e-4a55-9b6a-6a9d1f1b6a11".into()),
        ..OutboundCall::default()
    }
}

fn trunk() -> TrunkConfig {
    fixed(PRIMARY, "T", &[A])
}

/// ST-021, ST-022: static headers are on every INVITE of the trunk.
#[test]
fn custom_headers_are_added() {
    let mut redsky = trunk();
    redsky.protocol.custom_headers = vec![
        ("CUSTOM-DEVICE-TOKEN".into(), "1234567".into()),
        ("E911-Organization-ID".into(), "64040628-0000-4000-8000-000000000000".into()),
    ];
    let invite = arrives(redsky, call());
    assert_eq!(invite.header("CUSTOM-DEVICE-TOKEN"), Some(&b"1234567"[..]));
    assert_eq!(invite.header("E911-Organization-ID"), Some(&b"64040628-0000-4000-8000-000000000000"[..]));
}

/// ST-023: the conversation is named where that is switched on.
#[test]
fn the_conversation_is_named() {
    let mut with = trunk();
    with.protocol.conversation_headers = true;
    let expected = b"4f1c7b1e-5a0e-4a55-9b6a-6a9d1f1b6a11";
    assert_eq!(arrives(with, call()).header("x-inin-cnv"), Some(&expected[..]));
    assert_eq!(arrives(trunk(), call()).header("x-inin-cnv"), None);
}

/// ST-024: user-to-user data goes out in the trunk's form, or not at all.
#[test]
fn user_data_goes_out_in_the_trunks_form() {
    let call = OutboundCall { user_data: Some(b"This is my data".to_vec()), ..call() };
    let mut with = trunk();
    with.protocol.uui = Some(UuiFormat::default());
    let sent = text(&arrives(with.clone(), call.clone()), HeaderName::UserToUser);
    assert_eq!(sent, "0054686973206973206d792064617461;encoding=hex;purpose=isdn-uui;content=isdn-uui");
    with.protocol.uui = Some(UuiFormat { header: UuiHeader::XUserToUser, ascii: true, discriminator: 0 });
    let sent = text(&arrives(with, call.clone()), HeaderName::XUserToUser);
    assert_eq!(sent, "\"This is my data\";encoding=ascii");
    let off = arrives(trunk(), call);
    assert!(off.header(HeaderName::UserToUser).is_none() && off.header(HeaderName::XUserToUser).is_none());
}

#[test]
fn numbers_and_trunk_group_are_written_as_configured() {
    let plain = arrives(trunk(), call());
    assert_eq!(plain.request_uri(), Some(&b"sip:+12025550123@203.0.113.10:5060"[..]));
    assert_eq!(text(&plain, HeaderName::To), "<sip:+12025550123@203.0.113.10>");
    assert!(text(&plain, HeaderName::From).starts_with("\"Alice\" <sip:+14085550100@203.0.113.10>;tag="));

    let mut written = trunk();
    written.identity = Identity { calling_omit_plus: true, called_omit_plus: true, ..Identity::default() };
    written.request_uri = RequestUri {
        host: Some("edge.carrier.example".into()),
        tgrp: Some(Tgrp { group: "TG-1".into(), context: "acme.example".into() }),
    };
    let invite = arrives(written, call());
    let uri = &b"sip:12025550123;tgrp=TG-1;trunk-context=acme.example@edge.carrier.example"[..];
    assert_eq!(invite.request_uri(), Some(uri));
    assert!(text(&invite, HeaderName::From).contains("<sip:14085550100@"));
}

/// RFC 3325 §9: the caller is asserted to the carrier, and withheld from the called party when restricted.
#[test]
fn identity_and_privacy() {
    let invite = arrives(trunk(), call());
    assert_eq!(text(&invite, HeaderName::PAssertedIdentity), "\"Alice\" <sip:+14085550100@203.0.113.10>");
    let invite = arrives(trunk(), OutboundCall { restricted: true, ..call() });
    let from = text(&invite, HeaderName::From);
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
    assert_eq!(text(&invite, HeaderName::Privacy), "id");
    assert_eq!(text(&invite, HeaderName::PAssertedIdentity), "\"Alice\" <sip:+14085550100@203.0.113.10>");
    assert!(!text(&invite, HeaderName::Contact).contains("4085550100"));

    let mut trunk = trunk();
    trunk.identity = Identity {
        caller_address: Some("+19999990000".into()),
        caller_name: Some("Acme".into()),
        domain: Some("acme.example".into()),
        assertion: Assertion::RemotePartyId,
        ..Identity::default()
    };
    let invite = arrives(trunk, OutboundCall { caller_number: None, caller_name: None, ..call() });
    assert!(text(&invite, HeaderName::From).starts_with("\"Acme\" <sip:+19999990000@acme.example>"));
    assert_eq!(
        text(&invite, HeaderName::RemotePartyId),
        "\"Acme\" <sip:+19999990000@acme.example>;party=calling;screen=yes;privacy=off"
    );
}

/// ST-040: with PBX passthrough, who calls is passed on as the PBX wrote it.
#[test]
fn a_pbx_says_itself_who_calls() {
    let original = OriginalCaller {
        from: "\"Desk 7\" <sip:7001@pbx.acme.example>".into(),
        headers: vec![("P-Asserted-Identity".into(), "<tel:+13125550107>".into())],
    };
    let call = OutboundCall { original: Some(original), ..call() };
    let mut passing = trunk();
    passing.protocol.pbx_passthrough = true;
    let invite = arrives(passing, call.clone());
    assert!(text(&invite, HeaderName::From).starts_with("\"Desk 7\" <sip:7001@pbx.acme.example>;tag="));
    assert_eq!(text(&invite, HeaderName::PAssertedIdentity), "<tel:+13125550107>");
    assert!(text(&arrives(trunk(), call), HeaderName::From).contains("+14085550100"));
}

/// ST-020: a challenged INVITE is answered with the trunk's credentials; a foreign realm is not, and the log says why.
#[test]
fn a_challenged_call_is_answered_within_its_realm() {
    let account = |realm: &str| Account {
        username: "genesys".into(),
        password: Secret::new("first"),
        realm: Some(realm.into()),
    };
    for (realm, expected) in [("carrier", Ok(PRIMARY)), ("elsewhere", Err(401))] {
        let mut trunk = trunk();
        trunk.digest = Some(account(realm));
        let mut bench = Bench::new(vec![trunk], Recovery::OnSuccess);
        bench.a.calls = Calls::Challenge;
        assert_eq!(bench.placed(), expected, "{realm}");
        assert_eq!(bench.a.invites.len(), if expected.is_ok() { 2 } else { 1 });
    }
    let mut bench = Bench::new(vec![trunk()], Recovery::OnSuccess);
    bench.a.calls = Calls::Challenge;
    assert_eq!(bench.placed(), Err(401), "no credentials, no answer");
}

/// RFC 3608: calls of a registered trunk take the service route, and leave by the flow that registered.
#[test]
fn calls_follow_the_registration() {
    let mut bench = Bench::new(vec![registering(PRIMARY, "T", A, "first")], Recovery::OnSuccess);
    bench.a.registrar.extra = "Service-Route: <sip:203.0.113.10;lr>";
    bench.seconds(80);
    assert_eq!(bench.placed(), Ok(PRIMARY));
    let invite = &bench.a.invites[0];
    assert_eq!(text(invite, HeaderName::Route), "<sip:203.0.113.10;lr>");
    assert_eq!(invite.request_uri(), Some(&b"sip:+12025550123@203.0.113.10"[..]));
    let registered = bench.a.registrar.bound.last().unwrap().1.clone();
    assert_eq!(text(invite, HeaderName::Contact), registered, "the contact is the registered one");
}
