//! Goodbye and application-defined packets (RFC 3550 §6.6, §6.7).

use crate::wire::u32_at;

/// BYE: sources that leave, and perhaps why.
#[derive(Clone, Copy, Debug)]
pub struct Bye<'a> {
    sources: &'a [u8],
    /// The reason text as sent, up to 255 octets.
    pub reason: Option<&'a [u8]>,
}

/// APP: a message named by four letters.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// Five bits whose meaning belongs to the name.
    pub subtype: u8,
    /// The sender.
    pub ssrc: u32,
    /// The name, four ASCII letters.
    pub name: [u8; 4],
    /// The application's data, whole words.
    pub data: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let (sources, rest) = body.split_at_checked(usize::from(count) * 4)?;
        let reason = match rest.split_first() {
            None => None,
            Some((&len, text)) => Some(text.get(..usize::from(len))?),
        };
        Some(Self { sources, reason })
    }

    /// The leaving sources, at most 31.
    pub fn sources(&self) -> impl Iterator<Item = u32> + 'a {
        let sources = self.sources;
        (0..sources.len() / 4).filter_map(move |index| u32_at(sources, index * 4))
    }
}

impl<'a> App<'a> {
    pub(super) fn read(subtype: u8, body: &'a [u8]) -> Option<Self> {
        let name = *body.get(4..)?.first_chunk()?;
        Some(Self { subtype, ssrc: u32_at(body, 0)?, name, data: &body[8..] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3550 §6.6: sources, then an optional counted reason.
    #[test]
    fn bye_is_read() {
        let bye = Bye::read(2, &[0, 0, 0, 1, 0, 0, 0, 2, 3, b'e', b'n', b'd']).unwrap();
        assert_eq!((bye.sources().collect::<Vec<_>>(), bye.reason), (vec![1, 2], Some(&b"end"[..])));
        assert_eq!(Bye::read(0, &[]).unwrap().reason, None);
        assert!(Bye::read(1, &[0, 0, 0]).is_none());
        assert!(Bye::read(0, &[4, b'e', b'n', b'd']).is_none());
    }

    /// RFC 3550 §6.7: name and data.
    #[test]
    fn app_is_read() {
        let app = App::read(3, b"\0\0\0\x09TEL1data").unwrap();
        assert_eq!((app.subtype, app.ssrc, &app.name, app.data), (3, 9, b"TEL1", &b"data"[..]));
        assert!(App::read(0, b"\0\0\0\x09TEL").is_none());
    }
}
