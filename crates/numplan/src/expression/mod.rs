//! Regular expressions of administrators: read with bounds, searched in linear time.

mod ascii;
mod first_match;
mod rewriter;

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange};
use regex_syntax::hir::{Hir, translate::TranslatorBuilder};
use thiserror::Error;

pub(crate) use first_match::FirstMatch;
pub(crate) use rewriter::Rewriter;

/// Longest expression accepted, in bytes.
pub const MAX_EXPRESSION: usize = 1024;

/// Most states one expression may expand to by counted repetition.
const MAX_EXPANSION: u64 = 2_000;

/// Deepest nesting of groups.
const MAX_NESTING: u32 = 32;

/// Why a regular expression or its normalised format was refused. Offsets are bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegexFault {
    /// Longer than [`MAX_EXPRESSION`].
    #[error("the expression has {length} bytes, at most {MAX_EXPRESSION} are accepted")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// The syntax is wrong, or uses what cannot run in linear time (look-around, back-references).
    #[error("{reason} at offset {at}")]
    Syntax {
        /// Offset in bytes.
        at: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Repetitions, one inside the other or one after the other, that add up to a huge automaton.
    #[error(
        "the repetition at offset {at} multiplies to {states} states, at most {MAX_EXPANSION} are accepted"
    )]
    Expansion {
        /// Offset of the repetition that crosses the limit.
        at: usize,
        /// What it would expand to.
        states: u64,
    },
    /// The format names a group the expression does not have.
    #[error("the format uses ${group}, the expression has only {available} groups")]
    Group {
        /// The group named.
        group: usize,
        /// Groups of the expression.
        available: usize,
    },
}

/// An expression that was read and is small enough to be built.
#[derive(Debug)]
pub(crate) struct Expression {
    source: Box<str>,
    /// What it means on ASCII text.
    tree: Hir,
    groups: usize,
}

impl Expression {
    /// Reads an expression.
    pub(crate) fn read(source: &str) -> Result<Self, RegexFault> {
        if source.len() > MAX_EXPRESSION {
            return Err(RegexFault::TooLong { length: source.len() });
        }
        let parsed = ast::parse::ParserBuilder::new().nest_limit(MAX_NESTING).build().parse(source);
        let syntax = |at, reason: &dyn ToString| RegexFault::Syntax { at, reason: reason.to_string() };
        let grammar = parsed.map_err(|e| syntax(e.span().start.offset, e.kind()))?;
        expansion(&grammar)?;
        // The translation finds what the grammar alone does not, such as unknown Unicode classes.
        let translated = TranslatorBuilder::new().build().translate(source, &grammar);
        let tree = translated.map_err(|e| syntax(e.span().start.offset, e.kind()))?;
        let groups = tree.properties().explicit_captures_len();
        Ok(Self { source: source.into(), tree: ascii::only(tree), groups })
    }
}

/// States an expression expands to when counted repetitions are written out.
fn expansion(tree: &Ast) -> Result<u64, RegexFault> {
    Ok(match tree {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => 0,
        Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_) => {
            1
        }
        Ast::Group(group) => expansion(&group.ast)?,
        Ast::Concat(concat) => sum(&concat.asts)?,
        Ast::Alternation(alternation) => sum(&alternation.asts)?,
        Ast::Repetition(repetition) => {
            let times = match &repetition.op.kind {
                RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
                RepetitionKind::Range(
                    RepetitionRange::Exactly(n)
                    | RepetitionRange::AtLeast(n)
                    | RepetitionRange::Bounded(_, n),
                ) => u64::from(*n).max(1),
            };
            let states = expansion(&repetition.ast)?.max(1).saturating_mul(times);
            bounded(states, repetition.op.span.start.offset)?
        }
    })
}

/// Only repetitions make parts large, so the largest part is, or holds, the repetition at fault.
fn sum(parts: &[Ast]) -> Result<u64, RegexFault> {
    let mut total = 0u64;
    let mut largest = (0, 0);
    for part in parts {
        let states = expansion(part)?;
        total = total.saturating_add(states);
        if states > largest.0 {
            largest = (states, part.span().start.offset);
        }
    }
    bounded(total, largest.1)
}

fn bounded(states: u64, at: usize) -> Result<u64, RegexFault> {
    if states > MAX_EXPANSION { Err(RegexFault::Expansion { at, states }) } else { Ok(states) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_expressions_say_where() {
        let fault = |e: &str| Expression::read(e).unwrap_err();
        assert_eq!(fault("(a{50}){50}"), RegexFault::Expansion { at: 7, states: 2500 });
        assert_eq!(fault("1a{1500}b{1501}"), RegexFault::Expansion { at: 8, states: 3002 });
        assert!(matches!(fault("^(1"), RegexFault::Syntax { at: 1, .. }));
        assert!(matches!(fault(r"(?=1)"), RegexFault::Syntax { at: 0, .. }));
        assert!(matches!(fault(r"(1)\1"), RegexFault::Syntax { at: 3, .. }));
        assert!(matches!(fault(r"\p{Nope}"), RegexFault::Syntax { at: 0, .. }));
        assert!(matches!(fault(&"(".repeat(40)), RegexFault::Syntax { .. }));
        assert_eq!(fault(&"1".repeat(1025)), RegexFault::TooLong { length: 1025 });
    }
}
