//! The trust store: who may change what, and what is trusted where.

mod support;

use ca_trust::store::{
    Added, AnchorOrigin, CaType, Deployment, MANAGE_PERMISSION, ServiceError, StoreError, TrunkUse,
};
use ca_trust::{CaId, Import, Mode, Scope, Service, Services, Source, TrustStore};
use support::{Authority, now, root};

const PREMISES: Deployment = Deployment::ByocPremises;

fn anyone(_: &str) -> bool {
    true
}

fn import(pem: &str) -> Import {
    Import::read(Source::Text(pem), Mode::Authorities, now()).expect("an authority")
}

fn add(store: &mut TrustStore, ca: &Authority, services: &[Service]) -> Result<Added, StoreError> {
    let services = Services::new(services.iter().copied())?;
    store.add(&anyone, &import(&ca.pem), &services, PREMISES, now())
}

fn names(store: &TrustStore, scope: impl Into<Scope>) -> Vec<String> {
    let anchors = store.anchors(scope.into());
    let mut names: Vec<_> =
        anchors.iter().filter_map(|anchor| anchor.certificate()).map(|ca| ca.display_name()).collect();
    names.sort();
    names
}

/// CA-001, CA-002, CT-01: one managed authority per organization, listed with its type.
#[test]
fn there_is_exactly_one_managed_authority() {
    let mut store = TrustStore::new();
    store.install_managed(root("Managed").certificate()).unwrap();
    assert_eq!(store.install_managed(root("Second").certificate()), Err(StoreError::ManagedExists));
    add(&mut store, &root("Carrier"), &[Service::Sip]).unwrap();
    let rows: Vec<_> = store.list().into_iter().map(|(kind, _, name)| (kind, name)).collect();
    assert_eq!(rows, [(CaType::Managed, "Managed".to_owned()), (CaType::Remote, "Carrier".to_owned())]);
}

/// CA-002, CT-02, DG-002: add, edit and delete of the managed authority are refused by name.
#[test]
fn the_managed_authority_is_read_only() {
    let managed = root("Managed");
    let mut store = TrustStore::new();
    let id = store.install_managed(managed.certificate()).unwrap();
    let refused = |operation| Err(StoreError::ManagedIsReadOnly { operation });
    assert_eq!(add(&mut store, &managed, &[Service::Sip]).map(|_| ()), refused("add"));
    assert_eq!(store.set_services(&anyone, id, Services::only(Service::Sip)), refused("edit"));
    assert_eq!(store.replace_certificate(&anyone, id), refused("edit"));
    assert_eq!(store.delete(&anyone, id, &[], true).map(|_| ()), refused("delete"));
    let error = store.delete(&anyone, id, &[], true).unwrap_err();
    assert_eq!(error.status(), 405);
    assert!(error.to_string().contains("read-only"));
    assert_eq!(store.list().len(), 1);
}

/// CA-005, CT-03: services of a remote authority can change, its certificate cannot, and it can be deleted.
#[test]
fn a_remote_authority_changes_only_its_services() {
    let mut store = TrustStore::new();
    let carrier = root("Carrier");
    let added = add(&mut store, &carrier, &[Service::Sip]).unwrap();
    let [id] = added.stored[..] else { panic!("one") };
    store.set_services(&anyone, id, Services::new([Service::Provisioning]).unwrap()).unwrap();
    assert_eq!(names(&store, Service::Sip), [""; 0]);
    assert_eq!(names(&store, Service::Provisioning), ["Carrier"]);
    assert_eq!(store.replace_certificate(&anyone, id), Err(StoreError::CertificateIsImmutable));
    let deleted = store.delete(&anyone, id, &[], false).unwrap();
    assert_eq!(deleted.certificate().fingerprint(), carrier.certificate().fingerprint());
    assert_eq!(store.delete(&anyone, id, &[], false).map(|_| ()), Err(StoreError::NotFound(id)));
}

/// CT-14: at least one known service; an authority in use by an enabled trunk goes only by force.
#[test]
fn services_and_use_are_checked() {
    assert_eq!(Services::new([]), Err(ServiceError::NoneSelected));
    assert_eq!(Services::parse(["SIP", "FAX"]), Err(ServiceError::Unknown));
    let all = Services::parse(["PROVISION_PHONE", "SIP", "PROVISION", "SIP"]).unwrap();
    assert_eq!(all.iter().collect::<Vec<_>>(), Service::ALL);

    let mut store = TrustStore::new();
    let added = add(&mut store, &root("Carrier"), &[Service::Sip]).unwrap();
    let [id] = added.stored[..] else { panic!("one") };
    let user = |enabled| TrunkUse { trunk: "Berlin".to_owned(), enabled };
    let refused = StoreError::InUse { trunk: "Berlin".to_owned() };
    assert_eq!(store.delete(&anyone, id, &[user(false), user(true)], false).unwrap_err(), refused);
    assert!(store.get(id).is_some());
    store.delete(&anyone, id, &[user(true)], true).unwrap();

    add(&mut store, &root("Second"), &[Service::Sip]).unwrap();
    let [(id, _)] = store.remote().collect::<Vec<_>>()[..] else { panic!("one") };
    store.delete(&anyone, id, &[user(false)], false).unwrap();
}

