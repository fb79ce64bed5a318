//! The description of a product: services and their roles, image, database, endpoints, commands.
//!
//! It comes from `opsctl.toml`, whose every key `templates/opsctl.toml` explains, or from one of the descriptions that
//! are built in. What it says has been checked: names are names, and what it refers to is there.

mod check;
mod database;
mod empty;
mod error;
mod hooks;
mod limit;
mod logs;
mod migrate;
mod probes;
mod process;
#[cfg(test)]
mod properties;
mod release;
mod rotation;
mod runtime;
mod services;
mod soundness;
mod source;
mod support;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub use crate::env_file::VariableName;
pub use database::{BundledDatabase, Database, DatabaseKind, DatabaseMode, Export, Freshness, Pool};
pub use error::ProfileError;
pub use hooks::Hooks;
pub use logs::{KnownLogs, Logs, Metric, NumberRange};
pub use migrate::{AppliedMigrations, Migrate, MigrationRun};
pub use probes::{
    HealthPolicy, Preflight, RequestCounter, Scan, ScanMethod, ScanState, VersionEndpoint, VersionSettings,
};
pub use process::{
    Commands, Places, Process, ProcessMigrate, ProcessProfile, ProcessRuntime, SqliteFile, Supervisor,
};
pub use release::{
    ReleaseSettings, RemovedVariable, ReplicatedVariable, SecretKind, SecretVariable, VariableSettings,
};
pub use rotation::{Derived, Made, Rehash, Rotation, Way};
pub use runtime::{Overlay, OverlayWhen, Runtime, RuntimeKind};
pub use services::{Http, Quiesce, Role, Service};
pub use soundness::{Method, Reload, Smoke, SmokeStep};
pub use source::{Address, InvalidKey, InvalidSource, SigningKey, Source};
pub use support::{QueueQuery, Support, VariableKind};
pub use text::{
    FileName, HttpPath, ImageName, InvalidText, JsonPointer, MetricName, PollPath, ProductName, ServiceName,
    SqlName, UnitName,
};

/// The annotated description that `opsctl init` writes. It describes what
/// `templates/profiles/agledger.toml` does.
pub const TEMPLATE: &str = include_str!("../templates/opsctl.toml");

/// The name of a description in an install's directory.
pub const FILE_NAME: &str = "opsctl.toml";

/// The description of a collector of agent receipts.
pub const COLLECTOR: &str = include_str!("../templates/profiles/collector.toml");

const BUILT_IN: [(&str, &str); 2] = [
    ("agledger.toml", include_str!("../templates/profiles/agledger.toml")),
    ("ledger.toml", include_str!("../templates/profiles/ledger.toml")),
];

/// A product whose description is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Described {
    /// `AGLedger`, with every key explained.
    Agledger,
    /// The sample product.
    Ledger,
    /// A collector of agent receipts: one process and one SQLite file.
    Collector,
}

impl Described {
    /// Its description, to start from.
    pub fn text(self) -> &'static str {
        match self {
            Self::Agledger => TEMPLATE,
            Self::Ledger => BUILT_IN[1].1,
            Self::Collector => COLLECTOR,
        }
    }
}

/// The description of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Which product it is.
    pub product: Product,
    /// What runs it, and where its files are.
    pub runtime: Runtime,
    /// Where its releases come from and how one is selected.
    pub release: ReleaseSettings,
    /// Its services by name: exactly one is the API.
    pub services: BTreeMap<ServiceName, Service>,
    /// How a running API is asked for its version.
    #[serde(default)]
    pub version: VersionSettings,
    /// When a service counts as healthy, and how long that may take.
    #[serde(default)]
    pub health: HealthPolicy,
    /// Where the API counts its requests, if it does.
    pub requests: Option<RequestCounter>,
    /// How its schema is migrated; a product without a schema of its own has none.
    pub migrate: Option<Migrate>,
    /// The product's own check, if it has one.
    pub preflight: Option<Preflight>,
    /// The product's own proof of its data, if it has one.
    pub scan: Option<Scan>,
    /// How it follows what files of the install prescribe, if it does.
    pub reload: Option<Reload>,
    /// A short walk through what it is for.
    pub smoke: Option<Smoke>,
    /// What its logs tell.
    #[serde(default)]
    pub logs: Logs,
    /// What a support bundle asks it for.
    #[serde(default)]
    pub support: Support,
    /// Its database.
    pub database: Database,
    /// What is run around every operation.
    #[serde(default)]
    pub hooks: Hooks,
    /// Settings that releases no longer take.
    #[serde(default)]
    pub variables: VariableSettings,
    /// Settings that are secrets.
    #[serde(default)]
    pub secrets: Vec<SecretVariable>,
}

