//! Importing: everything people paste, and everything they paste instead.

mod support;

use base64::Engine;
use ca_trust::import::{Found, ImportError, Limits, LintCode};
use ca_trust::{Certificate, Import, Mode, Source};
use support::{Authority, DAY, NOW, at, leaf_params, now, root, root_with, self_signed_leaf};

fn read_text(text: &str) -> Result<Import, ImportError> {
    Import::read(Source::Text(text), Mode::Authorities, now())
}

fn read_file(bytes: &[u8]) -> Result<Import, ImportError> {
    Import::read(Source::File(bytes), Mode::Authorities, now())
}

fn only(import: &Import) -> &Certificate {
    assert_eq!(import.usable().len(), 1);
    &import.usable()[0].certificate
}

/// CA-004, CA-006, CT-04: a PEM file, a DER file and pasted text give the same record.
#[test]
fn file_and_paste_give_the_same_record() {
    let ca = root("Carrier Root");
    let from_pem = read_file(ca.pem.as_bytes()).unwrap();
    let from_der = read_file(&ca.der).unwrap();
    let from_text = read_text(&ca.pem).unwrap();
    for import in [&from_pem, &from_der, &from_text] {
        assert_eq!(only(import).fingerprint(), ca.certificate().fingerprint());
        assert_eq!(only(import).display_name(), "Carrier Root");
    }
    assert_eq!(from_text.usable()[0].line, Some(1));
    assert_eq!(from_der.usable()[0].line, None);
}

/// CT-05: dirt that mail clients, forms and terminals add does not matter.
#[test]
fn dirty_paste_is_read() {
    let ca = root("Carrier Root");
    let pem = ca.pem.replace("\r\n", "\n");
    let lines: Vec<&str> = pem.lines().collect();
    let body = lines[1..lines.len() - 1].concat();
    let each = |prefix: &str, suffix: &str, newline: &str| {
        lines.iter().map(|line| format!("{prefix}{line}{suffix}{newline}")).collect::<String>()
    };
    let variants = [
        ("as is", pem.clone()),
        ("CRLF", each("", "", "\r\n")),
        ("CR only", each("", "", "\r")),
        ("byte order mark", format!("\u{feff}{pem}")),
        ("spaces before", each("    ", "", "\n")),
        ("tabs before", each("\t\t", "", "\n")),
        ("spaces after", each("", "   ", "\n")),
        ("no final newline", pem.trim_end().to_owned()),
        ("prose before", format!("Hello,\nhere is our root certificate:\n\n{pem}")),
        ("prose after", format!("{pem}\nBest regards\nCarrier NOC -- call us\n")),
        ("prose in German", format!("Grüße aus München, anbei das Zertifikat\n{pem}Schöne Grüße")),
        ("openssl text before", format!("subject=CN = Müller Root\nissuer=CN = Müller Root\n{pem}")),
        ("bag attributes", format!("Bag Attributes\n    friendlyName: root\n    localKeyID: 01 02\n{pem}")),
        ("blank lines between", each("", "", "\n\n")),
        ("quoted mail", each("> ", "", "\n")),
        ("quoted twice", each(">> ", "", "\n")),
        ("body on one line", format!("{}\n{body}\n{}\n", lines[0], lines[lines.len() - 1])),
        ("all on one line", lines.join(" ")),
        ("newlines written out", lines.join("\\n")),
        ("non-breaking spaces", each("\u{a0}", "", "\n")),
        ("zero-width spaces", each("", "\u{200b}", "\n")),
        ("older label", pem.replace("CERTIFICATE", "X509 CERTIFICATE")),
        ("inside prose on the same line", format!("Cert: {} thanks", lines.join(" "))),
    ];
    assert!(variants.len() >= 20);
    for (name, text) in variants {
        let import = read_text(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(only(&import).fingerprint(), ca.certificate().fingerprint(), "{name}");
        let import = read_file(text.as_bytes()).unwrap_or_else(|error| panic!("{name} as file: {error}"));
        assert_eq!(only(&import).fingerprint(), ca.certificate().fingerprint(), "{name} as file");
    }
}

/// CT-06, CT-49: a private key in the paste is refused wherever it hides, and never echoed.
#[test]
fn private_keys_are_refused_and_never_echoed() {
    let ca = root("Carrier Root");
    let key = support::new_key();
    let pkcs8 = key.serialize_pem();
    let body = |text: &str| text.lines().filter(|line| !line.contains("-----")).collect::<Vec<_>>().concat();
    let secret = body(&pkcs8);
    let relabelled = pkcs8.replace("PRIVATE KEY", "CERTIFICATE");
    let encrypted =
        format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{secret}\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("alone", pkcs8.clone().into_bytes()),
        ("after the certificate", format!("{}{pkcs8}", ca.pem).into_bytes()),
        ("before the certificate", format!("{pkcs8}{}", ca.pem).into_bytes()),
        ("encrypted", encrypted.into_bytes()),
        ("under a certificate label", relabelled.into_bytes()),
        ("without armour", secret.clone().into_bytes()),
        ("cut off", pkcs8.as_bytes()[..pkcs8.len() / 2].to_vec()),
        ("DER", key.serialize_der()),
        ("with a NUL", format!("\0{pkcs8}").into_bytes()),
        ("PuTTY", format!("PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n{secret}").into_bytes()),
    ];
    for (name, input) in cases {
        let error = read_file(&input).expect_err(name);
        assert!(matches!(error, ImportError::PrivateKey { .. }), "{name}: {error:?}");
        for shown in [format!("{error}"), format!("{error:?}")] {
            for window in secret.as_bytes().windows(12) {
                let window = std::str::from_utf8(window).unwrap();
                assert!(!shown.contains(window), "{name} echoes the key");
            }
        }
    }
}

