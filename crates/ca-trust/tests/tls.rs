//! rustls configurations against each other over a socket pair: policies, hot swap, bounds.
#![cfg(feature = "rustls-ring")]

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ca_trust::diagnose::Cause;
use ca_trust::store::Deployment;
use ca_trust::tls::{
    ClientAuth, ClientTls, Connection, GateEvent, GateLimits, GateRefusal, HandshakeGate, Identities,
    Identity, PeerIdentity, TlsConfigError, TlsProfile, ring_provider,
};
use ca_trust::verify::{RevocationList, VerifyPolicy};
use ca_trust::{Anchors, Import, Mode, Scope, Service, Services, Source, TrustStore};
use rcgen::ExtendedKeyUsagePurpose;
use support::tls::{Fixed, NAME, cause, client, connect, identity, server};
use support::{Authority, Leaf, now, root, self_signed_leaf};

fn phone(ca: &Authority, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Leaf {
    ca.leaf_with("0004f2aabbcc", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names.clear();
        change(params);
    })
}

/// CT-30, CT-15 of base settings (CA-015): the device policies, with the fleet as it is: valid, expired, self-signed,
/// unknown, without certificate, for another purpose.
#[test]
fn device_policies_decide_who_gets_in() {
    let ca = root("Phones");
    let edge = ca.leaf(NAME);
    let valid = phone(&ca, |_| {});
    let expired = phone(&ca, |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1));
    let self_signed = self_signed_leaf("0004f2aabbcc", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let unknown = phone(&root("Somebody"), |_| {});
    let wrong_use =
        phone(&ca, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let no_use = phone(&ca, |params| params.extended_key_usages.clear());
    let phones = [
        None,
        Some(&valid),
        Some(&no_use),
        Some(&expired),
        Some(&self_signed),
        Some(&unknown),
        Some(&wrong_use),
    ];
    use Cause::{Expired, NoClientCertificate, NotTrusted, SelfSigned, WrongUsage};
    for (auth, expected) in [
        (ClientAuth::None, [None; 7]),
        (
            ClientAuth::Optional,
            [None, None, None, Some(Expired), Some(SelfSigned), Some(NotTrusted), Some(WrongUsage)],
        ),
        (
            ClientAuth::Required,
            [
                Some(NoClientCertificate),
                None,
                None,
                Some(Expired),
                Some(SelfSigned),
                Some(NotTrusted),
                Some(WrongUsage),
            ],
        ),
        (
            ClientAuth::RequiredAllowExpired,
            [
                Some(NoClientCertificate),
                None,
                None,
                None,
                Some(SelfSigned),
                Some(NotTrusted),
                Some(WrongUsage),
            ],
        ),
        (ClientAuth::TokenBootstrap, [None; 7]),
    ] {
        let server = server(&ca, &TlsProfile::provisioning(), &edge, auth);
        for (device, expected) in phones.iter().zip(expected) {
            let client = client(&ca, &TlsProfile::provisioning());
            if let Some(device) = device {
                client.set_identities(Identities::one(identity(device, &[])));
            }
            let outcome = connect(&client, &server, NAME);
            let who = device.map(|device| device.certificate());
            assert_eq!(cause(&outcome.server), expected, "{auth:?} {who:?}");
            let Connection::Server(accepted) = &outcome.connections.1 else { unreachable!() };
            if expected.is_none() {
                let identified = server.identify(accepted.peer_certificates(), now());
                let trusted =
                    device.is_some_and(|device| device.der == valid.der || device.der == no_use.der);
                match identified {
                    PeerIdentity::Trusted(verified) => {
                        assert!(trusted && auth != ClientAuth::None, "{auth:?} {:?}", verified.certificate);
                    }
                    PeerIdentity::Expired(verified) => {
                        assert_eq!(auth, ClientAuth::RequiredAllowExpired);
                        assert_eq!(verified.certificate.der(), &expired.der);
                    }
                    PeerIdentity::Unauthenticated(_) => assert!(!trusted || auth == ClientAuth::None),
                }
            }
        }
    }
}

/// CA-007, CA-008, CT-27: a TLS handshake per service; the authority counts only where it is bound.
#[test]
fn handshakes_follow_the_services() {
    let carrier = root("Carrier Root");
    let leaf = carrier.leaf(NAME);
    let far = server(&carrier, &TlsProfile::trunk(), &leaf, ClientAuth::None);
    let mut store = TrustStore::new();
    let import = Import::read(Source::Text(&carrier.pem), Mode::Authorities, now()).unwrap();
    let try_service = |store: &TrustStore, service: Service| {
        let tls = store.client_config(service, &TlsProfile::trunk(), ring_provider()).unwrap();
        let outcome = connect(&tls.with_clock(Arc::new(Fixed)), &far, NAME);
        cause(&outcome.client)
    };
    assert_eq!(try_service(&store, Service::Sip), Some(Cause::NotTrusted));
    let anyone = |_: &str| true;
    let sip = Services::only(Service::Sip);
    let id = store.add(&anyone, &import, &sip, Deployment::ByocPremises, now()).unwrap().stored[0];
    assert_eq!(try_service(&store, Service::Sip), None);
    assert_eq!(try_service(&store, Service::Provisioning), Some(Cause::WrongService));
    assert_eq!(try_service(&store, Service::PhoneProvisioning), Some(Cause::WrongService));
    for scope in [Scope::ControlLink, Scope::OutboundHttps, Scope::CloudTrunk] {
        let tls = store.client_config(scope, &TlsProfile::trunk(), ring_provider()).unwrap();
        assert!(connect(&tls.with_clock(Arc::new(Fixed)), &far, NAME).client.is_err(), "{scope:?}");
    }
    store.delete(&anyone, id, &[], false).unwrap();
    assert_eq!(try_service(&store, Service::Sip), Some(Cause::NotTrusted));
}

/// CT-31: the control link takes nothing but TLS 1.3, the managed authority, the expected name, and both certificates.
#[test]
fn the_control_link_is_closed_to_everybody_else() {
    let managed = root("Managed Root");
    let control = managed.leaf("control.example");
    let edge = phone(&managed, |_| {});
    let mut store = TrustStore::new();
    store.install_managed(managed.certificate()).unwrap();
    let link = |identities: Option<&Leaf>| {
        let tls =
            store.client_config(Scope::ControlLink, &TlsProfile::control_link(), ring_provider()).unwrap();
        if let Some(leaf) = identities {
            tls.set_identities(Identities::one(identity(leaf, &[])));
        }
        tls.with_clock(Arc::new(Fixed))
    };
    let serve =
        |ca: &Authority, leaf: &Leaf, profile: TlsProfile| server(ca, &profile, leaf, ClientAuth::Required);
    let good = serve(&managed, &control, TlsProfile::control_link());
    let outcome = connect(&link(Some(&edge)), &good, "control.example");
    assert_eq!((cause(&outcome.client), cause(&outcome.server)), (None, None));

    assert_eq!(cause(&connect(&link(Some(&edge)), &good, "other.example").client), Some(Cause::WrongName));
    let impostor = root("Managed Root");
    let fake = serve(&impostor, &impostor.leaf("control.example"), TlsProfile::control_link());
    assert!(connect(&link(Some(&edge)), &fake, "control.example").client.is_err());
    let old = TlsProfile { versions: ca_trust::tls::Versions::Tls12, ..TlsProfile::control_link() };
    let old = serve(&managed, &control, old);
    assert_eq!(
        cause(&connect(&link(Some(&edge)), &old, "control.example").client),
        Some(Cause::VersionMismatch)
    );
    let outcome = connect(&link(None), &good, "control.example");
    assert_eq!(cause(&outcome.server), Some(Cause::NoClientCertificate));
    assert_eq!(cause(&outcome.client), Some(Cause::ClientCertificateRequired));
    let stranger = phone(&root("Stranger"), |_| {});
    let outcome = connect(&link(Some(&stranger)), &good, "control.example");
    assert_eq!(cause(&outcome.server), Some(Cause::NotTrusted));
    assert_eq!(cause(&outcome.client), Some(Cause::OwnCertificateRefused));
}

/// CT-36: a new certificate is presented from the next handshake on; a connection in use carries on.
#[test]
fn certificates_are_swapped_without_dropping_connections() {
    let ca = root("Root");
    let (first, second) = (ca.leaf(NAME), ca.leaf(NAME));
    let far = server(&ca, &TlsProfile::trunk(), &first, ClientAuth::None);
    let near = client(&ca, &TlsProfile::trunk());
    let mut running = connect(&near, &far, NAME);
    assert_eq!(running.captures.0.chain(), std::slice::from_ref(&first.der));
    far.set_identities(Identities::one(identity(&second, &[])));
    let fresh = connect(&near, &far, NAME);
    assert_eq!(fresh.captures.0.chain(), std::slice::from_ref(&second.der));
    let (Connection::Client(talking), Connection::Server(listening)) = &mut running.connections else {
        unreachable!()
    };
    talking.writer().write_all(b"OPTIONS").unwrap();
    talking.write_tls(&mut running.streams.0).unwrap();
    listening.read_tls(&mut running.streams.1).unwrap();
    listening.process_new_packets().unwrap();
    let mut heard = [0; 7];
    listening.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"OPTIONS");
}

