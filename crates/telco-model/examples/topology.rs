//! Draws an organization.
//!
//! ```text
//! cargo run -p telco-model --example topology -- [DOCUMENT] > topology.svg
//! ```
//!
//! Without an argument the committed sample is drawn. Statuses are made up here, to show what they look like; a
//! control plane puts in what edges and phones report. Issues go to standard error.

use std::{error::Error, path::PathBuf};

use telco_model::{Organization, document::Format, entity::EntityKind, topology::Status};

fn main() -> Result<(), Box<dyn Error>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/sample.toml");
    let path = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| sample.to_owned()));
    let now = "2026-11-21T12:00:00Z".parse()?;
    let organization =
        Organization::from_document(&std::fs::read_to_string(&path)?, Format::of_path(&path), now)?;
    for issue in organization.issues(now) {
        eprintln!("{}", issue.in_words(&organization));
    }
    let mut topology = organization.topology();
    let nodes: Vec<_> =
        topology.nodes.values().map(|node| (node.entity, node.label.clone(), node.status)).collect();
    for (entity, label, _) in nodes.into_iter().filter(|(_, _, status)| *status == Status::Unknown) {
        let status = match label.as_str() {
            "MTY_Edge_02" => Status::Down,
            "MTY_Core_Group" => Status::Degraded,
            _ if entity.kind() == EntityKind::Phone && label.contains("Fax") => Status::Unknown,
            _ => Status::Up,
        };
        topology.set_status(entity, status);
    }
    std::io::Write::write_all(&mut std::io::stdout(), topology.to_svg().as_bytes())?;
    Ok(())
}
