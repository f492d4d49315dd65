//! The scanner: one pass, no copy, everything found wrong reported beside the message.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::header::split_list;

use super::diagnostic::{Code, Diagnostics};
use super::field::Field;
use super::hygiene::{self, Census};
use super::limits::{Limits, Strictness};
use super::message::Message;
use super::name::HeaderName;
use super::span::Span;
use super::start::{self, Start};
use super::token::is_token_byte;

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
        let mut diagnostics = Diagnostics::new(self.strictness);
        let message = self.read(bytes, framing, &mut diagnostics);
        Scan { message, diagnostics }
    }

    fn read(&self, bytes: Bytes, framing: Framing, found: &mut Diagnostics) -> Option<Message> {
        let text: &[u8] = &bytes;
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

        let mut head =
            Head { section, limits: &self.limits, found, fields: SmallVec::new(), at: next, pairs: 1 };
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
        head.judge_bytes(begin, body_start, start);
        head.judge_fields();
        let declared = head.content_length();
        let head_end = head.at;
        let fields = head.fields;

        let body = self.body(framing, declared, body_start, text.len(), found);
        Some(Message::new(bytes, begin, start, fields, head_end, body))
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

/// End of the content and start of the next line, for the line at `at`.
#[inline]
fn line(section: &[u8], at: usize) -> (usize, usize) {
    match memchr::memchr(b'\n', &section[at..]) {
        Some(offset) => {
            let feed = at + offset;
            let content_end = if offset > 0 && section[feed - 1] == b'\r' { feed - 1 } else { feed };
            (content_end, feed + 1)
        }
        None => (section.len(), section.len()),
    }
}

struct Head<'s> {
    section: &'s [u8],
    limits: &'s Limits,
    found: &'s mut Diagnostics,
    fields: SmallVec<[Field; 64]>,
    /// Start of the line being read; at the end, of the empty line.
    at: usize,
    /// Line ends seen.
    pairs: usize,
}

