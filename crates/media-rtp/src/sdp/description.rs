//! A whole session description: bytes in, the same bytes out, and the list of what is wrong with it.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use bytes::Bytes;

use super::attribute;
use super::connection::Connection;
use super::fault::{Fault, FaultKind, Limits, ParseError};
use super::line::{Line, LineEnd};
use super::media_line::MediaLine;
use super::origin::Origin;
use super::section::{self, Section};

/// A session description (RFC 8866) that keeps every line it was given.
///
/// Unknown, misplaced and malformed lines stay where they were, so an untouched description prints as the bytes it
/// was read from. Typed views read single lines on demand. `t=`, `r=` and `z=` are carried and never evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    session: Section,
    media: Vec<Media>,
}

/// Stands for a whole description where only sameness counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(u64);

/// One media section: its `m=` line, read, and all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    line: MediaLine,
    section: Section,
}

impl SessionDescription {
    /// An empty description with the lines RFC 8866 requires: `v= o= s=- c= t=0 0`.
    #[must_use]
    pub fn new(origin: &Origin, connection: &Connection) -> Self {
        let mut session = Section::default();
        for (kind, value) in [
            (b'v', "0"),
            (b'o', &origin.to_string()),
            (b's', "-"),
            (b'c', &connection.to_string()),
            (b't', "0 0"),
        ] {
            session.push(Line::new(kind, value));
        }
        Self { session, media: Vec::new() }
    }

    /// Reads a body with the default [`Limits`].
    ///
    /// # Errors
    /// See [`ParseError`]. Lesser defects are kept and listed by [`Self::faults`].
    pub fn parse(input: &[u8]) -> Result<Self, ParseError> {
        Self::parse_with(input, &Limits::default())
    }

    /// Reads a body with the limits given.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse_with(input: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        if input.is_empty() {
            return Err(ParseError::Empty);
        }
        if input.len() > limits.bytes {
            return Err(ParseError::TooLarge { actual: input.len(), limit: limits.bytes });
        }
        let mut description = Self { session: Section::default(), media: Vec::new() };
        let mut attributes = 0;
        for line in split(&Bytes::copy_from_slice(input)) {
            let number = line.number();
            if line.raw().contains(&0) {
                return Err(ParseError::Nul { line: number });
            }
            if number == 1 {
                check_version(&line)?;
            }
            match line.kind() {
                Some(b'm') => {
                    if description.media.len() == limits.media {
                        return Err(ParseError::TooManyMedia { line: number, limit: limits.media });
                    }
                    description.media.push(Media::received(line)?);
                    continue;
                }
                Some(b'a') => {
                    attributes += 1;
                    if attributes > limits.attributes {
                        return Err(ParseError::TooManyAttributes { line: number, limit: limits.attributes });
                    }
                }
                Some(_) | None => {}
            }
            description.last_section().push(line);
        }
        Ok(description)
    }

    /// The bytes for the wire. Equal to the input while nothing was changed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let mut unfinished = false;
        for line in self.lines() {
            if unfinished {
                out.extend_from_slice(LineEnd::CrLf.bytes());
            }
            out.extend_from_slice(line.raw());
            out.extend_from_slice(line.end().bytes());
            unfinished = line.end() == LineEnd::None;
        }
        out
    }

    /// What tells this description from another one.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = DefaultHasher::new();
        for line in self.lines() {
            hasher.write(line.raw());
            hasher.write(line.end().bytes());
        }
        Digest(hasher.finish())
    }

    /// The lines before the first `m=`.
    #[must_use]
    pub fn session(&self) -> &Section {
        &self.session
    }

    /// The session part, to change it.
    pub fn session_mut(&mut self) -> &mut Section {
        &mut self.session
    }

    /// The media sections in order.
    #[must_use]
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The media sections, to change them.
    pub fn media_mut(&mut self) -> &mut [Media] {
        &mut self.media
    }

    /// Adds a media section at the end; a stream is never removed, only refused with port 0 (RFC 3264 §8).
    pub fn push_media(&mut self, line: MediaLine) -> &mut Section {
        self.media.push(Media::new(line));
        self.last_section()
    }

    /// The `o=` line; `None` when it is missing or cannot be read.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.session.find(b'o').and_then(Line::utf8).and_then(Origin::parse)
    }

    /// Sets or replaces `o=`.
    pub fn set_origin(&mut self, origin: &Origin) {
        self.session.set_line(b'o', &origin.to_string());
    }

    /// The `c=` that holds for a media section: its own, else the session's.
    ///
    /// # Errors
    /// A [`Fault`] when the line that counts cannot be read.
    pub fn connection_of(&self, media: &Media) -> Result<Option<Connection>, Fault> {
        match media.section.connection()? {
            Some(connection) => Ok(Some(connection)),
            None => self.session.connection(),
        }
    }

    /// All lines of all sections in order.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.session.lines().iter().chain(self.media.iter().flat_map(|m| m.section.lines()))
    }

    /// Everything wrong with this description that did not stop the parser, in line order.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        section_faults(&self.session, &mut faults);
        let end = self.session.lines().last().map_or(0, Line::number);
        // RFC 8866 §5: o=, s= and t= are mandatory; c= only when a media section has none of its own.
        for kind in *b"ost" {
            if self.session.find(kind).is_none() {
                faults.push(Fault { line: end, kind: FaultKind::Missing(kind) });
            }
        }
        if let Some(line) = self.session.find(b'o')
            && self.origin().is_none()
        {
            faults.push(Fault { line: line.number(), kind: FaultKind::BadOrigin });
        }
        for media in &self.media {
            section_faults(&media.section, &mut faults);
            if media.line.port != 0 && self.session.find(b'c').is_none() && media.section.find(b'c').is_none()
            {
                let line = media.section.lines().first().map_or(0, Line::number);
                faults.push(Fault { line, kind: FaultKind::Missing(b'c') });
            }
        }
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    fn last_section(&mut self) -> &mut Section {
        self.media.last_mut().map_or(&mut self.session, |media| &mut media.section)
    }
}

