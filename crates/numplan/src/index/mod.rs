//! The plans of a site as look-up structures: one question instead of a loop.

pub(crate) mod intervals;
pub(crate) mod pattern;

use telco_model::value::CallingCode;

use crate::dialled::{Dialled, MAX_NUMBER};
use crate::expression::{Expression, FirstMatch};
use crate::plan::{INTERNATIONAL_LENGTH, Matcher};
use intervals::{DigitKey, Intervals};

/// Calling codes have at most three digits.
const CODES: usize = 1000;

/// Every table answers with the lowest rank that matches; the lowest of the answers is the plan.
#[derive(Debug)]
pub(crate) struct Index {
    number_lists: Intervals,
    e164_lists: Intervals,
    /// By number of digits.
    lengths: [Option<u32>; MAX_NUMBER + 1],
    /// Complete numbers by calling code, of inter- and intra-country plans; empty when there are none.
    countries: Vec<Option<u32>>,
    /// National forms of intra-country plans, by number of digits.
    national: [Option<u32>; MAX_NUMBER + 1],
    expressions: Option<FirstMatch>,
}

impl Index {
    /// Builds the tables; a matcher's rank is its place. `expressions` are the regular ones among them, by rank.
    pub(crate) fn build(matchers: &[Matcher], expressions: &[(Expression, u32)]) -> Self {
        let mut numbers = Vec::new();
        let mut e164 = Vec::new();
        let mut lengths = [None; MAX_NUMBER + 1];
        let mut countries = Vec::new();
        let mut national = [None; MAX_NUMBER + 1];
        for (matcher, rank) in matchers.iter().zip(0u32..) {
            match matcher {
                Matcher::DigitLength { min, max } => {
                    for length in *min..=(*max).min(MAX_NUMBER as u8) {
                        keep_first(&mut lengths[usize::from(length)], rank);
                    }
                }
                Matcher::NumberList(ranges) => numbers.extend(ranges.iter().map(|(a, b)| (*a, *b, rank))),
                Matcher::E164List(ranges) => e164.extend(ranges.iter().map(|(a, b)| (*a, *b, rank))),
                Matcher::InterCountry { own, codes } => {
                    countries.resize(CODES, None);
                    for (slot, code) in countries.iter_mut().zip(0u16..) {
                        let taken = match (codes.is_empty(), own) {
                            (false, _) => codes.iter().any(|listed| listed.get() == code),
                            (true, Some(own)) => own.get() != code,
                            (true, None) => false,
                        };
                        if taken {
                            keep_first(slot, rank);
                        }
                    }
                }
                Matcher::IntraCountry { code, length, prefix } => {
                    countries.resize(CODES, None);
                    keep_first(&mut countries[usize::from(code.get())], rank);
                    if let (Some(slot), Some(_)) = (national.get_mut(usize::from(*length)), prefix) {
                        keep_first(slot, rank);
                    }
                }
                Matcher::Regex(_) => {}
            }
        }
        Self {
            number_lists: Intervals::build(&numbers),
            e164_lists: Intervals::build(&e164),
            lengths,
            countries,
            national,
            expressions: FirstMatch::build(expressions),
        }
    }

    /// Rank of the first plan that matches.
    pub(crate) fn first(&self, dialled: &Dialled) -> Option<u32> {
        let expression = self.expressions.as_ref().and_then(|set| set.first(dialled.as_str()));
        let table = match dialled {
            Dialled::Number(number) if number.is_decimal() => {
                let digits = number.digits();
                let key = DigitKey::new(digits);
                let plus = number.international().is_some();
                let list = if plus { &self.e164_lists } else { &self.number_lists };
                let listed = key.and_then(|key| list.first(key));
                let by_length = |table: &[Option<u32>]| {
                    if plus { None } else { table.get(digits.len()).copied().flatten() }
                };
                first_of([listed, by_length(&self.lengths), by_length(&self.national), self.country(digits)])
            }
            Dialled::Number(_) | Dialled::SipAddress(_) => None,
        };
        first_of([expression, table])
    }

    fn country(&self, digits: &str) -> Option<u32> {
        if self.countries.is_empty() || !INTERNATIONAL_LENGTH.contains(&digits.len()) {
            return None;
        }
        self.countries[usize::from(CallingCode::of_digits(digits)?.get())]
    }
}

fn keep_first(slot: &mut Option<u32>, rank: u32) {
    *slot = Some(slot.map_or(rank, |old| old.min(rank)));
}

fn first_of<const N: usize>(ranks: [Option<u32>; N]) -> Option<u32> {
    ranks.into_iter().flatten().min()
}
