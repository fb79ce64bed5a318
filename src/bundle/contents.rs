//! The members of a bundle, as both who writes and who reads them know them.
//!
//! A bundle is read by every later version, and one of a later version by an earlier: each field has a default, and
//! what is unknown is passed over. Times are RFC 3339 in UTC, sizes are bytes, durations are milliseconds.

mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// What the log of the product's process tells in numbers, as `opsctl logs stats` counts it.
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

/// One container of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// The short identifier.
    pub id: String,
    /// The service that it is of.
    pub service: Option<String>,
    /// Whether it was made to run once.
    pub one_off: bool,
    /// The image by name.
    pub image: String,
    /// The image by identifier.
    pub image_id: String,
    /// `running`, `exited`, `restarting`, `created`, `paused`, `dead`.
    pub state: String,
    /// The exit status of the last run that ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended it because memory ran out.
    pub oom_killed: bool,
    /// How often the engine started it again.
    pub restarts: u64,
    /// When it was last started.
    pub started: Option<String>,
    /// When it last ended.
    pub finished: Option<String>,
    /// What the engine says of a start that failed.
    pub error: Option<String>,
    /// `healthy`, `unhealthy`, `starting`; absent without a health check.
    pub health: Option<String>,
    /// The last answers of the health check, the newest last.
    pub health_log: Vec<HealthProbe>,
    /// The limit on its memory.
    pub memory_limit: Option<u64>,
    /// The policy by which the engine starts it again.
    pub restart_policy: String,
    /// Its addresses by network.
    pub networks: Vec<String>,
    /// Published ports: `127.0.0.1:3001->3000/tcp`.
    pub ports: Vec<String>,
    /// Names of its variables with fingerprints of their values, under a key of this bundle.
    pub environment: BTreeMap<String, String>,
}

/// One answer of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthProbe {
    /// When.
    pub at: String,
    /// Its exit status.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

/// Something that the engine recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineEvent {
    /// When.
    pub at: String,
    /// `container`, `image`, `network`, `volume`.
    pub kind: String,
    /// `start`, `die`, `oom`, `kill`, `health_status: unhealthy`.
    pub action: String,
    /// The name of what it happened to.
    pub name: String,
    /// The service that that is of.
    pub service: Option<String>,
    /// The exit status, of what ended.
    pub exit_code: Option<i64>,
}

/// The database server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerFacts {
    /// `15.18`, of PostgreSQL.
    pub version: String,
    /// When it was started.
    pub started: Option<String>,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// The limit on connections.
    pub max_connections: u32,
    /// Those of the limit that only superusers get.
    pub reserved_connections: u32,
    /// The product's database.
    pub database: String,
    /// Its size.
    pub database_bytes: u64,
    /// All databases of the server with their sizes.
    pub databases: BTreeMap<String, u64>,
    /// The age of its oldest transaction identifier.
    pub transaction_age: u64,
    /// Settings that differ from the default: name to value with unit. None that can hold a secret.
    pub settings: BTreeMap<String, String>,
    /// Extensions with their versions.
    pub extensions: BTreeMap<String, String>,
    /// What a pooler in between did: `none`, `session`, `transaction`, `statement`; absent where it was not probed.
    pub pooler: Option<String>,
}

/// What the server is doing. No text of a query is ever collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// Client sessions by state: `active`, `idle`, `idle in transaction`.
    pub sessions: BTreeMap<String, u32>,
    /// Client sessions by the name of the application.
    pub by_application: BTreeMap<String, u32>,
    /// All sessions that count against the limit.
    pub connections: u32,
    /// Transactions that have been open for longest, the oldest first.
    pub transactions: Vec<OpenTransaction>,
    /// Who waits for whom.
    pub blocked: Vec<Blocked>,
    /// Transactions that were prepared and never ended.
    pub prepared: u32,
}

/// A transaction that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenTransaction {
    /// The process of the session.
    pub pid: i32,
    /// The name of its application.
    pub application: String,
    /// Its state.
    pub state: String,
    /// For how long it has been open.
    pub open_ms: u64,
    /// What it waits for: `Lock: relation`.
    pub waits_for: Option<String>,
}

