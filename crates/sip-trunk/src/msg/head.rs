//! The header section: lines into fields, and what may not stand in them.

use smallvec::SmallVec;

use crate::header::split_list;

use super::diagnostic::{Code, Diagnostics};
use super::field::Field;
use super::hygiene;
use super::limits::Limits;
use super::name::HeaderName;
use super::span::Span;
use super::token::is_token;

/// End of the content and start of the next line, for the line at `at`.
#[inline]
pub(super) fn line(section: &[u8], at: usize) -> (usize, usize) {
    match memchr::memchr(b'\n', &section[at..]) {
        Some(offset) => {
            let feed = at + offset;
            let content_end = if offset > 0 && section[feed - 1] == b'\r' { feed - 1 } else { feed };
            (content_end, feed + 1)
        }
        None => (section.len(), section.len()),
    }
}

/// A header section being read.
pub(super) struct Head<'s> {
    pub(super) section: &'s [u8],
    pub(super) limits: &'s Limits,
    pub(super) found: &'s mut Diagnostics,
    pub(super) fields: &'s mut SmallVec<[Field; 64]>,
    /// Start of the line being read; at the end, of the empty line.
    pub(super) at: usize,
    /// CRLFs that end a line.
    pub(super) pairs: usize,
}

impl Head<'_> {
    pub(super) fn report(&mut self, code: Code, start: usize, end: usize) {
        self.found.push(code, Span::new(start, end));
    }

    /// Reads header lines up to the empty one; gives the offset behind it, or `None` when there is none.
    pub(super) fn read_fields(&mut self) -> Option<usize> {
        let (mut seen, mut pairs) = (0u16, 0usize);
        let body_start = loop {
            let at = self.at;
            let Some(&first) = self.section.get(at) else { break None };
            let (end, next) = line(self.section, at);
            pairs = pairs.wrapping_add(usize::from(next.wrapping_sub(end) == 2));
            if end == at && next > end {
                break Some(next);
            }
            if matches!(first, b' ' | b'\t') {
                self.read_fold(at, end);
            } else {
                self.read_field(at, end, &mut seen);
            }
            self.at = next;
            if next == end {
                // The line has no end: what is there was read for the reply, and the message is refused.
                break None;
            }
        };
        self.pairs += pairs;
        body_start
    }

    #[inline(always)]
    fn read_field(&mut self, at: usize, end: usize, seen: &mut u16) {
        let content = &self.section[at..end];
        let Some(colon) = find_colon(content) else {
            return self.report(Code::BadHeaderLine, at, end);
        };
        // RFC 3261 §25.1 HCOLON: white space may stand between the name and the colon.
        let name = trim_blank_end(&content[..colon]);
        let id = HeaderName::find(name);
        let name_len = match u16::try_from(name.len()) {
            Ok(name_len) if id.is_some() || is_token(name) => name_len,
            Ok(_) | Err(_) => return self.report(Code::BadHeaderLine, at, end),
        };
        if content.len() > self.limits.header {
            self.report(Code::HeaderTooLarge, at, end);
        }
        if self.fields.len() >= self.limits.headers {
            if !self.found.contains(Code::TooManyHeaders) {
                self.report(Code::TooManyHeaders, at, end);
            }
            return;
        }
        if let Some(name) = id {
            let bit = TRAITS[name as usize] & ALONE;
            if *seen & bit != 0 {
                self.report(Code::RepeatedHeader(name), at, end);
            }
            *seen |= bit;
        }
        let value = trim_blank_start(&content[colon + 1..]);
        let value_start = end - value.len();
        let value = Span::within(value_start, value_start + trim_blank_end(value).len());
        let start = Span::within(at, end).start;
        self.fields.push(Field {
            start,
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
    pub(super) fn judge_bytes(&mut self, begin: usize, end: usize) {
        let head = &self.section[begin..end];
        if hygiene::count_unusual(head) == 2 * self.pairs {
            return;
        }
        for (code, span) in hygiene::irregular(head) {
            let span = Span::new(begin + span.start as usize, begin + span.end as usize);
            self.found.push(code, span);
            let after = self.fields.partition_point(|field| field.start <= span.start);
            if let Some(field) = after.checked_sub(1).and_then(|index| self.fields.get_mut(index)) {
                field.irregular = true;
            }
        }
    }

    /// Counts what lengthens with every hop, and gives the body's length.
    ///
    /// RFC 3261 §20.14: decimal digits; RFC 4475 §3.3.9: contradicting values frame nothing.
    pub(super) fn judge_fields(&mut self) -> Option<u64> {
        let (mut vias, mut routes, mut recorded) = (0usize, 0usize, 0usize);
        let (mut declared, mut usable) = (None, true);
        for field in self.fields.iter() {
            let Some(name) = field.id else { continue };
            let traits = TRAITS[name as usize];
            if traits & (COUNTED | ADDRESSING) == 0 {
                continue;
            }
            let span = Span { start: field.value_start, end: field.value_end };
            if traits & ADDRESSING != 0 && span.len() > self.limits.uri_params {
                for element in split_list(span.of(self.section)) {
                    let at = element.as_ptr() as usize - self.section.as_ptr() as usize;
                    let element = Span::new(at, at + element.len());
                    judge_params(element, self.section, self.limits, self.found);
                }
            }
            if traits & COUNTED == 0 {
                continue;
            }
            #[allow(clippy::wildcard_enum_match_arm)] // the other headers are not judged here
            let (count, limit, code) = match name {
                HeaderName::Via => (&mut vias, self.limits.vias, Code::TooManyVias),
                HeaderName::Route => (&mut routes, self.limits.routes, Code::TooManyRoutes(name)),
                HeaderName::RecordRoute => (&mut recorded, self.limits.routes, Code::TooManyRoutes(name)),
                HeaderName::ContentLength => {
                    let length = parse_length(span.of(self.section));
                    let code = match (length, declared) {
                        (Some(_), None) => None,
                        (None, _) => Some(Code::BadContentLength),
                        (Some(length), Some(before)) if length == before => Some(Code::ContentLengthRepeated),
                        (Some(_), Some(_)) => Some(Code::ContentLengthConflict),
                    };
                    declared = declared.or(length);
                    if let Some(code) = code {
                        self.found.push(code, span);
                        usable &= code == Code::ContentLengthRepeated;
                    }
                    continue;
                }
                _ => continue,
            };
            let before = *count;
            *count += match memchr::memchr(b',', span.of(self.section)) {
                Some(_) => split_list(span.of(self.section)).count(),
                None => 1,
            };
            if before <= limit && *count > limit {
                self.found.push(code, span);
            }
        }
        declared.filter(|_| usable)
    }
}

/// Counts the parameters of one address, or of the Request-URI.
pub(super) fn judge_params(address: Span, section: &[u8], limits: &Limits, found: &mut Diagnostics) {
    let limit = limits.uri_params;
    if address.len() > limit && memchr::memchr_iter(b';', address.of(section)).count() > limit {
        found.push(Code::TooManyUriParams, address);
    }
}

/// Offset of the first colon, eight bytes at a time: names are too short for a call to pay.
#[inline]
fn find_colon(line: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (chunks, tail) = line.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let differences = u64::from_le_bytes(*chunk) ^ (ONES * b':' as u64);
        let zeros = differences.wrapping_sub(ONES) & !differences & (ONES << 7);
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&byte| byte == b':')?;
    Some(chunks.len() * 8 + at)
}

/// Without the blanks in front; nearly always that is one space.
#[inline]
fn trim_blank_start(text: &[u8]) -> &[u8] {
    match text {
        [b' ', rest @ ..] if rest.first().is_some_and(|first| *first > b' ') => rest,
        _ => &text[text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()..],
    }
}

/// Without the blanks at the end; nearly always there are none.
#[inline]
fn trim_blank_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && *last <= b' '
        && matches!(last, b' ' | b'\t')
    {
        text = rest;
    }
    text
}

