//! Signed caller identity (RFC 8224 §4).

use std::{borrow::Cow, fmt};

use super::{
    FaultKind, Header, HeaderFault, Text, Value,
    lex::{Cursor, ascii},
    name_addr::bracketed,
    params::read_value,
};
use crate::{msg::HeaderName, uri::UriRef};

/// A PASSporT with where to find the certificate; not verified here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The PASSporT, whole (`header.payload.signature`) or compact (`..signature`).
    pub token: &'a str,
    /// Where the certificate is.
    pub info: UriRef<'a>,
    alg: Option<Value<'a>>,
    ppt: Option<Value<'a>>,
}

impl<'a> Identity<'a> {
    /// The signature algorithm; `ES256` is meant when nothing is said.
    #[must_use]
    pub fn algorithm(&self) -> Option<Cow<'a, str>> {
        self.alg.map(|v| v.text())
    }

    /// The PASSporT extension, such as `shaken` or `div`.
    #[must_use]
    pub fn extension(&self) -> Option<Cow<'a, str>> {
        self.ppt.map(|v| v.text())
    }

    /// Whether header and payload of the PASSporT are left out.
    // RFC 8224 §4.1: in the compact form only the signature stands behind the two dots.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.token.starts_with("..")
    }

    /// Puts a header together for a signed token.
    #[must_use]
    pub fn new(token: &'a str, info: UriRef<'a>, algorithm: &'a str, extension: Option<&'a str>) -> Self {
        Self { token, info, alg: Some(Value::Token(algorithm)), ppt: extension.map(Value::Token) }
    }
}

impl<'a> Header<'a> for Identity<'a> {
    const NAME: HeaderName = HeaderName::Identity;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let token = cursor.take_while(|b| b.is_ascii_alphanumeric() || b"-_+/=.".contains(&b));
        if token.is_empty() {
            return Err(cursor.fault(FaultKind::Token));
        }
        let (mut info, mut alg, mut ppt) = (None, None, None);
        loop {
            cursor.skip_lws();
            if cursor.peek().is_none() {
                break;
            }
            cursor.separator(b';')?;
            let at = cursor.at();
            let name = cursor.token()?;
            cursor.separator(b'=')?;
            if name.eq_ignore_ascii_case("info") {
                let uri = bracketed(&mut cursor)?;
                if info.replace(uri).is_some() {
                    return Err(HeaderFault { kind: FaultKind::Duplicate("info"), at });
                }
                continue;
            }
            let value = read_value(&mut cursor)?;
            let duplicate = match name {
                n if n.eq_ignore_ascii_case("alg") => alg.replace(value).map(|_| "alg"),
                n if n.eq_ignore_ascii_case("ppt") => ppt.replace(value).map(|_| "ppt"),
                _ => None,
            };
            if let Some(name) = duplicate {
                return Err(HeaderFault { kind: FaultKind::Duplicate(name), at });
            }
        }
        let info = info.ok_or(HeaderFault { kind: FaultKind::Missing("info"), at: cursor.at() })?;
        Ok(Self { token: ascii(token), info, alg, ppt })
    }
}

impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut runs = self.token.split(|c: char| !(c.is_ascii_alphanumeric() || "-_+/=.".contains(c)));
        runs.try_for_each(|run| f.write_str(run))?;
        write!(f, ";info=<{}>", self.info)?;
        if let Some(alg) = self.alg {
            write!(f, ";alg={}", Value::from(&*alg.text()))?;
        }
        if let Some(ppt) = self.ppt {
            write!(f, ";ppt={}", Text::from(&*ppt.text()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8224 §4: token, certificate and parameters, ppt with and without quotes.
    #[test]
    fn identities_are_read_and_printed() {
        let identity = Identity::parse(
            b"eyJhbGciOiJFUzI1NiJ9.eyJpYXQi.q-_A+/=;info=<https://biloxi.example.org/biloxi.cer>;alg=ES256;ppt=\"shaken\";x=1",
        )
        .unwrap();
        assert_eq!(identity.info.as_str(), "https://biloxi.example.org/biloxi.cer");
        assert_eq!(
            (identity.algorithm().as_deref(), identity.extension().as_deref()),
            (Some("ES256"), Some("shaken"))
        );
        assert!(!identity.is_compact());
        let printed = identity.to_string();
        assert_eq!(Identity::parse(printed.as_bytes()).unwrap().to_string(), printed);
        let compact = Identity::parse(b"..sig;info=<https://c/>;ppt=div").unwrap();
        assert!(compact.is_compact() && compact.algorithm().is_none());
        assert_eq!(compact.extension().as_deref(), Some("div"));
    }

    /// ES-49 at this layer: what is malformed is refused, not guessed at.
    #[test]
    fn malformed_identities_are_refused() {
        for (input, kind) in [
            ("a.b.c info=<https://c/>", FaultKind::Separator(';')),
            ("a.b.c;alg=ES256", FaultKind::Missing("info")),
            ("a.b.c;info=https://c/", FaultKind::Separator('<')),
            ("a.b.c;info=<https://c/", FaultKind::Bracket),
            ("a.b.c;info=<https://c/>;info=<https://d/>", FaultKind::Duplicate("info")),
            ("a.b.c;info=<https://c/>;ppt=a;ppt=b", FaultKind::Duplicate("ppt")),
            (";info=<https://c/>", FaultKind::Token),
            ("", FaultKind::Empty),
        ] {
            assert_eq!(Identity::parse(input.as_bytes()).unwrap_err().kind, kind, "{input}");
        }
    }
}
