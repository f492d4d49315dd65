//! Changing a received message: an ordered list of edits, and everything between them copied as it came.

use bytes::Bytes;
use smallvec::SmallVec;
use thiserror::Error;

use crate::header::split_list;

use super::diagnostic::Code;
use super::field::FieldName;
use super::hygiene;
use super::message::Message;
use super::name::HeaderName;
use super::span::Span;
use super::start::Start;
use super::token::is_token;

/// Max-Forwards a forwarding element adds where there is none (RFC 3261 §16.6 step 3).
const MAX_FORWARDS: u8 = 70;

/// Why an edit was refused. The message and the edits made before are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text would end its line or smuggle control characters.
    #[error("the text holds a line end or control character: remove it or encode it")]
    UnsafeText,
    /// The header name is not a token.
    #[error("the header name is not a token: use letters, digits and -.!%*_+`'~")]
    BadName,
    /// A Request-URI was given for a response, or holds white space or brackets.
    #[error("the Request-URI is not writable: give a URI without spaces and brackets, on a request")]
    BadRequestUri,
    /// The message may not be forwarded any further: answer 483 (RFC 3261 §16.3).
    #[error("max-forwards is exhausted: answer 483")]
    TooManyHops,
}

/// Edits to a received message, applied in one copy by [`finish`](Self::finish).
///
/// Every edit addresses the message *as received*; removing a header never removes one added here. Bytes no edit
/// touches come out as they came in, so signatures over them stay valid, with one exception: what must never be
/// forwarded (superfluous spaces in the start line, control and text-reordering characters) is cleaned.
///
/// What adds or replaces can be chained with `?`; [`remove`](Self::remove), [`pop`](Self::pop) and
/// [`decrement_max_forwards`](Self::decrement_max_forwards) end a chain, for they give what they found.
///
/// ```
/// # use sip_trunk::msg::{Edits, Message};
/// # let message = Message::from_datagram("OPTIONS sip:b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\n\
/// #     Max-Forwards: 70\r\nFrom: <sip:a.example>;tag=a\r\nTo: <sip:b.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
/// #     X-Tenant: blue\r\n\r\n").unwrap();
/// let mut edits = Edits::new(&message);
/// edits.push_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK7")?.append("X-Seen", "yes")?;
/// assert_eq!(edits.remove("X-Tenant"), 1);
/// assert_eq!(edits.decrement_max_forwards()?, 69);
/// assert!(edits.finish().ends_with(b"\r\nX-Seen: yes\r\n\r\n"));
/// # Ok::<(), sip_trunk::msg::EditError>(())
/// ```
#[derive(Debug)]
pub struct Edits<'m> {
    message: &'m Message,
    lumps: SmallVec<[Lump; 12]>,
    text: SmallVec<[u8; 512]>,
    body: Option<Bytes>,
}

/// `remove` received bytes at `at` give way to a piece of the text.
#[derive(Clone, Copy, Debug)]
struct Lump {
    at: u32,
    remove: u32,
    text: Span,
}

impl Lump {
    fn end(&self) -> u32 {
        self.at + self.remove
    }
}

impl<'m> Edits<'m> {
    /// No edits yet.
    pub fn new(message: &'m Message) -> Self {
        Self { message, lumps: SmallVec::new(), text: SmallVec::new(), body: None }
    }

    /// Puts another Request-URI in the start line.
    ///
    /// # Errors
    /// [`EditError::BadRequestUri`].
    pub fn set_request_uri(&mut self, uri: impl AsRef<[u8]>) -> Result<&mut Self, EditError> {
        let uri = uri.as_ref();
        let forbidden = |&byte: &u8| byte <= b' ' || byte == 0x7f || matches!(byte, b'<' | b'>' | b'"');
        match self.message.start().0 {
            Start::Request { uri: old, .. } if !uri.is_empty() && !uri.iter().any(forbidden) => {
                self.replace_span(old, &[uri]);
                Ok(self)
            }
            Start::Request { .. } | Start::Response { .. } => Err(EditError::BadRequestUri),
        }
    }

    /// Adds a Via above all others.
    ///
    /// # Errors
    /// [`EditError::UnsafeText`].
    pub fn push_via(&mut self, value: impl AsRef<[u8]>) -> Result<&mut Self, EditError> {
        self.prepend(HeaderName::Via, value)
    }

