//! The Docker Engine API.
//!
//! [`Engine`] is a connection that was proven to answer. Its methods are grouped by what they deal with: containers,
//! images, registries, tools. Every call has a time limit of its own, and every error says what was being done.

#![expect(clippy::disallowed_types, reason = "this is the adapter for the Docker Engine")]

mod connect;
mod container;
mod credentials;
mod endpoint;
mod error;
mod events;
mod exec;
mod image;
mod lifecycle;
mod list;
mod logs;
mod multiplexed;
mod network;
mod pull;
mod registry;
mod server;
mod tool;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use container::{
    Container, ContainerId, ContainerIdError, ContainerKind, ContainerState, Health, HealthProbe,
    NetworkAccess, PortBinding,
};
pub use credentials::{CredentialError, CredentialSource, Credentials};
pub use endpoint::{EndpointError, EngineEndpoint, EngineSettings};
pub use error::{DockerError, room_hint};
pub use events::{Event, EventLimits};
pub use exec::ExecCommand;
pub use image::{Image, ImageRemoval};
pub use lifecycle::{Removal, Restart};
pub use list::ContainerFilter;
pub use logs::{LogLimits, LogLine, LogPieces, LogSpan, LogStream, LogTail};
pub use pull::{PullError, PullLimits, PullProgress};
pub use registry::{Platform, RegistryFailure, Resolution};
pub use server::ScratchServer;
pub use tool::{Bind, BindAccess, ToolContainer, ToolNetwork};

/// The label that names the operation a container was made for.
pub const LABEL_OPERATION: &str = "opsctl.operation";
/// The label that says what a container is for within its operation.
pub const LABEL_ROLE: &str = "opsctl.role";
/// The label that names the Compose project a tool works for: identifiers of operations are an install's own.
pub const LABEL_PROJECT: &str = "opsctl.project";

/// How long the engine may take to answer an ordinary question.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// A Docker Engine that answered, at the API version that both sides know.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: bollard::Docker,
    endpoint: EngineEndpoint,
}

/// What the engine says of itself and its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// The engine's version, such as `28.5.1`.
    pub version: String,
    /// The API version in use, such as `1.41`.
    pub api_version: String,
    /// Where images, volumes and containers lie on the host.
    pub root_dir: PathBuf,
    /// The storage driver, such as `overlay2`.
    pub storage_driver: String,
    /// The host's architecture, such as `x86_64`.
    pub architecture: String,
    /// The host's memory in bytes.
    pub memory: u64,
    /// The host's processors.
    pub processors: u64,
    /// What else tells one engine from another: name to value, such as `cgroup version` to `2`.
    pub more: BTreeMap<String, String>,
}
