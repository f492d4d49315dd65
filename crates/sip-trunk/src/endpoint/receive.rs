//! From bytes to messages.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::{Endpoint, Event, Output, Source, via};
use crate::msg::{Draft, Element, HeaderName, Message, Method, Scan, error_reply};
use crate::transport::{Path, SocketId};

impl Endpoint {
    pub(super) fn receive_datagram(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        bytes: Bytes,
        now: Instant,
    ) {
        let Some(listener) = self.listener(socket) else { return };
        let force_rport = listener.force_rport;
        let source = Source {
            path: Path::Datagram { socket, remote },
            transport: listener.transport,
            remote,
            local: listener.local,
            listener: Some(socket),
            tls: None,
        };
        let scan = self.config.scanner.datagram(bytes);
        let Some(message) = self.accept(scan, &source, force_rport) else { return };
        if !message.is_request() {
            self.transactions.receive(message, source.path, now);
            return self.settle(Some(&source), now);
        }
        let message = via::stamp(message, remote, force_rport);
        let back = via::answer_address(&message, remote, force_rport);
        self.transactions.receive(message, Path::Datagram { socket, remote: back }, now);
        self.settle(Some(&source), now);
    }

    /// The message, unless it must not be processed; then its answer is sent if it deserves one.
    fn accept(&mut self, scan: Scan, source: &Source, force_rport: bool) -> Option<Message> {
        let mut scan = match scan.check(&Element::default()).accepted() {
            Ok(message) => return Some(message),
            Err(scan) => *scan,
        };
        // A keep-alive, or nothing recognisable.
        let message = scan.message.take()?;
        let stamped = via::stamp(message, source.remote, force_rport);
        let back = match source.path {
            Path::Datagram { socket, .. } => {
                Path::Datagram { socket, remote: via::answer_address(&stamped, source.remote, force_rport) }
            }
            Path::Stream(_) => source.path,
        };
        scan.message = Some(stamped);
        let reply = error_reply(&scan, &self.tokens.token()).ok();
        let answered =
            reply.as_ref().and_then(|reply| std::str::from_utf8(reply.get(8..11)?).ok()?.parse().ok());
        if let Some(reply) = reply {
            self.send_bytes(back, reply);
        }
        let (source, diagnostics) = (source.clone(), scan.diagnostics);
        self.out.push_back(Output::Event(Event::Rejected { source, diagnostics, answered }));
        None
    }

    /// ES-19: no table has room. A peer is told when to try again.
    pub(super) fn refuse(&mut self, message: Message, source: Source) {
        if message.method() != Some(Method::Ack) {
            let reply = Draft::reply_to(&message, 503, &self.tokens.token())
                .header(HeaderName::RetryAfter, "5")
                .finish();
            if let Ok(reply) = reply {
                self.send_bytes(source.path, reply);
            }
        }
        self.out.push_back(Output::Event(Event::Refused { source, message }));
    }
}
