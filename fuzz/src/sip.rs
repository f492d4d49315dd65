//! sip-trunk.

use bytes::Bytes;
use sip_trunk::msg::{Edits, Element, Scanner, error_reply};

/// One datagram through scanning, checking, answering and editing.
pub fn sip_datagram(bytes: &[u8]) {
    let received = Bytes::copy_from_slice(bytes);
    let scan = Scanner::default().datagram(received).check(&Element::default());

    // Whatever is answered to garbage must itself be SIP.
    if let Ok(reply) = error_reply(&scan, "fuzz") {
        let answer = Scanner::default().datagram(reply).message.expect("our own reply is recognised");
        assert!(answer.status().is_some_and(|status| status >= 400));
    }
    let Ok(message) = scan.accepted() else { return };

    // What nobody touched leaves as it came.
    assert_eq!(Edits::new(&message).finish(), message.to_bytes());
    assert!(bytes.starts_with(message.as_bytes()));
    assert!(message.body().len() <= bytes.len());

    // An accepted message stays acceptable after the edits that forwarding makes.
    let mut edits = Edits::new(&message);
    if edits.push_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfuzz").is_ok() {
        edits.ensure_content_length();
        let again =
            Scanner::default().datagram(edits.finish()).message.expect("a forwarded message is still one");
        assert_eq!(again.body(), message.body());
        assert_eq!(again.is_request(), message.is_request());
    }
}
