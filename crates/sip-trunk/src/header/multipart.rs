//! Bodies of several parts (RFC 2046 §5.1, RFC 5621).

use super::{ContentType, FaultKind, Header, HeaderFault, fault::fault};
use crate::msg::HeaderName;

/// The most parts that are read from one body.
pub const MAX_PARTS: usize = 64;

/// One part of a multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyPart<'a> {
    /// The header lines, without the blank line behind them.
    pub headers: &'a [u8],
    /// The content.
    pub body: &'a [u8],
}

impl<'a> BodyPart<'a> {
    /// The value of the first header called `name`, folds included.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.headers;
        while !rest.is_empty() {
            let end = line_end(rest);
            let line = &rest[..end];
            rest = rest.get(end + 2..).unwrap_or_default();
            if let Some(colon) = memchr::memchr(b':', line)
                && line[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
            {
                return Some(line[colon + 1..].trim_ascii());
            }
        }
        None
    }

    /// The header `H` as its typed view.
    #[must_use]
    pub fn typed<H: Header<'a>>(&self) -> Option<Result<H, HeaderFault>> {
        self.header(H::NAME.as_str()).map(H::parse)
    }
}

/// Length of the first header line, folds included, without its line end.
fn line_end(bytes: &[u8]) -> usize {
    let folded = |at: &usize| !matches!(bytes.get(at + 2), Some(b' ' | b'\t'));
    memchr::memmem::find_iter(bytes, b"\r\n").find(folded).unwrap_or(bytes.len())
}

/// Splits `body` by the boundary of `content_type`; what stands before the first and behind the last delimiter is dropped.
///
/// # Errors
/// No boundary parameter or one longer than 70 characters, no first or last delimiter, or more than [`MAX_PARTS`] parts. The
/// offset is that in the body.
pub fn split_multipart<'a>(
    content_type: &ContentType<'_>,
    body: &'a [u8],
) -> Result<Vec<BodyPart<'a>>, HeaderFault> {
    let boundary = content_type.boundary().ok_or(fault(FaultKind::Missing("boundary"), 0))?;
    // RFC 2046 §5.1.1: 1 to 70 characters that do not end in a blank.
    if boundary.is_empty() || boundary.len() > 70 || boundary.ends_with(' ') {
        return Err(fault(FaultKind::Boundary, 0));
    }
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    for at in memchr::memmem::find_iter(body, delimiter.as_bytes()) {
        // RFC 2046 §5.1.1: a delimiter starts a line, and the line end before it is part of it.
        let line_start = at == 0 || body[..at].ends_with(b"\r\n");
        let after = &body[at + delimiter.len()..];
        let (last, after) = match after.strip_prefix(b"--") {
            Some(after) => (true, after),
            None => (false, after),
        };
        // RFC 2046 §5.1.1: blanks may follow a delimiter on its line; anything else makes it a longer word.
        let padding = after.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(after.len());
        let ends = after[padding..].starts_with(b"\r\n") || (last && padding == after.len());
        if !line_start || !ends {
            continue;
        }
        if let Some(start) = open {
            if parts.len() == MAX_PARTS {
                return Err(fault(FaultKind::Boundary, at));
            }
            parts.push(part(&body[start..(at - 2).max(start)]));
        }
        if last {
            return if open.is_some() { Ok(parts) } else { Err(fault(FaultKind::Boundary, at)) };
        }
        open = Some(body.len() - after.len() + padding + 2);
    }
    Err(fault(FaultKind::Boundary, body.len()))
}

fn part(bytes: &[u8]) -> BodyPart<'_> {
    // RFC 2046 §5.1: headers may be missing altogether; then the part starts with the blank line.
    if let Some(body) = bytes.strip_prefix(b"\r\n") {
        return BodyPart { headers: &[], body };
    }
    match memchr::memmem::find(bytes, b"\r\n\r\n") {
        Some(at) => BodyPart { headers: &bytes[..at], body: &bytes[at + 4..] },
        None => BodyPart { headers: bytes, body: &[] },
    }
}

/// Puts a multipart body together.
#[derive(Debug, Clone)]
pub struct MultipartBuilder {
    boundary: String,
    body: Vec<u8>,
    collision: bool,
}

/// The boundary of a [`MultipartBuilder`] occurs inside a part, or cannot be a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("choose a boundary of 1 to 70 letters and digits that occurs in no part")]
pub struct BoundaryTaken;

