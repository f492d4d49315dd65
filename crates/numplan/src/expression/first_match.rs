//! All expressions of a site as one automaton.

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, Look, Repetition};

use super::{Expression, ascii};

/// Memory of the automaton's cache for each thread that decides, in bytes.
const CACHE: usize = 1 << 20;

/// All expressions of a site as one automaton that answers which of them comes first.
#[derive(Debug)]
pub(crate) struct FirstMatch {
    regex: Regex,
    ranks: Box<[u32]>,
}

impl FirstMatch {
    /// Builds the automaton from expressions in order of rank; `None` when there are none.
    pub(crate) fn build(expressions: &[(Expression, u32)]) -> Option<Self> {
        if expressions.is_empty() {
            return None;
        }
        let trees: Vec<Hir> = expressions.iter().map(|(expression, _)| from_the_start(expression)).collect();
        let config = Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .which_captures(WhichCaptures::Implicit)
            .nfa_size_limit(None)
            .hybrid_cache_capacity(CACHE)
            .auto_prefilter(false)
            .onepass(false);
        let regex = Regex::builder().configure(config).build_many_from_hir(&trees);
        let regex = regex.expect("the expansion of a read expression is bounded");
        Some(Self { regex, ranks: expressions.iter().map(|(_, rank)| *rank).collect() })
    }

    /// Rank of the first expression that matches. `text` is ASCII.
    pub(crate) fn first(&self, text: &str) -> Option<u32> {
        let found = self.regex.search_half(&Input::new(text).anchored(Anchored::Yes))?;
        self.ranks.get(found.pattern().as_usize()).copied()
    }
}

/// An expression that matches from the start of the text on. When all do, every match begins at the same place, and
/// leftmost-first preference means: the expression with the lowest rank.
fn from_the_start(expression: &Expression) -> Hir {
    let tree = expression.tree.clone();
    if tree.properties().look_set_prefix().contains(Look::Start) {
        return tree;
    }
    let skip = Hir::repetition(Repetition { min: 0, max: None, greedy: false, sub: Box::new(ascii::any()) });
    Hir::concat(vec![skip, tree])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(expressions: &[(&str, u32)], text: &str) -> Option<u32> {
        let read = |(source, rank): &(&str, u32)| (Expression::read(source).unwrap(), *rank);
        let expressions: Vec<_> = expressions.iter().map(read).collect();
        FirstMatch::build(&expressions).and_then(|set| set.first(text))
    }

    #[test]
    fn the_first_expression_wins_wherever_it_matches() {
        let set = [("9$", 4), ("^1", 7), ("1", 9), ("(?m)^2|3", 11)];
        assert_eq!(first(&set, "19"), Some(4));
        assert_eq!(first(&set, "12"), Some(7));
        assert_eq!(first(&set, "21"), Some(9));
        assert_eq!(first(&set, "53"), Some(11));
        assert_eq!(first(&set, "55"), None);
        assert_eq!(first(&[], "1"), None);
    }
}
