//! Reading a document: every problem with its path, not only the first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::names::{Names, closest};
use super::{Format, MAX_BYTES, VERSION, for_each_list};
use crate::{entity::*, organization::Organization, value::MASK};

/// A document that was not read, with everything that is wrong in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.problems))]
pub struct Unread {
    /// What is wrong, in the order of the document; at most 1000.
    pub problems: Vec<Problem>,
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [only] => format!("the document has a problem: {only}"),
        [first, ..] => format!("the document has {} problems; the first is {first}", problems.len()),
        [] => "the document was not read".to_owned(),
    }
}

/// The most problems told of one entity.
const MOST_PER_ENTITY: usize = 32;
/// The most problems told of one document.
const MOST: usize = 1000;

impl Organization {
    /// Reads an organization. Entities without `meta` count as made by the system at `now`.
    ///
    /// # Errors
    /// Every problem, with paths such as `sites[2].caller_address`.
    pub fn from_document(text: &str, format: Format, now: Timestamp) -> Result<Self, Unread> {
        let Reader { entries, mut problems, names, .. } = read(text, format)?;
        match Organization::build(entries, now, &mut names.missing()) {
            Ok(organization) if problems.is_empty() => return Ok(organization),
            Ok(_) => {}
            Err(more) => problems.extend(more),
        }
        problems.truncate(MOST);
        names.tell_rows(&mut problems);
        Err(Unread { problems })
    }
}

/// Reads the entities of a document without asking whether they fit together.
///
/// # Errors
/// Every problem of form, with its path.
pub fn parse(text: &str, format: Format) -> Result<Vec<AnyEntity>, Unread> {
    let Reader { entries, mut problems, names, .. } = read(text, format)?;
    if problems.is_empty() {
        Ok(entries.into_iter().map(|(_, entity, _)| entity).collect())
    } else {
        names.tell_rows(&mut problems);
        Err(Unread { problems })
    }
}

type Entries = Vec<(String, AnyEntity, Option<Meta>)>;

fn read(text: &str, format: Format) -> Result<Reader, Unread> {
    let fail = |code: &str, message: String| Unread { problems: vec![Problem::new("", code, message)] };
    if text.len() > MAX_BYTES {
        return Err(fail("document.too_long", format!("a document may have at most {MAX_BYTES} bytes")));
    }
    let value = match format {
        Format::Json => {
            serde_json::from_str(text).map_err(|error| fail("document.syntax", error.to_string()))?
        }
        Format::Toml => {
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
                fail("document.syntax", error.to_string().trim_end().to_owned())
            })?;
            plain(toml::Value::Table(table))
        }
    };
    let Value::Object(root) = value else {
        return Err(fail("document.shape", "the document must be an object".into()));
    };
    let mut reader = Reader::default();
    reader.root(root);
    reader.problems.truncate(MOST);
    Ok(reader)
}

/// TOML values as JSON values; dates become text.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }
    }
}

#[derive(Default)]
struct Reader {
    entries: Entries,
    problems: Vec<Problem>,
    meta: BTreeMap<EntityRef, Meta>,
    names: Names,
}

impl Reader {
    fn root(&mut self, mut root: Map<String, Value>) {
        match root.remove("format") {
            Some(version) if version == VERSION => {}
            _ => self.note("format", "document.format", format!("write format = {VERSION}")),
        }
        if let Some(meta) = root.remove("meta") {
            self.meta = self.one::<BTreeMap<EntityRef, Meta>>("meta", meta).unwrap_or_default();
        }
        if let Some(settings) = root.remove("organization") {
            self.entity::<OrganizationSettings>("organization".into(), EntityKind::Organization, settings);
        }
        let mut lists = Vec::new();
        macro_rules! lists {
            ($($key:ident: $type:ident,)*) => {$(
                let key = stringify!($key);
                lists.push(key);
                self.list::<$type>(key, EntityKind::$type, root.remove(key));
            )*};
        }
        for_each_list!(lists);
        for key in root.keys() {
            let meant =
                Some(key).filter(|key| key.len() < 40).and_then(|key| closest(key, lists.iter().copied()));
            let message = match meant {
                Some(list) => format!("there is no such list; did you mean \"{list}\"?"),
                None => {
                    "there is no such list; crates/telco-model/samples/sample.toml has one of each".into()
                }
            };
            self.note(&printable(key), "document.unknown", message);
        }
        let there: BTreeSet<_> = self.entries.iter().map(|(_, entity, _)| entity.entity_ref()).collect();
        let orphans: Vec<_> = self.meta.keys().filter(|target| !there.contains(target)).copied().collect();
        for target in orphans.into_iter().take(MOST) {
            self.note(&format!("meta.{target}"), "document.meta", "there is no such entity".into());
        }
    }

