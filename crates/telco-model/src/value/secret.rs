//! Values that must not be shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that `Debug`, `Display` and `Serialize` show as `***`.
///
/// [`Secret::expose`] gives it back, and is easy to find in a review. Digest passwords are kept clear, because the
/// hash must be computed with the challenge of the day.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret<T>(T);

/// What a secret looks like to everyone who may not see it. A document that holds it is refused on loading.
pub(crate) const MASK: &str = "***";

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T: Serialize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if revealed() { self.0.serialize(serializer) } else { serializer.serialize_str(MASK) }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Secret)
    }
}

thread_local! {
    static REVEALED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn revealed() -> bool {
    REVEALED.get()
}

/// Runs `work` with secrets serialised as they are: for storage and for the link to an edge, never for display.
pub(crate) fn reveal<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            REVEALED.set(self.0);
        }
    }
    let _restore = Restore(REVEALED.replace(true));
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TM-063: a secret is masked wherever it could be shown, and exposed only on request.
    #[test]
    fn a_secret_is_masked_unless_asked_for() {
        let secret = Secret::new("s3cret".to_string());
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(reveal(|| serde_json::to_string(&secret).unwrap()), "\"s3cret\"");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "s3cret");
    }
}
