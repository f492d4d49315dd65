//! The comma-separated parameters after `Digest` (RFC 3261 §25.1 `auth-param`).

use std::fmt;

use super::{FaultKind, HeaderFault, Text, Value, lex::Cursor, params::read_param};

/// Reads `Digest name=value, …` and hands each parameter to `take`, with its offset.
pub(super) fn read_digest<'a>(
    value: &'a [u8],
    take: impl FnMut(&'a str, Value<'a>, usize) -> Result<(), HeaderFault>,
) -> Result<(), HeaderFault> {
    let mut cursor = Cursor::begin(value)?;
    let at = cursor.at();
    let scheme = cursor.token()?;
    // RFC 8760 §2.6: Basic and other schemes are neither asked for nor taken.
    if !scheme.eq_ignore_ascii_case("Digest") || !matches!(cursor.peek(), Some(b' ' | b'\t' | b'\r')) {
        return Err(HeaderFault { kind: FaultKind::Scheme, at });
    }
    read_list(&mut cursor, take)
}

/// Reads `name=value, …` to the end of the value.
pub(super) fn read_list<'a>(
    cursor: &mut Cursor<'a>,
    mut take: impl FnMut(&'a str, Value<'a>, usize) -> Result<(), HeaderFault>,
) -> Result<(), HeaderFault> {
    loop {
        cursor.skip_lws();
        let at = cursor.at();
        let (name, value) = read_param(cursor)?;
        let value = value.ok_or(HeaderFault { kind: FaultKind::Separator('='), at: cursor.at() })?;
        take(name, value, at)?;
        cursor.skip_lws();
        if cursor.peek().is_none() {
            return Ok(());
        }
        cursor.separator(b',')?;
    }
}

/// Stores `value` unless the parameter came before.
pub(super) fn once<T>(
    slot: &mut Option<T>,
    value: T,
    name: &'static str,
    at: usize,
) -> Result<(), HeaderFault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(HeaderFault { kind: FaultKind::Duplicate(name), at }),
    }
}

/// A parameter that must be there.
pub(super) fn required<T>(slot: Option<T>, name: &'static str) -> Result<T, HeaderFault> {
    slot.ok_or(HeaderFault { kind: FaultKind::Missing(name), at: 0 })
}

/// The text of a value, quoted or not: implementations disagree on which parameters have quotes.
pub(super) fn text(value: Value<'_>) -> Text<'_> {
    match value {
        Value::Token(token) => token.into(),
        Value::Quoted(text) => text,
    }
}

/// Eight hexadecimal digits (RFC 7616 §3.4 `nc-value`).
pub(super) fn count(value: Value<'_>, at: usize) -> Result<u32, HeaderFault> {
    let text = value.text();
    let digits = (text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(&*text);
    digits
        .and_then(|d| u32::from_str_radix(d, 16).ok())
        .ok_or(HeaderFault { kind: FaultKind::Missing("nc of eight hexadecimal digits"), at })
}

/// Prints `name=value` parameters with commas between them.
pub(super) struct ListWriter<'f, 'g> {
    f: &'f mut fmt::Formatter<'g>,
    separator: &'static str,
}

impl<'f, 'g> ListWriter<'f, 'g> {
    /// `lead` is written before the first parameter.
    pub(super) fn new(f: &'f mut fmt::Formatter<'g>, lead: &'static str) -> Self {
        Self { f, separator: lead }
    }

    pub(super) fn param(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        write!(self.f, "{}{name}={value}", self.separator)?;
        self.separator = ", ";
        Ok(())
    }
}
