//! What the edge reads out of messages.

use bytes::Bytes;
use sip_trunk::endpoint::Source;
use sip_trunk::header::{ContentType, Header, Reason, received_user_data, split_multipart};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::uri::UriRef;

/// What was dialled: the number, else the user part, of the Request-URI. Nobody dials control characters.
pub(super) fn dialled(message: &Message) -> Option<String> {
    dialled_in(UriRef::parse(message.request_uri()?).ok()?)
}

/// The number, else the user part, of a URI.
pub(super) fn dialled_in(uri: UriRef<'_>) -> Option<String> {
    if let Some(number) = uri.telephone() {
        return Some(number.e164().unwrap_or_else(|| number.digits().collect()));
    }
    let user = uri.as_sip()?.user_decoded()?;
    (!user.chars().any(char::is_control)).then(|| user.into_owned())
}

/// The session description, also out of a multipart body.
pub(super) fn session_description(message: &Message) -> Option<Bytes> {
    let content = ContentType::parse(message.header(HeaderName::ContentType)?).ok()?;
    if content.is("application", "sdp") {
        return Some(message.body_bytes()).filter(|body| !body.is_empty());
    }
    let parts = split_multipart(&content, message.body()).ok()?;
    let is_sdp =
        |content: Result<ContentType<'_>, _>| content.is_ok_and(|content| content.is("application", "sdp"));
    let part = parts.into_iter().find(|part| part.typed::<ContentType<'_>>().is_some_and(is_sdp))?;
    Some(Bytes::copy_from_slice(part.body))
}

/// Whether keys may travel in descriptions of this way (RFC 4568 §7).
pub(super) fn signalling(source: &Source) -> media_rtp::sdp::Signalling {
    if source.transport.is_secure() {
        media_rtp::sdp::Signalling::Secure
    } else {
        media_rtp::sdp::Signalling::Insecure
    }
}

/// User-to-user data, whichever header carries it. What cannot be read is discarded (RFC 7433 §4.2).
pub(super) fn user_data(message: &Message) -> Option<Vec<u8>> {
    let (standard, older) = (message.values(HeaderName::UserToUser), message.values(HeaderName::XUserToUser));
    received_user_data(standard, older).ok().flatten().map(|data| data.bytes().to_vec())
}

/// The Q.850 cause a message gives (RFC 3326).
pub(super) fn q850(message: &Message) -> Option<u8> {
    let mut reasons = message.all::<Reason<'_>>().filter_map(Result::ok);
    reasons.find_map(|reason| reason.q850()).and_then(|cause| u8::try_from(cause).ok())
}

/// One header as text, whatever its octets.
pub(super) fn text(message: &Message, name: HeaderName) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

/// Something of a typed header as text; empty when it is missing or broken.
pub(super) fn shown<'m, H: Header<'m>>(message: &'m Message, show: impl Fn(&H) -> String) -> String {
    message.typed::<H>().and_then(Result::ok).as_ref().map(show).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-46: what was dialled stands in records and logs, so that it has no line ends.
    #[test]
    fn nobody_dials_control_characters() {
        let dialled = |uri: &str| dialled_in(UriRef::parse(uri.as_bytes()).unwrap());
        assert_eq!(dialled("sip:call%20me@x").as_deref(), Some("call me"));
        for odd in ["sip:a%0Ab@x", "sip:a%0d@x", "sip:%1b@x", "sip:%C2%85@x"] {
            assert_eq!(dialled(odd), None, "{odd}");
        }
    }
}