/// Which product a description is of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// For names of containers, databases and files.
    pub name: ProductName,
    /// For people.
    pub title: String,
}

impl Profile {
    /// Reads a description. `file` is only named in errors.
    ///
    /// # Errors
    /// [`ProfileError`] with file, line and column: for what is no TOML, an unknown key (with the one that was probably
    /// meant), a value that cannot be, and what does not fit together.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ProfileError> {
        if let Some(unknown) = ProfileError::of_unknown_kind(file, text) {
            return Err(unknown);
        }
        let profile: Self =
            toml::from_str(text).map_err(|error| ProfileError::from_toml(file, text, &error))?;
        empty::check(text)
            .and_then(|()| check::check(&profile))
            .map_err(|conflict| ProfileError::from_conflict(file, text, &conflict))?;
        Ok(profile)
    }

    /// The descriptions that are built in.
    pub fn built_in() -> Vec<Self> {
        let parse = |(file, text): (&str, &str)| Self::parse(text, Path::new(file));
        BUILT_IN.map(parse).into_iter().collect::<Result<_, _>>().expect("a test reads each of them")
    }

    /// The description to start from for a product with these Compose files: the one whose services are theirs, else the one
    /// that explains every key. Only the names of services are looked for, so that neither Docker nor a valid environment is
    /// needed.
    pub fn described(compose_file: &str) -> Described {
        let recognised = Self::likely(compose_file).map(|profile| profile.product.name);
        match recognised.as_ref().map(ProductName::as_str) {
            Some("ledger") => Described::Ledger,
            _ => Described::Agledger,
        }
    }

    /// The text of [`Profile::described`].
    pub fn text_for(compose_file: &str) -> &'static str {
        Self::described(compose_file).text()
    }

    /// The built-in description that the text of a Compose file seems to be of, by the names in it.
    pub fn likely(compose_file: &str) -> Option<Self> {
        let keys: Vec<&str> = compose_file.lines().filter_map(|line| line.trim().strip_suffix(':')).collect();
        Self::recognise(&keys)
    }

    /// The built-in description whose services are all there; the database service need not be, as it can be elsewhere.
    pub fn recognise(services: &[&str]) -> Option<Self> {
        let is_there = |(name, service): (&ServiceName, &Service)| {
            service.role == Role::Database || services.contains(&name.as_str())
        };
        Self::built_in().into_iter().find(|profile| profile.services.iter().all(is_there))
    }

    /// The service that clients talk to.
    pub fn api(&self) -> (&ServiceName, &Service) {
        self.services
            .iter()
            .find(|(_, service)| service.role == Role::Api)
            .expect("a profile has one API: checked")
    }

    /// The services of a role, by name.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &ServiceName> {
        self.services.iter().filter(move |(_, service)| service.role == role).map(|(name, _)| name)
    }

    /// The services that write, in the order in which they are stopped: workers first, the API last, so that requests
    /// are answered for as long as possible.
    pub fn stop_order(&self) -> Vec<&ServiceName> {
        let mut writers: Vec<_> =
            self.services.iter().filter(|(_, service)| service.quiesce == Quiesce::Stop).collect();
        writers.sort_by_key(|(_, service)| service.role.stop_rank());
        writers.into_iter().map(|(name, _)| name).collect()
    }

    /// The services that write, in the order in which they are started: the reverse of [`Profile::stop_order`].
    pub fn start_order(&self) -> Vec<&ServiceName> {
        self.stop_order().into_iter().rev().collect()
    }
}
