//! Regular expressions of administrators: checked before they are built, searched in linear time, all at once.

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange};
use regex_syntax::hir::Hir;
use thiserror::Error;

/// Longest expression accepted, in bytes.
pub const MAX_EXPRESSION: usize = 1024;

/// Most states one expression may expand to by counted repetition.
const MAX_EXPANSION: u64 = 2_000;

/// Memory one compiled automaton may take, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// Groups `$0` to `$9` can be used in a normalised format.
const GROUPS: usize = 10;

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
    /// Repetitions inside repetitions that multiply into a huge automaton.
    #[error(
        "the repetition at offset {at} multiplies to {states} states, at most {MAX_EXPANSION} are accepted"
    )]
    Expansion {
        /// Offset of the repetition that crosses the limit.
        at: usize,
        /// What it would expand to.
        states: u64,
    },
    /// Too large to build for another reason, such as big Unicode classes.
    #[error("the expression needs more than {SIZE_LIMIT} bytes when compiled, make it simpler")]
    TooLarge,
    /// The format names a group the expression does not have.
    #[error("the format uses ${group}, the expression has only {available} groups")]
    Group {
        /// The group named.
        group: usize,
        /// Groups of the expression.
        available: usize,
    },
}

/// One expression with the format its captures are written into.
#[derive(Debug)]
pub(crate) struct Rewriter {
    regex: Regex,
    format: Option<Vec<Piece>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Rewriter {
    /// Compiles an expression; an empty format leaves the text as it is.
    pub(crate) fn new(expression: &str, format: &str) -> Result<Self, RegexFault> {
        check(expression)?;
        let config = Config::new().nfa_size_limit(Some(SIZE_LIMIT)).hybrid_cache_capacity(SIZE_LIMIT);
        let regex = Regex::builder().configure(config).build(expression).map_err(|_| RegexFault::TooLarge)?;
        let available = regex.group_info().explicit_slot_len() / 2;
        let format = (!format.is_empty()).then(|| pieces(format));
        let named = format.iter().flatten().filter_map(|p| match p {
            Piece::Group(group) => Some(*group),
            Piece::Text(_) => None,
        });
        if let Some(group) = named.max().filter(|group| *group > available) {
            return Err(RegexFault::Group { group, available });
        }
        Ok(Self { regex, format })
    }

    /// Whether the expression matches, without looking at groups.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Writes the normalised form piece by piece; `None` when the plan has no format or does not match.
    pub(crate) fn rewrite<'a>(&'a self, text: &'a str, mut write: impl FnMut(&'a str)) -> Option<()> {
        let format = self.format.as_ref()?;
        let mut slots = [None::<NonMaxUsize>; GROUPS * 2];
        let used = slots.len().min(self.regex.group_info().slot_len());
        self.regex.search_slots(&Input::new(text), &mut slots[..used])?;
        for piece in format {
            match piece {
                Piece::Text(text) => write(text),
                Piece::Group(group) => {
                    if let (Some(start), Some(end)) = (slots[group * 2], slots[group * 2 + 1]) {
                        write(&text[start.get()..end.get()]);
                    }
                }
            }
        }
        Some(())
    }
}

/// All expressions of a site as one automaton that answers which of them comes first.
#[derive(Debug)]
pub(crate) struct FirstMatch {
    regex: Regex,
    ranks: Vec<u32>,
}

impl FirstMatch {
    /// Builds the automaton from checked expressions in order of rank; `None` when there are none.
    pub(crate) fn build(expressions: &[(&str, u32)]) -> Option<Self> {
        if expressions.is_empty() {
            return None;
        }
        // Anchored at the start behind a lazy prefix, every expression begins to match at the same place, and leftmost-first
        // preference then means: the expression with the lowest rank.
        let parse = |expression: &str| regex_syntax::Parser::new().parse(expression).ok();
        let prefix = parse(r"\A(?s:.)*?")?;
        let anchored =
            |(expression, _): &(&str, u32)| Some(Hir::concat(vec![prefix.clone(), parse(expression)?]));
        let trees: Vec<Hir> = expressions.iter().map(anchored).collect::<Option<_>>()?;
        let config = Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .which_captures(WhichCaptures::Implicit)
            .nfa_size_limit(Some(SIZE_LIMIT * expressions.len().max(1)))
            .hybrid_cache_capacity(8 * SIZE_LIMIT);
        let regex = Regex::builder().configure(config).build_many_from_hir(&trees).ok()?;
        Some(Self { regex, ranks: expressions.iter().map(|(_, rank)| *rank).collect() })
    }