/// CT-13: the same certificate is a duplicate; the same key with new dates is a renewal.
#[test]
fn duplicates_and_renewals_are_recognised() {
    let mut store = TrustStore::new();
    let first = root("Carrier");
    let added = add(&mut store, &first, &[Service::Sip]).unwrap();
    let old = CaId::of(&first.certificate());
    assert_eq!(added.stored, [old]);
    assert_eq!(add(&mut store, &first, &[Service::Sip]), Err(StoreError::Duplicate(old)));

    let mut params = support::authority_params("Carrier");
    params.not_after = rcgen::date_time_ymd(2050, 1, 1);
    let renewed = params.self_signed(first.issuer.key()).unwrap();
    let bundle = format!("{}{}", first.pem, renewed.pem());
    let added = store.add(&anyone, &import(&bundle), &Services::only(Service::Sip), PREMISES, now()).unwrap();
    assert_eq!(added.duplicates, [old]);
    let [(new, of)] = added.renewals[..] else { panic!("one renewal") };
    assert_eq!((added.stored.as_slice(), of), ([new].as_slice(), old));
}

/// CA-012, CT-15, DG-004: without the permission nothing changes, and the answer names it.
#[test]
fn every_change_needs_the_permission() {
    let mut store = TrustStore::new();
    let carrier = root("Carrier");
    let asked = std::cell::RefCell::new(Vec::new());
    let nobody = |permission: &str| {
        asked.borrow_mut().push(permission.to_owned());
        false
    };
    let sip = Services::only(Service::Sip);
    let error = store.add(&nobody, &import(&carrier.pem), &sip, PREMISES, now()).unwrap_err();
    assert_eq!(
        (error.status(), error.to_string()),
        (403, "missing permission Telephony > Plugin > All".to_owned())
    );
    assert_eq!(store.list(), []);
    let [id] = add(&mut store, &carrier, &[Service::Sip]).unwrap().stored[..] else { panic!("one") };
    let denied = Err(StoreError::PermissionDenied);
    assert_eq!(store.set_services(&nobody, id, Services::only(Service::Provisioning)), denied);
    assert_eq!(store.replace_certificate(&nobody, id), denied);
    assert_eq!(store.delete(&nobody, id, &[], true).map(|_| ()), denied);
    assert_eq!(names(&store, Service::Sip), ["Carrier"]);
    assert_eq!(*asked.borrow(), [MANAGE_PERMISSION; 4]);
}

/// CA-010, CT-16, DG-005: for cloud trunks the page refuses and points to the right documentation.
#[test]
fn cloud_trunks_do_not_use_remote_authorities() {
    let mut store = TrustStore::new();
    let sip = Services::only(Service::Sip);
    let carrier = import(&root("Carrier").pem);
    let error = store.add(&anyone, &carrier, &sip, Deployment::ByocCloud, now()).unwrap_err();
    assert_eq!(error, StoreError::WrongWorkflow);
    assert!(error.to_string().contains("TLS trunk transport documentation"));
    assert_eq!(store.list(), []);
}

/// CA-003, CA-007, CT-27, CT-28: every scope sees its own authorities and no others.
#[test]
fn trust_does_not_leak_between_scopes() {
    let mut store = TrustStore::new();
    store.install_managed(root("Managed").certificate()).unwrap();
    add(&mut store, &root("For SIP"), &[Service::Sip]).unwrap();
    add(&mut store, &root("For provisioning"), &[Service::Provisioning]).unwrap();
    add(&mut store, &root("For phones"), &[Service::PhoneProvisioning]).unwrap();
    add(&mut store, &root("For two"), &[Service::Sip, Service::PhoneProvisioning]).unwrap();
    assert_eq!(names(&store, Service::Sip), ["For SIP", "For two", "Managed"]);
    assert_eq!(names(&store, Service::Provisioning), ["For provisioning", "Managed"]);
    assert_eq!(names(&store, Service::PhoneProvisioning), ["For phones", "For two", "Managed"]);
    assert_eq!(names(&store, Scope::ControlLink), ["Managed"]);
    assert!(store.anchors(Scope::OutboundHttps).is_empty());
    assert!(store.anchors(Scope::CloudTrunk).is_empty());

    let public = root("Public");
    let anchor = webpki::anchor_from_trusted_cert(&public.der).unwrap().to_owned();
    let store = store.with_public_roots([anchor]);
    for scope in [Scope::OutboundHttps, Scope::CloudTrunk] {
        let anchors = store.anchors(scope);
        assert_eq!(anchors.iter().map(|anchor| anchor.origin()).collect::<Vec<_>>(), [AnchorOrigin::Public]);
    }
}

/// CA-016: the store is given certificates only, and what it returns is what it was given.
#[test]
fn the_store_holds_no_keys() {
    let mut store = TrustStore::new();
    let managed = root("Managed");
    store.install_managed(managed.certificate()).unwrap();
    let secret = managed.issuer.key().serialize_der();
    let private_scalar = &secret[36..68];
    let exported = store.managed().unwrap().der();
    assert_eq!(exported, &managed.der);
    assert!(!exported.windows(32).any(|window| window == private_scalar));
    assert!(!format!("{store:?}").contains("PRIVATE"));
}