impl Media {
    /// A new section with nothing but its `m=` line.
    #[must_use]
    pub fn new(line: MediaLine) -> Self {
        let mut section = Section::default();
        section.push(Line::new(b'm', &line.to_string()));
        Self { line, section }
    }

    fn received(line: Line) -> Result<Self, ParseError> {
        let number = line.number();
        let read = line.utf8().and_then(MediaLine::parse).ok_or(ParseError::BadMediaLine { line: number })?;
        let mut section = Section::default();
        section.push(line);
        Ok(Self { line: read, section })
    }

    /// The `m=` line.
    #[must_use]
    pub fn line(&self) -> &MediaLine {
        &self.line
    }

    /// Replaces the `m=` line.
    pub fn set_line(&mut self, line: MediaLine) {
        self.section.set_line(b'm', &line.to_string());
        self.line = line;
    }

    /// All lines of the section, the `m=` first.
    #[must_use]
    pub fn section(&self) -> &Section {
        &self.section
    }

    /// The lines of the section, to change them.
    pub fn section_mut(&mut self) -> &mut Section {
        &mut self.section
    }
}

/// The wire form, with what is not UTF-8 replaced; [`SessionDescription::to_bytes`] is exact.
impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

fn split(input: &Bytes) -> impl Iterator<Item = Line> + '_ {
    let mut at = 0;
    let mut number = 0;
    std::iter::from_fn(move || {
        let rest = input.get(at..).filter(|rest| !rest.is_empty())?;
        let (length, end) = match rest.iter().position(|b| *b == b'\n') {
            Some(lf) if lf > 0 && rest[lf - 1] == b'\r' => (lf - 1, LineEnd::CrLf),
            Some(lf) => (lf, LineEnd::Lf),
            None => (rest.len(), LineEnd::None),
        };
        let raw = input.slice(at..at + length);
        at += length + end.bytes().len();
        number += 1;
        Some(Line::received(raw, end, number))
    })
}

