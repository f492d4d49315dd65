//! One number plan: does it match, and what does it make of the number? The definition every index must agree with.

use std::fmt;

use arrayvec::ArrayString;
use telco_model::value::CallingCode;

use crate::address::Address;
use crate::dialled::{DialFault, Dialled, Digits, MAX_DIALLED, Number};
use crate::expression::Rewriter;
use crate::index::intervals::DigitKey;

/// Shortest and longest number an inter-country plan takes, and an intra-country plan in its international form.
pub(crate) const INTERNATIONAL_LENGTH: std::ops::RangeInclusive<usize> = 10..=15;

/// What a plan matches, ready to be asked.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// Decimal numbers without `+` of these lengths; not normalised.
    DigitLength { min: u8, max: u8 },
    /// Decimal numbers without `+` in these ranges; not normalised.
    NumberList(Vec<(DigitKey, DigitKey)>),
    /// Numbers with `+` in these ranges; not normalised.
    E164List(Vec<(DigitKey, DigitKey)>),
    /// Numbers of other countries: of the listed ones, or of any but the own one. Normalised to E.164.
    InterCountry { own: Option<CallingCode>, codes: Vec<CallingCode> },
    /// Numbers of one country, complete or in national form. Normalised to E.164. `prefix` is the trunk prefix inside the national
    /// length; unknown without country data, and then the national form is not taken.
    IntraCountry { code: CallingCode, length: u8, prefix: Option<Box<str>> },
    /// Whatever the expression matches; its format makes the new number.
    Regex(Rewriter),
}

/// What a plan that matched makes of the dialled string.
#[expect(clippy::large_enum_variant, reason = "kept inline, so that a decision allocates nothing")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The plan classifies and leaves the number as it is.
    Unchanged,
    /// The plan wrote this.
    Rewritten(Address),
    /// The plan's format wrote something that cannot be dialled.
    Broken(DialFault),
}

/// Why a plan did not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// The plan takes numbers, this is a SIP address.
    NotANumber,
    /// The plan takes decimal digits, this has `*` or `#`.
    NotDecimal,
    /// The plan takes numbers without `+`.
    HasPlus,
    /// The plan takes numbers with `+`.
    NeedsPlus,
    /// The number has this many digits, the plan takes others.
    Length(usize),
    /// The number is in none of the plan's ranges.
    NotListed,
    /// The number begins with no assigned country calling code.
    NoCountry,
    /// The number belongs to the site's own country.
    OwnCountry,
    /// The number belongs to a country the plan does not list.
    Country(CallingCode),
    /// The number is neither national nor of the site's country.
    Foreign,
    /// The country of the site is not known, so the plan cannot tell home from abroad.
    SiteCountryUnknown,
    /// The regular expression does not match.
    Expression,
    /// An earlier plan had already matched.
    Later,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::NotANumber => f.write_str("it takes numbers, and this is a SIP address"),
            Miss::NotDecimal => f.write_str("it takes digits only, and this has * or #"),
            Miss::HasPlus => f.write_str("it takes numbers without +"),
            Miss::NeedsPlus => f.write_str("it takes numbers that start with +"),
            Miss::Length(length) => write!(f, "{length} digits are not a length it takes"),
            Miss::NotListed => f.write_str("the number is not in its list"),
            Miss::NoCountry => f.write_str("the number begins with no country calling code in use"),
            Miss::OwnCountry => f.write_str("the number belongs to the site's own country"),
            Miss::Country(code) => write!(f, "country +{code} is not in its list"),
            Miss::Foreign => f.write_str("the number is neither national nor of the site's country"),
            Miss::SiteCountryUnknown => f.write_str("the site's location has no country with a calling code"),
            Miss::Expression => f.write_str("its expression does not match"),
            Miss::Later => f.write_str("an earlier plan had already matched"),
        }
    }
}

impl Matcher {
    /// Asks the plan on its own, without any index.
    pub(crate) fn ask(&self, dialled: &Dialled) -> Result<Outcome, Miss> {
        match self {
            Matcher::Regex(rewriter) => {
                if !rewriter.is_match(dialled.as_str()) {
                    return Err(Miss::Expression);
                }
            }
            Matcher::DigitLength { min, max } => {
                let digits = plain(dialled)?;
                if !(usize::from(*min)..=usize::from(*max)).contains(&digits.len()) {
                    return Err(Miss::Length(digits.len()));
                }
            }
            Matcher::NumberList(ranges) => listed(ranges, plain(dialled)?)?,
            Matcher::E164List(ranges) => {
                let digits = decimal(dialled)?.international().ok_or(Miss::NeedsPlus)?;
                listed(ranges, digits)?;
            }
            Matcher::InterCountry { own, codes } => {
                let digits = decimal(dialled)?.digits();
                if !INTERNATIONAL_LENGTH.contains(&digits.len()) {
                    return Err(Miss::Length(digits.len()));
                }
                let code = CallingCode::of_digits(digits).ok_or(Miss::NoCountry)?;
                match (codes.is_empty(), own) {
                    (false, _) if !codes.contains(&code) => return Err(Miss::Country(code)),
                    (false, _) => {}
                    (true, None) => return Err(Miss::SiteCountryUnknown),
                    (true, Some(own)) if code == *own => return Err(Miss::OwnCountry),
                    (true, Some(_)) => {}
                }
            }
            Matcher::IntraCountry { code, length, prefix } => {
                if part_of(decimal(dialled)?, *code, *length, prefix.as_deref()).is_none() {
                    return Err(Miss::Foreign);
                }
            }
        }
        Ok(self.normalise(dialled))
    }

