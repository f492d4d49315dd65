//! One expression with the format its groups are written into.

use std::sync::OnceLock;

use regex_automata::Input;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::primitives::NonMaxUsize;

use super::{Expression, RegexFault};

/// Groups `$0` to `$9` can be used in a normalised format.
const GROUPS: usize = 10;

/// One expression with the format its captures are written into.
#[derive(Debug)]
pub(crate) struct Rewriter {
    source: Box<str>,
    format: Option<Box<[Piece]>>,
    /// Built when first asked: few plans of a site ever rewrite a number.
    regex: OnceLock<Regex>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Rewriter {
    /// Takes an expression and its format; an empty format leaves the text as it is.
    pub(crate) fn new(expression: &Expression, format: &str) -> Result<Self, RegexFault> {
        let format = (!format.is_empty()).then(|| pieces(format).into_boxed_slice());
        let named = format.iter().flatten().filter_map(|p| match p {
            Piece::Group(group) => Some(*group),
            Piece::Text(_) => None,
        });
        let available = expression.groups;
        if let Some(group) = named.max().filter(|group| *group > available) {
            return Err(RegexFault::Group { group, available });
        }
        Ok(Self { source: expression.source.clone(), format, regex: OnceLock::new() })
    }

    /// Whether the expression matches, without looking at groups. `text` is ASCII.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex().is_match(text)
    }

    /// Writes the normalised form piece by piece; `None` when the plan has no format or does not match. `text` is ASCII.
    pub(crate) fn rewrite<'a>(&'a self, text: &'a str, mut write: impl FnMut(&'a str)) -> Option<()> {
        let format = self.format.as_ref()?;
        let regex = self.regex();
        let mut slots = [None::<NonMaxUsize>; GROUPS * 2];
        let used = slots.len().min(regex.group_info().slot_len());
        regex.search_slots(&Input::new(text), &mut slots[..used])?;
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

    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            let expression = Expression::read(&self.source).expect("it was read when the plan was compiled");
            // A dialled string is short: the one-pass automaton and the bounded backtracker serve it best, and the lazy
            // automata would only take memory.
            let config = Config::new().hybrid(false).auto_prefilter(false).nfa_size_limit(None);
            let built = Regex::builder().configure(config).build_from_hir(&expression.tree);
            built.expect("the expansion of a read expression is bounded")
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rewriter(expression: &str, format: &str) -> Result<Rewriter, RegexFault> {
        Rewriter::new(&Expression::read(expression).unwrap(), format)
    }

    fn rewritten(expression: &str, format: &str, text: &str) -> Option<String> {
        let rewriter = rewriter(expression, format).unwrap();
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
    fn a_group_that_is_not_there_is_refused() {
        assert_eq!(rewriter("(1)", "$2").unwrap_err(), RegexFault::Group { group: 2, available: 1 });
    }

    /// NP-034: one kilobyte against a pattern that stalls backtracking engines.
    #[test]
    fn catastrophic_patterns_stay_linear() {
        let text = format!("{}2", "1".repeat(1000));
        assert!(!rewriter(r"^(1+)+$", "$1").unwrap().is_match(&text));
    }
}
