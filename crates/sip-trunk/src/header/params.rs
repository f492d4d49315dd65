use std::{borrow::Cow, fmt};

use super::{
    FaultKind, HeaderFault,
    lex::{Cursor, ascii, is_word_byte},
    text::{Text, Token, Word},
};

/// The `;name=value` parameters of a header element, in order.
///
/// Received parameters were checked when the element was read and are walked again on each look-up. A name that occurs
/// twice counts with its first value.
#[derive(Clone, Copy)]
pub struct Params<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Wire(&'a [u8]),
    Pairs(&'a [(&'a str, Option<&'a str>)]),
}

/// The value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A token, host or other run of visible characters.
    Token(&'a str),
    /// A quoted string.
    Quoted(Text<'a>),
}

impl<'a> Value<'a> {
    /// The value without quotes and escapes.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Token(token) => Cow::Borrowed(token),
            Self::Quoted(text) => text.decoded(),
        }
    }

    /// The value when it was written without quotes.
    #[must_use]
    pub fn token(&self) -> Option<&'a str> {
        match self {
            Self::Token(token) => Some(token),
            Self::Quoted(_) => None,
        }
    }
}

impl<'a> Params<'a> {
    /// No parameters.
    pub const NONE: Params<'static> = Params(Form::Pairs(&[]));

    /// Parameters to be written; a value that is no plain word is quoted.
    #[must_use]
    pub const fn from_pairs(pairs: &'a [(&'a str, Option<&'a str>)]) -> Self {
        Self(Form::Pairs(pairs))
    }

    /// Takes everything up to the end of the value: nothing, or parameters each after a `;`.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, HeaderFault> {
        let start = cursor.at();
        loop {
            cursor.skip_lws();
            if cursor.peek().is_none() {
                return Ok(Self(Form::Wire(cursor.since(start))));
            }
            if !cursor.eat(b';') {
                return Err(cursor.fault(FaultKind::Trailing));
            }
            cursor.skip_lws();
            if matches!(cursor.peek(), None | Some(b';')) {
                return Err(cursor.fault(FaultKind::Param));
            }
            scan_param(cursor)?;
        }
    }

    /// Name and value of each.
    #[must_use]
    pub fn iter(&self) -> ParamIter<'a> {
        match self.0 {
            Form::Wire(bytes) => ParamIter(Walk::Wire(Cursor::new(bytes))),
            Form::Pairs(pairs) => ParamIter(Walk::Pairs(pairs.iter())),
        }
    }

    /// The value of `name` (any case): `None` if absent, `Some(None)` for a flag.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Option<Value<'a>>> {
        match self.0 {
            // Only the value that is asked for is turned into text.
            Form::Wire(bytes) => {
                let mut cursor = Cursor::new(bytes);
                loop {
                    let (found, value) = next_scanned(&mut cursor)?;
                    if found.eq_ignore_ascii_case(name.as_bytes()) {
                        return Some(value.map(Scanned::value));
                    }
                }
            }
            Form::Pairs(pairs) => {
                let (_, value) = pairs.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
                Some(value.map(Value::from))
            }
        }
    }

    /// The value of `name` (any case).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.find(name).flatten()
    }

    /// The value of `name` (any case) when it was written without quotes.
    #[must_use]
    pub fn token(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|v| v.token())
    }

    /// Whether `name` (any case) is present, with or without value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of `name` as a decimal number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        let digits = self.token(name)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    }
}

/// The parameters of a [`Params`], one by one.
#[derive(Debug, Clone)]
pub struct ParamIter<'a>(Walk<'a>);

#[derive(Debug, Clone)]
enum Walk<'a> {
    Wire(Cursor<'a>),
    Pairs(std::slice::Iter<'a, (&'a str, Option<&'a str>)>),
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = (&'a str, Option<Value<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Wire(cursor) => {
                next_scanned(cursor).map(|(name, value)| (ascii(name), value.map(Scanned::value)))
            }
            Walk::Pairs(pairs) => pairs.next().map(|(name, value)| (*name, value.map(Value::from))),
        }
    }
}

