//! Messages out of a TCP or TLS stream.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::Deadline;
use crate::msg::token::is_token_byte;
use crate::msg::{Code, declared_length};

/// Which end opened the connection; it decides what a CRLF means (RFC 5626 §3.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This element connected: it sends pings of two CRLF and receives one CRLF as the pong.
    Opener,
    /// The peer connected: it sends the pings.
    Acceptor,
}

/// Bounds on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes of a whole message. Default 65,536.
    pub message: usize,
    /// Bytes of start line, headers and empty line. Default 32,768.
    pub header_section: usize,
    /// From the first byte of a message to its last. Default 10 s.
    pub message_within: Duration,
    /// Pings closer together than this get no answer. Default 1 s.
    pub ping_interval: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            header_section: 32 * 1024,
            message_within: Duration::from_secs(10),
            ping_interval: Duration::from_secs(1),
        }
    }
}

/// What stood next in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`Scanner::stream`](crate::msg::Scanner::stream).
    Message(Bytes),
    /// A keep-alive to answer with one CRLF (RFC 5626 §4.4.1).
    Ping,
    /// The answer to an own keep-alive.
    Pong,
}

/// Why a stream cannot be cut into messages any more. None of these is recoverable: answer, if at all, and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameFault {
    /// What should be a start line cannot be one.
    #[error("the peer does not speak SIP: close the connection")]
    NotSip,
    /// No empty line within the limit.
    #[error("the header section exceeds its limit: close the connection")]
    HeaderSectionTooLarge,
    /// Content-Length announces more than the limit; nothing of the body was stored.
    #[error("the message exceeds its limit: answer 513 and close the connection")]
    MessageTooLarge,
    /// A line feed or carriage return stands alone, so that receivers could disagree where the message ends.
    #[error("a line end is incomplete: answer 400 and close the connection")]
    LineEnd,
    /// Content-Length is missing, unusable or contradicts itself.
    #[error("the message length is unknown ({0}): answer 400 and close the connection")]
    Length(Code),
    /// A message took too long to arrive.
    #[error("the message did not arrive in time: close the connection")]
    TooSlow,
}

/// The end of a stream's usefulness.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct Broken {
    /// What happened.
    pub fault: FrameFault,
    /// The header section it happened in, from which a reply can be built; empty when it is not complete.
    pub head: Bytes,
}

/// Cuts a byte stream into messages, however the bytes were split on their way.
///
/// Bounds hold before memory is taken: a connection stores at most one message and what one read brought beyond it. Call
/// [`push`](Self::push) with each read, then [`poll`](Self::poll) until it gives `None`.
///
/// ```
/// use std::time::Instant;
/// use sip_trunk::frame::{Frame, Side, StreamFramer};
///
/// # #[allow(clippy::disallowed_methods)] let now = Instant::now();
/// let mut framer = StreamFramer::new(Side::Acceptor, Default::default());
/// framer.push(b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nh", now);
/// assert_eq!(framer.poll(), Some(Ok(Frame::Ping)));
/// assert_eq!(framer.poll(), None);
/// framer.push(b"i", now);
/// assert!(matches!(framer.poll(), Some(Ok(Frame::Message(message))) if message.ends_with(b"hi")));
/// ```
#[derive(Debug)]
pub struct StreamFramer {
    side: Side,
    limits: StreamLimits,
    buffer: BytesMut,
    /// Bytes at the front of the buffer in which no header section ends.
    searched: usize,
    /// Length of the message at the front, once its header section is complete.
    expected: Option<usize>,
    /// One CRLF of a ping was seen.
    half_ping: bool,
    last_ping: Option<Instant>,
    pings_ignored: u64,
    now: Option<Instant>,
    started: Option<Instant>,
    broken: bool,
}

impl StreamFramer {
    /// A framer for a new connection.
    pub fn new(side: Side, limits: StreamLimits) -> Self {
        Self {
            side,
            limits,
            buffer: BytesMut::new(),
            searched: 0,
            expected: None,
            half_ping: false,
            last_ping: None,
            pings_ignored: 0,
            now: None,
            started: None,
            broken: false,
        }
    }

    /// Takes what was read. Ignored once the stream is [`Broken`].
    pub fn push(&mut self, data: &[u8], now: Instant) {
        self.now = Some(now);
        if self.broken || data.is_empty() {
            return;
        }
        self.started.get_or_insert(now);
        self.buffer.extend_from_slice(data);
    }

