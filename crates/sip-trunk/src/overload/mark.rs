//! Writing feedback where every answer picks it up.

use super::feedback::Feedback;
use crate::header::{Header, Params, Via};
use crate::msg::{Edits, HeaderName, Message, Scanner};

/// The request with feedback in its top Via in place of the client's offer (RFC 7339 §5.2): answers copy Via, so each of them
/// carries it, from whatever layer it comes.
pub(crate) fn marked(request: Message, feedback: &Feedback) -> Message {
    let element = request.values(HeaderName::Via).next().and_then(|element| Via::parse(element).ok());
    let Some(via) = element else { return request };
    let texts: Vec<_> =
        via.params.iter().map(|(name, value)| (name, value.map(|value| value.text()))).collect();
    let is_offer = |name: &str| {
        ["oc", "oc-algo", "oc-validity", "oc-seq"].iter().any(|oc| oc.eq_ignore_ascii_case(name))
    };
    let pairs: Vec<_> = texts
        .iter()
        .filter(|(name, _)| !is_offer(name))
        .map(|(name, text)| (*name, text.as_deref()))
        .collect();
    let element = format!("{}{feedback}", Via { params: Params::from_pairs(&pairs), ..via });
    let mut edits = Edits::new(&request);
    edits.pop_via();
    if edits.push_via(element).is_err() {
        return request;
    }
    let bytes = edits.finish();
    Scanner::default().datagram(bytes).message.unwrap_or(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::Draft;
    use crate::overload::Algorithm;
    use std::time::Duration;

    /// RFC 7339 §5.2, §6: the value is in the Via the client added, and in no other.
    #[test]
    fn answers_carry_the_feedback() {
        let text = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP p1.example.net;branch=z9hG4bK1;oc;oc-algo=\"loss,A\";rport=5060;\
                    received=192.0.2.1, SIP/2.0/UDP p0;branch=z9hG4bK0;oc\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\n\
                    Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbody";
        let request = Message::from_datagram(text).unwrap();
        let feedback = Feedback {
            value: 20,
            algorithm: Algorithm::Loss,
            validity: Duration::from_millis(500),
            sequence: None,
        };
        let request = marked(request, &feedback);
        assert_eq!(request.body(), b"body");
        let answer = Draft::reply_to(&request, 180, "t").into_message().unwrap();
        let vias: Vec<_> =
            answer.values(HeaderName::Via).map(|via| String::from_utf8_lossy(via).into_owned()).collect();
        assert_eq!(
            vias,
            [
                "SIP/2.0/UDP p1.example.net;branch=z9hG4bK1;rport=5060;received=192.0.2.1;oc=20;oc-algo=\"loss\";oc-validity=500",
                "SIP/2.0/UDP p0;branch=z9hG4bK0;oc"
            ]
        );
        assert_eq!(Feedback::of_answer(&answer), Some(feedback));
    }
}
