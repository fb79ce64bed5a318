//! The machine, and what the product answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