fn check_version(line: &Line) -> Result<(), ParseError> {
    match (line.kind(), line.value().trim_ascii()) {
        (Some(b'v'), b"0") => Ok(()),
        (Some(b'v'), _) => Err(ParseError::UnsupportedVersion),
        _ => Err(ParseError::NoVersion),
    }
}

fn section_faults(section: &Section, faults: &mut Vec<Fault>) {
    let mut highest = 0;
    let mut seen = Vec::new();
    for line in section.lines() {
        let mut fault = |kind| faults.push(Fault { line: line.number(), kind });
        match line.end() {
            LineEnd::CrLf => {}
            LineEnd::Lf => fault(FaultKind::BareLineFeed),
            LineEnd::None => fault(FaultKind::NoFinalLineEnd),
        }
        let Some(kind) = line.kind() else {
            fault(FaultKind::NotALine);
            continue;
        };
        if line.utf8().is_none() {
            fault(FaultKind::NotUtf8);
        }
        if !section::is_known(kind) {
            fault(FaultKind::UnknownType(kind));
            continue;
        }
        if section::rank(kind) < highest && !b"rzt".contains(&kind) {
            fault(FaultKind::OutOfOrder(kind));
        }
        highest = highest.max(section::rank(kind));
        if b"vosiuzk".contains(&kind) && seen.contains(&kind) {
            fault(FaultKind::Repeated(kind));
        }
        seen.push(kind);
        if kind == b'c' && line.utf8().and_then(Connection::parse).is_none() {
            fault(FaultKind::BadConnection);
        }
    }
    attribute::faults(section, faults);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

    fn codes(input: &[u8]) -> Vec<(u32, &'static str)> {
        let faults = SessionDescription::parse(input).unwrap().faults();
        faults.iter().map(|f| (f.line, f.kind.code())).collect()
    }

    #[test]
    fn clean_description_has_no_faults() {
        assert_eq!(codes(OFFER.as_bytes()), []);
    }

    #[test]
    fn untouched_description_prints_as_it_came() {
        for input in [
            OFFER.to_owned(),
            OFFER.replace("\r\n", "\n"),
            OFFER.trim_end().to_owned(),
            OFFER.replace("s=-\r\n", "s=-\ny=unknown\r\n\r\nno line at all\nx=\r\n=\r\n"),
            OFFER.replace("t=0 0", "b=AS:64\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nt=1 2 "),
        ] {
            let description = SessionDescription::parse(input.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(description.to_bytes()).unwrap(), input);
            assert_eq!(description.media().len(), 1, "no line deletes the media: {input}");
        }
    }

    #[test]
    fn latin_1_survives() {
        let input = [b"v=0\r\ns=caf\xe9\r\n", &OFFER.as_bytes()[5..]].concat();
        let description = SessionDescription::parse(&input).unwrap();
        assert_eq!(description.to_bytes(), input);
        assert!(description.faults().iter().any(|f| f.kind == FaultKind::NotUtf8 && f.line == 2));
    }

    #[test]
    fn faults_carry_their_line() {
        assert_eq!(codes(b"v=0\n"), [(1, "bare-line-feed"), (1, "missing"), (1, "missing"), (1, "missing")]);
        let late_connection = OFFER.replace("m=audio", "a=tool:x\r\nc=IN IP4 1\r\nm=audio");
        assert_eq!(codes(late_connection.as_bytes()), [(7, "out-of-order"), (7, "bad-connection")]);
        assert_eq!(
            codes(OFFER.replace("s=-", "s=-\r\ns=-\r\ny=1").as_bytes()),
            [(4, "repeated"), (5, "unknown-type")]
        );
        assert_eq!(codes(OFFER.replace("192.0.2.1\r\ns", "\r\ns").as_bytes()), [(2, "bad-origin")]);
        assert_eq!(codes(OFFER.replace("c=IN IP4 192.0.2.1\r\n", "").as_bytes()), [(5, "missing")]);
    }

    /// ES-36: `t=`, `r=` and `z=` are carried and never evaluated, whatever numbers they hold.
    #[test]
    fn times_are_never_evaluated() {
        for lines in [
            "r=7d 1h 0 9223372036854775807",
            "r=9999999999999999h 1 0 0",
            "r=92233720368547758d 1h 0",
            "z=2882844526 9223372036854775807",
            "t=99999999999999999999999999 -1",
        ] {
            let input = OFFER.replace("t=0 0", &format!("t=0 0\r\n{lines}"));
            assert_eq!(codes(input.as_bytes()), []);
            assert_eq!(SessionDescription::parse(input.as_bytes()).unwrap().to_bytes(), input.as_bytes());
        }
    }

    /// ES-36: 16 KiB, 32 media sections and 256 attributes are accepted; one more is not.
    #[test]
    fn limits_are_exact() {
        let padded = |bytes: usize| format!("{OFFER}a={}\r\n", "x".repeat(bytes - OFFER.len() - 4));
        assert!(SessionDescription::parse(padded(16 * 1024).as_bytes()).is_ok());
        assert_eq!(
            SessionDescription::parse(padded(16 * 1024 + 1).as_bytes()),
            Err(ParseError::TooLarge { actual: 16385, limit: 16384 })
        );
        let media = |count: usize| format!("{OFFER}{}", "m=video 0 RTP/AVP 31\r\n".repeat(count - 1));
        assert_eq!(SessionDescription::parse(media(32).as_bytes()).unwrap().media().len(), 32);
        assert_eq!(
            SessionDescription::parse(media(33).as_bytes()),
            Err(ParseError::TooManyMedia { line: 38, limit: 32 })
        );
        let attributes = |count: usize| format!("{OFFER}{}", "a=x\r\n".repeat(count));
        assert!(SessionDescription::parse(attributes(256).as_bytes()).is_ok());
        assert_eq!(
            SessionDescription::parse(attributes(257).as_bytes()),
            Err(ParseError::TooManyAttributes { line: 263, limit: 256 })
        );
        let generous = Limits { bytes: 1 << 20, attributes: 10_000, ..Limits::default() };
        assert!(SessionDescription::parse_with(attributes(10_000).as_bytes(), &generous).is_ok());
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for (input, expected) in [
            (&b""[..], ParseError::Empty),
            (b"\r\nv=0\r\n", ParseError::NoVersion),
            (b"hello", ParseError::NoVersion),
            (b"v=1\r\n", ParseError::UnsupportedVersion),
            (b"v=0\r\ns=a\0b\r\n", ParseError::Nul { line: 2 }),
            (b"v=0\r\nm=audio\r\n", ParseError::BadMediaLine { line: 2 }),
            (b"v=0\r\nm=audio 99999 RTP/AVP 0\r\n", ParseError::BadMediaLine { line: 2 }),
        ] {
            assert_eq!(SessionDescription::parse(input), Err(expected));
        }
    }

    #[test]
    fn edits_stand_where_the_line_belongs() {
        let mut description =
            SessionDescription::parse(b"v=0\r\ns=-\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na=mid:0").unwrap();
        let address = std::net::Ipv4Addr::new(192, 0, 2, 9).into();
        description.set_origin(&Origin::parse("- 1 2 IN IP4 192.0.2.9").unwrap());
        description.session_mut().set_connection(&Connection::ip(address));
        let media = &mut description.media_mut()[0];
        media.set_line(MediaLine { port: 0, ..media.line().clone() });
        media.section_mut().add_attribute("sendrecv", None);
        assert_eq!(
            description.to_string(),
            "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=mid:0\r\na=sendrecv\r\n"
        );
    }
}
