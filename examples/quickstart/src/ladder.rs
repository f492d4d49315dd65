//! Who sent what to whom, and when: a ladder per call.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sip_trunk::header::{CSeq, ReferTo, SipFrag};
use sip_trunk::msg::{HeaderName, Message, Method};
use sip_trunk::uri::UriRef;

/// Those who take part, in the order of their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Luis,
    Ana,
    Edge,
    CarrierA,
    CarrierB,
    Desk,
}

impl Who {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Luis => "Luis' phone",
            Self::Ana => "Ana's phone",
            Self::Edge => "edge",
            Self::CarrierA => "carrier A",
            Self::CarrierB => "carrier B",
            Self::Desk => "service desk",
        }
    }
}

/// One arrow.
struct Line {
    at: Instant,
    from: Who,
    to: Who,
    text: String,
    /// Audio between two, through everybody in between.
    is_media: bool,
}

/// What has passed since the last ladder. Everybody writes into the same one.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    lines: Vec<Line>,
    places: BTreeMap<Who, SocketAddr>,
}

impl Trace {
    /// Writes a message down, except what there is too much of: OPTIONS, which peers ask each other for health, and 100, which
    /// only says that a request has arrived.
    pub(crate) fn message(&self, from: Who, to: Who, message: &Message, at: Instant) {
        let method = message.typed::<CSeq<'_>>().and_then(Result::ok).map(|cseq| cseq.method.into_owned());
        if method != Some(Method::Options) && message.status() != Some(100) {
            self.push(Line { at, from, to, text: label(message, method.as_ref()), is_media: false });
        }
    }

    /// Writes down what happens now between two besides messages.
    #[allow(clippy::disallowed_methods, reason = "a program reads the clock")]
    pub(crate) fn media(&self, from: Who, to: Who, text: impl Into<String>) {
        self.audio(from, to, text, Instant::now());
    }

    /// Writes audio between two down, where it began.
    pub(crate) fn audio(&self, from: Who, to: Who, text: impl Into<String>, at: Instant) {
        self.push(Line { at, from, to, text: text.into(), is_media: true });
    }

    /// Where somebody is, for the head of the ladder.
    pub(crate) fn place(&self, who: Who, at: SocketAddr) {
        self.book().places.insert(who, at);
    }

