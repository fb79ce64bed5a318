//! What can go wrong with Compose, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::version::{ComposeVersion, OLDEST};
use crate::adapters::docker::room_hint;
use crate::adapters::tool_output::{ToolError, ToolStatus};
use crate::model::compose_model::ComposeModelError;

/// A run of Compose that failed, or could not be.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// There is no `docker` command.
    #[error("there is no `docker` command in PATH")]
    NoDocker,
    /// There is a `docker` command without Compose.
    #[error("`docker compose` is not installed")]
    NoPlugin,
    /// There is only the old, separate command.
    #[error("only the old `docker-compose` {version} is installed, which cannot read current compose files")]
    OnlyVersionOne {
        /// What it says of itself.
        version: String,
    },
    /// Compose is older than what this program needs.
    #[error("docker compose is {found}, and at least {OLDEST} is needed")]
    TooOld {
        /// What is there.
        found: ComposeVersion,
    },
    /// It failed.
    #[error("failed to {doing}: docker compose ended with {status}: {said}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// How it ended.
        status: ToolStatus,
        /// The end of what it wrote to standard error, redacted.
        said: String,
    },
    /// It did not end in time and was killed, with all that it had started.
    #[error("failed to {doing}: docker compose did not end within {} s", limit.as_secs())]
    TimedOut {
        /// What was being done.
        doing: &'static str,
        /// The time it had.
        limit: Duration,
    },
    /// It could not be run, or its output was lost.
    #[error("failed to {doing}")]
    NotRun {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// It was not run, because it would not be known to be at work.
    #[error("failed to {doing}: could not lock {}", path.display())]
    Unmarked {
        /// What was to be done.
        doing: &'static str,
        /// The file by which it would be known.
        path: PathBuf,
        /// The file system's answer.
        #[source]
        source: io::Error,
    },
    /// It printed something that is not a model.
    #[error(transparent)]
    Model(#[from] ComposeModelError),
    /// It made a container and did not say which.
    #[error("docker compose made the container {name} and did not tell its id")]
    NoContainerId {
        /// The container's name.
        name: String,
    },
}

impl ComposeError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoDocker => Some("install Docker Engine and its command line, `docker`"),
            Self::NoPlugin | Self::OnlyVersionOne { .. } | Self::TooOld { .. } => Some(
                "install the package docker-compose-plugin (or docker-compose-v2), then run `docker compose version`",
            ),
            // Compose only passes on what the engine says.
            Self::Failed { said, .. } => room_hint(said)
                .or(Some("does `docker compose config --quiet` in the install's folder accept the files?")),
            Self::TimedOut { .. } => {
                Some("is the docker daemon overloaded or stuck? see `journalctl -u docker`")
            }
            Self::Unmarked { .. } | Self::NotRun { .. } | Self::Model(_) | Self::NoContainerId { .. } => None,
        }
    }
}
