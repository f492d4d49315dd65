//! A received message: its bytes, and where everything stands in them.

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::header::{Header, HeaderFault, split_list};

use super::field::{Field, FieldName, HeaderField};
use super::method::Method;
use super::name::HeaderName;
use super::scan::{Scan, Scanner};
use super::span::Span;
use super::start::{Start, StartLine};

/// A SIP request or response as it was received, with nothing copied, reordered or rewritten.
///
/// Cloning shares the bytes. Change one through [`Edits`](super::Edits), answer it with
/// [`Draft::reply_to`](super::Draft::reply_to).
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    begin: u32,
    start: Start,
    fields: SmallVec<[Field; 64]>,
    head_end: u32,
    body: Span,
}

impl Message {
    /// A message of which nothing is known yet.
    #[inline(always)]
    pub(super) fn unread(bytes: Bytes) -> Self {
        let start = Start::Response { code: 0, reason: Span::default() };
        Self { bytes, begin: 0, start, fields: SmallVec::new(), head_end: 0, body: Span::default() }
    }

    /// The bytes, and the table to fill while they are read.
    pub(super) fn parts(&mut self) -> (&Bytes, &mut SmallVec<[Field; 64]>) {
        (&self.bytes, &mut self.fields)
    }

    /// Where everything but the fields was found.
    pub(super) fn settle(&mut self, begin: usize, start: Start, head_end: usize, body: Span) {
        let head = Span::new(begin, head_end);
        (self.begin, self.start, self.head_end, self.body) = (head.start, start, head.end, body);
    }

    /// Reads a datagram with default limits, leniently.
    ///
    /// # Errors
    /// The [`Scan`] with its findings, when the message must not be processed;
    /// [`error_reply`](super::error_reply) turns it into the answer.
    pub fn from_datagram(bytes: impl Into<Bytes>) -> Result<Self, Box<Scan>> {
        Scanner::default().datagram(bytes.into()).accepted()
    }

