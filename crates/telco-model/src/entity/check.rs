//! What checking an entity produces, and how its references are walked.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::EntityRef;

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where: field names with dots, list positions in brackets, for example `number_plans[3].match`.
    pub path: String,
    /// What, for programs: stable, dotted, for example `reference.missing`.
    pub code: String,
    /// What, for people, with what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Problem { path: path.into(), code: code.to_owned(), message: message.into() }
    }

    /// The same problem of something that is itself at a path.
    pub(crate) fn under(self, path: &str) -> Self {
        let path = if self.path.is_empty() { path.to_owned() } else { format!("{path}.{}", self.path) };
        Problem { path, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// Collects the problems of one entity.
#[derive(Debug)]
pub struct Check<'a> {
    problems: &'a mut Vec<Problem>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(problems: &'a mut Vec<Problem>) -> Self {
        Check { problems }
    }

    /// Notes a problem.
    pub fn problem(&mut self, path: &str, code: &str, message: &str) {
        self.problems.push(Problem::new(path, code, message));
    }

    /// Notes every element of a list that was there before.
    pub fn distinct<T: Ord>(&mut self, path: &str, list: impl IntoIterator<Item = T>, message: &str) {
        let mut seen = BTreeMap::new();
        for (index, element) in list.into_iter().enumerate() {
            if let Some(first) = seen.get(&element) {
                let message = format!("{message} (first at [{first}])");
                self.problem(&format!("{path}[{index}]"), "list.duplicate", &message);
            } else {
                seen.insert(element, index);
            }
        }
    }

    pub(super) fn dtmf_payload(&mut self, path: &str, payload: u8) {
        if !(96..=127).contains(&payload) {
            self.problem(path, "media.payload", "the payload type of RTP events must be 96 to 127");
        }
    }
}

/// Receives the references of an entity, each with the path of the field that holds it.
pub struct Sink<'a>(&'a mut dyn FnMut(&str, EntityRef));

impl<'a> Sink<'a> {
    pub(crate) fn new(receive: &'a mut dyn FnMut(&str, EntityRef)) -> Self {
        Sink(receive)
    }

    /// One reference.
    pub fn one(&mut self, path: &str, target: impl Into<EntityRef>) {
        (self.0)(path, target.into());
    }

    /// A reference that may be absent.
    pub fn optional(&mut self, path: &str, target: Option<impl Into<EntityRef>>) {
        if let Some(target) = target {
            self.one(path, target);
        }
    }

    /// A list of references.
    pub fn many<'i, I: Copy + Into<EntityRef> + 'i>(
        &mut self,
        path: &str,
        targets: impl IntoIterator<Item = &'i I>,
    ) {
        for (index, target) in targets.into_iter().enumerate() {
            self.one(&format!("{path}[{index}]"), *target);
        }
    }
}

impl fmt::Debug for Sink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
