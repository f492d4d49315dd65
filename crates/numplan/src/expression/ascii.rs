//! An expression reduced to what it means on ASCII text. Whatever is dialled is ASCII, and `\d` alone stands for some
//! seventy ranges of Unicode: without them an automaton is a tenth of the size.

use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

/// The tree that matches the same ASCII texts, with the same groups.
pub(super) fn only(tree: Hir) -> Hir {
    match tree.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.is_ascii() => Hir::literal(literal.0),
        HirKind::Literal(_) => Hir::fail(),
        HirKind::Class(class) => Hir::class(Class::Bytes(bytes(&class))),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(only(*repetition.sub)), ..repetition })
        }
        HirKind::Capture(capture) => Hir::capture(Capture { sub: Box::new(only(*capture.sub)), ..capture }),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(only).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(only).collect()),
    }
}

/// Any ASCII character.
pub(super) fn any() -> Hir {
    Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(0, LAST)])))
}

const LAST: u8 = 0x7f;

fn bytes(class: &Class) -> ClassBytes {
    let range = |first: u32, last: u32| {
        let first = u8::try_from(first).ok().filter(|first| *first <= LAST)?;
        Some(ClassBytesRange::new(first, u8::try_from(last).unwrap_or(LAST).min(LAST)))
    };
    match class {
        Class::Unicode(class) => ClassBytes::new(
            class.ranges().iter().filter_map(|r| range(u32::from(r.start()), u32::from(r.end()))),
        ),
        Class::Bytes(class) => ClassBytes::new(
            class.ranges().iter().filter_map(|r| range(u32::from(r.start()), u32::from(r.end()))),
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::{Input, meta::Regex};

    use super::super::Expression;

    /// Everything an expression is made of, Unicode included.
    fn expression() -> impl Strategy<Value = String> {
        let atom = prop::sample::select(vec![
            "1",
            "a",
            "é",
            "É",
            ".",
            r"\d",
            r"\D",
            r"\w",
            r"\W",
            r"\s",
            r"\b",
            r"\B",
            "^",
            "$",
            "[^5-9]",
            "[à-ü]",
            "[k-s]",
            r"\p{Lu}",
            r"\P{L}",
            "(?-u:[a-f])",
            r"\x{212A}",
            r"\b{start}",
            "",
        ]);
        let atom = atom.prop_map(str::to_owned);
        let tree = atom.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner.clone(), prop::sample::select(vec!["*", "+", "?", "*?", "{2}", "{0}", "{1,3}"]))
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
                inner.prop_map(|part| format!("({part})")),
            ]
        });
        (prop::sample::select(vec!["", "(?i)", "(?s)", "(?m)", "(?is)"]), tree)
            .prop_map(|(flags, tree)| format!("{flags}{tree}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn means_the_same_on_ascii_text(source in expression(), texts in prop::collection::vec("[ -~]{0,8}", 8)) {
            let whole = Regex::new(&source).unwrap();
            let reduced = Regex::builder().build_from_hir(&Expression::read(&source).unwrap().tree).unwrap();
            let groups = whole.captures_len();
            for text in texts {
                let mut expected = vec![None; groups * 2];
                let mut found = expected.clone();
                let expected_match = whole.search_slots(&Input::new(&text), &mut expected);
                prop_assert_eq!(reduced.search_slots(&Input::new(&text), &mut found), expected_match, "{} {}", &source, &text);
                // Without a match the slots hold whatever was tried last.
                if expected_match.is_some() {
                    prop_assert_eq!(found, expected, "{} {}", &source, &text);
                }
            }
        }
    }
}