/// A session that waits for others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blocked {
    /// The process that waits.
    pub pid: i32,
    /// The name of its application.
    pub application: String,
    /// Those that it waits for.
    pub by: Vec<i32>,
    /// For how long.
    pub waiting_ms: u64,
    /// The kind of lock: `AccessExclusiveLock`.
    pub lock: String,
    /// The table, if it is one.
    pub relation: Option<String>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableFacts {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// How many rows it has; absent where counting took too long.
    pub rows: Option<u64>,
    /// The size of the table alone.
    pub table_bytes: u64,
    /// The size of its indexes.
    pub index_bytes: u64,
    /// Rows that are dead and not yet vacuumed, as the server estimates.
    pub dead_rows: u64,
    /// When it was last vacuumed, by whomever.
    pub vacuumed: Option<String>,
    /// When it was last analysed, by whomever.
    pub analysed: Option<String>,
}

/// The product's migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Migrations {
    /// Those that are recorded as applied, the newest last.
    pub applied: Vec<String>,
    /// What the product's own tool says of pending ones, if it was asked.
    pub pending: Option<Vec<String>>,
}

/// How much waits in a queue of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueDepth {
    /// The queue's name.
    pub queue: String,
    /// The state of the jobs.
    pub state: String,
    /// How many.
    pub jobs: u64,
    /// The age of the oldest.
    pub oldest_ms: Option<u64>,
}

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// `6.1.0-18-amd64`.
    pub kernel: String,
    /// `x86_64`.
    pub architecture: String,
    /// Processors.
    pub cpus: u32,
    /// The load of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// For how long it has been up.
    pub uptime_ms: u64,
    /// All of its memory.
    pub memory_bytes: u64,
    /// What of it can be had.
    pub memory_available_bytes: u64,
    /// All of its swap.
    pub swap_bytes: u64,
    /// What of it is in use.
    pub swap_used_bytes: u64,
    /// Disks that matter.
    pub disks: Vec<DiskFacts>,
    /// Its clock.
    pub clock: String,
    /// The database's clock less its own; absent where that was not asked.
    pub clock_skew_ms: Option<i64>,
    /// Versions of the engine, its API, Compose and opsctl.
    pub versions: BTreeMap<String, String>,
    /// The engine's storage driver, cgroup version, root folder and the like.
    pub engine: BTreeMap<String, String>,
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskFacts {
    /// A folder on it.
    pub path: String,
    /// What is there: `backups`, `the engine's data`, `the install`.
    pub holds: String,
    /// All of it.
    pub bytes: u64,
    /// What of it can be had.
    pub bytes_available: u64,
    /// All inodes; 0 where it has no such limit.
    pub inodes: u64,
    /// What of them can be had.
    pub inodes_available: u64,
}

/// What an address of the product answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The service.
    pub service: String,
    /// The container that was asked.
    pub instance: String,
    /// The path.
    pub path: String,
    /// The HTTP status; absent where there was no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took_ms: u64,
    /// The body, as JSON where it is, else as text.
    pub body: Option<Value>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// One backup of the inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupFacts {
    /// Its identifier.
    pub id: String,
    /// When it was taken.
    pub taken: String,
    /// The release that it is of.
    pub release: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// Rows in it.
    pub rows: Option<u64>,
    /// When it was last read back in full; absent if it never was.
    pub verified: Option<String>,
    /// Why retention keeps it.
    pub kept_because: Vec<String>,
    /// What is wrong with the file.
    pub trouble: Option<String>,
}

/// One operation that is on record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationFacts {
    /// Its identifier.
    pub id: String,
    /// `upgrade`, `restore`, `backup`.
    pub kind: String,
    /// `1.0.0 -> 1.1.0`.
    pub what: String,
    /// When it began.
    pub began: String,
    /// When it ended; absent if it did not.
    pub ended: Option<String>,
    /// How it ended: `done`, `rolled-back`, `failed`, `interrupted`, `unfinished`, `left`, `paused`.
    pub outcome: String,
    /// What failed, in one line.
    pub failure: Option<String>,
    /// Who ran it.
    pub actor: String,
    /// What is wrong with its journal; absent if it verifies.
    pub journal_trouble: Option<String>,
}
