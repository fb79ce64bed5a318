//! What runs the product, and where its files are.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{DatabaseMode, ProductName};

/// What runs the product. Paths are relative to the directory in which the base file is found, which is searched for
/// in `directories` below the install's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Which kind of runtime it is.
    pub kind: RuntimeKind,
    /// Where, below the install's directory, the base file may be, in order.
    #[serde(default = "default_directories")]
    pub directories: Vec<PathBuf>,
    /// The Compose file that is always used.
    #[serde(default = "default_base")]
    pub base: PathBuf,
    /// Compose files that are laid over it, in order, each when its time comes.
    #[serde(default)]
    pub overlays: Vec<Overlay>,
    /// Exactly these Compose files, in order, instead of base and overlays; none to go by those.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// The Compose project; without it, the one that the Compose files name.
    pub project: Option<ProductName>,
    /// The environment file.
    #[serde(default = "default_env_file")]
    pub env_file: PathBuf,
}

/// Which kind of runtime runs the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// Docker Compose, version 2.
    Compose,
}

/// A Compose file that is not always used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// The file.
    pub file: PathBuf,
    /// When it is used.
    pub when: OverlayWhen,
}

/// When an overlay is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayWhen {
    /// When the install has a database of its own.
    DatabaseBundled,
    /// When the file is there.
    Present,
}

impl Runtime {
    /// The Compose files of an install, in order. `COMPOSE_FILE`, where it is set, goes before all of them: that is the
    /// caller's to see.
    pub fn compose_files(&self, database: DatabaseMode, is_present: &dyn Fn(&Path) -> bool) -> Vec<&Path> {
        if !self.files.is_empty() {
            return self.files.iter().map(PathBuf::as_path).collect();
        }
        let is_used = |overlay: &&Overlay| match overlay.when {
            OverlayWhen::DatabaseBundled => database == DatabaseMode::Bundled,
            OverlayWhen::Present => is_present(&overlay.file),
        };
        let overlays = self.overlays.iter().filter(is_used).map(|overlay| overlay.file.as_path());
        std::iter::once(self.base.as_path()).chain(overlays).collect()
    }
}

fn default_directories() -> Vec<PathBuf> {
    [".", "compose", "docker-compose", "deploy/compose"].map(PathBuf::from).to_vec()
}

fn default_base() -> PathBuf {
    PathBuf::from("docker-compose.yml")
}

fn default_env_file() -> PathBuf {
    PathBuf::from(".env")
}
