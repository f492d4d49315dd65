//! What the rule tests and the report programs share: where the workspace is, what is in it, and how to read its
//! source text. Not published.

pub mod citations;
pub mod source;
pub mod spec;
pub mod surface;

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// `cargo metadata` of the workspace, without the dependency graph.
///
/// # Errors
/// When cargo cannot read the manifests.
pub fn metadata() -> anyhow::Result<Metadata> {
    Ok(MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?)
}

/// Whether a package is meant for crates.io.
pub fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

/// The directory of a package, relative to the workspace root and with `/` between parts.
pub fn directory(package: &Package) -> String {
    let manifest = package.manifest_path.as_std_path();
    let directory = manifest.parent().unwrap_or(manifest);
    let relative = directory.strip_prefix(root()).unwrap_or(directory);
    relative.to_string_lossy().replace('\\', "/")
}
