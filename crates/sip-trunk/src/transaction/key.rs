//! What makes two messages part of one transaction (RFC 3261 §17.1.3, §17.2.3).

use crate::header::{CSeq, CallId, From, Header, To, Via};
use crate::msg::{HeaderName, Message, Method};

/// Key of the client transaction a response belongs to, or that a request of ours opens: branch and method of CSeq.
pub(super) fn client_key(message: &Message) -> Option<Box<[u8]>> {
    let via = first::<Via<'_>>(message, HeaderName::Via)?;
    let cseq = first::<CSeq<'_>>(message, HeaderName::CSeq)?;
    Some(client_key_of(via.branch()?, &cseq.method))
}

/// The same from its parts.
pub(super) fn client_key_of(branch: &str, method: &Method<'_>) -> Box<[u8]> {
    join([branch.as_bytes(), method.as_str().as_bytes()])
}

/// Key of the server transaction a request belongs to. ACK and CANCEL have the key of the INVITE they are for.
pub(super) fn server_key(message: &Message, method: &Method<'_>) -> Option<Box<[u8]>> {
    let top = message.values(HeaderName::Via).next()?;
    let via = Via::parse(top).ok()?;
    let method = if *method == Method::Ack { "INVITE" } else { method.as_str() };
    if let Some(branch) = via.unique_branch() {
        // RFC 3261 §17.2.3: the sent-by is part of the key, since anybody may choose the same branch.
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(0)).to_ascii_lowercase();
        return Some(join([branch.as_bytes(), sent_by.as_bytes(), method.as_bytes()]));
    }
    // RFC 3261 §17.2.3, for requests of RFC 2543: Request-URI, From tag, Call-ID, CSeq number and the whole top Via.
    let cseq = first::<CSeq<'_>>(message, HeaderName::CSeq)?;
    let number = cseq.number.to_string();
    let from = first::<From<'_>>(message, HeaderName::From)?;
    let call_id = message.header(HeaderName::CallId)?;
    let tag = from.tag().unwrap_or_default();
    Some(join([message.request_uri()?, tag.as_bytes(), call_id, number.as_bytes(), top, method.as_bytes()]))
}

/// Key under which a request outside a dialog is known to have arrived by another way (RFC 3261 §8.2.2.2). `None` inside one.
pub(super) fn merge_key(message: &Message) -> Option<Box<[u8]>> {
    if first::<To<'_>>(message, HeaderName::To)?.tag().is_some() {
        return None;
    }
    let cseq = first::<CSeq<'_>>(message, HeaderName::CSeq)?;
    let from = first::<From<'_>>(message, HeaderName::From)?;
    let call_id = first::<CallId<'_>>(message, HeaderName::CallId)?;
    let number = cseq.number.to_string();
    Some(join([
        from.tag()?.as_bytes(),
        call_id.as_str().as_bytes(),
        number.as_bytes(),
        cseq.method.as_str().as_bytes(),
    ]))
}

fn first<'a, H: Header<'a>>(message: &'a Message, name: HeaderName) -> Option<H> {
    H::parse(message.values(name).next()?).ok()
}

/// NUL cannot occur in a part: the scanner refuses it.
fn join<const N: usize>(parts: [&[u8]; N]) -> Box<[u8]> {
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        key.extend_from_slice(part);
        key.push(0);
    }
    key.into_boxed_slice()
}
