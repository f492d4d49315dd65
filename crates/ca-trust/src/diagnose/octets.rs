//! What the first octets of a connection say about its protocol.

/// The protocol a peer seems to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstOctets {
    /// A TLS record (also of versions that are refused).
    Tls,
    /// An SSL 2 hello, or an SSL 3 record.
    OldSsl,
    /// SIP in plain text.
    Sip,
    /// HTTP in plain text.
    Http,
    /// Something else.
    Unknown,
    /// Not enough octets to tell.
    TooFew,
}

/// Recognises the protocol; useful before a handshake too, to answer plain SIP on a TLS port with a log line.
pub fn classify_first_octets(octets: &[u8]) -> FirstOctets {
    match octets {
        // RFC 5246 §6.2.1: handshake or alert, major version 3, minor 0 is SSL 3.
        [0x15 | 0x16, 0x03, 0x00, ..] => FirstOctets::OldSsl,
        [0x14..=0x17, 0x03, 0x01..=0x04, ..] => FirstOctets::Tls,
        // RFC 5246 §E.2: two length octets with the top bit, then client hello.
        [0x80..=0xff, _, 0x01, 0x00 | 0x03, ..] => FirstOctets::OldSsl,
        _ => text(octets),
    }
}

fn text(octets: &[u8]) -> FirstOctets {
    // Keep-alives of RFC 5626 §3.5.1 may come first.
    let start = octets.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(octets.len());
    let octets = &octets[start..];
    if octets.len() < 4 {
        return FirstOctets::TooFew;
    }
    if octets.starts_with(b"HTTP/") {
        return FirstOctets::Http;
    }
    if octets.starts_with(b"SIP/") {
        return FirstOctets::Sip;
    }
    let method = octets
        .iter()
        .position(|octet| *octet == b' ')
        .filter(|at| octets[..*at].iter().all(|octet| octet.is_ascii_uppercase()));
    match method.map(|at| &octets[at + 1..]) {
        Some(target)
            if target.starts_with(b"sip") || target.starts_with(b"tel:") || target.starts_with(b"urn:") =>
        {
            FirstOctets::Sip
        }
        Some(target)
            if target.starts_with(b"/") || target.starts_with(b"http") || target.starts_with(b"*") =>
        {
            FirstOctets::Http
        }
        Some(_) | None => FirstOctets::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_recognised() {
        for (octets, protocol) in [
            (b"\x16\x03\x01\x02\x00".as_slice(), FirstOctets::Tls),
            (b"\x15\x03\x03\x00\x02", FirstOctets::Tls),
            (b"\x16\x03\x00\x00\x41", FirstOctets::OldSsl),
            (b"\x80\x2e\x01\x00\x02", FirstOctets::OldSsl),
            (b"OPTIONS sip:pbx.example SIP/2.0\r\n", FirstOctets::Sip),
            (b"\r\n\r\nREGISTER sips:pbx.example SIP/2.0\r\n", FirstOctets::Sip),
            (b"INVITE tel:+12015550123 SIP/2.0", FirstOctets::Sip),
            (b"SIP/2.0 400 Bad Request", FirstOctets::Sip),
            (b"GET / HTTP/1.1", FirstOctets::Http),
            (b"HTTP/1.1 400 Bad Request", FirstOctets::Http),
            (b"220 mail.example ESMTP", FirstOctets::Unknown),
            (b"\r\n\r\n", FirstOctets::TooFew),
            (b"", FirstOctets::TooFew),
        ] {
            assert_eq!(classify_first_octets(octets), protocol, "{octets:?}");
        }
    }
}
