//! The members of a bundle, as both who writes and who reads them know them.
//!
//! A bundle is read by every later version, and one of a later version by an earlier: each field has a default, and
//! what is unknown is passed over. Times are RFC 3339 in UTC, sizes are bytes, durations are milliseconds.

mod containers;
mod database;
mod host;
mod operations;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use containers::{ContainerFacts, EngineEvent, HealthProbe};
pub use database::{Activity, Blocked, Migrations, OpenTransaction, QueueDepth, ServerFacts, TableFacts};
pub use host::{Answer, DiskFacts, HostFacts};
pub use operations::{BackupFacts, OperationFacts};
pub use store::{KeptStore, StoreFacts};

/// The version of the layout. It grows when a member changes its meaning; new members and fields do not count.
pub const SCHEMA: u32 = 1;

/// The names of members below the bundle's one folder.
pub mod member {
    /// The page for people.
    pub const INDEX: &str = "index.html";
    /// [`super::BundleManifest`].
    pub const MANIFEST: &str = "manifest.json";
    /// What the analysers found when the bundle was made.
    pub const FINDINGS: &str = "findings.json";
    /// What was masked, by file and rule.
    pub const REDACTION_REPORT: &str = "redaction-report.json";
    /// The environment file with what is secret masked, one variable a line, for people.
    pub const ENVIRONMENT: &str = "environment.txt";
    /// A list of [`super::ContainerFacts`]: running, exited and one-off ones.
    pub const CONTAINERS: &str = "compose/containers.json";
    /// A list of [`super::ContainerFacts`] of a product that runs as a process: what runs, ran last, or was to run once.
    pub const PROCESSES: &str = "process/processes.json";
    /// The resolved Compose model.
    pub const MODEL: &str = "compose/model.json";
    /// [`super::EngineEvent`], one a line.
    pub const EVENTS: &str = "compose/events.jsonl";
    /// Logs, one file a container: `logs/<service>.log` of the service's only one, else `logs/<container>.log`.
    pub const LOGS: &str = "logs/";
    /// [`super::ServerFacts`].
    pub const SERVER: &str = "database/server.json";
    /// [`super::Activity`].
    pub const ACTIVITY: &str = "database/activity.json";
    /// [`super::StoreFacts`].
    pub const STORE: &str = "database/store.json";
    /// A list of [`super::TableFacts`].
    pub const TABLES: &str = "database/tables.json";
    /// [`super::Migrations`].
    pub const MIGRATIONS: &str = "database/migrations.json";
    /// A list of [`super::QueueDepth`].
    pub const QUEUES: &str = "database/queues.json";
    /// The schema without data.
    pub const SCHEMA_SQL: &str = "database/schema.sql";
    /// [`super::HostFacts`].
    pub const HOST: &str = "host/system.json";
    /// A list of [`super::Answer`]: health, readiness, status, conformance and the like, of each instance.
    pub const ANSWERS: &str = "product/answers.json";
    /// Metrics in the Prometheus text format, one file a service: `product/metrics/<service>.txt`.
    pub const METRICS: &str = "product/metrics/";
    /// What the logs of the services that serve or work tell in numbers, as `opsctl logs stats` counts it.
    pub const LOG_METRICS: &str = "product/log-metrics.json";
    /// The product's own bundle, as it answered.
    pub const PRODUCT_BUNDLE: &str = "product/support-bundle.json";
    /// A list of findings of `opsctl preflight`.
    pub const PREFLIGHT: &str = "preflight.json";
    /// A list of findings of `opsctl verify`.
    pub const VERIFY: &str = "verify.json";
    /// A list of [`super::BackupFacts`], the newest last.
    pub const BACKUPS: &str = "backups.json";
    /// A list of [`super::OperationFacts`], the newest last.
    pub const OPERATIONS: &str = "operations.json";
    /// Journals and what was said during operations: `operations/<id>.jsonl` and `operations/<id>.log`.
    pub const JOURNALS: &str = "operations/";
    /// The description of the product that was in force.
    pub const DESCRIPTION: &str = "opsctl/opsctl.toml";
}

/// What a bundle says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BundleManifest {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The version of opsctl that made it.
    pub tool: String,
    /// When it was begun.
    pub created: String,
    /// How long the collectors took, side by side.
    pub took_ms: u64,
    /// The product's name.
    pub product: String,
    /// The product's name for people.
    pub title: String,
    /// The release that runs, or that is selected where nothing runs.
    pub release: Option<String>,
    /// The image of that.
    pub image: Option<String>,
    /// `bundled`, `external`, `sqlite`, or absent where it could not be told.
    pub database_mode: Option<String>,
    /// What was asked for: `since`, `until`, `tail`.
    pub window: BTreeMap<String, String>,
    /// Each collector, in the order of its start.
    pub collectors: Vec<Collected>,
    /// Each member but the manifest itself.
    pub members: Vec<Member>,
}

/// How one collector came out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Collected {
    /// Its identifier, which stays: `compose-containers`, `logs-ledger-api`.
    pub id: String,
    /// How it came out.
    pub status: CollectorStatus,
    /// Why, if it is not `ok`.
    pub why: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The members that it made.
    pub members: Vec<String>,
}

/// How a collector came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollectorStatus {
    /// All of it is there.
    Ok,
    /// All but what is over the limit on its size is there.
    Truncated,
    /// It does not apply here.
    Skipped,
    /// It took too long.
    TimedOut,
    /// It failed.
    Failed,
    /// A status that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One member of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its path below the bundle's folder.
    pub path: String,
    /// Its size in the archive, unpacked.
    pub size: u64,
    /// The SHA-256 of that, in hexadecimal digits.
    pub sha256: String,
}
