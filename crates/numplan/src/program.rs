//! What the matches of a site's number plans compile to.

use telco_model::entity::Match;
use telco_model::value::{CallingCode, E164Range, ShortRange};

use crate::country::trunk_prefix;
use crate::dialled::Dialled;
use crate::expression::{Expression, RegexFault, Rewriter};
use crate::index::Index;
use crate::index::intervals::DigitKey;
use crate::plan::Matcher;

/// An ordered list of matches, ready to be asked: one by one, or all at once. It holds no names and no classifications, so
/// sites that match alike share one.
#[derive(Debug)]
pub(crate) struct Program {
    matchers: Vec<Matcher>,
    index: Index,
}

impl Program {
    /// Compiles matches for a site in a country.
    ///
    /// # Errors
    /// Every expression at fault, with its place.
    pub(crate) fn compile(
        matches: &[&Match],
        home: Option<CallingCode>,
    ) -> Result<Self, Vec<(usize, RegexFault)>> {
        let mut matchers = Vec::with_capacity(matches.len());
        let mut expressions = Vec::new();
        let mut faults = Vec::new();
        for (matches, rank) in matches.iter().zip(0u32..) {
            let matcher = matcher(matches, home, |expression| expressions.push((expression, rank)));
            match matcher {
                Ok(matcher) => matchers.push(matcher),
                Err(fault) => faults.push((rank as usize, fault)),
            }
        }
        if faults.is_empty() { Ok(Self::new(matchers, &expressions)) } else { Err(faults) }
    }

    /// Takes compiled matches; `expressions` are the regular ones among them, with their places.
    pub(crate) fn new(matchers: Vec<Matcher>, expressions: &[(Expression, u32)]) -> Self {
        let index = Index::build(&matchers, expressions);
        Self { matchers, index }
    }

    /// The match at a place.
    pub(crate) fn matcher(&self, place: usize) -> &Matcher {
        &self.matchers[place]
    }

    /// Place of the first match, by the index.
    pub(crate) fn first(&self, dialled: &Dialled) -> Option<usize> {
        self.index.first(dialled).map(|rank| rank as usize)
    }

    /// The definition of [`first`](Self::first): from top to bottom. Tests hold the index against it.
    #[cfg(test)]
    pub(crate) fn first_by_loop(&self, dialled: &Dialled) -> Option<usize> {
        self.matchers.iter().position(|matcher| matcher.ask(dialled).is_ok())
    }
}

fn matcher(
    matches: &Match,
    home: Option<CallingCode>,
    keep: impl FnOnce(Expression),
) -> Result<Matcher, RegexFault> {
    Ok(match matches {
        Match::DigitLength(length) => Matcher::DigitLength { min: length.from, max: length.to },
        Match::NumberList(ranges) => {
            let ends =
                |range: &ShortRange| Some((DigitKey::new(&range.first())?, DigitKey::new(&range.last())?));
            Matcher::NumberList(ranges.iter().filter_map(ends).collect())
        }
        Match::E164NumberList(ranges) => {
            let ends = |range: &E164Range| {
                Some((DigitKey::new(&range.start().digits())?, DigitKey::new(&range.end().digits())?))
            };
            Matcher::E164List(ranges.iter().filter_map(ends).collect())
        }
        Match::InterCountryCode(codes) => Matcher::InterCountry { own: home, codes: codes.clone() },
        Match::IntraCountryCode(intra) => Matcher::IntraCountry {
            code: intra.country,
            length: intra.national_length,
            prefix: trunk_prefix(intra.country).map(Into::into),
        },
        Match::Regex(regex) => {
            let expression = Expression::read(&regex.pattern)?;
            let rewriter = Rewriter::new(&expression, &regex.normalized)?;
            keep(expression);
            Matcher::Regex(rewriter)
        }
    })
}
