//! Containers and what happened to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
