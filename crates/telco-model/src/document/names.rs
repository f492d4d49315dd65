//! What the author of a document called things, so that problems are told in the same words.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::{EntityKind, EntityRef, Problem};

/// The most slips of the pen that one document is helped with.
const MOST_GUESSES: usize = 100;
/// The most labels that are looked at for one of them.
const MOST_CANDIDATES: usize = 1000;

/// The labels of a document.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Every text with an `@` before it: ids and references, and a few texts that are neither.
    written: BTreeSet<String>,
    /// The label of each row that has one: its path, its id, the label.
    rows: Vec<(String, EntityRef, String)>,
    /// Rows that were not read, for a reason told already.
    unread: BTreeSet<EntityRef>,
}

impl Names {
    /// Takes note of a text of the document.
    pub(super) fn saw(&mut self, text: &str) {
        if text.starts_with('@') && text.len() <= 65 {
            self.written.insert(text.to_owned());
        }
    }

    /// Takes note of a row, by the id it was given.
    pub(super) fn row(&mut self, path: &str, kind: EntityKind, id: &str) {
        if let Some(target) = named(kind, id)
            && id.starts_with('@')
        {
            self.rows.push((path.to_owned(), target, id.to_owned()));
        }
    }

    /// Takes note that a row could not be read.
    pub(super) fn unread(&mut self, kind: EntityKind, id: &str) {
        self.unread.extend(named(kind, id));
    }

    /// Something that says what is wrong with references to what is not there.
    pub(super) fn missing(&self) -> impl FnMut(EntityRef) -> Option<String> {
        let mut labels: BTreeMap<EntityKind, BTreeMap<EntityRef, &str>> = BTreeMap::new();
        let mut guesses = 0;
        move |target| {
            if self.unread.contains(&target) {
                return None;
            }
            let kind = target.kind();
            let word = kind.as_str();
            let labels = labels.entry(kind).or_insert_with(|| self.labels(kind));
            let Some(label) = labels.get(&target) else {
                return Some(format!("{target} does not exist; make it first"));
            };
            guesses += 1;
            let others = self.rows.iter().filter(|(_, other, _)| other.kind() == kind);
            let others = others.map(|(_, _, label)| label.as_str()).take(MOST_CANDIDATES);
            Some(match closest(label, others).filter(|_| guesses <= MOST_GUESSES) {
                Some(other) => format!("{word} \"{label}\" does not exist; did you mean \"{other}\"?"),
                None => format!("{word} \"{label}\" does not exist; make it first"),
            })
        }
    }

    /// What the labels of the document stand for where something of a kind is asked for.
    fn labels(&self, kind: EntityKind) -> BTreeMap<EntityRef, &str> {
        self.written.iter().filter_map(|label| Some((named(kind, label)?, label.as_str()))).collect()
    }

    /// Says in each problem which row it is in, where the row has a label.
    pub(super) fn tell_rows(&self, problems: &mut [Problem]) {
        let labels: BTreeMap<&str, &str> =
            self.rows.iter().map(|(path, _, label)| (path.as_str(), label.as_str())).collect();
        for problem in problems {
            let end = problem.path.find(']').map_or(problem.path.len(), |at| at + 1);
            if let Some(label) = labels.get(&problem.path[..end]) {
                let list = problem.path.split('[').next().unwrap_or_default();
                problem.message.push_str(&format!(" (in {list} \"{label}\")"));
            }
        }
    }
}

fn named(kind: EntityKind, id: &str) -> Option<EntityRef> {
    format!("{}/{id}", kind.as_str()).parse().ok()
}

/// The word that was perhaps meant: the closest, when no more than a third of its letters are others.
pub(super) fn closest<'w>(word: &str, among: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let distances = among.map(|other| (strsim::levenshtein(word, other), other.chars().count(), other));
    distances.filter(|(letters, of, _)| letters * 3 <= *of).min().map(|(_, _, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_seen_and_another_word_is_not() {
        let known = ["@ana", "@luis", "@reception"];
        assert_eq!(closest("@anna", known.into_iter()), Some("@ana"));
        assert_eq!(closest("@recepcion", known.into_iter()), Some("@reception"));
        assert_eq!(closest("@nowhere", known.into_iter()), None);
    }
}