/// CT-30: certificates by server name, with or without a default.
#[test]
fn the_server_name_selects_the_certificate() {
    let ca = root("Root");
    let (edge, other) = (ca.leaf(NAME), ca.leaf("other.example"));
    let far = server(&ca, &TlsProfile::trunk(), &edge, ClientAuth::None);
    far.set_identities(
        Identities::one(identity(&edge, &[])).with_name("Other.Example", identity(&other, &[])),
    );
    let near = client(&ca, &TlsProfile::trunk());
    for name in [NAME, "other.example"] {
        assert_eq!(cause(&connect(&near, &far, name).client), None, "{name}");
    }
    far.set_identities(Identities::none().with_name("other.example", identity(&other, &[])));
    assert_eq!(cause(&connect(&near, &far, NAME).server), Some(Cause::UnknownServerName));
}

/// CT-50, CT-38: no resumption and no 0-RTT, so a revocation counts for the very next connection.
#[test]
fn every_connection_is_judged_afresh() {
    let ca = root("Root");
    let device = phone(&ca, |params| params.serial_number = Some(77u64.into()));
    let far = server(&ca, &TlsProfile::trunk(), &ca.leaf(NAME), ClientAuth::Required);
    let near = client(&ca, &TlsProfile::trunk());
    near.set_identities(Identities::one(identity(&device, &[])));
    let (config, _) = far.attempt().unwrap();
    assert_eq!(
        (config.max_early_data_size, config.send_tls13_tickets, config.ticketer.enabled()),
        (0, 0, false)
    );
    assert!(!near.attempt().unwrap().0.enable_early_data);
    for _ in 0..2 {
        let outcome = connect(&near, &far, NAME);
        assert_eq!(cause(&outcome.server), None);
        let Connection::Client(connection) = &outcome.connections.0 else { unreachable!() };
        assert_eq!(connection.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
    let revoked = rcgen::RevokedCertParams {
        serial_number: 77u64.into(),
        revocation_time: rcgen::date_time_ymd(2026, 6, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 12, 1),
        next_update: rcgen::date_time_ymd(2027, 3, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = RevocationList::from_der(list.signed_by(&ca.issuer).unwrap().der()).unwrap();
    far.set_trust(Anchors::from_certificates([ca.certificate()]), vec![list]);
    assert_eq!(cause(&connect(&near, &far, NAME).server), Some(Cause::Revoked));
}

/// CT-39: a stapled OCSP answer reaches the client; a certificate that demands one is reported.
#[test]
fn ocsp_answers_are_stapled() {
    let ca = root("Root");
    let must_staple =
        rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5]);
    let leaf = ca.leaf_with(NAME, |params| params.custom_extensions = vec![must_staple]);
    assert!(leaf.certificate().must_staple());
    let far = server(&ca, &TlsProfile::trunk(), &leaf, ClientAuth::None);
    let near = client(&ca, &TlsProfile::trunk());
    let without = connect(&near, &far, NAME);
    assert!(without.client.is_ok() && !without.captures.0.stapled());
    far.set_identities(Identities::one(identity(&leaf, &[]).with_ocsp(vec![0x30, 3, 0x0a, 1, 0])));
    let with = connect(&near, &far, NAME);
    assert!(with.client.is_ok() && with.captures.0.stapled());
}

/// CT-48: the provider is the application's; a profile it cannot serve is an error at once, and with both providers
/// built in nothing panics.
#[test]
fn the_provider_is_explicit() {
    let ca = root("Root");
    let anchors = || Anchors::from_certificates([ca.certificate()]);
    let mut poor = (*ring_provider()).clone();
    poor.kx_groups.retain(|group| group.name() == rustls::NamedGroup::X25519);
    let refused = ClientTls::new(anchors(), &TlsProfile::genesys_byoc_cloud(), Arc::new(poor)).unwrap_err();
    assert!(matches!(refused, TlsConfigError::ProviderLacks(_)));
    let far = server(&ca, &TlsProfile::trunk(), &ca.leaf(NAME), ClientAuth::None);
    assert!(connect(&client(&ca, &TlsProfile::trunk()), &far, NAME).client.is_ok());
    #[cfg(feature = "rustls-aws-lc-rs")]
    {
        let other =
            ClientTls::new(anchors(), &TlsProfile::trunk(), ca_trust::tls::aws_lc_rs_provider()).unwrap();
        assert!(connect(&other.with_clock(Arc::new(Fixed)), &far, NAME).client.is_ok());
    }
}

/// CT-49: nothing that holds a key shows it.
#[test]
fn identities_do_not_show_their_keys() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let identity = identity(&leaf, &[]);
    let far = server(&ca, &TlsProfile::trunk(), &leaf, ClientAuth::None);
    let secret = leaf.key.serialize_der();
    let scalar: String = secret[36..52].iter().map(|octet| format!("{octet}, ")).collect();
    for shown in [format!("{identity:?}"), format!("{far:?}"), format!("{:?}", far.attempt().unwrap().1)] {
        assert!(!shown.contains(scalar.trim_end_matches(", ")), "{shown}");
    }
    let stranger = ca.leaf(NAME);
    let mixed = Identity::new(vec![leaf.der.clone()], stranger.key_der(), &ring_provider());
    assert!(matches!(mixed, Err(TlsConfigError::Key(_))));
}

/// CT-51, ES-07: handshakes in progress are bounded in time, number, number per address, and octets.
#[test]
fn the_gate_bounds_handshakes() {
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    let begin = Instant::now();
    let limits = GateLimits { pending: 3, per_address: 2, octets: 1_000, ..GateLimits::default() };
    let mut gate = HandshakeGate::new(limits);
    let address = |last: u8| std::net::IpAddr::from([192, 0, 2, last]);
    let second = |count| begin + Duration::from_secs(count);
    let one = gate.admit(address(1), begin).unwrap();
    let two = gate.admit(address(1), second(1)).unwrap();
    assert_eq!(gate.admit(address(1), second(1)), Err(GateRefusal::TooManyFromAddress));
    let three = gate.admit(address(2), second(2)).unwrap();
    let four = gate.admit(address(3), second(3)).unwrap();
    assert_eq!(gate.poll_output(), Some(GateEvent::Evicted(one)));
    assert_eq!(gate.next_timeout().unwrap().at, second(6));
    gate.finished(two);
    gate.handle_timeout(second(6));
    assert_eq!(gate.poll_output(), None);
    gate.handle_timeout(second(7));
    assert_eq!(gate.poll_output(), Some(GateEvent::Expired(three)));
    gate.received(four, 1_000);
    assert_eq!(gate.poll_output(), None);
    gate.received(four, 1);
    assert_eq!(gate.poll_output(), Some(GateEvent::Flooded(four)));
    assert_eq!((gate.pending(), gate.next_timeout()), (0, None));
    assert!(gate.admit(address(1), second(9)).is_ok());
}

/// CT-46: the Genesys profile between two rustls peers uses TLS 1.2 on P-384 and never presents a certificate.
#[test]
fn the_genesys_profile_is_what_it_says() {
    let profile = TlsProfile::genesys_byoc_cloud();
    assert_eq!((profile.port, profile.present_certificate), (5061, false));
    assert_eq!(profile.groups[0], rustls::NamedGroup::secp384r1);
    assert_eq!(profile.verify, VerifyPolicy::default());
}
