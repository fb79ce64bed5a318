//! The database: the server, what it is doing, its tables, and the product's use of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
