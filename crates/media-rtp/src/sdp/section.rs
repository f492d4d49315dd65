//! The lines of one section (the session part, or one `m=`), and typed views of them.

use super::attribute::Attribute;
use super::connection::Connection;
use super::fault::{Fault, FaultKind};
use super::line::Line;

/// The order of line types inside a section (RFC 8866 §5); `m=` starts a section, so it comes first in one.
const ORDER: &[u8] = b"vmosiuepcbtrzka";

/// The lines of the session part or of one media section, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    lines: Vec<Line>,
}

impl Section {
    /// All lines, unknown and malformed ones included.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The value of the first line of a type, as received.
    #[must_use]
    pub fn value(&self, kind: u8) -> Option<&[u8]> {
        self.find(kind).map(Line::value)
    }

    /// The `c=` line of this section.
    ///
    /// # Errors
    /// A [`Fault`] when the line is there and cannot be read.
    pub fn connection(&self) -> Result<Option<Connection>, Fault> {
        let Some(line) = self.find(b'c') else { return Ok(None) };
        match line.utf8().and_then(Connection::parse) {
            Some(connection) => Ok(Some(connection)),
            None => Err(Fault { line: line.number(), kind: FaultKind::BadConnection }),
        }
    }

    /// Every attribute of type `A`, each read or refused on its own.
    pub fn attributes<A: Attribute>(&self) -> impl Iterator<Item = Result<A, Fault>> {
        self.named(A::NAME).map(|(line, value)| {
            let fault = |kind| Fault { line: line.number(), kind };
            let value =
                std::str::from_utf8(value.unwrap_or_default()).map_err(|_| fault(FaultKind::NotUtf8))?;
            A::parse(value.trim_end())
                .map_err(|reason| fault(FaultKind::BadAttribute { name: A::NAME, reason }))
        })
    }

    /// The attributes of type `A` that can be read; the others are left to [`super::SessionDescription::faults`].
    pub fn readable<A: Attribute>(&self) -> impl Iterator<Item = A> {
        self.attributes().filter_map(Result::ok)
    }

    /// The first attribute of type `A` that can be read.
    #[must_use]
    pub fn attribute<A: Attribute>(&self) -> Option<A> {
        self.readable().next()
    }

    /// The raw value of the first attribute with this name (`Some(None)` for a flag such as `a=rtcp-mux`).
    #[must_use]
    pub fn raw_attribute(&self, name: &str) -> Option<Option<&[u8]>> {
        self.lines
            .iter()
            .find(|line| line.is_attribute(name))
            .and_then(Line::attribute)
            .map(|(_, value)| value)
    }

    /// Whether there is an attribute with this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.raw_attribute(name).is_some()
    }

    /// Adds a typed attribute after the last line.
    pub fn add<A: Attribute>(&mut self, attribute: &A) {
        let value = attribute.value();
        self.add_attribute(A::NAME, (!value.is_empty()).then_some(&value));
    }

    /// Adds an attribute by name; CR, LF and NUL are left out of the value.
    pub fn add_attribute(&mut self, name: &str, value: Option<&str>) {
        self.lines.push(match value {
            Some(value) => Line::of_parts(b'a', &[name, ":", value]),
            None => Line::new(b'a', name),
        });
    }

    /// Removes all attributes with this name; says how many there were.
    pub fn remove_attribute(&mut self, name: &str) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| !line.is_attribute(name));
        before - self.lines.len()
    }

    /// Replaces all attributes of this type by one.
    pub fn replace<A: Attribute>(&mut self, attribute: &A) {
        self.remove_attribute(A::NAME);
        self.add(attribute);
    }

    /// Sets or replaces `c=`.
    pub fn set_connection(&mut self, connection: &Connection) {
        self.set_line(b'c', &connection.to_string());
    }

    /// Replaces the first line of this type where it stands, or inserts it at its place in RFC 8866 order.
    pub(crate) fn set_line(&mut self, kind: u8, value: &str) {
        let line = Line::new(kind, value);
        match self.lines.iter().position(|l| l.kind() == Some(kind)) {
            Some(at) => self.lines[at] = line,
            None => {
                let rank = rank(kind);
                let at = self.lines.iter().position(|l| l.kind().is_some_and(|k| self::rank(k) > rank));
                self.lines.insert(at.unwrap_or(self.lines.len()), line);
            }
        }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn find(&self, kind: u8) -> Option<&Line> {
        self.lines.iter().find(|line| line.kind() == Some(kind))
    }

    fn named(&self, name: &'static str) -> impl Iterator<Item = (&Line, Option<&[u8]>)> {
        let of_name = move |line: &&Line| line.is_attribute(name);
        self.lines.iter().filter(of_name).map(|line| (line, line.attribute().and_then(|(_, value)| value)))
    }
}

/// The position of a line type in RFC 8866 order; unknown types may stand anywhere.
pub(crate) fn rank(kind: u8) -> usize {
    ORDER.iter().position(|k| *k == kind).unwrap_or(0)
}

/// Whether RFC 8866 defines this type letter.
pub(crate) fn is_known(kind: u8) -> bool {
    ORDER.contains(&kind)
}
