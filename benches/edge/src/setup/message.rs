//! As much of SIP as two ends of a call need that a benchmark owns.

use std::fmt::Write as _;

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a>(pub(super) &'a str);

impl<'a> Message<'a> {
    /// The method of a request.
    pub(super) fn method(self) -> Option<&'a str> {
        self.first_word().filter(|word| *word != "SIP/2.0")
    }

    /// The status of a response.
    pub(super) fn status(self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    fn first_word(self) -> Option<&'a str> {
        self.0.split(' ').next()
    }

    /// Values of a header, line by line.
    pub(super) fn values(self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().filter_map(move |line| {
            let (header, value) = line.split_once(':')?;
            header.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The first value of a header; empty when there is none.
    pub(super) fn value(self, name: &str) -> &'a str {
        self.values(name).next().unwrap_or_default()
    }

    /// The URI in Contact.
    pub(super) fn contact(self) -> Option<&'a str> {
        self.value("Contact").split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
    }

    /// A response (RFC 3261 §8.2.6); `rest` is the headers that it has beside, and the body after an empty line.
    pub(super) fn reply(self, status: &str, tag: &str, rest: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route", "From"] {
            for value in self.values(name) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let to = self.value("To");
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        let (call, sequence) = (self.value("Call-ID"), self.value("CSeq"));
        let _ = write!(text, "To: {to}{tag}\r\nCall-ID: {call}\r\nCSeq: {sequence}\r\n{rest}");
        text
    }
}

/// The end of a message with no body.
pub(super) const NO_BODY: &str = "Content-Length: 0\r\n\r\n";

/// The end of a message with an offer or an answer.
pub(super) fn session(host: std::net::IpAddr, port: u16) -> String {
    let body = format!(
        "v=0\r\no=bench 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    );
    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:a@b SIP/2.0\r\nVia: one\r\nvia : two\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
                          Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:c@d:5060;x=y>;q=1\r\n\r\nVia: no header";

    #[test]
    fn a_reply_goes_back_by_every_via_with_a_tag() {
        let reply = Message(INVITE).reply("180 Ringing", "2", NO_BODY);
        assert_eq!(
            reply,
            "SIP/2.0 180 Ringing\r\nVia: one\r\nVia: two\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!((Message(&reply).status(), Message(&reply).method()), (Some(180), None));
        assert_eq!(Message(INVITE).contact(), Some("sip:c@d:5060;x=y"));
    }
}
