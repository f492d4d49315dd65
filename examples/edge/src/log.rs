//! The log on standard error: what begins like a line of ours is one.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use tracing::error;
use tracing_subscriber::EnvFilter;

/// Begins to log what the filter lets through; panics too.
pub(crate) fn start(filter: EnvFilter) {
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    log.with_ansi(io::stderr().is_terminal()).with_writer(|| Entries(io::stderr())).init();
    // The texts of panics may have been sent by somebody.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload().downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str));
        let why = text.unwrap_or("it does not say why");
        let trace = std::backtrace::Backtrace::capture();
        error!(place, "a panic: {}; {trace}", why.escape_debug());
    }));
}

/// Writes log entries, each given as a whole.
struct Entries<W>(W);

impl<W: Write> Write for Entries<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.0.write_all(&together(entry))?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An entry whose further lines, a dump of a message or what somebody has slipped in, cannot be taken for entries.
fn together(entry: &[u8]) -> Cow<'_, [u8]> {
    let (text, end) = match entry.split_last() {
        Some((b'\n', text)) => (text, &b"\n"[..]),
        Some(_) | None => (entry, &b""[..]),
    };
    if !text.iter().any(|byte| [b'\r', b'\n'].contains(byte)) {
        return Cow::Borrowed(entry);
    }
    let mut whole = Vec::with_capacity(entry.len() + 64);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => whole.extend_from_slice(b"\n    | "),
            b'\r' if bytes.peek() == Some(&b'\n') => {}
            b'\r' => whole.extend_from_slice(b"\\r"),
            other => whole.push(other),
        }
    }
    whole.extend_from_slice(end);
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-46: an entry has one beginning, whatever is in it.
    #[test]
    fn nothing_inside_an_entry_begins_another() {
        let check = |entry: &str, expected: &str| {
            let mut out = Vec::new();
            Entries(&mut out).write_all(entry.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check("a line\n", "a line\n");
        check("a\nWARN edge-security: b\n", "a\n    | WARN edge-security: b\n");
        check("INVITE\r\nVia: x\r\n\r\n\n", "INVITE\n    | Via: x\n    | \n    | \n");
        check("a\rb\n", "a\\rb\n");
        check("", "");
    }
}