    /// Rank of the first expression that matches.
    pub(crate) fn first(&self, text: &str) -> Option<u32> {
        let found = self.regex.search_half(&Input::new(text).anchored(Anchored::Yes))?;
        self.ranks.get(found.pattern().as_usize()).copied()
    }
}

fn pieces(format: &str) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut chars = format.chars().peekable();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match (c, chars.peek().and_then(|d| d.to_digit(10))) {
            ('$', Some(group)) => {
                chars.next();
                if !text.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut text)));
                }
                out.push(Piece::Group(group as usize));
            }
            _ => text.push(c),
        }
    }
    if !text.is_empty() {
        out.push(Piece::Text(text));
    }
    out
}

fn check(expression: &str) -> Result<(), RegexFault> {
    if expression.len() > MAX_EXPRESSION {
        return Err(RegexFault::TooLong { length: expression.len() });
    }
    let parsed = ast::parse::ParserBuilder::new().nest_limit(32).build().parse(expression);
    let tree =
        parsed.map_err(|e| RegexFault::Syntax { at: e.span().start.offset, reason: e.kind().to_string() })?;
    expansion(&tree)?;
    // The translation to byte automata finds what the grammar alone does not, such as unknown Unicode classes.
    regex_syntax::Parser::new().parse(expression).map_err(|e| match e {
        regex_syntax::Error::Translate(e) => {
            RegexFault::Syntax { at: e.span().start.offset, reason: e.kind().to_string() }
        }
        regex_syntax::Error::Parse(e) => {
            RegexFault::Syntax { at: e.span().start.offset, reason: e.kind().to_string() }
        }
        _ => RegexFault::Syntax { at: 0, reason: "the expression is not valid".to_owned() },
    })?;
    Ok(())
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
            if states > MAX_EXPANSION {
                return Err(RegexFault::Expansion { at: repetition.op.span.start.offset, states });
            }
            states
        }
    })
}

fn sum(parts: &[Ast]) -> Result<u64, RegexFault> {
    parts.iter().try_fold(0u64, |total, part| Ok(total.saturating_add(expansion(part)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(expression: &str, format: &str, text: &str) -> Option<String> {
        let rewriter = Rewriter::new(expression, format).unwrap();
        let mut out = String::new();
        rewriter.rewrite(text, |piece| out.push_str(piece)).map(|()| out)
    }

    #[test]
    fn captures_fill_the_format() {
        assert_eq!(rewritten(r"^9(\d{10})$", "+1$1", "93175550123").as_deref(), Some("+13175550123"));
        assert_eq!(rewritten(r"^988$", "+18002738255", "988").as_deref(), Some("+18002738255"));
        assert_eq!(rewritten(r"^([^@\:]+@)([^@ ]+)?$", "sip:$1$2", "a@b").as_deref(), Some("sip:a@b"));
        assert_eq!(rewritten(r"^(a)|(b)$", "$2-$1", "b").as_deref(), Some("b-"));
        assert_eq!(rewritten(r"^1$", "", "1"), None);
    }

    #[test]
    fn refused_expressions_say_where() {
        let fault = |e: &str| Rewriter::new(e, "").unwrap_err();
        assert_eq!(fault("(a{50}){50}"), RegexFault::Expansion { at: 7, states: 2500 });
        assert!(matches!(fault("^(1"), RegexFault::Syntax { at: 1, .. }));
        assert!(matches!(fault(r"(?=1)"), RegexFault::Syntax { at: 0, .. }));
        assert!(matches!(fault(r"(1)\1"), RegexFault::Syntax { at: 3, .. }));
        assert!(matches!(fault(r"\p{Nope}"), RegexFault::Syntax { at: 0, .. }));
        assert_eq!(fault(&"1".repeat(1025)), RegexFault::TooLong { length: 1025 });
        assert_eq!(Rewriter::new("(1)", "$2").unwrap_err(), RegexFault::Group { group: 2, available: 1 });
    }

    #[test]
    fn the_first_expression_wins_wherever_it_matches() {
        let set = FirstMatch::build(&[("9$", 4), ("^1", 7), ("1", 9)]).unwrap();
        assert_eq!(set.first("19"), Some(4));
        assert_eq!(set.first("12"), Some(7));
        assert_eq!(set.first("21"), Some(9));
        assert_eq!(set.first("22"), None);
        assert!(FirstMatch::build(&[]).is_none());
    }

    /// NP-034: one kilobyte against a pattern that stalls backtracking engines.
    #[test]
    fn catastrophic_patterns_stay_linear() {
        let rewriter = Rewriter::new(r"^(1+)+$", "$1").unwrap();
        let text = format!("{}2", "1".repeat(1000));
        assert!(!rewriter.is_match(&text));
    }
}
