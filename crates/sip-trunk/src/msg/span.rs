//! Where something stands in the received bytes.

use std::ops::Range;

/// A half-open byte range of the received datagram or stream message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; offsets beyond 4 GiB saturate (no message is that long).
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The range from `start` to `end`, both known to be inside a header section.
    #[inline]
    pub(super) fn within(start: usize, end: usize) -> Self {
        debug_assert!(end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// Number of bytes covered.
    #[inline]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether no byte is covered: a position between two bytes.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The same range for slicing.
    #[inline]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes of `of` this span covers; empty when it lies outside.
    #[inline]
    pub fn of(self, of: &[u8]) -> &[u8] {
        of.get(self.range()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_outside_the_bytes_covers_nothing() {
        assert_eq!(Span::new(1, 3).of(b"abcd"), b"bc");
        assert_eq!(Span::new(3, 9).of(b"abcd"), b"");
        assert!(Span::new(2, 2).is_empty());
        assert_eq!(Span::new(usize::MAX, usize::MAX).len(), 0);
    }
}
