//! What a registration costs to keep.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use edge_core::compile::Account;
use edge_core::registrar::{Config, Limits, Registrar};
use sip_trunk::Seed;
use sip_trunk::msg::HeaderName;
use sip_trunk::transport::{ConnectionId, Path, Transport};
use support::{REALM, Register, account, accounts, authorization, digest_client, source};

const PHONES: u64 = 2_000;

/// FG-08, DESIGN §9: at most 1 kB for each contact, addresses, indexes and all, measured over 2,000 phones that register as
/// phones do: one contact, an instance, a flow on a connection, a Path.
#[test]
fn a_contact_takes_less_than_a_kilobyte() {
    let all: Vec<Arc<Account>> = (0..PHONES).map(|id| account(&format!("phone-{id}"), &[])).collect();
    let now = telco_testkit::Clock::new().now();
    let limits = Limits { contacts: 100_000, ..Limits::default() };
    let mut config = Config { limits, ..Config::new(REALM) };
    // What a nonce costs is not what a contact costs.
    config.digest.max_nonces = 1;
    let mut registrar = Registrar::new(config, accounts(&all), Seed([1; 32]), now);
    let taken = allocation_counter::measure(|| {
        for (account, id) in all.iter().zip(0..) {
            register(&mut registrar, &account.username, id, now);
            while registrar.poll_event().is_some() {}
        }
    });
    assert_eq!(registrar.len() as u64, PHONES);
    let each = u64::try_from(taken.bytes_current).unwrap() / PHONES;
    println!("{each} bytes per contact");
    assert!((200..1024).contains(&each), "{each} bytes per contact");
}

fn register(registrar: &mut Registrar, username: &str, id: u64, now: std::time::Instant) {
    let mut from = source(&format!("203.0.{}.{}:40000", id / 250, id % 250));
    (from.path, from.transport) = (Path::Stream(ConnectionId::accepted(id)), Transport::Tls);
    let contact = format!(
        "<sip:{username}@10.0.0.7:40000;transport=tls;ob>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0004f2{id:06}>\";reg-id=1"
    );
    let call_id = format!("0004f2{id:06}-6f2b7c1a9e@10.0.0.7");
    let contacts = [contact.as_str()];
    let registered = Register {
        aor: username,
        call_id: &call_id,
        cseq: 1,
        contacts: &contacts,
        headers: &[("Supported", "outbound, path"), ("Path", "<sip:flow-7@near.example;lr;ob>")],
        via: "SIP/2.0/TLS 10.0.0.7:40000;rport;branch=z9hG4bKr",
    };
    let plain = registered.draft();
    let request = plain.clone().into_message().unwrap();
    let challenge = registrar.authenticate(&request, &from, now).unwrap_err().reply(&request, "t", None);
    let mut client = digest_client(username, &format!("{username}-secret"));
    let value = authorization(&mut client, &challenge.into_message().unwrap(), "REGISTER");
    let request = plain.header(HeaderName::Authorization, value).into_message().unwrap();
    let proved = registrar.authenticate(&request, &from, now).unwrap();
    let answer = registrar.register(&request, &from, &proved, now).into_message().unwrap();
    assert_eq!(answer.status(), Some(200));
}
