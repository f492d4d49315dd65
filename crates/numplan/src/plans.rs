//! The ordered number plans of a site: classify and normalise a dialled string, first match wins.

use std::sync::Arc;

use arrayvec::ArrayVec;
use telco_model::value::{Classification, Name, NumberPlanId};
use thiserror::Error;

use crate::address::Address;
use crate::dialled::{DialFault, Dialled};
use crate::plan::{Matcher, Miss, Outcome};
use crate::program::Program;

/// How often a number may go through the plans before the routing gives up on it.
pub const MAX_PASSES: usize = 8;

/// One number plan of a site, compiled.
#[derive(Debug)]
pub struct Plan {
    /// The plan in the model.
    pub id: NumberPlanId,
    /// Its name, for explanations.
    pub name: Name,
    /// What it says a number is.
    pub classification: Classification,
}

/// The plans of one site in their order.
#[derive(Debug)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
    program: Arc<Program>,
}

/// What the plans made of a dialled string.
#[derive(Debug, Clone)]
pub(crate) struct Classified {
    /// Place of the plan whose classification counts.
    pub(crate) plan: usize,
    /// The number after the last rewriting.
    pub(crate) address: Address,
    /// Places of the plans that matched, pass by pass.
    pub(crate) passes: ArrayVec<usize, MAX_PASSES>,
}

/// Why the plans gave no classification.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unclassified {
    /// The string cannot be dialled at all.
    #[error(transparent)]
    Dialled(#[from] DialFault),
    /// No plan of the site matches.
    #[error("no number plan of the site matches {number}")]
    NoPlan {
        /// What was looked for.
        number: Box<str>,
    },
    /// The format of a plan wrote something that cannot be dialled.
    #[error("number plan {plan} rewrites {number} to something that cannot be dialled: {fault}")]
    Rewriting {
        /// Name of the plan.
        plan: Name,
        /// What it was given.
        number: Box<str>,
        /// What is wrong with the result.
        fault: DialFault,
    },
    /// Plans kept rewriting the number into each other.
    #[error("the number plans rewrite the number in a circle: {}", join(plans))]
    Circle {
        /// Names of the plans, in order of the passes.
        plans: Vec<Name>,
    },
}

fn join(plans: &[Name]) -> String {
    plans.iter().map(Name::as_str).collect::<Vec<_>>().join(" → ")
}

impl Plans {
    /// Takes plans in order, and what they match, in the same order.
    pub(crate) fn new(plans: Vec<Plan>, program: Arc<Program>) -> Self {
        Self { plans, program }
    }

    pub(crate) fn all(&self) -> &[Plan] {
        &self.plans
    }

    /// What the plan at a place matches, and what it makes of it.
    pub(crate) fn matcher(&self, place: usize) -> &Matcher {
        self.program.matcher(place)
    }

    /// The live path: one question to the index per pass.
    pub(crate) fn classify(&self, dialled: &Dialled) -> Result<Classified, Unclassified> {
        self.passes(dialled, |dialled| self.first(dialled))
    }

    /// Place of the first plan that matches, by the index.
    pub(crate) fn first(&self, dialled: &Dialled) -> Option<usize> {
        self.program.first(dialled)
    }

    /// The definition: plans from top to bottom. Tests hold the live path against it.
    #[cfg(test)]
    pub(crate) fn classify_by_loop(&self, dialled: &Dialled) -> Result<Classified, Unclassified> {
        self.passes(dialled, |dialled| self.program.first_by_loop(dialled))
    }

    /// Why each plan before `winner` did not match, for explanations; plans behind it are [`Miss::Later`].
    pub(crate) fn misses(
        &self,
        dialled: &Dialled,
        winner: Option<usize>,
    ) -> impl Iterator<Item = (&Plan, Miss)> {
        self.plans.iter().enumerate().filter_map(move |(place, plan)| match winner {
            Some(winner) if place == winner => None,
            Some(winner) if place > winner => Some((plan, Miss::Later)),
            Some(_) | None => self.matcher(place).ask(dialled).err().map(|miss| (plan, miss)),
        })
    }

