//! Fuzzed bytes read as the steps of a run: choices, numbers and pieces of text.

/// What is left of the bytes.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; `None` ends the run.
    pub(crate) fn step(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte, 0 at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        self.step().unwrap_or(0)
    }

    /// One of `among`, which is not empty.
    pub(crate) fn one<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte()) % among.len()]
    }

    /// An index below `len`; `None` when there is none.
    pub(crate) fn index(&mut self, len: usize) -> Option<usize> {
        usize::from(self.byte()).checked_rem(len)
    }

    /// A piece of up to 2,047 bytes, after its length in two bytes.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()) << 8 & 0x0700 | usize::from(self.byte());
        let (piece, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        piece
    }

    /// A short piece as text.
    pub(crate) fn text(&mut self) -> String {
        let length = usize::from(self.byte() & 63).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(piece).into_owned()
    }
}
