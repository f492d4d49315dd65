//! The trunk prefix of a country: what people dial in front of a national number, such as `0`.

use telco_model::value::CallingCode;

/// The trunk prefix of the country that leads a calling code; empty where numbers are dialled as they are. `None` when the
/// country is not known, and always without feature `phonenumber`.
///
/// Where the prefix equals the calling code (`1` in the North American plan) a number that has it is complete, not national.
#[cfg(feature = "phonenumber")]
pub(crate) fn trunk_prefix(code: CallingCode) -> Option<&'static str> {
    let metadata = phonenumber::metadata::DATABASE.by_code(&code.get())?;
    let prefix = metadata.first()?.national_prefix().unwrap_or_default();
    Some(if prefix == code.to_string() { "" } else { prefix })
}

#[cfg(not(feature = "phonenumber"))]
pub(crate) fn trunk_prefix(_code: CallingCode) -> Option<&'static str> {
    None
}

#[cfg(all(test, feature = "phonenumber"))]
mod tests {
    use super::*;

    #[test]
    fn countries_have_their_trunk_prefix() {
        for (code, prefix) in [(1, ""), (52, ""), (33, "0"), (44, "0"), (7, "8"), (39, ""), (34, "")] {
            assert_eq!(trunk_prefix(CallingCode::try_from(code).unwrap()), Some(prefix), "+{code}");
        }
    }
}