/// The length of the body behind `head`, a header section up to and with its empty line.
///
/// # Errors
/// [`Code::MissingContentLength`], [`Code::BadContentLength`] or [`Code::ContentLengthConflict`].
pub(crate) fn declared_length(head: &[u8]) -> Result<u64, Code> {
    let mut found = Diagnostics::default();
    let limits = Limits { headers: usize::MAX, header: usize::MAX, ..Limits::default() };
    let (_, at) = line(head, 0);
    let mut fields = SmallVec::new();
    let mut head =
        Head { section: head, limits: &limits, found: &mut found, fields: &mut fields, at, pairs: 0 };
    head.read_fields();
    let declared = head.judge_fields();
    let fault = found
        .iter()
        .map(|found| found.code)
        .find(|code| matches!(code, Code::BadContentLength | Code::ContentLengthConflict));
    match (declared, fault) {
        (Some(length), _) => Ok(length),
        (None, Some(fault)) => Err(fault),
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

/// One bit for each header whose repetition makes a message ambiguous about who, what or where (RFC 4475 §3.3.8).
const ALONE: u16 = (1 << 13) - 1;
/// Headers that carry addresses, whose parameters are counted.
const ADDRESSING: u16 = 1 << 13;
/// Headers that are counted, or frame the body.
const COUNTED: u16 = 1 << 14;

/// What each header is judged for.
static TRAITS: [u16; HeaderName::COUNT] = {
    use HeaderName as H;
    const fn mark(traits: &mut [u16; HeaderName::COUNT], names: &[HeaderName], bits: u16) {
        let mut at = 0;
        while at < names.len() {
            traits[names[at] as usize] |= bits;
            at += 1;
        }
    }
    let mut traits = [0; HeaderName::COUNT];
    let alone = [
        H::CallId,
        H::ContentType,
        H::CSeq,
        H::Event,
        H::Expires,
        H::From,
        H::MaxForwards,
        H::RAck,
        H::ReferTo,
        H::Replaces,
        H::RSeq,
        H::SessionExpires,
        H::To,
    ];
    let mut bit = 0;
    while bit < alone.len() {
        mark(&mut traits, &[alone[bit]], 1 << bit);
        bit += 1;
    }
    let addressing = [
        H::Contact,
        H::Diversion,
        H::From,
        H::HistoryInfo,
        H::PAssertedIdentity,
        H::Path,
        H::PPreferredIdentity,
        H::RecordRoute,
        H::ReferredBy,
        H::ReferTo,
        H::RemotePartyId,
        H::ReplyTo,
        H::Route,
        H::ServiceRoute,
        H::To,
        H::Via,
    ];
    mark(&mut traits, &addressing, ADDRESSING);
    mark(&mut traits, &[H::ContentLength, H::RecordRoute, H::Route, H::Via], COUNTED);
    traits
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_is_found_at_every_offset() {
        for len in 0..40 {
            for at in 0..len {
                let mut line = vec![b';'; len];
                line[at] = b':';
                line[len - 1] = b':';
                assert_eq!(find_colon(&line), Some(at.min(len - 1)));
            }
            assert_eq!(find_colon(&vec![0xba; len]), None);
        }
    }
}