/// A value whose extent is known and whose characters were checked.
#[derive(Clone, Copy)]
enum Scanned<'a> {
    Word(&'a [u8]),
    Quoted(&'a [u8]),
}

impl<'a> Scanned<'a> {
    fn value(self) -> Value<'a> {
        match self {
            Self::Word(word) => Value::Token(ascii(word)),
            Self::Quoted(inside) => Value::Quoted(Text::quoted(inside)),
        }
    }
}

/// The next parameter of a list that was checked before.
fn next_scanned<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], Option<Scanned<'a>>)> {
    cursor.skip_lws();
    if !cursor.eat(b';') {
        return None;
    }
    cursor.skip_lws();
    scan_param(cursor).ok()
}

fn scan_param<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], Option<Scanned<'a>>), HeaderFault> {
    let name = cursor.token_bytes()?;
    cursor.skip_lws();
    if !cursor.eat(b'=') {
        return Ok((name, None));
    }
    cursor.skip_lws();
    scan_value(cursor).map(|value| (name, Some(value)))
}

fn scan_value<'a>(cursor: &mut Cursor<'a>) -> Result<Scanned<'a>, HeaderFault> {
    if cursor.peek() == Some(b'"') {
        return cursor.quoted().map(Scanned::Quoted);
    }
    cursor.word_bytes().map(Scanned::Word)
}

/// `name`, or `name=value`; shared with the comma-separated parameters of authentication headers.
pub(crate) fn read_param<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, Option<Value<'a>>), HeaderFault> {
    scan_param(cursor).map(|(name, value)| (ascii(name), value.map(Scanned::value)))
}

/// A quoted string or a word.
pub(crate) fn read_value<'a>(cursor: &mut Cursor<'a>) -> Result<Value<'a>, HeaderFault> {
    scan_value(cursor).map(Scanned::value)
}

impl<'a> From<&'a str> for Value<'a> {
    /// A word where possible, otherwise a quoted string.
    fn from(text: &'a str) -> Self {
        if !text.is_empty() && text.bytes().all(is_word_byte) {
            Self::Token(text)
        } else {
            Self::Quoted(text.into())
        }
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params<'_> {}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, ";{}", Token(name))?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => write!(f, "{}", Word(token)),
            Self::Quoted(text) => write!(f, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::fault::fault;

    fn read(text: &str) -> Result<Params<'_>, HeaderFault> {
        Params::read(&mut Cursor::new(text.as_bytes()))
    }

    #[test]
    fn parameters_are_found_by_name_in_any_case() {
        let params = read(" ; Tag = a-b ;lr; q=\"0;,7\"\r\n ;n=12").unwrap();
        assert_eq!(params.token("tag"), Some("a-b"));
        assert!(params.has("LR") && !params.has("x"));
        assert_eq!(params.get("q").map(|v| v.text().into_owned()).as_deref(), Some("0;,7"));
        assert_eq!((params.number("n"), params.number("tag")), (Some(12), None));
        assert_eq!(params.to_string(), ";Tag=a-b;lr;q=\"0;,7\";n=12");
    }

    #[test]
    fn pairs_are_quoted_where_needed() {
        let params =
            Params::from_pairs(&[("a", Some("b")), ("c", None), ("d", Some("e f")), ("g", Some(""))]);
        assert_eq!(params.to_string(), ";a=b;c;d=\"e f\";g=\"\"");
        assert_eq!(read(&params.to_string()).unwrap(), params);
    }

    /// RFC 4475 §3.1.2.1: extra separators are no parameters.
    #[test]
    fn broken_parameters_are_refused() {
        for (input, kind, at) in [
            (";;", FaultKind::Param, 1),
            (";", FaultKind::Param, 1),
            (";a;", FaultKind::Param, 3),
            (";a=", FaultKind::Token, 3),
            (";=a", FaultKind::Token, 1),
            (";a=\"b", FaultKind::Quote, 3),
            (";a b", FaultKind::Trailing, 3),
            (";a=b,c", FaultKind::Trailing, 4),
            (";a=b\r\nVia: x", FaultKind::Trailing, 4),
        ] {
            assert_eq!(read(input), Err(fault(kind, at)), "{input:?}");
        }
    }
}
