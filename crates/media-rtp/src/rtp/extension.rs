//! Header extension elements, one-byte and two-byte forms (RFC 8285 §4).

/// One element of a header extension: the local identifier negotiated by `a=extmap` and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// 1..=14 in the one-byte form, 1..=255 in the two-byte form.
    pub id: u8,
    /// 1..=16 octets in the one-byte form, 0..=255 in the two-byte form.
    pub data: &'a [u8],
}

/// The two layouts of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionForm {
    /// Profile `0xBEDE`: identifier and length share an octet.
    OneByte,
    /// Profile `0x100x`: an octet each.
    TwoByte,
}

/// Why an element cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The element's length passes the end of the extension (sender's fault).
    #[error("extension element {0} is cut off; ignore the rest of the extension")]
    Truncated(u8),
    /// The identifier is outside the form's range (caller's fault).
    #[error("extension identifier {0} is outside the form's range; use the number from a=extmap")]
    Id(u8),
    /// The data has a length the form cannot express (caller's fault).
    #[error("extension data of {0} octets does not fit the form; use the two-byte form")]
    Length(usize),
    /// The buffer is full (caller's fault).
    #[error("no room for another extension element; pass a larger buffer")]
    NoRoom,
}

impl ExtensionForm {
    /// The form a profile value stands for, `None` when it is not an RFC 8285 extension.
    #[must_use]
    pub fn of_profile(profile: u16) -> Option<Self> {
        match profile {
            0xBEDE => Some(Self::OneByte),
            // RFC 8285 §4.3: the low four bits belong to the application and are ignored.
            0x1000..=0x100F => Some(Self::TwoByte),
            _ => None,
        }
    }

    /// The profile value of the form.
    #[must_use]
    pub fn profile(self) -> u16 {
        match self {
            Self::OneByte => 0xBEDE,
            Self::TwoByte => 0x1000,
        }
    }
}

/// Iterates over the elements of a header extension. Stops after the first error.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: ExtensionForm,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(super) fn empty() -> Self {
        Self { form: ExtensionForm::OneByte, rest: &[] }
    }

    /// Reads `data` as the form `profile` names; empty for other profiles.
    #[must_use]
    pub fn new(profile: u16, data: &'a [u8]) -> Self {
        ExtensionForm::of_profile(profile).map_or_else(Self::empty, |form| Self { form, rest: data })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, ExtensionError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&head, after) = self.rest.split_first()?;
            // RFC 8285 §4.1.1: an identifier of 0 is padding of one octet.
            if head == 0 {
                self.rest = after;
                continue;
            }
            let (id, len, body) = match self.form {
                ExtensionForm::OneByte => (head >> 4, usize::from(head & 0x0F) + 1, after),
                ExtensionForm::TwoByte => {
                    let Some((&len, body)) = after.split_first() else {
                        self.rest = &[];
                        return Some(Err(ExtensionError::Truncated(head)));
                    };
                    (head, usize::from(len), body)
                }
            };
            // RFC 8285 §4.2: identifier 15 of the one-byte form ends the extension whatever its length says.
            if self.form == ExtensionForm::OneByte && id == 15 {
                self.rest = &[];
                return None;
            }
            // A one-byte identifier of 0 with a length is padding too, but says how much to skip.
            let Some((data, rest)) = body.split_at_checked(len) else {
                self.rest = &[];
                return Some(Err(ExtensionError::Truncated(id)));
            };
            self.rest = rest;
            if id != 0 {
                return Some(Ok(Element { id, data }));
            }
        }
    }
}

