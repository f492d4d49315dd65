//! The scanner: one pass, no copy, everything found wrong reported beside the message.

use bytes::Bytes;

use super::diagnostic::{Code, Diagnostics};
use super::head::{Head, judge_params, line};
use super::limits::{Limits, Strictness};
use super::message::Message;
use super::span::Span;
use super::start::{self, Start};

/// Reads messages under [`Limits`] and a [`Strictness`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    /// Upper bounds.
    pub limits: Limits,
    /// How harmless deviations are judged.
    pub strictness: Strictness,
}

/// What scanning gives: the message, as far as it could be read, and the findings.
#[derive(Clone, Debug)]
#[must_use]
pub struct Scan {
    /// The message; `None` only where no SIP start line was recognised. It may be broken: ask the diagnostics.
    pub message: Option<Message>,
    /// What was found, in the order of the bytes.
    pub diagnostics: Diagnostics,
}

impl Scan {
    /// The message when it may be processed, else everything that is known for the error reply.
    ///
    /// # Errors
    /// The scan itself, when a finding is an [`Error`](super::Severity::Error) or there is no message.
    #[inline]
    pub fn accepted(self) -> Result<Message, Box<Self>> {
        match self {
            Self { message: Some(message), diagnostics } if diagnostics.is_acceptable() => Ok(message),
            refused => Err(Box::new(refused)),
        }
    }
}

/// Where the end of the body comes from (RFC 3261 §18.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// The datagram ends the message; Content-Length may only shorten it.
    Datagram,
    /// Content-Length is mandatory and was used to cut the stream.
    Stream,
}

impl Scanner {
    /// Reads a UDP datagram or one WebSocket message.
    ///
    /// RFC 3261 §18.3: without Content-Length the body is the rest; octets behind the body are ignored; a body
    /// shorter than announced is an error. RFC 7118 §5 gives WebSocket messages the same one-to-one framing.
    #[inline]
    pub fn datagram(&self, bytes: Bytes) -> Scan {
        self.scan(bytes, Framing::Datagram)
    }

    /// Reads one message a [`StreamFramer`](crate::frame::StreamFramer) cut from a TCP or TLS stream.
    ///
    /// RFC 3261 §20.14: Content-Length is mandatory here.
    pub fn stream(&self, bytes: Bytes) -> Scan {
        self.scan(bytes, Framing::Stream)
    }

    fn scan(&self, bytes: Bytes, framing: Framing) -> Scan {
        // The message is built where it will stay: moving its table would cost as much as reading several headers.
        let mut scan =
            Scan { message: Some(Message::unread(bytes)), diagnostics: Diagnostics::new(self.strictness) };
        let read =
            scan.message.as_mut().and_then(|message| self.read(message, framing, &mut scan.diagnostics));
        if read.is_none() {
            scan.message = None;
        }
        scan
    }

    /// `None` when no message is recognised.
    fn read(&self, message: &mut Message, framing: Framing, found: &mut Diagnostics) -> Option<()> {
        let (bytes, fields) = message.parts();
        let text: &[u8] = bytes;
        if u32::try_from(text.len()).is_err() {
            found.push(Code::MessageTooLarge, Span::default());
            return None;
        }
        // RFC 3261 §7.5: line ends before the start line are ignored.
        let begin = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if begin == text.len() {
            found.push(Code::Empty, Span::new(0, begin));
            return None;
        }
        if begin > 0 {
            found.push(Code::LeadingLineEnds, Span::new(0, begin));
        }
        if text.len() - begin > self.limits.message {
            found.push(Code::MessageTooLarge, Span::new(begin, text.len()));
        }

        let section_end = text.len().min(begin.saturating_add(self.limits.header_section));
        let section = &text[..section_end];
        let (line_end, next) = line(section, begin);
        let pairs = usize::from(next - line_end == 2);
        let first = Span::new(begin, line_end);
        let start = start::read(section, begin, line_end, &mut |code, span| found.push(code, span));
        let Some(start) = start else {
            found.push(Code::NotSip, first);
            return None;
        };
        if first.len() > self.limits.header {
            let code = match start {
                Start::Request { .. } => Code::RequestUriTooLong,
                Start::Response { .. } => Code::HeaderTooLarge,
            };
            found.push(code, first);
        }

        let mut head = Head { section, limits: &self.limits, found, fields, at: next, pairs };
        let body_start = match head.read_fields() {
            Some(body_start) => body_start,
            None if section_end < text.len() => {
                head.report(Code::HeaderSectionTooLarge, begin, section_end);
                section_end
            }
            None => {
                head.report(Code::HeaderSectionUnfinished, section_end, section_end);
                section_end
            }
        };
        head.judge_bytes(begin, body_start);
        if let Start::Request { uri, .. } = start {
            judge_params(uri, section, &self.limits, head.found);
        }
        let declared = head.judge_fields();
        let head_end = head.at;
        let body = self.body(framing, declared, body_start, text.len(), found);
        message.settle(begin, start, head_end, body);
        Some(())
    }

    fn body(
        &self,
        framing: Framing,
        declared: Option<u64>,
        start: usize,
        end: usize,
        found: &mut Diagnostics,
    ) -> Span {
        let available = (end - start) as u64;
        match declared {
            Some(length) if length > available => {
                found.push(Code::ContentLengthBeyondEnd, Span::new(start, end));
                Span::new(start, end)
            }
            Some(length) => {
                // RFC 3261 §18.3: what stands behind the body of a datagram is discarded.
                let body_end = start + usize::try_from(length).unwrap_or(usize::MAX).min(end - start);
                if body_end < end {
                    found.push(Code::TrailingOctets, Span::new(body_end, end));
                }
                Span::new(start, body_end)
            }
            None => {
                if framing == Framing::Stream && !found.contains(Code::BadContentLength) {
                    found.push(Code::MissingContentLength, Span::new(start, start));
                }
                Span::new(start, end)
            }
        }
    }
}
