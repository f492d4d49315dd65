//! Data that users pass along with a call: User-to-User (RFC 7433, RFC 7434) and its older relative X-User-To-User.

use std::fmt;

use super::{FaultKind, Header, HeaderFault, Params, Text, Value, lex::Cursor, params::read_value};
use crate::msg::HeaderName;

/// The length in characters beyond which peers start to cut user data.
pub const RECOMMENDED_UUI_LENGTH: usize = 128;

/// One User-to-User value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserToUser<'a> {
    written: Value<'a>,
    /// `encoding`, `purpose`, `content`, `pd` and further ones.
    pub params: Params<'a>,
}

/// One X-User-To-User value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XUserToUser<'a>(UserToUser<'a>);

/// How user data is written; an open set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UuiEncoding<'a> {
    /// Two hexadecimal digits for each octet; also when nothing is said.
    Hex,
    /// As text.
    Ascii,
    /// Any other token.
    Other(&'a str),
}

/// User data, decoded and without protocol discriminator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    bytes: Vec<u8>,
}

impl UserData {
    /// The octets.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The octets as text; `None` if one of them is not ASCII.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|t| t.is_ascii())
    }
}

impl<'a> UserToUser<'a> {
    /// How the data is written.
    #[must_use]
    pub fn encoding(&self) -> UuiEncoding<'a> {
        match self.params.get("encoding").map(|v| v.token().unwrap_or_default()) {
            None => UuiEncoding::Hex,
            Some(token) if token.eq_ignore_ascii_case("hex") => UuiEncoding::Hex,
            Some(token) if token.eq_ignore_ascii_case("ascii") => UuiEncoding::Ascii,
            Some(token) => UuiEncoding::Other(token),
        }
    }

    /// The application the data is for, such as `isdn-uui`.
    #[must_use]
    pub fn purpose(&self) -> Option<&'a str> {
        self.params.token("purpose")
    }

    /// The protocol discriminator, when it is a parameter.
    #[must_use]
    pub fn discriminator(&self) -> Option<u8> {
        self.params.token("pd").and_then(|pd| u8::from_str_radix(pd, 16).ok())
    }

    /// The data as written, decoded only from quotes.
    #[must_use]
    pub fn written(&self) -> Value<'a> {
        self.written
    }

    /// The data. The first octet is the protocol discriminator and is stripped, unless a `pd` parameter carries it.
    ///
    /// # Errors
    /// The data does not fit its encoding, or the encoding is not known.
    pub fn data(&self) -> Result<UserData, HeaderFault> {
        let mut bytes = self.decode()?;
        if !self.params.has("pd") && !bytes.is_empty() {
            bytes.remove(0);
        }
        Ok(UserData { bytes })
    }

    fn decode(&self) -> Result<Vec<u8>, HeaderFault> {
        let text = self.written.text();
        let misfit = HeaderFault { kind: FaultKind::Encoding, at: 0 };
        match self.encoding() {
            UuiEncoding::Hex => unhex(&text).ok_or(misfit),
            UuiEncoding::Ascii if text.bytes().all(is_text) => Ok(text.into_owned().into_bytes()),
            UuiEncoding::Ascii | UuiEncoding::Other(_) => Err(misfit),
        }
    }
}

impl<'a> XUserToUser<'a> {
    /// The data; nothing is stripped.
    ///
    /// # Errors
    /// As [`UserToUser::data`].
    pub fn data(&self) -> Result<UserData, HeaderFault> {
        self.0.decode().map(|bytes| UserData { bytes })
    }

    /// How the data is written.
    #[must_use]
    pub fn encoding(&self) -> UuiEncoding<'a> {
        self.0.encoding()
    }
}

impl<'a> Header<'a> for UserToUser<'a> {
    const NAME: HeaderName = HeaderName::UserToUser;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let written = read_value(&mut cursor)?;
        Ok(Self { written, params: Params::read(&mut cursor)? })
    }
}

impl<'a> Header<'a> for XUserToUser<'a> {
    const NAME: HeaderName = HeaderName::XUserToUser;

    // Text may stand there without quotes: everything up to the first semicolon is the data.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        if let Ok(strict) = UserToUser::parse(value) {
            return Ok(Self(strict));
        }
        let mut cursor = Cursor::begin(value)?;
        let start = cursor.at();
        let data = cursor.take_while(|b| b != b';').trim_ascii_end();
        if let Some(bad) = data.iter().position(|b| !is_text(*b)) {
            return Err(HeaderFault { kind: FaultKind::Character, at: start + bad });
        }
        let written = Value::Quoted(Text::bare(data));
        Ok(Self(UserToUser { written, params: Params::read(&mut cursor)? }))
    }
}

impl fmt::Display for UserToUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.written, self.params)
    }
}