/// Writes elements into a caller's buffer and rounds the end to a 32-bit word.
#[derive(Debug)]
pub struct ElementWriter<'b> {
    form: ExtensionForm,
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> ElementWriter<'b> {
    /// An empty extension of `form` in `buffer`.
    pub fn new(form: ExtensionForm, buffer: &'b mut [u8]) -> Self {
        Self { form, buffer, len: 0 }
    }

    /// Appends one element.
    ///
    /// # Errors
    /// [`ExtensionError`] when the form cannot carry the element or the buffer is full; nothing is written then.
    pub fn push(&mut self, id: u8, data: &[u8]) -> Result<(), ExtensionError> {
        let (head, head_len) = match self.form {
            ExtensionForm::OneByte => {
                if !(1..=14).contains(&id) {
                    return Err(ExtensionError::Id(id));
                }
                let len = u8::try_from(data.len()).ok().filter(|len| (1..=16).contains(len));
                let len = len.ok_or(ExtensionError::Length(data.len()))?;
                ([(id << 4) | (len - 1), 0], 1)
            }
            ExtensionForm::TwoByte => {
                if id == 0 {
                    return Err(ExtensionError::Id(id));
                }
                ([id, u8::try_from(data.len()).map_err(|_| ExtensionError::Length(data.len()))?], 2)
            }
        };
        let end = self.len + head_len + data.len();
        if end.next_multiple_of(4) > self.buffer.len() {
            return Err(ExtensionError::NoRoom);
        }
        self.buffer[self.len..self.len + head_len].copy_from_slice(&head[..head_len]);
        self.buffer[self.len + head_len..end].copy_from_slice(data);
        self.len = end;
        Ok(())
    }

    /// Pads with zero octets and returns the profile and data for [`RtpBuilder::extension`](super::RtpBuilder::extension).
    #[must_use]
    pub fn finish(self) -> (u16, &'b [u8]) {
        let end = self.len.next_multiple_of(4);
        self.buffer[self.len..end].fill(0);
        (self.form.profile(), &self.buffer[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(profile: u16, data: &[u8]) -> Vec<Result<(u8, Vec<u8>), ExtensionError>> {
        Elements::new(profile, data).map(|it| it.map(|it| (it.id, it.data.to_vec()))).collect()
    }

    /// RFC 8285 §4.2: elements, padding between them, identifier 15 stops.
    #[test]
    fn one_byte_elements_are_read() {
        let data = [0x10, 0xAA, 0x21, 0xBB, 0xCC, 0, 0, 0x33, 1, 2, 3, 4];
        let expected = vec![Ok((1, vec![0xAA])), Ok((2, vec![0xBB, 0xCC])), Ok((3, vec![1, 2, 3, 4]))];
        assert_eq!(read(0xBEDE, &data), expected);
        assert_eq!(read(0xBEDE, &[0x10, 1, 0xF3, 9, 9, 9, 0x10, 1]), vec![Ok((1, vec![1]))]);
        assert_eq!(read(0xBEDE, &[0x01, 7, 7, 0x10, 5]), vec![Ok((1, vec![5]))]);
        assert_eq!(read(0xBEDE, &[0x1F, 0, 0, 0]), vec![Err(ExtensionError::Truncated(1))]);
    }

    /// RFC 8285 §4.3: zero-length elements are legal, application bits are ignored.
    #[test]
    fn two_byte_elements_are_read() {
        let data = [1, 0, 2, 1, 0xBB, 0, 3, 4, 1, 2, 3, 4];
        let expected = vec![Ok((1, vec![])), Ok((2, vec![0xBB])), Ok((3, vec![1, 2, 3, 4]))];
        assert_eq!(read(0x1000, &data), expected);
        assert_eq!(read(0x100F, &data), expected);
        assert_eq!(read(0x1000, &[0, 0, 0, 9]), vec![Err(ExtensionError::Truncated(9))]);
        assert_eq!(read(0x1000, &[200, 3, 1, 2]), vec![Err(ExtensionError::Truncated(200))]);
        assert_eq!(read(0xABCD, &data), vec![]);
    }

    #[test]
    fn written_elements_read_back() {
        for form in [ExtensionForm::OneByte, ExtensionForm::TwoByte] {
            let mut buffer = [0xEE; 32];
            let mut writer = ElementWriter::new(form, &mut buffer);
            writer.push(1, &[0x7F]).unwrap();
            writer.push(14, &[5; 16]).unwrap();
            assert_eq!(writer.push(2, &[0; 16]), Err(ExtensionError::NoRoom));
            assert_eq!(writer.push(0, &[0]), Err(ExtensionError::Id(0)));
            let (profile, data) = writer.finish();
            assert_eq!(data.len() % 4, 0);
            assert_eq!(read(profile, data), vec![Ok((1, vec![0x7F])), Ok((14, vec![5; 16]))]);
        }
        let mut buffer = [0; 64];
        let mut writer = ElementWriter::new(ExtensionForm::OneByte, &mut buffer);
        assert_eq!(writer.push(15, &[0]), Err(ExtensionError::Id(15)));
        assert_eq!(writer.push(1, &[0; 17]), Err(ExtensionError::Length(17)));
        assert_eq!(writer.push(1, &[]), Err(ExtensionError::Length(0)));
    }

    /// Every two-octet start of both forms ends without panic and without endless loop.
    #[test]
    fn any_data_ends() {
        for profile in [0xBEDE, 0x1000] {
            for start in 0..=u16::MAX {
                let [a, b] = start.to_be_bytes();
                for len in 0..=6 {
                    let data = [a, b, a, b, b, a];
                    assert!(Elements::new(profile, &data[..len]).count() <= len);
                }
            }
        }
    }
}