    fn push(&self, line: Line) {
        self.book().lines.push(line);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws what has passed, and forgets it.
    pub(crate) fn draw(&self) -> String {
        let mut book = self.book();
        let mut lines = std::mem::take(&mut book.lines);
        lines.sort_by_key(|line| line.at);
        let mut drawn = draw(&lines, &book.places);
        drawn.truncate(drawn.trim_end().len());
        drawn
    }
}

/// How to read a ladder, in a line.
pub(crate) const LEGEND: &str = "Ladders: SIP over UDP, with carrier A over TCP; without 100 Trying and OPTIONS; ═ is audio, where it begins.";

/// A message in a few words.
fn label(message: &Message, method: Option<&Method<'_>>) -> String {
    let mut text = match (message.status(), message.method()) {
        (Some(status), _) => {
            let reason = sip_trunk::msg::reason_phrase(status);
            match method {
                Some(Method::Invite) | None => format!("{status} {reason}"),
                Some(method) => format!("{status} {reason} ({})", method.as_str()),
            }
        }
        (None, Some(method)) => request(message, &method),
        (None, None) => String::new(),
    };
    if !message.body().is_empty() && message.header(HeaderName::ContentType) == Some(b"application/sdp") {
        text.push_str(" SDP");
    }
    if message.header("User-to-User").is_some() {
        text.push_str(" UUI");
    }
    text
}

fn request(message: &Message, method: &Method<'_>) -> String {
    let user = |uri: &[u8]| {
        let uri = UriRef::parse(uri).ok()?;
        Some(uri.as_sip()?.user()?.to_owned())
    };
    let about = match method {
        Method::Invite => message.request_uri().and_then(user),
        Method::Refer => {
            let refer = message.typed::<ReferTo<'_>>().and_then(Result::ok);
            refer.map(|refer| {
                let data = if refer.user_to_user().is_some() { " UUI" } else { "" };
                format!("to {}{data}", user(refer.target().uri.as_str().as_bytes()).unwrap_or_default())
            })
        }
        Method::Notify => {
            let progress = SipFrag::parse(message.body()).ok().and_then(|frag| frag.status);
            progress.map(|status| status.code.to_string())
        }
        Method::Register => message.header(HeaderName::Authorization).map(|_| "with digest".to_owned()),
        _ => None,
    };
    about.map_or_else(|| method.as_str().to_owned(), |about| format!("{} {about}", method.as_str()))
}

/// Columns of text before the first lifeline, for the time.
const MARGIN: usize = 14;

/// The width of everything.
const WIDTH: usize = 112;

fn draw(lines: &[Line], places: &BTreeMap<Who, SocketAddr>) -> String {
    let mut cast: Vec<Who> = lines.iter().flat_map(|line| [line.from, line.to]).collect();
    cast.sort_unstable();
    cast.dedup();
    let gap = ((WIDTH - MARGIN) / cast.len().saturating_sub(1).max(1)).clamp(18, 48);
    let column = |who: Who| MARGIN + gap * cast.iter().position(|other| *other == who).unwrap_or(0);
    let columns: Vec<usize> = cast.iter().map(|who| column(*who)).collect();

    let mut out = String::new();
    let names = cast.iter().map(|who| (column(*who), who.name().to_owned()));
    let _ = writeln!(out, "{}", centred(names));
    let places = cast.iter().filter_map(|who| Some((column(*who), places.get(who)?.to_string())));
    let _ = writeln!(out, "{}", centred(places));
    let begin = lines.first().map(|line| line.at);
    for line in lines {
        let since = begin.map_or(0.0, |begin| line.at.duration_since(begin).as_secs_f64() * 1000.0);
        let row = arrow(line, column(line.from), column(line.to), &columns);
        let _ = writeln!(out, "{since:>8.1} ms {}", row.trim_end().get(MARGIN - 2..).unwrap_or_default());
    }
    out
}

fn centred(names: impl Iterator<Item = (usize, String)>) -> String {
    let mut row = String::new();
    for (column, name) in names {
        let start = column.saturating_sub(name.chars().count() / 2);
        while row.chars().count() < start {
            row.push(' ');
        }
        row.push_str(&name);
    }
    row
}

/// One row: lifelines, and an arrow with its words over them.
fn arrow(line: &Line, from: usize, to: usize, columns: &[usize]) -> String {
    let (low, high) = (from.min(to), from.max(to));
    let (stroke, crossing) = if line.is_media { ('═', '╪') } else { ('─', '┼') };
    let width = columns.last().map_or(0, |last| last + 1);
    let mut row = vec![' '; width];
    columns.iter().for_each(|column| row[*column] = '│');
    for (at, cell) in row.iter_mut().enumerate().take(high).skip(low + 1) {
        *cell = if columns.contains(&at) { crossing } else { stroke };
    }
    if line.is_media || to > from {
        row[high - 1] = if line.is_media { '═' } else { '►' };
    }
    if to < from && !line.is_media {
        row[low + 1] = '◄';
    }
    // The words stand next to the sender when they fit there, else in the middle of the arrow.
    let text: Vec<char> = format!(" {} ", line.text).chars().collect();
    let between = columns.iter().copied().filter(|column| *column > low && *column < high);
    let next = if to > from { between.min() } else { between.max() }.filter(|_| !line.is_media);
    let (start, end) = match next {
        Some(next) if to > from => (low, next),
        Some(next) => (next, high),
        None => (low, high),
    };
    let (start, end) = if end - start > text.len() + 3 { (start, end) } else { (low, high) };
    let room = (end - start).saturating_sub(4);
    let at = start + 2 + room.saturating_sub(text.len()) / 2;
    for (cell, letter) in row[at..high.saturating_sub(1).max(at)].iter_mut().zip(text) {
        *cell = letter;
    }
    row.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a ladder has times")]
    fn a_ladder_has_a_column_for_everybody() {
        let now = Instant::now();
        let line = |from, to, text: &str, is_media| Line { at: now, from, to, text: text.into(), is_media };
        let drawn = draw(
            &[
                line(Who::CarrierA, Who::Edge, "INVITE +12145550101 SDP", false),
                line(Who::Edge, Who::Luis, "INVITE luis SDP", false),
                line(Who::Luis, Who::CarrierA, "RTP", true),
                line(Who::Edge, Who::Ana, "200 OK", false),
            ],
            &BTreeMap::from([(Who::Luis, SocketAddr::from(([127, 0, 0, 22], 5060)))]),
        );
        let rows: Vec<&str> = drawn.lines().collect();
        assert!(rows[0].contains("Luis' phone") && rows[0].contains("carrier A"), "{drawn}");
        assert!(rows[1].contains("127.0.0.22:5060") && rows[2].contains("│◄"), "{drawn}");
        assert!(rows[2].contains(" INVITE +12145550101 SDP ─"), "{drawn}");
        assert!(rows[3].contains("┼") && rows[4].contains("╪"), "{drawn}");
    }
}
