//! Number plans: how a site recognises, normalises and classifies what its phones dial.

use serde::{Deserialize, Serialize};

use super::Check;
use crate::value::{
    CallingCode, Classification, CountryCode, E164Range, Name, NumberPlanId, ShortRange, SiteId,
};

/// The most number plans a site may have.
pub const MAX_NUMBER_PLANS: usize = 200;

/// One rule of a site's ordered list, [`Site::number_plans`](super::Site::number_plans): the first plan that matches
/// decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberPlan {
    /// Identifies the plan.
    pub id: NumberPlanId,
    /// Name, unique in its site.
    pub name: Name,
    /// What it matches.
    #[serde(rename = "match")]
    pub matches: Match,
    /// The word given to what matches; outbound routes ask for it.
    pub classification: Classification,
}

/// What a number plan matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// As many digits as given; nothing is changed.
    DigitLength(DigitLength),
    /// Numbers beginning `+` out of the list; nothing is changed.
    E164NumberList(Vec<E164Range>),
    /// International numbers of these countries, 10 to 15 digits in all; an empty list is every country but the
    /// site's own. Normalised to E.164.
    InterCountryCode(Vec<CallingCode>),
    /// Numbers of the given country: with its code, 10 to 15 digits; or in national form with the given length.
    /// Normalised to E.164.
    IntraCountryCode(IntraCountry),
    /// Short numbers out of the list; nothing is changed.
    NumberList(Vec<ShortRange>),
    /// Whatever the expression matches, rewritten.
    Regex(RegexMatch),
}

/// A number of digits, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitLength {
    /// The fewest digits, 1 to 20.
    pub from: u8,
    /// The most digits, 1 to 20.
    pub to: u8,
}

/// Numbers of one country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntraCountry {
    /// The country's calling code.
    pub country: CallingCode,
    /// How many digits people dial within the country, a trunk prefix such as 0 included.
    pub national_length: u8,
}

/// A regular expression and what its matches become.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegexMatch {
    /// The expression, syntax of the `regex` crate (linear time; no look-around, no back-references).
    pub pattern: String,
    /// The normalised form, with `$1`, `$2` … for the groups; empty keeps what was dialled.
    #[serde(default)]
    pub normalized: String,
}

impl NumberPlan {
    /// The six plans a new site starts with: Emergency, Extension, National, International, Network and Suicide
    /// Prevention. The emergency numbers and the national length are those of the country.
    pub fn defaults(site: SiteId, country: CountryCode) -> Vec<NumberPlan> {
        let code = country.calling_code().unwrap_or(CallingCode::NANP);
        let emergency = country.emergency_numbers().iter();
        let regex = |pattern: &str, normalized: &str| {
            Match::Regex(RegexMatch { pattern: pattern.into(), normalized: normalized.into() })
        };
        let matches = [
            Match::NumberList(
                emergency.map(|text| text.parse().expect("emergency numbers are short")).collect(),
            ),
            Match::DigitLength(DigitLength { from: 4, to: 6 }),
            Match::IntraCountryCode(IntraCountry {
                country: code,
                national_length: national_length(country),
            }),
            Match::InterCountryCode(Vec::new()),
            regex(r"^([^@\:]+@)([^@ ]+)?$", "sip:$1$2"),
            regex("^988$", "+18002738255"),
        ];
        let plan = |(name, matches): (&str, Match)| NumberPlan {
            id: NumberPlanId::labelled(&format!("{site}/{name}")),
            name: name.parse().expect("default names are names"),
            matches,
            classification: name.parse().expect("default names are classifications"),
        };
        Classification::DEFAULTS.into_iter().zip(matches).map(plan).collect()
    }

    pub(super) fn check(&self, at: &str, check: &mut Check<'_>) {
        let mut problem = |code, message: &str| check.problem(&format!("{at}.match"), code, message);
        match &self.matches {
            Match::DigitLength(DigitLength { from, to }) => {
                if !(1..=20).contains(from) || from > to || *to > 20 {
                    problem("plan.length", "digit length must be 1 to 20, from before to");
                }
            }
            Match::E164NumberList(list) if list.is_empty() => {
                problem("plan.empty", "list at least one number")
            }
            Match::NumberList(list) if list.is_empty() => problem("plan.empty", "list at least one number"),
            Match::E164NumberList(list) if list.len() > MAX_LIST => problem("plan.too_long", TOO_LONG),
            Match::NumberList(list) if list.len() > MAX_LIST => problem("plan.too_long", TOO_LONG),
            Match::E164NumberList(_) | Match::NumberList(_) | Match::InterCountryCode(_) => {}
            Match::IntraCountryCode(intra) => {
                if !(1..=15).contains(&intra.national_length) {
                    problem("plan.length", "national length must be 1 to 15");
                }
            }
            Match::Regex(regex) => {
                if let Err(why) = regex.check() {
                    problem("plan.regex", &why);
                }
            }
        }
    }
}

const MAX_LIST: usize = 10_000;
const TOO_LONG: &str = "a list may have at most 10000 entries";

impl RegexMatch {
    /// Whether the expression can be compiled and every group the normalised form names exists.
    fn check(&self) -> Result<(), String> {
        if self.pattern.is_empty() || self.pattern.len() > 1024 || self.normalized.len() > 256 {
            return Err(
                "the expression must have 1 to 1024 characters, the normalised form at most 256".into()
            );
        }
        let parsed = regex_syntax::Parser::new().parse(&self.pattern);
        let hir = parsed.map_err(|error| match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "the expression is not valid".to_owned(),
        })?;
        let groups = hir.properties().explicit_captures_len();
        for rest in self.normalized.split('$').skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !digits.parse::<usize>().is_ok_and(|group| group <= groups) {
                return Err(format!("${digits} in the normalised form is no group of the expression"));
            }
        }
        Ok(())
    }
}

/// The digits of an ordinary number dialled within the country, trunk prefix included.
fn national_length(country: CountryCode) -> u8 {
    match country.as_str() {
        "ES" | "PT" | "PL" | "CH" | "GR" => 9,
        "GB" | "DE" | "CN" | "KR" | "BR" => 11,
        "DK" | "NO" | "SG" | "HK" => 8,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The defaults stand in the documented order with the emergency number of the country.
    #[test]
    fn a_new_site_has_six_plans() {
        let plans = NumberPlan::defaults(SiteId::labelled("x"), "FR".parse().unwrap());
        let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, Classification::DEFAULTS);
        assert_eq!(plans[0].matches, Match::NumberList(vec!["112".parse().unwrap()]));
    }

    #[test]
    fn expressions_are_checked_when_they_are_saved() {
        let check = |pattern: &str, normalized: &str| {
            RegexMatch { pattern: pattern.into(), normalized: normalized.into() }.check()
        };
        assert_eq!(check(r"^([^@\:]+@)([^@ ]+)?$", "sip:$1$2"), Ok(()));
        assert!(check("^(9$", "").is_err());
        assert!(check("^9(.*)$", "$2").unwrap_err().contains("$2"));
        assert!(check(r"(?=9)", "").is_err() && check("", "").is_err());
    }
}