/// CT-07: other things are called by their name.
#[test]
fn what_is_not_a_certificate_is_named() {
    let key = support::new_key();
    let request = leaf_params("pbx.example.com").serialize_request(&key).unwrap();
    let request_pem = request.pem().unwrap();
    let pem = |label: &str, der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    // ContentInfo { signedData }, PFX { 3, ContentInfo { data } }: only the outer shape is looked at.
    let pkcs7 = hex("300f06092a864886f70d010702a0023000");
    let pkcs12 = hex("3014020103300f06092a864886f70d010701a0023000");
    let spki = key.public_key_pem();
    let spki_der = {
        let body: String = spki.lines().filter(|line| !line.contains("-----")).collect();
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    };
    let crl = revocation_list();
    for (input, expected) in [
        (pem("PKCS7", &pkcs7).into_bytes(), Found::Pkcs7),
        (pem("CERTIFICATE", &pkcs7).into_bytes(), Found::Pkcs7),
        (pem("PKCS12", &pkcs12).into_bytes(), Found::Pkcs12),
        (pem("CERTIFICATE", &pkcs12).into_bytes(), Found::Pkcs12),
        (request_pem.clone().into_bytes(), Found::CertificateRequest),
        (request_pem.replace("CERTIFICATE REQUEST", "CERTIFICATE").into_bytes(), Found::CertificateRequest),
        (spki.clone().into_bytes(), Found::PublicKey),
        (pem("CERTIFICATE", &spki_der).into_bytes(), Found::PublicKey),
        (pem("X509 CRL", &crl).into_bytes(), Found::RevocationList),
        (pem("CERTIFICATE", &crl).into_bytes(), Found::RevocationList),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE root@pbx".to_vec(), Found::OtherPublicKey),
        (pem("DH PARAMETERS", &[0x30, 0]).into_bytes(), Found::Parameters),
    ] {
        let error = read_text(std::str::from_utf8(&input).unwrap()).unwrap_err();
        let ImportError::NotACertificate { found, line } = error else { panic!("{expected:?}: {error:?}") };
        assert_eq!((found, line), (expected, Some(1)));
    }
    let mut long = vec![0x30, 0x82, 0x10, 0x00];
    long.resize(0x1004, 0);
    assert!(matches!(read_file(&long), Err(ImportError::Malformed { line: None, .. })));
    assert!(matches!(
        read_file(b"\xfe\xed\xfe\xed\0\0\0\x02"),
        Err(ImportError::NotACertificate { found: Found::JavaKeyStore, .. })
    ));
    let bare: String = root("R").pem.lines().filter(|line| !line.contains("-----")).collect();
    assert_eq!(read_text(&bare).unwrap_err(), ImportError::MissingArmour);
}

