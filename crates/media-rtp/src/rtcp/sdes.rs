//! Source description (RFC 3550 §6.5).

use crate::wire::u32_at;

/// Item types of a source description.
pub mod sdes_item {
    /// Canonical end-point identifier.
    pub const CNAME: u8 = 1;
    /// User name.
    pub const NAME: u8 = 2;
    /// Electronic mail address.
    pub const EMAIL: u8 = 3;
    /// Phone number.
    pub const PHONE: u8 = 4;
    /// Geographic location.
    pub const LOC: u8 = 5;
    /// Application or tool name.
    pub const TOOL: u8 = 6;
    /// Notice or status.
    pub const NOTE: u8 = 7;
    /// Private extension.
    pub const PRIV: u8 = 8;
}

/// SDES: chunks of items, one chunk per source.
#[derive(Clone, Copy, Debug)]
pub struct Sdes<'a> {
    count: u8,
    body: &'a [u8],
}

/// The items about one source.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The source described.
    pub ssrc: u32,
    items: &'a [u8],
}

/// One item: a type of [`sdes_item`] and up to 255 octets of UTF-8, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// The item type.
    pub kind: u8,
    /// The text, not checked to be UTF-8.
    pub text: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut rest = body;
        for _ in 0..count {
            rest = Chunk::split(rest)?.1;
        }
        Some(Self { count, body })
    }

    /// The chunks, at most 31.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + 'a {
        let mut rest = self.body;
        (0..self.count).map_while(move |_| {
            let (chunk, after) = Chunk::split(rest)?;
            rest = after;
            Some(chunk)
        })
    }

    /// The canonical name of `ssrc`, if this packet carries it.
    #[must_use]
    pub fn cname(&self, ssrc: u32) -> Option<&'a [u8]> {
        let chunk = self.chunks().find(|chunk| chunk.ssrc == ssrc)?;
        chunk.items().find(|item| item.kind == sdes_item::CNAME).map(|item| item.text)
    }
}

impl<'a> Chunk<'a> {
    /// Reads one chunk and returns what follows its padding.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ssrc = u32_at(bytes, 0)?;
        let items = &bytes[4..];
        let mut at = 0;
        // RFC 3550 §6.5: a zero octet ends the list, and zeroes fill up to the next word boundary.
        while *items.get(at)? != 0 {
            at += 2 + usize::from(*items.get(at + 1)?);
        }
        let end = (at + 1).next_multiple_of(4);
        Some((Self { ssrc, items: &items[..at] }, items.get(end..)?))
    }

    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + 'a {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let (&[kind, len], after) = rest.split_first_chunk()?;
            let (text, after) = after.split_at_checked(usize::from(len))?;
            rest = after;
            Some(SdesItem { kind, text })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3550 §6.5: two chunks, items of every small length, read in order.
    #[test]
    fn chunks_and_items_are_read() {
        for len in 0..9_u8 {
            let mut body = 7_u32.to_be_bytes().to_vec();
            body.extend_from_slice(&[sdes_item::CNAME, len]);
            body.extend(vec![b'a'; usize::from(len)]);
            body.extend_from_slice(&[sdes_item::TOOL, 1, b't']);
            body.resize((body.len() + 1).next_multiple_of(4), 0);
            body.extend_from_slice(&[0, 0, 0, 8, 0, 0, 0, 0]);
            let sdes = Sdes::read(2, &body).unwrap();
            assert_eq!(sdes.cname(7), Some(&vec![b'a'; usize::from(len)][..]));
            assert_eq!(sdes.cname(8), None);
            assert_eq!(sdes.chunks().map(|chunk| chunk.ssrc).collect::<Vec<_>>(), [7, 8]);
            let tool = sdes.chunks().next().unwrap().items().nth(1).unwrap();
            assert_eq!(tool, SdesItem { kind: sdes_item::TOOL, text: b"t" });
        }
    }

    #[test]
    fn an_unterminated_list_is_refused() {
        assert!(Sdes::read(0, &[]).is_some());
        assert!(Sdes::read(1, &[]).is_none());
        assert!(Sdes::read(1, &[0, 0, 0, 1]).is_none());
        assert!(Sdes::read(1, &[0, 0, 0, 1, 1, 2, b'a', b'b']).is_none());
        assert!(Sdes::read(1, &[0, 0, 0, 1, 1, 200, b'a', 0]).is_none());
        assert!(Sdes::read(2, &[0, 0, 0, 1, 0, 0, 0, 0]).is_none());
    }
}