    /// The message's bytes, exactly as received: start line to end of body.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.begin as usize..self.body.end as usize]
    }

    /// The same bytes as [`as_bytes`](Self::as_bytes), shared.
    pub fn to_bytes(&self) -> Bytes {
        self.bytes.slice(self.begin as usize..self.body.end as usize)
    }

    /// The start line.
    pub fn start_line(&self) -> StartLine<'_> {
        match self.start {
            Start::Request { method, uri } => {
                StartLine::Request { method: read_method(method.of(&self.bytes)), uri: uri.of(&self.bytes) }
            }
            Start::Response { code, reason } => StartLine::Response { code, reason: reason.of(&self.bytes) },
        }
    }

    /// The method of a request; `None` on a response.
    pub fn method(&self) -> Option<Method<'_>> {
        match self.start {
            Start::Request { method, .. } => Some(read_method(method.of(&self.bytes))),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI of a request, unread; `None` on a response.
    pub fn request_uri(&self) -> Option<&[u8]> {
        match self.start {
            Start::Request { uri, .. } => Some(uri.of(&self.bytes)),
            Start::Response { .. } => None,
        }
    }

    /// The status code of a response, 100 to 699, or 0 when it was unusable; `None` on a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { code, .. } => Some(code),
            Start::Request { .. } => None,
        }
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// Every header field in the order received.
    pub fn headers(&self) -> impl Iterator<Item = HeaderField<'_>> {
        self.fields.iter().map(|field| HeaderField {
            known: field.id,
            name: field.name(&self.bytes),
            value: field.value(&self.bytes),
        })
    }

    /// The value of the first field of that name, by id or by text: `message.header("X-Tenant")`.
    #[inline]
    pub fn header<'n>(&self, name: impl Into<FieldName<'n>>) -> Option<&[u8]> {
        let name = name.into();
        let field = self.fields.iter().find(|field| name.matches(field, &self.bytes))?;
        Some(field.value(&self.bytes))
    }

    /// The values of that name in order: for comma-list headers each element of each line, for others each line.
    pub fn values<'a>(&'a self, name: impl Into<FieldName<'a>>) -> impl Iterator<Item = &'a [u8]> + 'a {
        let name = name.into();
        let is_list = matches!(name, FieldName::Known(known) if known.is_list());
        self.fields.iter().filter(move |field| name.matches(field, &self.bytes)).flat_map(move |field| {
            let value = field.value(&self.bytes);
            let whole = (!is_list).then_some(value);
            let split = is_list.then(|| split_list(value)).into_iter().flatten();
            whole.into_iter().chain(split)
        })
    }

    /// The first value of a header as its typed view; `None` when the header is missing.
    ///
    /// ```
    /// # use sip_trunk::{header::CSeq, msg::{Message, Method}};
    /// # let message = Message::from_datagram(&b"SIP/2.0 200 OK\r\nCSeq: 7 BYE\r\n\r\n"[..]).unwrap();
    /// let cseq = message.typed::<CSeq>().unwrap()?;
    /// assert_eq!((cseq.number, cseq.method), (7, Method::Bye));
    /// # Ok::<(), sip_trunk::header::HeaderFault>(())
    /// ```
    #[inline]
    pub fn typed<'a, H: Header<'a>>(&'a self) -> Option<Result<H, HeaderFault>> {
        let value = self.header(H::NAME)?;
        let several = H::NAME.is_list() && (value.is_empty() || memchr::memchr(b',', value).is_some());
        Some(H::parse(if several { split_list(value).next()? } else { value }))
    }

    /// Every value of a header as its typed view, over all lines and comma lists, in order.
    pub fn all<'a, H: Header<'a>>(&'a self) -> impl Iterator<Item = Result<H, HeaderFault>> {
        self.values(H::NAME).map(H::parse)
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &[u8] {
        self.body.of(&self.bytes)
    }

    /// The body, sharing the message's memory.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(self.body.range())
    }

    /// Where `part`, a slice of this message, stands in the received bytes; `None` when it is no part of it.
    pub fn span_of(&self, part: &[u8]) -> Option<Span> {
        let start = (part.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (start + part.len() <= self.bytes.len()).then(|| Span::new(start, start + part.len()))
    }

    /// The same message with `text` put in at `at`, an offset inside the header section's values: one copy, and
    /// nothing is scanned again. The text must be safe in a header value.
    pub(crate) fn inserted(&self, at: usize, text: &[u8]) -> Self {
        let at = at.min(self.bytes.len());
        let mut bytes = Vec::with_capacity(self.bytes.len() + text.len());
        bytes.extend_from_slice(&self.bytes[..at]);
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(&self.bytes[at..]);
        let mut message = self.clone();
        message.bytes = Bytes::from(bytes);
        let (at, by) = (at as u32, text.len() as u32);
        // Text put in right behind a value belongs to it.
        let behind = |offset: u32| if offset > at { offset + by } else { offset };
        let end = |offset: u32| if offset >= at { offset + by } else { offset };
        for field in &mut message.fields {
            field.value_end = end(field.value_end);
            (field.start, field.value_start) = (behind(field.start), behind(field.value_start));
        }
        message.head_end = behind(message.head_end);
        message.body = Span { start: behind(message.body.start), end: behind(message.body.end) };
        message
    }

    pub(super) fn received(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Offset behind the line ends of the field at `index`: where the next one or the empty line starts.
    pub(super) fn field_end(&self, index: usize) -> u32 {
        self.fields.get(index + 1).map_or(self.head_end, |next| next.start)
    }

    /// Offset of the empty line.
    pub(super) fn head_end(&self) -> u32 {
        self.head_end
    }

    /// Offset of the first byte that belongs to the message.
    pub(super) fn begin(&self) -> u32 {
        self.begin
    }

    pub(super) fn body_span(&self) -> Span {
        self.body
    }

    /// The start line's parts and where its line end stands.
    pub(super) fn start(&self) -> (Start, u32) {
        let first_field = self.fields.first().map_or(self.head_end, |field| field.start);
        (self.start, first_field)
    }
}

fn read_method(bytes: &[u8]) -> Method<'_> {
    // A method that is no token was reported; it matches nothing.
    Method::parse(bytes).unwrap_or(Method::Other("".into()))
}

impl fmt::Debug for Message {
    /// One line that is safe to log: start line and Call-ID with everything unusual escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = &self.bytes[self.begin as usize..self.start().1 as usize];
        let call = self.header(HeaderName::CallId).unwrap_or_default();
        write!(f, "Message({} [{}])", line.trim_ascii().escape_ascii(), call.escape_ascii())
    }
}
