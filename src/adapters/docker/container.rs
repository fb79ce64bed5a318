//! What the engine knows of a container, as plain facts.

mod from_engine;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::image_ref::ImageId;
use crate::model::secret::Secret;

const ID_LENGTH: usize = 64;

/// The engine's id of a container: 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

/// The text is not a full container id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a container id; expected 64 lower-case hexadecimal digits")]
pub struct ContainerIdError(String);

/// A container at one moment.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image it really runs.
    pub image_id: ImageId,
    /// What it was created from, as written then: a reference or an id. A tag may have moved since.
    pub image: String,
    /// The Compose project it belongs to.
    pub project: Option<String>,
    /// The Compose service it belongs to.
    pub service: Option<String>,
    /// Whether Compose keeps it, or it was made for one run.
    pub kind: ContainerKind,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub state: ContainerState,
    /// The exit code of its last run, where it has ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it; empty if it could.
    pub start_error: String,
    /// How often the engine has started it again by its restart policy.
    pub restart_count: u64,
    /// Whether the engine, when it is started itself, starts even what was stopped on purpose: `restart: always`.
    pub starts_with_engine: bool,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When its last run ended.
    pub finished_at: Option<Timestamp>,
    /// What its health check says.
    pub health: Health,
    /// The last runs of its health check that the engine remembers, oldest first, whatever came of them.
    pub health_log: Vec<HealthProbe>,
    /// The most memory it may have, in bytes, if it is limited.
    pub memory_limit: Option<u64>,
    /// When the engine starts it again: `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart_policy: String,
    /// How it reaches the network.
    pub network: NetworkAccess,
    /// The ports published on the host.
    pub ports: Vec<PortBinding>,
    /// How long it may take to stop, if its creator said so.
    pub stop_grace: Option<Duration>,
    /// Its environment, the image's own included.
    pub environment: BTreeMap<String, Secret>,
}

/// Whether Compose keeps a container, or it was made for one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerKind {
    /// A replica of a service, with its number, from 1.
    Replica(u32),
    /// Made by `docker compose run`.
    OneOff,
    /// Not made by Compose.
    Foreign,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Ended, and about to be started again by its restart policy.
    Restarting,
    /// Ended.
    Exited,
    /// Being removed.
    Removing,
    /// Could not be removed.
    Dead,
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// There is no health check.
    Unchecked,
    /// Within its start period, without a success so far.
    Starting(Vec<HealthProbe>),
    /// The last check passed.
    Healthy,
    /// Too many checks in a row have failed.
    Unhealthy(Vec<HealthProbe>),
}

/// One run of a health check that the engine still remembers, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    /// When it began.
    pub at: Option<Timestamp>,
    /// The check's exit code; -1 if it ran out of time.
    pub exit_code: i64,
    /// The start of what it printed.
    pub output: String,
}

/// How a container reaches the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkAccess {
    /// Through networks of the engine: its addresses in each, by the network's name.
    Networks(BTreeMap<String, Vec<IpAddr>>),
    /// It has the host's own network.
    Host,
    /// It shares another container's network.
    SharedWith(String),
    /// Not at all.
    None,
}

/// A port of a container that is published on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortBinding {
    /// Where it is reached on the host.
    pub host: SocketAddr,
    /// The port within the container.
    pub target: u16,
    /// The transport, such as `tcp`.
    pub protocol: String,
}

impl Container {
    /// Where a program on the host reaches `port` of this container, whether it is published or not.
    ///
    /// None while the container has no address: it is not running, or shares another container's network.
    pub fn address(&self, port: u16) -> Option<SocketAddr> {
        let ip = match &self.network {
            NetworkAccess::Host => IpAddr::V4(Ipv4Addr::LOCALHOST),
            NetworkAccess::Networks(networks) => *networks.values().flatten().next()?,
            NetworkAccess::SharedWith(_) | NetworkAccess::None => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Whether it runs, frozen or not.
    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting)
    }
}

impl ContainerId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl FromStr for ContainerId {
    type Err = ContainerIdError;

    fn from_str(text: &str) -> Result<Self, ContainerIdError> {
        let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == ID_LENGTH && text.bytes().all(is_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ContainerIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContainerId({})", self.short())
    }
}

impl TryFrom<String> for ContainerId {
    type Error = ContainerIdError;

    fn try_from(text: String) -> Result<Self, ContainerIdError> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}