impl fmt::Display for XUserToUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which header carries outgoing user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UuiHeader {
    /// `User-to-User` with the protocol discriminator as first octet of the data.
    UserToUser,
    /// `User-to-User` with the protocol discriminator in a `pd` parameter.
    UserToUserWithPd,
    /// `x-User-To-User`, without discriminator.
    XUserToUser,
}

/// How a trunk writes user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UuiFormat {
    /// The header.
    pub header: UuiHeader,
    /// Whether data is written as text. Only `x-User-To-User` has a text form, the others are always hexadecimal.
    pub ascii: bool,
    /// The protocol discriminator; 0 means user-specific data.
    pub discriminator: u8,
}

impl Default for UuiFormat {
    /// `User-to-User` in hexadecimal with discriminator 0.
    fn default() -> Self {
        Self { header: UuiHeader::UserToUser, ascii: false, discriminator: 0 }
    }
}

/// User data that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UuiEncodeError {
    /// There is nothing to send.
    #[error("give user data of one octet or more, or send no header")]
    Empty,
    /// The ascii form carries printable ASCII only.
    #[error("octet {at} is not printable ASCII; use the hex encoding")]
    NotText {
        /// Offset of the octet.
        at: usize,
    },
}

impl UuiFormat {
    /// The name and value of the header for `data`. For a Refer-To or Contact URI, hand both to
    /// [`SipUriBuilder::header`](crate::uri::SipUriBuilder::header), which escapes them.
    ///
    /// # Errors
    /// There is no data, or it has no text form.
    pub fn encode(&self, data: &[u8]) -> Result<(HeaderName, String), UuiEncodeError> {
        if data.is_empty() {
            return Err(UuiEncodeError::Empty);
        }
        let hex: String = data.iter().map(|b| format!("{b:02x}")).collect();
        let pd = self.discriminator;
        let isdn = "encoding=hex;purpose=isdn-uui;content=isdn-uui";
        Ok(match self.header {
            UuiHeader::UserToUser => (HeaderName::UserToUser, format!("{pd:02x}{hex};{isdn}")),
            UuiHeader::UserToUserWithPd => (HeaderName::UserToUser, format!("{hex};pd={pd:02x};{isdn}")),
            UuiHeader::XUserToUser if !self.ascii => (HeaderName::XUserToUser, format!("{hex};encoding=hex")),
            UuiHeader::XUserToUser => {
                let text = std::str::from_utf8(data).unwrap_or_default();
                if let Some(at) = data.iter().position(|b| !is_text(*b)) {
                    return Err(UuiEncodeError::NotText { at });
                }
                let written = Value::from(text);
                (HeaderName::XUserToUser, format!("{written};encoding=ascii"))
            }
        })
    }
}

/// Why received user data is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UuiDiscard {
    /// Several values of one header: none of them is trusted.
    #[error("several user-to-user values arrived; send one")]
    Several,
    /// The value is malformed or does not fit its encoding.
    #[error("malformed user-to-user data: {0}")]
    Malformed(HeaderFault),
}

