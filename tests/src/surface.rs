//! The public surface of the published crates, read from rustdoc's JSON.
//!
//! Only three things of that format are used, and they have not changed since it exists: `index` (the items), `paths`
//! (which crate an id belongs to) and the pair `path` + `id` wherever a type or trait is named. So no exact version
//! of the format is needed, and whatever stable toolchain is installed will do.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, bail};
use serde_json::Value;

/// A type or trait of another crate that a public item names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// The crate it comes from, as in Rust code: `rustls_pki_types`.
    pub from: String,
    /// What is named: `bytes::Bytes`.
    pub name: String,
    /// The file of the public item, relative to the workspace root.
    pub file: String,
    /// The public item.
    pub item: String,
}

/// The public items of one crate.
#[derive(Debug)]
pub struct Surface {
    /// How many public items there are.
    pub items: usize,
    /// Everything foreign they name.
    pub foreign: BTreeSet<Foreign>,
}

/// Documents packages as JSON with all their features; files land in `<target>/doc`.
///
/// `rustdoc` is a wrapper that lets a stable rustdoc take unstable options. It keeps the permission away from rustc,
/// so the dependencies are not built a second time.
///
/// # Errors
/// When cargo fails, with what it said.
pub fn document(root: &Path, packages: &[String], rustdoc: &Path) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["doc", "--lib", "--no-deps", "--all-features"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
        .env("RUSTDOC", rustdoc)
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    let output = cargo.output().context("cargo doc")?;
    if !output.status.success() {
        bail!("cargo doc failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Reads the JSON of one crate.
///
/// # Errors
/// When the file is absent or not what rustdoc writes.
pub fn read(file: &Path) -> anyhow::Result<Surface> {
    let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    let doc: Value = serde_json::from_str(&text)?;
    let index = doc["index"].as_object().context("no index in the JSON of rustdoc")?;
    let mut surface = Surface { items: 0, foreign: BTreeSet::new() };
    for item in index.values().filter(|item| item["crate_id"] == 0 && !is_generated(item)) {
        surface.items += 1;
        let mut references = Vec::new();
        named(&item["inner"], &mut references);
        for id in references {
            if let Some((from, name)) = foreign_path(&doc, &id) {
                let file = item["span"]["filename"].as_str().unwrap_or("?").to_owned();
                surface.foreign.insert(Foreign { from, name, file, item: describe(item) });
            }
        }
    }
    Ok(surface)
}

/// Blanket and automatic implementations are the compiler's doing.
fn is_generated(item: &Value) -> bool {
    let implementation = &item["inner"]["impl"];
    implementation["is_synthetic"] == true || !implementation["blanket_impl"].is_null()
}

/// Collects the ids of everything a signature names: objects with `path` and `id`, and re-exports.
fn named(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let names = fields.get("path").is_some_and(Value::is_string) || fields.contains_key("is_glob");
            if let (true, Some(id)) = (names, fields.get("id")) {
                ids.push(id.as_str().map_or_else(|| id.to_string(), str::to_owned));
            }
            fields.values().for_each(|field| named(field, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| named(value, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The crate and full name behind an id, when that crate is another one.
fn foreign_path(doc: &Value, id: &str) -> Option<(String, String)> {
    let path = &doc["paths"][id];
    let number = path["crate_id"].as_u64().filter(|number| *number != 0)?;
    let from = doc["external_crates"][number.to_string()]["name"].as_str()?.to_owned();
    let parts = path["path"].as_array()?.iter().filter_map(Value::as_str);
    Some((from, parts.collect::<Vec<_>>().join("::")))
}

fn describe(item: &Value) -> String {
    let kind = item["inner"].as_object().and_then(|inner| inner.keys().next()).map_or("item", String::as_str);
    match item["name"].as_str() {
        Some(name) => format!("{kind} {name}"),
        None => {
            let of = |field: &str| item["inner"]["impl"][field].to_string();
            let name = |text: String| {
                text.split("\"path\":\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next())
                    .unwrap_or("?")
                    .to_owned()
            };
            format!("impl {} for {}", name(of("trait")), name(of("for")))
        }
    }
}