    fn passes(
        &self,
        dialled: &Dialled,
        find: impl Fn(&Dialled) -> Option<usize>,
    ) -> Result<Classified, Unclassified> {
        let mut current = *dialled;
        let mut passes = ArrayVec::new();
        loop {
            let Some(plan) = find(&current) else {
                // A rewritten number that no further plan knows keeps the classification of the plan that wrote it.
                return match passes.last() {
                    Some(&plan) => Ok(Classified { plan, address: current.into(), passes }),
                    None => Err(Unclassified::NoPlan { number: current.as_str().into() }),
                };
            };
            if passes.try_push(plan).is_err() {
                let names = passes.iter().map(|place| self.plans[*place].name.clone()).collect();
                return Err(Unclassified::Circle { plans: names });
            }
            match self.matcher(plan).normalise(&current) {
                Outcome::Unchanged => return Ok(Classified { plan, address: current.into(), passes }),
                Outcome::Rewritten(address) if address.is_absolute() => {
                    return Ok(Classified { plan, address, passes });
                }
                Outcome::Rewritten(Address::Tel(number)) => current = Dialled::Number(number),
                Outcome::Rewritten(Address::Sip(address)) => current = Dialled::SipAddress(address),
                Outcome::Broken(fault) => {
                    let plan = self.plans[plan].name.clone();
                    return Err(Unclassified::Rewriting { plan, number: current.as_str().into(), fault });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use telco_model::value::CallingCode;

    use super::*;
    use crate::expression::{Expression, Rewriter};
    use crate::index::intervals::DigitKey;

    /// Expressions of the shapes administrators write, some overlapping, some that never match.
    const EXPRESSIONS: [(&str, &str); 10] = [
        (r"^9(\d{3,})$", "$1"),
        (r"^(\d{3})0$", "$1"),
        ("^1", "2"),
        ("55", ""),
        (r"^\+52(\d+)$", "+1$1"),
        (r"^([^@\:]+@)([^@ ]+)?$", "sip:$1$2"),
        ("^988$", "+18002738255"),
        ("(?i)ALICE", "sip:alice@example.com"),
        (r"\*", "0"),
        ("^$", "1"),
    ];

    fn matcher() -> impl Strategy<Value = (Matcher, Option<&'static str>)> {
        let ranges = || {
            prop::collection::vec(("[0-9]{2,4}", "[0-9]{2,4}"), 1..4).prop_map(|ends| {
                let keys = ends.iter().filter_map(|(a, b)| Some((DigitKey::new(a)?, DigitKey::new(b)?)));
                keys.filter(|(a, b)| a <= b && a.same_length(b)).collect::<Vec<_>>()
            })
        };
        let code = || {
            prop::sample::select(vec![1u16, 7, 20, 44, 52, 351])
                .prop_map(|code| CallingCode::try_from(code).unwrap())
        };
        let plain = |matcher| (matcher, None);
        prop_oneof![
            (1u8..12, 0u8..6)
                .prop_map(move |(min, more)| plain(Matcher::DigitLength { min, max: min + more })),
            ranges().prop_map(move |list| plain(Matcher::NumberList(list))),
            ranges().prop_map(move |list| plain(Matcher::E164List(list))),
            (prop::option::of(code()), prop::collection::vec(code(), 0..3))
                .prop_map(move |(own, codes)| plain(Matcher::InterCountry { own, codes })),
            (code(), 3u8..12, prop::option::of(prop::sample::select(vec!["", "0", "8"]))).prop_map(
                move |(code, length, prefix)| plain(Matcher::IntraCountry {
                    code,
                    length,
                    prefix: prefix.map(Into::into)
                })
            ),
            prop::sample::select(EXPRESSIONS.to_vec()).prop_map(|(source, format)| {
                let expression = Expression::read(source).unwrap();
                (Matcher::Regex(Rewriter::new(&expression, format).unwrap()), Some(source))
            }),
        ]
    }

    fn compile(matchers: Vec<(Matcher, Option<&'static str>)>) -> Plans {
        let expressions = matchers.iter().zip(0..).filter_map(|((_, source), rank)| Some(((*source)?, rank)));
        let expressions: Vec<_> =
            expressions.map(|(source, rank)| (Expression::read(source).unwrap(), rank)).collect();
        let plan = |place: usize| Plan {
            id: NumberPlanId::from_u128(place as u128),
            name: format!("plan {place}").parse().unwrap(),
            classification: format!("class {place}").parse().unwrap(),
        };
        let plans = (0..matchers.len()).map(plan).collect();
        let matchers = matchers.into_iter().map(|(matcher, _)| matcher).collect();
        Plans::new(plans, Arc::new(Program::new(matchers, &expressions)))
    }

    /// Pairs of plan sets and numbers to compare: `NUMPLAN_PAIRS=1000000 cargo test -p numplan equals_the_loop` runs a million.
    fn cases() -> u32 {
        let pairs =
            std::env::var("NUMPLAN_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(20_000);
        u32::div_ceil(pairs, NUMBERS as u32)
    }

    const NUMBERS: usize = 50;

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

        /// NP-002, NP-006: the index decides as plans asked from top to bottom do, pass by pass.
        #[test]
        fn the_index_equals_the_loop(
            matchers in prop::collection::vec(matcher(), 0..25),
            numbers in prop::collection::vec(
                prop_oneof!["[0-9]{1,6}", "[0-9]{9,16}", "\\+(1|7|20|44|52|351|0)[0-9]{2,14}", "[0-9*#]{1,5}", "[a-z]{1,5}@[a-z]{1,5}"],
                NUMBERS,
            ),
        ) {
            let plans = compile(matchers);
            for number in numbers {
                let Ok(dialled) = Dialled::parse(&number) else { continue };
                let (fast, slow) = (plans.classify(&dialled), plans.classify_by_loop(&dialled));
                match (fast, slow) {
                    (Ok(fast), Ok(slow)) => {
                        prop_assert_eq!(fast.passes, slow.passes, "{}", number);
                        prop_assert_eq!(fast.address, slow.address, "{}", number);
                    }
                    (fast, slow) => prop_assert_eq!(fast.err(), slow.err(), "{}", number),
                }
            }
        }
    }
}