    fn list<T>(&mut self, key: &str, kind: EntityKind, value: Option<Value>)
    where
        T: DeserializeOwned + Into<AnyEntity>,
    {
        match value {
            None => {}
            Some(Value::Array(list)) => {
                for (index, value) in list.into_iter().enumerate() {
                    if self.problems.len() >= MOST {
                        return;
                    }
                    self.entity::<T>(format!("{key}[{index}]"), kind, value);
                }
            }
            Some(_) => self.note(key, "document.shape", "must be a list".into()),
        }
    }

    fn entity<T>(&mut self, path: String, kind: EntityKind, value: Value)
    where
        T: DeserializeOwned + Into<AnyEntity>,
    {
        self.look_over(&path, &value);
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.names.row(&path, kind, &id);
        match self.one::<T>(&path, value) {
            Some(entity) => {
                let entity = entity.into();
                let meta = self.meta.get(&entity.entity_ref()).copied();
                self.entries.push((path, entity, meta));
            }
            None => self.names.unread(kind, &id),
        }
    }

    /// One value of a type. After a problem the part it is in is left out and the rest is read again, so that every
    /// problem is found.
    fn one<T: DeserializeOwned>(&mut self, path: &str, mut value: Value) -> Option<T> {
        let mut removed = BTreeSet::new();
        let before = self.problems.len();
        while self.problems.len() < before + MOST_PER_ENTITY {
            let error = match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(_) if !removed.is_empty() => return None,
                Ok(entity) => return Some(entity),
                Err(error) => error,
            };
            let mut inner: Vec<Segment> = error.path().iter().cloned().collect();
            let message = error.inner().to_string();
            if let Some(field) = quoted_after(&message, "unknown field `") {
                let named = matches!(inner.last(), Some(Segment::Map { key }) if key == field);
                if !named {
                    inner.push(Segment::Map { key: field.to_owned() });
                }
            }
            let mut at = join(path, &inner);
            if let Some(field) = quoted_after(&message, "missing field `") {
                at = format!("{at}.{field}");
                if removed.contains(&at) {
                    return None;
                }
                self.note(&at, "field.required", message);
                return None;
            }
            let code = if message.starts_with("unknown field") { "field.unknown" } else { "value" };
            self.note(&at, code, shown(&message, LONGEST_MESSAGE));
            // An element of a list is put out of sight with its whole list: the others would move.
            while matches!(inner.last(), Some(Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown))
            {
                inner.pop();
            }
            if !take_out(&mut value, &inner) {
                return None;
            }
            removed.insert(join(path, &inner));
        }
        None
    }

    /// Refuses masks in place of secrets, and takes note of labels.
    fn look_over(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) if text == MASK => {
                let message = "the secret was redacted; write it, or export with secrets exposed";
                self.note(path, "document.redacted", message.into());
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    self.look_over(&format!("{path}[{index}]"), value);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    if matches!(value, Value::String(_) | Value::Array(_) | Value::Object(_)) {
                        self.look_over(&format!("{path}.{}", printable(key)), value);
                    }
                }
            }
            Value::String(text) => self.names.saw(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn note(&mut self, path: &str, code: &str, message: String) {
        self.problems.push(Problem::new(path, code, message));
    }
}

fn quoted_after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message.strip_prefix(start)?.split('`').next()
}

fn join(path: &str, inner: &[Segment]) -> String {
    inner.iter().fold(path.to_owned(), |path, segment| match segment {
        Segment::Seq { index } => format!("{path}[{index}]"),
        Segment::Map { key } => format!("{path}.{}", printable(key)),
        Segment::Enum { variant } => format!("{path}.{variant}"),
        Segment::Unknown => path,
    })
}

/// Removes the part of a value a path leads to; false when there is none.
fn take_out(value: &mut Value, path: &[Segment]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut at = value;
    for segment in parents {
        let next = match segment {
            Segment::Seq { index } => at.get_mut(*index),
            Segment::Map { key } => at.get_mut(key),
            Segment::Enum { variant } => at.get_mut(variant),
            Segment::Unknown => Some(at),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Segment::Map { key }, Value::Object(map)) => map.remove(key).is_some(),
        _ => false,
    }
}

/// The most characters of a message: the longest list of fields that could have been meant has a third.
const LONGEST_MESSAGE: usize = 4000;

/// A key out of a document as it may be shown.
fn printable(text: &str) -> String {
    shown(text, 300)
}

/// Text without control or direction-changing characters, not too long.
fn shown(text: &str, most: usize) -> String {
    let shown = |c: char| if crate::value::is_deceptive(c) { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(most + 1).map(shown).collect();
    if let Some((end, _)) = shown.char_indices().nth(most) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
