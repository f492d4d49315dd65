//! No foreign types in public signatures, beyond a short list: a user of a crate must not be tied to the version of
//! something it uses inside.

use std::path::Path;

use telco_tests::{
    is_published, metadata, root,
    surface::{self, Foreign},
};

/// Anywhere: the standard library, the vocabulary crates of the ecosystem, serde's traits.
const EVERYWHERE: [&str; 9] =
    ["std", "core", "alloc", "bytes", "http", "rustls", "rustls_pki_types", "serde", "serde_core"];

/// Crates the family converts from and to, only in the module or file named after them or `interop` (feature of the same name).
const INTEROP: [&str; 4] = ["rsip", "sdp_rs", "webrtc_srtp", "phonenumber"];

/// Crates that drivers are about, only under `driver`.
const DRIVERS: [&str; 4] = ["tokio", "tokio_rustls", "socket2", "futures_core"];

/// crate, foreign crate, why its types are part of the vocabulary there.
const PER_CRATE: [(&str, &str, &str); 5] = [
    ("telco-model", "uuid", "ids are UUIDs on the wire and in every API this model serves"),
    ("telco-model", "ipnet", "access control lists are networks"),
    ("telco-model", "jiff", "civil time of schedules, certificates and call records"),
    ("numplan", "jiff", "the model's civil time, to ask whether an extension has propagated"),
    ("edge-core", "jiff", "the wall time of call records and snapshots"),
];

#[test]
fn public_signatures_name_only_what_the_list_allows() {
    let metadata = metadata().unwrap();
    let packages: Vec<_> = metadata.packages.iter().filter(|package| is_published(package)).collect();
    let names: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
    surface::document(&root(), &names, Path::new(env!("CARGO_BIN_EXE_unstable-rustdoc"))).unwrap();

    let mut wrong = Vec::new();
    for name in &names {
        let file = metadata.target_directory.join("doc").join(format!("{}.json", name.replace('-', "_")));
        let surface = surface::read(file.as_std_path()).unwrap();
        assert!(surface.items > 10, "{name}: only {} public items were read", surface.items);
        assert!(
            surface.foreign.iter().any(|foreign| foreign.from == "core"),
            "{name}: no signature was understood"
        );
        for foreign in surface.foreign.iter().filter(|foreign| !is_allowed(name, foreign, &names)) {
            wrong.push(format!("{name}: {} in {} ({})", foreign.name, foreign.item, foreign.file));
        }
    }
    super::none("foreign types in public signatures", &wrong);
}

fn is_allowed(package: &str, foreign: &Foreign, family: &[String]) -> bool {
    let from = foreign.from.as_str();
    let in_file = |name: &str| {
        let parts: Vec<_> = foreign.file.split('/').map(|part| part.trim_end_matches(".rs")).collect();
        parts.contains(&name)
    };
    EVERYWHERE.contains(&from)
        || family.iter().any(|name| name.replace('-', "_") == from)
        || (INTEROP.contains(&from) && (in_file(from) || in_file("interop")))
        || (DRIVERS.contains(&from) && in_file("driver"))
        || PER_CRATE.iter().any(|(name, allowed, _)| *name == package && *allowed == from)
}

#[test]
fn interop_and_driver_types_are_allowed_only_at_home() {
    let family = ["sip-trunk".to_owned()];
    let check = |from: &str, file: &str, expected: bool| {
        let (name, item) = ("X".to_owned(), "fn x".to_owned());
        let foreign = Foreign { from: from.to_owned(), name, file: file.to_owned(), item };
        assert_eq!(is_allowed("sip-trunk", &foreign, &family), expected, "{from} in {file}");
    };
    check("rsip", "crates/sip-trunk/src/interop/rsip.rs", true);
    check("rsip", "crates/sip-trunk/src/msg/mod.rs", false);
    check("tokio", "crates/sip-trunk/src/driver/tcp.rs", true);
    check("tokio", "crates/sip-trunk/src/lib.rs", false);
    check("uuid", "crates/sip-trunk/src/lib.rs", false);
    check("sip_trunk", "crates/edge-core/src/lib.rs", true);
}