impl Head<'_> {
    fn report(&mut self, code: Code, start: usize, end: usize) {
        self.found.push(code, Span::new(start, end));
    }

    /// Reads header lines up to the empty one; gives the offset behind it, or `None` when there is none.
    fn read_fields(&mut self) -> Option<usize> {
        let mut seen = 0u128;
        loop {
            let at = self.at;
            let first = *self.section.get(at)?;
            let (end, next) = line(self.section, at);
            if next == end {
                // The line has no end: what is there is read for the reply, and the message refused.
                self.read_line(first, at, end, &mut seen);
                self.at = end;
                return None;
            }
            self.pairs += 1;
            if end == at {
                return Some(next);
            }
            self.read_line(first, at, end, &mut seen);
            self.at = next;
        }
    }

    #[inline]
    fn read_line(&mut self, first: u8, at: usize, end: usize, seen: &mut u128) {
        if matches!(first, b' ' | b'\t') {
            self.read_fold(at, end);
        } else {
            self.read_field(at, end, seen);
        }
    }

    fn read_field(&mut self, at: usize, end: usize, seen: &mut u128) {
        let content = &self.section[at..end];
        let name_len = content.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(content.len());
        // RFC 3261 §25.1 HCOLON: white space may stand between the name and the colon.
        let mut colon = name_len;
        while matches!(content.get(colon), Some(b' ' | b'\t')) {
            colon += 1;
        }
        let short_name = u16::try_from(name_len).ok();
        let (Some(name_len), true, Some(b':')) = (short_name, name_len > 0, content.get(colon)) else {
            self.report(Code::BadHeaderLine, at, end);
            return;
        };
        if content.len() > self.limits.header {
            self.report(Code::HeaderTooLarge, at, end);
        }
        if self.fields.len() >= self.limits.headers {
            if self.fields.len() == self.limits.headers && !self.found.contains(Code::TooManyHeaders) {
                self.report(Code::TooManyHeaders, at, end);
            }
            return;
        }

        let mut value_start = at + colon + 1;
        while value_start < end && matches!(self.section[value_start], b' ' | b'\t') {
            value_start += 1;
        }
        let mut value_end = end;
        while value_end > value_start && matches!(self.section[value_end - 1], b' ' | b'\t') {
            value_end -= 1;
        }
        let id = HeaderName::find(&content[..usize::from(name_len)]);
        if let Some(name) = id {
            let bit = 1u128 << (name as u8);
            if *seen & bit & ALONE != 0 {
                self.report(Code::RepeatedHeader(name), at, end);
            }
            *seen |= bit;
        }
        let value = Span::new(value_start, value_end);
        self.fields.push(Field {
            start: Span::new(at, at).start,
            value_start: value.start,
            value_end: value.end,
            name_len,
            id,
            irregular: false,
        });
    }

    /// RFC 3261 §7.3.1: a line that starts with white space continues the one before.
    fn read_fold(&mut self, at: usize, end: usize) {
        let content = &self.section[at..end];
        let kept = content.trim_ascii();
        if kept.is_empty() {
            self.report(Code::BlankContinuation, at, end);
            return;
        }
        let indent = content.len() - content.trim_ascii_start().len();
        let Some(field) = self.fields.last_mut() else {
            self.report(Code::BadHeaderLine, at, end);
            return;
        };
        let text = Span::new(at + indent, at + indent + kept.len());
        if field.value_start == field.value_end {
            field.value_start = text.start;
        }
        field.value_end = text.end;
        let start = field.start as usize;
        if end - start > self.limits.header && at - start <= self.limits.header + 2 {
            self.report(Code::HeaderTooLarge, start, end);
        }
    }

    /// Looks for bytes that must not be there; one vector pass, and a slow one only when it saw something.
    fn judge_bytes(&mut self, begin: usize, end: usize, start: Start) {
        let head = &self.section[begin..end.min(self.section.len())];
        let Census { carriage_returns, line_feeds, semicolons, unusual } = hygiene::census(head);
        if unusual || carriage_returns != line_feeds || line_feeds != self.pairs {
            for (code, span) in hygiene::irregular(head) {
                let span = Span::new(begin + span.start as usize, begin + span.end as usize);
                self.found.push(code, span);
                let after = self.fields.partition_point(|field| field.start <= span.start);
                if let Some(field) = after.checked_sub(1).and_then(|index| self.fields.get_mut(index)) {
                    field.irregular = true;
                }
            }
        }
        if semicolons > self.limits.uri_params {
            self.judge_params(start);
        }
    }

    fn judge_params(&mut self, start: Start) {
        let limit = self.limits.uri_params;
        let too_many = |text: &[u8]| text.iter().filter(|&&byte| byte == b';').count() > limit;
        if let Start::Request { uri, .. } = start
            && too_many(uri.of(self.section))
        {
            self.found.push(Code::TooManyUriParams, uri);
        }
        for field in &self.fields {
            let addressing = field.id.is_some_and(|name| ADDRESSING & (1u128 << (name as u8)) != 0);
            if addressing && split_list(field.value(self.section)).any(too_many) {
                let span = Span { start: field.value_start, end: field.value_end };
                self.found.push(Code::TooManyUriParams, span);
            }
        }
    }

    /// Counts the elements of the headers that lengthen with every hop.
    fn judge_fields(&mut self) {
        let (mut vias, mut routes, mut recorded) = (0usize, 0usize, 0usize);
        for index in 0..self.fields.len() {
            let field = self.fields[index];
            let (count, limit, code) = match field.id {
                Some(HeaderName::Via) => (&mut vias, self.limits.vias, Code::TooManyVias),
                Some(name @ HeaderName::Route) => {
                    (&mut routes, self.limits.routes, Code::TooManyRoutes(name))
                }
                Some(name @ HeaderName::RecordRoute) => {
                    (&mut recorded, self.limits.routes, Code::TooManyRoutes(name))
                }
                Some(_) | None => continue,
            };
            let before = *count;
            let value = field.value(self.section);
            *count += match memchr::memchr(b',', value) {
                Some(_) => split_list(value).count(),
                None => 1,
            };
            if before <= limit && *count > limit {
                self.report(code, field.start as usize, field.value_end as usize);
            }
        }
    }

    /// RFC 3261 §20.14: decimal digits; RFC 4475 §3.3.9: contradicting values frame nothing.
    fn content_length(&mut self) -> Option<u64> {
        let mut declared = None;
        let mut usable = true;
        for index in 0..self.fields.len() {
            let field = self.fields[index];
            if field.id != Some(HeaderName::ContentLength) {
                continue;
            }
            let (start, end) = (field.value_start as usize, field.value_end as usize);
            match (parse_length(field.value(self.section)), declared) {
                (None, _) => {
                    self.report(Code::BadContentLength, start, end);
                    usable = false;
                }
                (Some(length), None) => declared = Some(length),
                (Some(length), Some(before)) if length == before => {
                    self.report(Code::ContentLengthRepeated, start, end);
                }
                (Some(_), Some(_)) => {
                    self.report(Code::ContentLengthConflict, start, end);
                    usable = false;
                }
            }
        }
        declared.filter(|_| usable)
    }
}