/// CT-08: of a bundle every certificate is reported, the authorities are stored, in any order.
#[test]
fn bundles_keep_the_authorities() {
    let top = root("Root");
    let middle = top.intermediate("Issuing");
    let leaf = middle.leaf("sip.example.com");
    let text = format!("{}{}{}{}", leaf.pem, middle.pem, top.pem, top.pem);
    let reversed = format!("{}{}{}", top.pem, middle.pem, leaf.pem);
    for text in [text, reversed] {
        let import = read_text(&text).unwrap();
        let mut names: Vec<_> = import.usable().iter().map(|ca| ca.certificate.display_name()).collect();
        names.sort();
        assert_eq!(names, ["Issuing", "Root"]);
        let [left_out] = import.left_out() else { panic!("one leaf") };
        assert_eq!(left_out.certificate.display_name(), "sip.example.com");
        assert!(left_out.reason.contains("CA:FALSE"));
    }
}

/// CT-09, CA-014: a certificate that is no authority is refused, unless it is pinned on purpose.
#[test]
fn a_server_certificate_needs_the_pin_mode() {
    let server = self_signed_leaf("pbx.example.com", |_| {});
    let error = read_text(&server.pem).unwrap_err();
    assert!(matches!(error, ImportError::NoAuthority { self_issued: true, line: Some(1), .. }), "{error:?}");
    assert!(error.to_string().contains("pin this self-signed server certificate"));

    let pinned = Import::read(Source::Text(&server.pem), Mode::PinnedServer, now()).unwrap();
    assert_eq!(only(&pinned).display_name(), "pbx.example.com");
    assert_eq!(pinned.mode(), Mode::PinnedServer);

    let issued = root("Root").leaf("sip.example.com");
    let error = Import::read(Source::Text(&issued.pem), Mode::PinnedServer, now()).unwrap_err();
    assert!(matches!(error, ImportError::PinNotSelfSigned { .. }), "{error:?}");
    let both = format!("{}{}", server.pem, issued.pem);
    let error = Import::read(Source::Text(&both), Mode::PinnedServer, now()).unwrap_err();
    assert_eq!(error, ImportError::PinTakesOne { count: 2 });
}

/// CA-014: CA:FALSE, a key that may not sign and no basic constraints are refused; expiry is flagged.
#[test]
fn unfit_authorities_are_refused_or_flagged() {
    let no_sign = root_with("No signing", |params| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    });
    assert!(read_text(&no_sign.pem).unwrap_err().to_string().contains("keyCertSign"));
    let plain = root_with("Plain", |params| params.is_ca = rcgen::IsCa::NoCa);
    assert!(read_text(&plain.pem).unwrap_err().to_string().contains("basic constraints"));

    let flagged = |ca: &Authority, now| {
        let import = Import::read(Source::Text(&ca.pem), Mode::Authorities, now).unwrap();
        import.usable()[0].lints.iter().map(|lint| lint.code).collect::<Vec<_>>()
    };
    let ca = root("Root");
    assert_eq!(flagged(&ca, now()), []);
    assert_eq!(flagged(&ca, at(2_300_000_000)), [LintCode::Expired]);
    assert_eq!(flagged(&ca, at(1_000_000_000)), [LintCode::NotYetValid]);
    let long = root_with("Long", |params| params.not_after = rcgen::date_time_ymd(2090, 1, 1));
    assert_eq!(flagged(&long, now()), [LintCode::VeryLongLived]);
    let middle = ca.intermediate("Middle");
    assert_eq!(flagged(&middle, now()), [LintCode::Intermediate]);
    let no_usage = root_with("No usage", |params| params.key_usages.clear());
    assert_eq!(flagged(&no_usage, now()), [LintCode::NoKeyUsage]);
    let no_lists = root_with("No lists", |params| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    });
    assert_eq!(flagged(&no_lists, now()), [LintCode::CannotSignRevocationLists]);
}