impl MultipartBuilder {
    /// Starts an empty body; letters and digits make a boundary that needs no quotes.
    #[must_use]
    pub fn new(boundary: impl Into<String>) -> Self {
        let boundary = boundary.into();
        let sound = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|b| b.is_ascii_alphanumeric());
        Self { boundary, body: Vec::new(), collision: !sound }
    }

    /// Adds a part; line ends in header values are left out.
    #[must_use]
    pub fn part(mut self, headers: &[(HeaderName, &str)], body: &[u8]) -> Self {
        self.collision |= memchr::memmem::find(body, self.boundary.as_bytes()).is_some();
        self.body.extend_from_slice(format!("--{}\r\n", self.boundary).as_bytes());
        for (name, value) in headers {
            let value: String = value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect();
            self.collision |= value.contains(&self.boundary);
            self.body.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        self.body.extend_from_slice(b"\r\n");
        self.body.extend_from_slice(body);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The Content-Type value and the body.
    ///
    /// # Errors
    /// The boundary is unusable.
    pub fn finish(mut self) -> Result<(String, Vec<u8>), BoundaryTaken> {
        if self.collision {
            return Err(BoundaryTaken);
        }
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        Ok((format!("multipart/mixed;boundary={}", self.boundary), self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::ContentId;
    use proptest::prelude::*;

    fn split<'a>(content_type: &str, body: &'a str) -> Result<Vec<BodyPart<'a>>, HeaderFault> {
        split_multipart(&ContentType::parse(content_type.as_bytes()).unwrap(), body.as_bytes())
    }

    /// RFC 2046 §5.1.1: the example, with preamble, epilogue and padding.
    #[test]
    fn parts_are_cut_at_their_delimiters() {
        let body = "preamble\r\n--b1 \t\r\n\r\nimplicitly typed\r\nends here\r\n--b1\r\nContent-Type: application/sdp\r\n\
                    content-id:\r\n <a@b>\r\n\r\nv=0\r\n--b1x\r\n\r\n--b1--\r\nepilogue\r\n--b1\r\n\r\nno\r\n--b1--";
        let parts = split("multipart/mixed;boundary=b1", body).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].headers, parts[0].body),
            (b"".as_slice(), b"implicitly typed\r\nends here".as_slice())
        );
        assert_eq!(parts[1].body, b"v=0\r\n--b1x\r\n");
        assert!(parts[1].typed::<ContentType<'_>>().unwrap().unwrap().is("application", "sdp"));
        assert_eq!(parts[1].typed::<ContentId<'_>>(), Some(Ok(ContentId("a@b"))));
        assert_eq!(parts[1].header("Content-Length"), None);
    }

    #[test]
    fn broken_bodies_are_refused() {
        for (content_type, body, kind) in [
            ("multipart/mixed", "--b--", FaultKind::Missing("boundary")),
            ("multipart/mixed;boundary=\"\"", "----", FaultKind::Boundary),
            ("multipart/mixed;boundary=b", "", FaultKind::Boundary),
            ("multipart/mixed;boundary=b", "--b\r\n\r\nunfinished", FaultKind::Boundary),
            ("multipart/mixed;boundary=b", "--b--\r\n", FaultKind::Boundary),
            ("multipart/mixed;boundary=b", "x--b\r\n\r\ny\r\n--b--", FaultKind::Boundary),
        ] {
            assert_eq!(split(content_type, body).unwrap_err().kind, kind, "{body:?}");
        }
        let many = |n: usize| "--b\r\n\r\n\r\n".repeat(n) + "--b--";
        assert_eq!(split("a/b;boundary=b", &many(MAX_PARTS)).map(|p| p.len()), Ok(MAX_PARTS));
        assert!(split("a/b;boundary=b", &many(MAX_PARTS + 1)).is_err());
    }

    #[test]
    fn a_boundary_inside_a_part_is_noticed() {
        let builder = MultipartBuilder::new("b1").part(&[], b"x b1 y");
        assert_eq!(builder.finish(), Err(BoundaryTaken));
        assert_eq!(MultipartBuilder::new("b 1").finish(), Err(BoundaryTaken));
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_taken_apart(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5)) {
            let builder = bodies.iter().fold(MultipartBuilder::new("unique0boundary"), |builder, body| {
                builder.part(&[(HeaderName::ContentType, "application/x\r\nEvil: 1")], body)
            });
            let (content_type, body) = builder.finish().unwrap();
            let content_type = ContentType::parse(content_type.as_bytes()).unwrap();
            let parts = split_multipart(&content_type, &body).unwrap();
            prop_assert_eq!(parts.iter().map(|p| p.body.to_vec()).collect::<Vec<_>>(), bodies);
            prop_assert!(parts.iter().all(|p| p.header("Evil").is_none()));
        }

        #[test]
        fn any_bytes_are_split_or_refused(body: Vec<u8>, junk in "(--b|\r\n|--| |x){0,30}") {
            let content_type = ContentType::parse(b"a/b;boundary=b").unwrap();
            let _ = split_multipart(&content_type, &body);
            if let Ok(parts) = split_multipart(&content_type, junk.as_bytes()) {
                prop_assert!(!parts.is_empty());
            }
        }
    }
}
