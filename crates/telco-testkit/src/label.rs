//! Labels for the arrows of a ladder.
//!
//! A label function is `fn(&P) -> Option<String>`; `None` leaves the packet out of the ladder.

// A label function takes what the network carries, which is `Vec<u8>` itself.
#![allow(clippy::ptr_arg)]

/// The longest label [`text`] gives, in characters.
const LONGEST: usize = 48;

/// The first line when it is printable, else the number of bytes: the default for byte networks.
///
/// ```
/// use telco_testkit::label::text;
/// assert_eq!(text(&b"hello\r\nworld".to_vec()).as_deref(), Some("hello"));
/// assert_eq!(text(&vec![0x80, 0, 1]).as_deref(), Some("3 bytes"));
/// ```
pub fn text(body: &Vec<u8>) -> Option<String> {
    Some(first_line(body).unwrap_or_else(|| format!("{} bytes", body.len())))
}

/// SIP as people talk about it: `INVITE sip:bob@example.com`, `180 Ringing (INVITE)`; else as [`text`].
///
/// Looks no further than the start line and CSeq, and trusts neither.
///
/// ```
/// use telco_testkit::label::sip;
/// let answer = b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n".to_vec();
/// assert_eq!(sip(&answer).as_deref(), Some("200 OK (BYE)"));
/// ```
pub fn sip(message: &Vec<u8>) -> Option<String> {
    let Some(line) = first_line(message) else { return text(message) };
    if let Some(status) = line.strip_prefix("SIP/2.0 ") {
        return Some(match cseq_method(message) {
            Some(method) => format!("{status} ({method})"),
            None => status.to_owned(),
        });
    }
    Some(line.strip_suffix(" SIP/2.0").unwrap_or(&line).to_owned())
}

fn first_line(body: &[u8]) -> Option<String> {
    let line = body.split(|byte| *byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let printable = !line.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte));
    if !printable {
        return None;
    }
    let mut line: String = line.iter().map(|byte| char::from(*byte)).collect();
    if line.len() > LONGEST {
        line.truncate(LONGEST - 3);
        line.push_str("...");
    }
    Some(line)
}

fn cseq_method(message: &[u8]) -> Option<String> {
    message.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        let (name, value) = line.split_once(':')?;
        if !name.trim().eq_ignore_ascii_case("cseq") {
            return None;
        }
        value.split_whitespace().nth(1).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8], expected: &str) {
        assert_eq!(sip(&message.to_vec()).as_deref(), Some(expected));
    }

    #[test]
    fn sip_is_named_by_method_or_status() {
        check(b"INVITE sip:b@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "INVITE sip:b@example.com");
        check(b"SIP/2.0 180 Ringing\r\nTo: x\r\ncseq : 1 INVITE\r\n\r\n", "180 Ringing (INVITE)");
        check(b"SIP/2.0 400 Bad Request\r\n\r\n", "400 Bad Request");
    }

    #[test]
    fn anything_else_is_still_labelled() {
        check(b"", "0 bytes");
        check(b"\r\n\r\n", "4 bytes");
        check(&[0xff; 12], "12 bytes");
        check(&[b'A'; 90], &format!("{}...", "A".repeat(45)));
    }
}