/// CT-10: size limits hold before anything is decoded.
#[test]
fn limits_hold() {
    let ca = root("Root");
    let big = "x".repeat(256 * 1024 + 1);
    assert!(matches!(read_text(&big), Err(ImportError::TooLarge { limit: 262_144, .. })));
    let many = ca.pem.repeat(65);
    let lines_each = ca.pem.lines().count();
    assert_eq!(
        read_text(&many).unwrap_err(),
        ImportError::TooManyCertificates { line: 64 * lines_each + 1, limit: 64 }
    );
    assert_eq!(only(&read_text(&ca.pem.repeat(64)).unwrap()).display_name(), "Root");
    let long_block =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", "A".repeat(40_000));
    assert!(matches!(read_text(&long_block), Err(ImportError::CertificateTooLarge { line: Some(1), .. })));
    let mut der = vec![0x30, 0x82, 0x50, 0x00];
    der.resize(20_000, 0);
    assert!(matches!(read_file(&der), Err(ImportError::CertificateTooLarge { line: None, limit: 16_384 })));
    let tight = Limits { certificates: 1, ..Limits::default() };
    let two = format!("{}{}", ca.pem, root("Other").pem);
    let error = Import::read_within(Source::Text(&two), Mode::Authorities, now(), &tight).unwrap_err();
    assert!(matches!(error, ImportError::TooManyCertificates { limit: 1, .. }));
    // Thousands of boundaries cost no more than the input is long.
    let bomb = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".repeat(4_800);
    assert_eq!(read_text(&bomb).unwrap_err(), ImportError::TruncatedBase64 { line: 1 });
}

/// CT-11: damage is reported with its line.
#[test]
fn damage_is_reported_with_its_line() {
    let pem = root("Root").pem.replace("\r\n", "\n");
    let lines: Vec<String> = pem.lines().map(str::to_owned).collect();
    let changed = |index: usize, text: &str| {
        let mut lines = lines.clone();
        lines[index] = text.to_owned();
        lines.join("\n")
    };
    let last = lines.len();
    let broken = format!("{}*{}", &lines[3][..10], &lines[3][11..]);
    let accented = format!("{}é{}", &lines[3][..10], &lines[3][12..]);
    let nul = format!("{}\0{}", &lines[2][..10], &lines[2][11..]);
    for (name, text, expected) in [
        ("empty", String::new(), ImportError::Empty),
        ("blank", " \r\n\t\n".to_owned(), ImportError::Empty),
        ("prose", "see attachment".to_owned(), ImportError::NotText),
        ("bad character", changed(3, &broken), ImportError::BadBase64 { line: 4 }),
        ("non-ASCII", changed(3, &accented), ImportError::NonAscii { line: 4 }),
        ("NUL", changed(2, &nul), ImportError::Nul { line: 3 }),
        ("no end", lines[..last - 1].join("\n"), ImportError::MissingEnd { opened: 1 }),
        ("no begin", lines[1..].join("\n"), ImportError::StrayEnd { line: last - 1 }),
        ("nested", changed(4, &lines[0]), ImportError::NestedBegin { line: 5, opened: 1 }),
        (
            "wrong end",
            changed(last - 1, "-----END PKCS7-----"),
            ImportError::MismatchedEnd { line: last, opened: 1 },
        ),
        ("unknown label", pem.replace("CERTIFICATE", "CERTIFCATE"), ImportError::UnknownLabel { line: 1 }),
        ("four dashes", changed(0, "----BEGIN CERTIFICATE-----"), ImportError::DamagedBoundary { line: 1 }),
        (
            "word processor dashes",
            changed(0, "—–BEGIN CERTIFICATE—–"),
            ImportError::DamagedBoundary { line: 1 },
        ),
        ("padding inside", changed(2, "MIIB=AAAA"), ImportError::BadPadding { line: 3 }),
        (
            "one digit",
            "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----".to_owned(),
            ImportError::TruncatedBase64 { line: 2 },
        ),
        (
            "three pads",
            "-----BEGIN CERTIFICATE-----\nAAAA\nA===\n-----END CERTIFICATE-----".to_owned(),
            ImportError::TruncatedBase64 { line: 3 },
        ),
        (
            "pads on a full group",
            "-----BEGIN CERTIFICATE-----\nAAAA==\n-----END CERTIFICATE-----".to_owned(),
            ImportError::BadPadding { line: 2 },
        ),
        (
            "no body",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".to_owned(),
            ImportError::TruncatedBase64 { line: 1 },
        ),
    ] {
        assert_eq!(read_text(&text).unwrap_err(), expected, "{name}");
    }
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(pem.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read_file(&utf16).unwrap_err(), ImportError::Utf16);
    let cut = format!("{}\n{}\n{}", lines[0], lines[1], lines[last - 1]);
    assert!(matches!(read_text(&cut), Err(ImportError::Malformed { line: Some(1), .. })));
    let second = format!("{pem}\n{}", changed(3, &broken));
    assert_eq!(read_text(&second).unwrap_err().line(), Some(last + 1 + 4));
}