    /// What stands next in the stream; `None` until more is pushed.
    pub fn poll(&mut self) -> Option<Result<Frame, Broken>> {
        if self.broken {
            return None;
        }
        match self.advance() {
            Ok(Some(frame)) => Some(Ok(frame)),
            Ok(None) => {
                if self.buffer.is_empty() {
                    // An idle connection keeps no memory.
                    self.buffer = BytesMut::new();
                    self.started = None;
                }
                None
            }
            Err(fault) => Some(Err(self.fail(fault))),
        }
    }

    /// When the message being received must be complete; `None` between messages.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let started = self.started.filter(|_| !self.broken)?;
        Some(Deadline { at: started + self.limits.message_within, why: "a message is incomplete" })
    }

    /// Gives up on a message that did not arrive in time; `None` when there is still time.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Broken> {
        let late = self.next_timeout().is_some_and(|deadline| deadline.at <= now);
        late.then(|| self.fail(FrameFault::TooSlow))
    }

    /// Keep-alives that came too fast to deserve an answer.
    pub fn pings_ignored(&self) -> u64 {
        self.pings_ignored
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameFault> {
        if self.expected.is_none() {
            if let Some(keep_alive) = self.line_ends()? {
                return Ok(Some(keep_alive));
            }
            self.expected = self.head()?;
        }
        let Some(length) = self.expected.filter(|&length| self.buffer.len() >= length) else {
            return Ok(None);
        };
        let message = self.buffer.split_to(length).freeze();
        self.expected = None;
        self.searched = 0;
        self.started = self.now.filter(|_| !self.buffer.is_empty());
        Ok(Some(Frame::Message(message)))
    }

    /// RFC 3261 §7.5, RFC 5626 §4.4.1: line ends between messages.
    fn line_ends(&mut self) -> Result<Option<Frame>, FrameFault> {
        loop {
            match *self.buffer {
                [b'\r', b'\n', ..] => self.buffer.advance(2),
                [] | [b'\r'] => return Ok(None),
                [first, ..] if is_token_byte(first) => {
                    self.half_ping = false;
                    return Ok(None);
                }
                _ => return Err(FrameFault::NotSip),
            }
            if self.buffer.is_empty() {
                self.started = None;
            }
            match self.side {
                Side::Opener => return Ok(Some(Frame::Pong)),
                Side::Acceptor if self.half_ping => {
                    self.half_ping = false;
                    if self.may_answer() {
                        return Ok(Some(Frame::Ping));
                    }
                    self.pings_ignored += 1;
                }
                Side::Acceptor => self.half_ping = true,
            }
        }
    }

    fn may_answer(&mut self) -> bool {
        let too_soon =
            self.last_ping.zip(self.now).is_some_and(|(last, now)| now < last + self.limits.ping_interval);
        if !too_soon {
            self.last_ping = self.now;
        }
        !too_soon
    }

    /// Length of the message at the front, once its header section is complete.
    fn head(&mut self) -> Result<Option<usize>, FrameFault> {
        let from = self.searched.saturating_sub(3);
        let Some(at) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            let too_large = self.buffer.len() >= self.limits.header_section;
            return if too_large { Err(FrameFault::HeaderSectionTooLarge) } else { Ok(None) };
        };
        let head_len = from + at + 4;
        self.searched = head_len;
        if head_len > self.limits.header_section {
            return Err(FrameFault::HeaderSectionTooLarge);
        }
        let head = &self.buffer[..head_len];
        let paired = memchr::memmem::find_iter(head, b"\r\n").count();
        let loose = head.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() - 2 * paired;
        if loose > 0 {
            return Err(FrameFault::LineEnd);
        }
        let body_len = declared_length(head).map_err(FrameFault::Length)?;
        let length = usize::try_from(body_len).ok().and_then(|body_len| head_len.checked_add(body_len));
        length.filter(|&length| length <= self.limits.message).map(Some).ok_or(FrameFault::MessageTooLarge)
    }

    fn fail(&mut self, fault: FrameFault) -> Broken {
        self.broken = true;
        self.started = None;
        let complete =
            matches!(fault, FrameFault::MessageTooLarge | FrameFault::LineEnd | FrameFault::Length(_));
        let mut rest = std::mem::take(&mut self.buffer);
        rest.truncate(if complete { self.searched } else { 0 });
        Broken { fault, head: rest.freeze() }
    }
}