/// Chooses the user data to deliver from all received values of both headers; `None` if there is none.
///
/// User-to-User goes before X-User-To-User. Several values of the header that counts, equal or not, are all discarded.
///
/// # Errors
/// Data arrived but must not be delivered.
// RFC 7433 §4.1: values for a purpose other than isdn-uui are ignored.
pub fn received_user_data<'a>(
    user_to_user: impl IntoIterator<Item = &'a [u8]>,
    x_user_to_user: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<UserData>, UuiDiscard> {
    let ours = |value: &&[u8]| match UserToUser::parse(value) {
        Ok(uui) => uui.purpose().is_none_or(|p| p.eq_ignore_ascii_case("isdn-uui")),
        Err(_) => true,
    };
    let mut values = user_to_user.into_iter().filter(ours);
    if let Some(value) = values.next() {
        if values.next().is_some() {
            return Err(UuiDiscard::Several);
        }
        return UserToUser::parse(value).and_then(|u| u.data()).map(Some).map_err(UuiDiscard::Malformed);
    }
    let mut values = x_user_to_user.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(UuiDiscard::Several),
        (Some(value), None) => {
            XUserToUser::parse(value).and_then(|u| u.data()).map(Some).map_err(UuiDiscard::Malformed)
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let nibble = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes =
        pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect::<Option<_>>();
    bytes.filter(|_| odd.is_empty())
}

fn is_text(byte: u8) -> bool {
    (b' '..0x7F).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMATS: [UuiHeader; 3] =
        [UuiHeader::UserToUser, UuiHeader::UserToUserWithPd, UuiHeader::XUserToUser];

    fn received(name: HeaderName, value: &str) -> Result<Option<UserData>, UuiDiscard> {
        if name == HeaderName::UserToUser {
            received_user_data([value.as_bytes()], [])
        } else {
            received_user_data([], [value.as_bytes()])
        }
    }

    /// ST-024, ST-025: the worked example in every header type and encoding.
    #[test]
    fn the_worked_example_in_every_form() {
        let hex = "54686973206973206d792064617461";
        for (header, ascii, value) in [
            (UuiHeader::UserToUser, false, format!("00{hex};encoding=hex;purpose=isdn-uui;content=isdn-uui")),
            (
                UuiHeader::UserToUserWithPd,
                false,
                format!("{hex};pd=00;encoding=hex;purpose=isdn-uui;content=isdn-uui"),
            ),
            (UuiHeader::XUserToUser, false, format!("{hex};encoding=hex")),
            (UuiHeader::XUserToUser, true, "\"This is my data\";encoding=ascii".to_owned()),
        ] {
            let (name, encoded) =
                UuiFormat { header, ascii, discriminator: 0 }.encode(b"This is my data").unwrap();
            assert_eq!(encoded, value);
            let data = received(name, &encoded).unwrap().unwrap();
            assert_eq!(data.text(), Some("This is my data"), "{value}");
        }
    }

    /// ST-028: the discriminator octet is stripped even where the sender forgot it, as the peers do.
    #[test]
    fn the_first_octet_is_stripped_unless_pd_says_it() {
        let data = |value: &'static str| {
            UserToUser::parse(value.as_bytes()).unwrap().data().unwrap().bytes().to_vec()
        };
        assert_eq!(data("0041;encoding=hex"), b"A");
        assert_eq!(data("4142;encoding=hex"), b"B");
        assert_eq!(data("4142;pd=00"), b"AB");
        assert_eq!(data("XAB;encoding=ascii"), b"AB");
        assert_eq!(XUserToUser::parse(b"4142").unwrap().data().unwrap().bytes(), b"AB");
        assert_eq!(
            XUserToUser::parse(b"This is my data;encoding=ascii").unwrap().data().unwrap().text(),
            Some("This is my data")
        );
        assert_eq!(UserToUser::parse(b"00;pd=5a").unwrap().discriminator(), Some(0x5A));
    }

    /// ST-024: precedence and discard rules.
    #[test]
    fn one_value_counts_and_several_count_for_nothing() {
        let text = |result: Result<Option<UserData>, UuiDiscard>| {
            result.map(|d| d.map(|d| d.text().unwrap_or("?").to_owned()))
        };
        let standard = b"0041".as_slice();
        let older = b"42".as_slice();
        assert_eq!(text(received_user_data([standard], [older])), Ok(Some("A".into())));
        assert_eq!(text(received_user_data([], [older])), Ok(Some("B".into())));
        assert_eq!(received_user_data([], []), Ok(None));
        assert_eq!(received_user_data([standard, standard], [older]), Err(UuiDiscard::Several));
        assert_eq!(received_user_data([], [older, older]), Err(UuiDiscard::Several));
        for misfit in ["0g", "004", "41;encoding=base64", "\"a b\"", ";encoding=hex", ""] {
            let result = received_user_data([misfit.as_bytes()], [older]);
            assert!(matches!(result, Err(UuiDiscard::Malformed(_))), "{misfit}");
        }
        assert_eq!(
            text(received_user_data([b"ff;purpose=other".as_slice(), standard], [])),
            Ok(Some("A".into()))
        );
        assert_eq!(text(received_user_data([b"00c3".as_slice()], [])), Ok(Some("?".into())));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let ascii = UuiFormat { header: UuiHeader::XUserToUser, ascii: true, discriminator: 0 };
        assert_eq!(ascii.encode(b"a\r\nVia: x"), Err(UuiEncodeError::NotText { at: 1 }));
        assert_eq!(ascii.encode("é".as_bytes()), Err(UuiEncodeError::NotText { at: 0 }));
        assert_eq!(ascii.encode(b""), Err(UuiEncodeError::Empty));
    }

    proptest! {
        /// ST-025: whatever is encoded is decoded to the same.
        #[test]
        fn encoding_and_decoding_agree(data in prop::collection::vec(any::<u8>(), 1..80), discriminator: u8, text in "[ -~]{1,80}") {
            for header in FORMATS {
                let format = UuiFormat { header, ascii: false, discriminator };
                let (name, value) = format.encode(&data).unwrap();
                let decoded = received(name, &value).unwrap().unwrap();
                prop_assert_eq!(decoded.bytes(), &data[..]);
            }
            let ascii = UuiFormat { header: UuiHeader::XUserToUser, ascii: true, discriminator };
            let (name, value) = ascii.encode(text.as_bytes()).unwrap();
            let decoded = received(name, &value).unwrap().unwrap();
            prop_assert_eq!(decoded.text(), Some(text.as_str()));
        }
    }
}