/// The length of the body behind `head`, a header section up to and with its empty line.
///
/// # Errors
/// [`Code::MissingContentLength`], [`Code::BadContentLength`] or [`Code::ContentLengthConflict`].
pub(crate) fn declared_length(head: &[u8]) -> Result<u64, Code> {
    let mut found = Diagnostics::default();
    let limits = Limits { headers: usize::MAX, header: usize::MAX, ..Limits::default() };
    let (_, at) = line(head, 0);
    let mut head =
        Head { section: head, limits: &limits, found: &mut found, fields: SmallVec::new(), at, pairs: 1 };
    head.read_fields();
    // Findings about other headers are for the scanner; the last one here is about the length.
    *head.found = Diagnostics::default();
    let declared = head.content_length();
    let fault = found.worst().map(|worst| worst.code).filter(|code| *code != Code::ContentLengthRepeated);
    match (declared, fault) {
        (Some(length), None) => Ok(length),
        (_, Some(fault)) => Err(fault),
        (None, None) => Err(Code::MissingContentLength),
    }
}

/// A Content-Length of at most 2^31; anything else is `None`.
pub(crate) fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 32 {
        return None;
    }
    let mut length = 0u64;
    for &byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        length = length.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    (length <= 1 << 31).then_some(length)
}

const fn mask(names: &[HeaderName]) -> u128 {
    let mut bits = 0;
    let mut at = 0;
    while at < names.len() {
        bits |= 1u128 << (names[at] as u8);
        at += 1;
    }
    bits
}

/// Headers whose repetition makes a message ambiguous about who, what or where (RFC 4475 §3.3.8).
const ALONE: u128 = mask(&[
    HeaderName::CallId,
    HeaderName::ContentType,
    HeaderName::CSeq,
    HeaderName::Event,
    HeaderName::Expires,
    HeaderName::From,
    HeaderName::MaxForwards,
    HeaderName::RAck,
    HeaderName::ReferTo,
    HeaderName::Replaces,
    HeaderName::RSeq,
    HeaderName::SessionExpires,
    HeaderName::To,
]);

/// Headers that carry addresses, whose parameters are counted.
const ADDRESSING: u128 = mask(&[
    HeaderName::Contact,
    HeaderName::Diversion,
    HeaderName::From,
    HeaderName::HistoryInfo,
    HeaderName::PAssertedIdentity,
    HeaderName::Path,
    HeaderName::PPreferredIdentity,
    HeaderName::RecordRoute,
    HeaderName::ReferredBy,
    HeaderName::ReferTo,
    HeaderName::RemotePartyId,
    HeaderName::ReplyTo,
    HeaderName::Route,
    HeaderName::ServiceRoute,
    HeaderName::To,
    HeaderName::Via,
]);
