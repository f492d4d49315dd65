//! Numbers that show what a plan matches: ends of ranges, one number per length, one string per branch of an expression.

use regex_syntax::hir::{Class, Hir, HirKind};
use telco_model::entity::{Match, NumberPlan};
use telco_model::value::CallingCode;

/// Most witnesses for one expression.
const MAX_BRANCHES: usize = 16;

/// Strings a plan was written for. Every one was made from the plan; none is promised to reach it.
pub(super) fn witnesses(plan: &NumberPlan, home: Option<CallingCode>) -> Vec<String> {
    match &plan.matches {
        Match::DigitLength(length) => (length.from..=length.to).map(|n| digits(usize::from(n))).collect(),
        Match::NumberList(ranges) => {
            both_ends(ranges.iter().map(|r| (r.first().to_string(), r.last().to_string())))
        }
        Match::E164NumberList(ranges) => {
            both_ends(ranges.iter().map(|r| (r.start().to_string(), r.end().to_string())))
        }
        Match::InterCountryCode(codes) if codes.is_empty() => {
            let abroad = if home == Some(CallingCode::NANP) { "+528181234567" } else { "+13175550123" };
            vec![abroad.to_owned()]
        }
        Match::InterCountryCode(codes) => codes.iter().map(|code| complete(*code)).collect(),
        Match::IntraCountryCode(intra) => {
            vec![digits(usize::from(intra.national_length)), complete(intra.country)]
        }
        Match::Regex(regex) => match regex_syntax::Parser::new().parse(&regex.pattern) {
            Ok(tree) => {
                let strings = strings(&tree);
                // Where an address is meant, one that people can read comes first.
                let address =
                    strings.iter().any(|text| text.contains('@')).then(|| "alice@example.com".to_owned());
                address.into_iter().chain(strings).collect()
            }
            Err(_) => Vec::new(),
        },
    }
}

fn both_ends(ranges: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut ends: Vec<String> = ranges.flat_map(|(first, last)| [first, last]).collect();
    ends.dedup();
    ends
}

/// A number of this many digits that begins with none of the codes people reserve (0, 1, 9).
fn digits(length: usize) -> String {
    "3175550123".chars().cycle().take(length).collect()
}

/// A complete number of a country, eleven or twelve digits long.
fn complete(code: CallingCode) -> String {
    let code = code.to_string();
    format!("+{code}{}", digits(12 - code.len() - 1))
}

/// Strings an expression matches: the shortest way through each of its alternatives.
fn strings(tree: &Hir) -> Vec<String> {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => vec![member(class)],
        HirKind::Capture(capture) => strings(&capture.sub),
        HirKind::Repetition(repetition) => {
            // One turn rather than none, so that optional parts show too.
            let turns = repetition.min.max(1).min(repetition.max.unwrap_or(u32::MAX)) as usize;
            strings(&repetition.sub).iter().map(|part| part.repeat(turns)).collect()
        }
        HirKind::Alternation(branches) => branches.iter().flat_map(strings).take(MAX_BRANCHES).collect(),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |heads, part| {
            let tails = strings(part);
            let joined = heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")));
            joined.take(MAX_BRANCHES).collect()
        }),
    }
}

/// A member of a character class: a digit if there is one, else a letter, else the first.
fn member(class: &Class) -> String {
    let Class::Unicode(class) = class else { return String::new() };
    let holds = |wanted: char| class.iter().any(|range| (range.start()..=range.end()).contains(&wanted));
    let preferred = ('2'..='9').chain('0'..='1').chain('a'..='z').find(|c| holds(*c));
    let first = || class.iter().next().map(|range| range.start());
    preferred.or_else(first).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_show_each_branch() {
        let of = |pattern: &str| strings(&regex_syntax::Parser::new().parse(pattern).unwrap());
        assert_eq!(of(r"^9(\d{3})$"), ["9222"]);
        assert_eq!(of("^(911|933)$"), ["911", "933"]);
        assert_eq!(of(r"^([^@\:]+@)([^@ ]+)?$"), ["2@2"]);
        assert_eq!(of("^1?2$"), ["12"]);
    }
}
