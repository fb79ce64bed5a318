//! The resolved Compose model: what `docker compose config --format json` says, as far as it is needed.
//!
//! It holds every secret of the install, so it stays in memory: it cannot be serialised, and its `Debug` shows the
//! names of variables and never a value.

mod go_duration;
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

pub use go_duration::{GoDurationError, parse_go_duration};

/// Docker's grace between the stop signal and the kill, where a service names none.
pub const DEFAULT_STOP_GRACE: Duration = Duration::from_secs(10);

/// One Compose project with its variables filled in.
#[derive(Debug, Clone)]
pub struct ComposeModel {
    /// The project's name, as in the label `com.docker.compose.project`.
    pub project: String,
    /// The services of the active profiles, by name.
    pub services: BTreeMap<String, Service>,
    /// The engine's names of the networks, by their name in the model.
    pub networks: BTreeMap<String, ResourceName>,
    /// The engine's names of the volumes, by their name in the model.
    pub volumes: BTreeMap<String, ResourceName>,
    /// The files of this machine that the project's secrets are read from.
    pub secret_files: Vec<PathBuf>,
}

/// What a network or volume is called at the engine, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceName {
    /// The name at the engine, such as `project_default`.
    pub name: String,
    /// Who creates and removes it.
    pub owner: ResourceOwner,
}

/// Who creates and removes a network or volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceOwner {
    /// Compose does.
    Project,
    /// It exists apart from the project (`external: true`).
    External,
}

/// One service of the model.
#[derive(Debug, Clone)]
pub struct Service {
    /// The image, as written; none if the service is built from source.
    pub image: Option<String>,
    /// The environment; a variable without a value is passed on from Compose's own environment.
    pub environment: BTreeMap<String, Option<Secret>>,
    /// The ports published on the host.
    pub ports: Vec<PublishedPort>,
    /// The networks it joins, by their names in the model.
    pub networks: BTreeSet<String>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// The services that start before it, and what each must have reached.
    pub depends_on: BTreeMap<String, Dependency>,
    /// Whether the service declares a health check.
    pub health_check: HealthCheck,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
    /// When the engine starts it again.
    pub restart: RestartPolicy,
    /// The profiles it belongs to; empty means always.
    pub profiles: BTreeSet<String>,
    /// How many containers are wanted.
    pub replicas: u32,
    /// How it reaches the network.
    pub network_mode: NetworkMode,
    /// A fixed name for its container, which rules out a second one.
    pub container_name: Option<String>,
    /// The files its environment was read from.
    pub env_files: Vec<PathBuf>,
}

/// A port of a container that is published on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// The host's address it is bound to; none means all of them.
    pub host_ip: Option<IpAddr>,
    /// The host's first and last port; none means that the engine picks one.
    pub host_ports: Option<(u16, u16)>,
    /// The port within the container.
    pub target: u16,
    /// The transport.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Where, within the container.
    pub target: String,
    /// Whether the container may write to it.
    pub access: MountAccess,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A folder or file of the host.
    Bind(PathBuf),
    /// A volume, by its name in the model.
    Volume(String),
    /// A volume without a name, gone with its container.
    AnonymousVolume,
    /// Anything else (tmpfs, npipe, cluster volumes), by Compose's word for it.
    Other(String),
}

/// Whether a container may write to a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountAccess {
    /// Reading and writing.
    ReadWrite,
    /// Reading only.
    ReadOnly,
}

/// What a service that another depends on must have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// It was started.
    Started,
    /// Its health check passes.
    Healthy,
    /// It ended with exit code 0.
    CompletedSuccessfully,
}

/// Whether a service declares a health check; its image may have one all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthCheck {
    /// The service says how it is checked.
    Declared,
    /// The service turns its image's check off.
    Disabled,
    /// The service says nothing, so the image decides.
    FromImage,
}

/// When the engine starts a container again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never.
    No,
    /// Whenever it ends.
    Always,
    /// When it ends with another exit code than 0.
    OnFailure,
    /// Whenever it ends, unless an operator stopped it.
    UnlessStopped,
}

/// How a container reaches the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// Through the networks it joins.
    Networks,
    /// It has the host's own network.
    Host,
    /// Not at all.
    None,
    /// It shares the network of another service.
    Service(String),
    /// It shares the network of a container.
    Container(String),
    /// By a word this program does not know.
    Other(String),
}

/// Why the output of `docker compose config` could not be read.
///
/// It tells where the trouble is and never quotes the document, which is full of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeModelError {
    /// It is not JSON of the expected shape.
    #[error("the resolved compose model cannot be read: unexpected content at line {line}, column {column}")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A value of a service has no meaning here.
    #[error("the resolved compose model cannot be read: service {service:?} has an unexpected {field}")]
    Value {
        /// The service.
        service: String,
        /// The key of the service that holds the value.
        field: &'static str,
    },
}

impl ComposeModel {
    /// Reads the JSON that `docker compose config --format json` prints.
    ///
    /// # Errors
    /// If it is not JSON, or not shaped like a Compose model.
    pub fn from_json(json: &[u8]) -> Result<Self, ComposeModelError> {
        raw::read(json)
    }
}

#[cfg(test)]
mod tests;