    /// Takes the topmost Via element away and gives it back, as a response on its way back requires
    /// (RFC 3261 §16.7 step 3). Only that element leaves a line that lists several. `None`: there is no further one.
    pub fn pop_via(&mut self) -> Option<&'m [u8]> {
        self.pop(HeaderName::Via)
    }

    /// Takes the first element of a comma-list header away, or the first line of another; see
    /// [`pop_via`](Self::pop_via).
    pub fn pop<'n>(&mut self, name: impl Into<FieldName<'n>>) -> Option<&'m [u8]> {
        let name = name.into();
        let bytes: &'m [u8] = self.message.received();
        let is_list = matches!(name, FieldName::Known(known) if known.is_list());
        for (index, field) in self.message.fields().iter().enumerate() {
            if !name.matches(field, bytes) || self.is_removed(field.start) {
                continue;
            }
            let value = field.value(bytes);
            let line = Span { start: field.start, end: self.message.field_end(index) };
            if !is_list {
                self.remove_span(line);
                return Some(value);
            }
            // Elements popped earlier are already covered by a lump.
            let at = |element: &[u8]| self.message.span_of(element).map_or(line.end, |span| span.start);
            let mut left = split_list(value).skip_while(|element| self.is_removed(at(element)));
            let Some(element) = left.next() else { continue };
            let span = match left.next() {
                Some(next) => Span { start: at(element), end: at(next) },
                None => line,
            };
            self.remove_span(span);
            return Some(element);
        }
        None
    }

    /// Adds a header above the first of its name, or above all headers.
    ///
    /// # Errors
    /// [`EditError::UnsafeText`], [`EditError::BadName`].
    pub fn prepend<'n>(
        &mut self,
        name: impl Into<FieldName<'n>>,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EditError> {
        let name = name.into();
        let text = self.header_line(name, value.as_ref())?;
        let bytes = self.message.received();
        let fields = self.message.fields();
        let first = fields.iter().find(|field| name.matches(field, bytes)).or_else(|| fields.first());
        let at = first.map_or(self.message.head_end(), |field| field.start);
        // The latest addition stands on top.
        let place = self.lumps.iter().position(|lump| lump.at == at && lump.remove == 0);
        self.lumps.insert(place.unwrap_or(self.lumps.len()), Lump { at, remove: 0, text });
        Ok(self)
    }

    /// Adds a header below all others.
    ///
    /// # Errors
    /// [`EditError::UnsafeText`], [`EditError::BadName`].
    pub fn append<'n>(
        &mut self,
        name: impl Into<FieldName<'n>>,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EditError> {
        let text = self.header_line(name.into(), value.as_ref())?;
        self.lumps.push(Lump { at: self.message.head_end(), remove: 0, text });
        Ok(self)
    }

    /// Removes every received header of that name, however spelt, spaced or folded; gives their number.
    pub fn remove<'n>(&mut self, name: impl Into<FieldName<'n>>) -> usize {
        let name = name.into();
        let bytes = self.message.received();
        let mut removed = 0;
        for (index, field) in self.message.fields().iter().enumerate() {
            if name.matches(field, bytes) {
                self.remove_span(Span { start: field.start, end: self.message.field_end(index) });
                removed += 1;
            }
        }
        removed
    }

    /// Puts `value` in place of the first header of that name and removes the others; adds it where there is none.
    ///
    /// # Errors
    /// [`EditError::UnsafeText`], [`EditError::BadName`].
    pub fn replace<'n>(
        &mut self,
        name: impl Into<FieldName<'n>>,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EditError> {
        let name = name.into();
        let value = value.as_ref();
        if !hygiene::is_safe_value(value) {
            return Err(EditError::UnsafeText);
        }
        let bytes = self.message.received();
        let Some(first) = self.message.fields().iter().position(|field| name.matches(field, bytes)) else {
            return self.append(name, value);
        };
        self.remove(name);
        let field = self.message.fields()[first];
        let text = self.header_line_named(field.name(bytes), value);
        self.lump(Span { start: field.start, end: self.message.field_end(first) }, text);
        Ok(self)
    }

    /// Takes one from Max-Forwards and gives what is left; sets 70 where it is missing or unusable.
    ///
    /// # Errors
    /// [`EditError::TooManyHops`] when it is zero already.
    pub fn decrement_max_forwards(&mut self) -> Result<u8, EditError> {
        let value = self.message.header(HeaderName::MaxForwards);
        // RFC 4475 §3.1.2.4: a value beyond 255 may be treated as absent.
        let hops = value.and_then(super::head::parse_length).and_then(|hops| u8::try_from(hops).ok());
        let left = match hops {
            Some(0) => return Err(EditError::TooManyHops),
            Some(hops) => hops - 1,
            None => MAX_FORWARDS,
        };
        self.replace(HeaderName::MaxForwards, decimal(usize::from(left), &mut [0; 20]))?;
        Ok(left)
    }

    /// Puts another body in; Content-Type and Content-Length follow. An empty body without a type removes both text
    /// and Content-Type.
    ///
    /// # Errors
    /// [`EditError::UnsafeText`] for the type.
    pub fn set_body(
        &mut self,
        content_type: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Result<&mut Self, EditError> {
        match content_type {
            Some(content_type) => {
                self.replace(HeaderName::ContentType, content_type)?;
            }
            None => {
                self.remove(HeaderName::ContentType);
            }
        }
        let body = body.into();
        self.replace(HeaderName::ContentLength, decimal(body.len(), &mut [0; 20]))?;
        self.body = Some(body);
        Ok(self)
    }

    /// Adds Content-Length where the sender left it out, as forwarding a datagram to a stream requires
    /// (RFC 3261 §20.14).
    pub fn ensure_content_length(&mut self) -> &mut Self {
        if self.message.header(HeaderName::ContentLength).is_none() {
            let mut room = [0; 20];
            let length = decimal(self.message.body().len(), &mut room);
            let text = self.header_line_named(HeaderName::ContentLength.as_str().as_bytes(), length);
            self.lumps.push(Lump { at: self.message.head_end(), remove: 0, text });
        }
        self
    }

    /// The message with all edits applied: one allocation, one copy.
    pub fn finish(mut self) -> Bytes {
        self.clean();
        self.lumps.sort_by_key(|lump| (lump.at, lump.remove > 0));
        let mut length = 0;
        self.for_each_run(|run| length += run.len());
        let mut out = Vec::with_capacity(length);
        self.for_each_run(|run| out.extend_from_slice(run));
        Bytes::from(out)
    }

    /// Calls `write` with each piece of the result in order. The lumps must be sorted.
    fn for_each_run(&self, mut write: impl FnMut(&[u8])) {
        let bytes = self.message.received();
        let mut cursor = self.message.begin() as usize;
        for lump in &self.lumps {
            let at = lump.at as usize;
            if at < cursor {
                continue; // Inside a removed piece.
            }
            write(&bytes[cursor..at]);
            write(lump.text.of(&self.text));
            cursor = lump.end() as usize;
        }
        let body = self.message.body_span();
        write(&bytes[cursor..body.start as usize]);
        write(self.body.as_deref().unwrap_or(body.of(bytes)));
    }

    /// Adds the edits nobody asks for: what a liberal receiver accepts but no element may send on.
    fn clean(&mut self) {
        let bytes = self.message.received();
        let (start, line_end) = self.message.start();
        match start {
            Start::Request { method, uri } => {
                let before = Span { start: method.end, end: uri.start };
                let behind = Span { start: uri.end, end: line_end };
                for (span, proper) in [(before, &b" "[..]), (behind, b" SIP/2.0\r\n")] {
                    if span.of(bytes) != proper {
                        self.replace_span(span, &[proper]);
                    }
                }
            }
            Start::Response { code, reason } => {
                let before = Span { start: self.message.begin(), end: reason.start };
                let proper = format_status(code);
                if before.of(bytes) != proper {
                    self.replace_span(before, &[&proper]);
                }
            }
        }
        for (index, field) in self.message.fields().iter().enumerate().filter(|(_, field)| field.irregular) {
            let end = self.message.field_end(index);
            let text = &bytes[field.start as usize..end as usize];
            for (_, span) in hygiene::irregular(text).filter(|(code, _)| *code != Code::NotUtf8) {
                let span = Span { start: span.start + field.start, end: span.end + field.start };
                self.replace_span(span, &[b"?"]);
            }
        }
    }

    fn header_line(&mut self, name: FieldName<'_>, value: &[u8]) -> Result<Span, EditError> {
        if !is_token(name.as_str().as_bytes()) {
            return Err(EditError::BadName);
        }
        if !hygiene::is_safe_value(value) {
            return Err(EditError::UnsafeText);
        }
        Ok(self.header_line_named(name.as_str().as_bytes(), value))
    }

    fn header_line_named(&mut self, name: &[u8], value: &[u8]) -> Span {
        self.add_text(&[name, b": ", value, b"\r\n"])
    }

    fn add_text(&mut self, parts: &[&[u8]]) -> Span {
        let start = self.text.len();
        for part in parts {
            self.text.extend_from_slice(part);
        }
        Span::new(start, self.text.len())
    }

    fn remove_span(&mut self, span: Span) {
        self.lump(span, Span::default());
    }

    fn replace_span(&mut self, span: Span, parts: &[&[u8]]) {
        let text = self.add_text(parts);
        self.lump(span, text);
    }

    /// The later of two edits of the same place counts.
    fn lump(&mut self, span: Span, text: Span) {
        if !span.is_empty() {
            self.lumps.retain(|lump| lump.remove == 0 || lump.at != span.start);
        }
        self.lumps.push(Lump { at: span.start, remove: span.end - span.start, text });
    }

    fn is_removed(&self, at: u32) -> bool {
        self.lumps.iter().any(|lump| lump.at <= at && at < lump.end())
    }
}

fn format_status(code: u16) -> [u8; 12] {
    let digit = |power: u16| b'0' + u8::try_from(code / power % 10).unwrap_or(0);
    let mut text = *b"SIP/2.0 000 ";
    (text[8], text[9], text[10]) = (digit(100), digit(10), digit(1));
    text
}

/// `number` in decimal digits, written at the end of `room`.
pub(super) fn decimal(mut number: usize, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}