    /// What the plan makes of a dialled string that it matches.
    pub(crate) fn normalise(&self, dialled: &Dialled) -> Outcome {
        match (self, dialled) {
            (Matcher::DigitLength { .. } | Matcher::NumberList(_) | Matcher::E164List(_), _) => {
                Outcome::Unchanged
            }
            (Matcher::InterCountry { .. }, Dialled::Number(number)) => international("", number.digits()),
            (Matcher::IntraCountry { code, length, prefix }, Dialled::Number(number)) => {
                match part_of(number, *code, *length, prefix.as_deref()) {
                    Some(Part::Complete(digits)) => international("", digits),
                    Some(Part::National(digits)) => {
                        let mut text = ArrayString::<4>::new();
                        // A calling code has at most three digits.
                        let _ = fmt::Write::write_fmt(&mut text, format_args!("{code}"));
                        international(&text, digits)
                    }
                    None => Outcome::Unchanged,
                }
            }
            (Matcher::InterCountry { .. } | Matcher::IntraCountry { .. }, _) => Outcome::Unchanged,
            (Matcher::Regex(rewriter), _) => rewritten(rewriter, dialled),
        }
    }
}

fn rewritten(rewriter: &Rewriter, dialled: &Dialled) -> Outcome {
    let mut text = ArrayString::<MAX_DIALLED>::new();
    let mut length = 0;
    let wrote = rewriter.rewrite(dialled.as_str(), |piece| {
        length += piece.len();
        // What does not fit is counted and reported below.
        let _ = text.try_push_str(piece);
    });
    if wrote.is_none() {
        return Outcome::Unchanged;
    }
    if length > MAX_DIALLED {
        return Outcome::Broken(DialFault::TooLong { length, limit: MAX_DIALLED });
    }
    match Address::parse(&text) {
        Ok(address) if address.as_str() == dialled.as_str() => Outcome::Unchanged,
        Ok(address) => Outcome::Rewritten(address),
        Err(fault) => Outcome::Broken(fault),
    }
}

/// `+`, a calling code, digits; unchanged when that is what was dialled.
fn international(code: &str, digits: &str) -> Outcome {
    let mut number = Digits::new();
    let written = number
        .try_push_str("+")
        .and_then(|()| number.try_push_str(code))
        .and_then(|()| number.try_push_str(digits));
    match written {
        Ok(()) => Outcome::Rewritten(Address::Tel(Number::from_digits(number))),
        Err(_) => Outcome::Broken(DialFault::TooLong {
            length: 1 + code.len() + digits.len(),
            limit: number.capacity(),
        }),
    }
}

/// The two ways to dial a number of a country.
enum Part<'a> {
    /// With its calling code in front: all digits.
    Complete(&'a str),
    /// Without: the national digits, trunk prefix removed.
    National(&'a str),
}

/// How a number belongs to a country, if it does. The national length goes first, so that a national number that happens to
/// begin with the calling code stays national.
fn part_of<'a>(number: &'a Number, code: CallingCode, length: u8, prefix: Option<&str>) -> Option<Part<'a>> {
    let digits = number.digits();
    if let (None, Some(prefix)) = (number.international(), prefix)
        && digits.len() == usize::from(length)
    {
        return Some(Part::National(digits.strip_prefix(prefix).unwrap_or(digits)));
    }
    let complete =
        INTERNATIONAL_LENGTH.contains(&digits.len()) && CallingCode::of_digits(digits) == Some(code);
    complete.then_some(Part::Complete(digits))
}

fn decimal(dialled: &Dialled) -> Result<&Number, Miss> {
    match dialled {
        Dialled::SipAddress(_) => Err(Miss::NotANumber),
        Dialled::Number(number) if !number.is_decimal() => Err(Miss::NotDecimal),
        Dialled::Number(number) => Ok(number),
    }
}

fn plain(dialled: &Dialled) -> Result<&str, Miss> {
    match dialled {
        Dialled::SipAddress(_) => Err(Miss::NotANumber),
        Dialled::Number(number) if !number.is_decimal() => Err(Miss::NotDecimal),
        Dialled::Number(number) if number.international().is_some() => Err(Miss::HasPlus),
        Dialled::Number(number) => Ok(number.digits()),
    }
}

fn listed(ranges: &[(DigitKey, DigitKey)], digits: &str) -> Result<(), Miss> {
    let key = DigitKey::new(digits).ok_or(Miss::Length(digits.len()))?;
    if ranges.iter().any(|(first, last)| *first <= key && key <= *last) {
        Ok(())
    } else {
        Err(Miss::NotListed)
    }
}
