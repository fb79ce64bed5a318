//! What can go wrong between this program and the engine, and what to do about it.

use std::io;
use std::time::Duration;

use bollard::errors::Error as EngineError;

use super::EndpointError;

/// What to do where the engine has no room left.
const MAKE_ROOM: &str = "make room on the disk that Docker keeps its data on: `docker system df` shows what takes it, \
                         `docker info --format '{{.DockerRootDir}}'` where it is";

/// What to do about words of the engine, if they say that its disk is full: they come with no status of their own.
pub fn room_hint(words: &str) -> Option<&'static str> {
    words.to_ascii_lowercase().contains("no space left").then_some(MAKE_ROOM)
}

/// A question or command to the engine that failed.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// No local engine is named by the environment.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing answers at the socket.
    #[error("docker is not running: nothing answers at {socket}")]
    NotRunning {
        /// The socket's path.
        socket: String,
    },
    /// The socket may not be used by this user.
    #[error("this user may not use the docker socket {socket}")]
    PermissionDenied {
        /// The socket's path.
        socket: String,
    },
    /// The engine is older than what this program needs.
    #[error("the docker engine speaks API version {found}, and at least {needed} is needed")]
    TooOld {
        /// What the engine speaks.
        found: String,
        /// The least that will do.
        needed: &'static str,
    },
    /// What was asked for does not exist.
    #[error("failed to {doing}: {message}")]
    NotFound {
        /// What was being done.
        doing: String,
        /// The engine's words.
        message: String,
    },
    /// It is in use, or exists already.
    #[error("failed to {doing}: {message}")]
    Conflict {
        /// What was being done.
        doing: String,
        /// The engine's words.
        message: String,
    },
    /// The engine did not answer in time.
    #[error("failed to {doing}: docker did not answer within {} s", limit.as_secs())]
    TimedOut {
        /// What was being done.
        doing: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The engine refused, with a reason.
    #[error("failed to {doing}: docker answered {status}: {message}")]
    Refused {
        /// What was being done.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The connection broke, or carried something unexpected.
    #[error("failed to {doing}: {why}")]
    Broken {
        /// What was being done.
        doing: String,
        /// How it broke.
        why: String,
    },
}

impl DockerError {
    /// What to do about it: a command to run, or a question.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Endpoint(_) => {
                "unset DOCKER_HOST and run `docker context use default`, or run opsctl on the engine's own host"
                    .to_owned()
            }
            Self::NotRunning { .. } => {
                "start it with `systemctl start docker`; if it runs elsewhere, set DOCKER_HOST=unix:///path/to/docker.sock"
                    .to_owned()
            }
            Self::PermissionDenied { .. } => {
                "run opsctl as root, or add the user to the group with `usermod -aG docker USER` and log in again"
                    .to_owned()
            }
            Self::TooOld { .. } => "update Docker Engine to 20.10 or newer".to_owned(),
            Self::TimedOut { .. } => "is the docker daemon overloaded or stuck? see `journalctl -u docker`".to_owned(),
            Self::Broken { .. } => "did the docker daemon restart? see `journalctl -u docker`".to_owned(),
            Self::Refused { message, .. } => return room_hint(message).map(str::to_owned),
            Self::NotFound { .. } | Self::Conflict { .. } => return None,
        })
    }

    /// Whether it failed because the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(super) fn from_engine(doing: String, socket: &str, error: &EngineError) -> Self {
        match error {
            EngineError::DockerResponseServerError { status_code, message } => {
                Self::from_status(doing, *status_code, message.clone())
            }
            EngineError::RequestTimeoutError => Self::TimedOut { doing, limit: super::ANSWER_LIMIT },
            EngineError::SocketNotFoundError(_) => Self::NotRunning { socket: socket.to_owned() },
            other => match io_kind(other) {
                Some(io::ErrorKind::PermissionDenied) => Self::PermissionDenied { socket: socket.to_owned() },
                Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                    Self::NotRunning { socket: socket.to_owned() }
                }
                _ => Self::Broken { doing, why: chain(other) },
            },
        }
    }

    fn from_status(doing: String, status: u16, message: String) -> Self {
        match status {
            404 => Self::NotFound { doing, message },
            409 => Self::Conflict { doing, message },
            _ => Self::Refused { doing, status, message },
        }
    }
}

/// The kind of the first I/O error among the causes.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// The error and its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