/// CT-12, CA-011: the name column falls back from CN to O, to the first alternative name, to the fingerprint.
#[test]
fn the_name_column_is_never_empty() {
    let name_of = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let ca = root_with("unused", |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            change(params);
        });
        let certificate = ca.certificate();
        (certificate.display_name(), certificate.fingerprint().to_string())
    };
    let (name, _) = name_of(&|params| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Carrier AG");
        params.distinguished_name.push(rcgen::DnType::CommonName, "Carrier Root");
    });
    assert_eq!(name, "Carrier Root");
    let (name, _) =
        name_of(&|params| params.distinguished_name.push(rcgen::DnType::OrganizationName, "Carrier AG"));
    assert_eq!(name, "Carrier AG");
    let (name, _) = name_of(&|params| params.subject_alt_names = vec![support::dns("ca.example.com")]);
    assert_eq!(name, "DNS:ca.example.com");
    let (name, fingerprint) = name_of(&|_| {});
    assert_eq!(name, fingerprint);
    let (name, _) =
        name_of(&|params| params.distinguished_name.push(rcgen::DnType::CommonName, "evil\u{202e}\u{7}name"));
    assert_eq!(name, "evil\u{fffd}\u{fffd}name");
    let (name, _) = name_of(&|params| {
        let units: Vec<u8> = "Ünïcode".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let value = rcgen::string::BmpString::from_utf16be(units).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, rcgen::DnValue::BmpString(value));
    });
    assert_eq!(name, "Ünïcode");
}

/// CT-21: no octet string makes the importer panic; every prefix and every single-octet change is tried.
#[test]
fn mutations_never_panic() {
    let ca = root("Root");
    for length in 0..ca.der.len() {
        let _ = read_file(&ca.der[..length]);
    }
    for index in 0..ca.der.len() {
        for change in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut der = ca.der.to_vec();
            der[index] ^= change;
            let _ = read_file(&der);
        }
    }
    let pem = ca.pem.as_bytes();
    for index in 0..pem.len() {
        for octet in [b'-', b'=', b'\n', 0x00, 0xff] {
            let mut text = pem.to_vec();
            text[index] = octet;
            let _ = read_file(&text);
        }
    }
    assert!(at(NOW + DAY) > now());
}

fn revocation_list() -> Vec<u8> {
    let ca = root("Root");
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2028, 1, 1),
        crl_number: rcgen::SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(&ca.issuer).expect("sound parameters").der().to_vec()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}
