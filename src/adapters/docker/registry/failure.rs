//! Why a registry did not give what was asked of it.
//!
//! The engine passes on what went wrong with a registry as text only, some of it with a misleading status: wrong
//! credentials arrive as 500, and a corrupt layer within a stream that began with 200. This is the one place that
//! reads those texts.

use std::time::Duration;

use crate::adapters::docker::room_hint;

/// Why a registry did not give what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryFailure {
    /// It has no such image.
    #[error("the registry has no such image")]
    NotFound,
    /// It has the image, and not for this machine.
    #[error("the image is not built for this machine: {why}")]
    WrongPlatform {
        /// The engine's words.
        why: String,
    },
    /// It wants other credentials than it got, or hides what they may not see.
    #[error("the registry refused access: {why}")]
    Unauthorized {
        /// The engine's words.
        why: String,
    },
    /// It wants fewer questions.
    #[error("the registry refused for now: too many requests")]
    RateLimited {
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
    },
    /// It could not be reached, or stopped answering.
    #[error("the registry cannot be reached: {why}")]
    Unreachable {
        /// How it failed.
        why: String,
    },
    /// It has a problem of its own.
    #[error("the registry failed: {why}")]
    ServerError {
        /// The engine's words.
        why: String,
    },
    /// What it sent is not what its digest says.
    #[error("the registry sent damaged data: {why}")]
    Corrupt {
        /// The engine's words.
        why: String,
    },
    /// The engine has no room for it.
    #[error("the disk of the docker engine is full: {why}")]
    NoSpace {
        /// The engine's words.
        why: String,
    },
    /// Something this program does not know.
    #[error("{why}")]
    Other {
        /// The engine's words.
        why: String,
    },
}

impl RegistryFailure {
    /// Whether trying again soon may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unreachable { .. } | Self::ServerError { .. })
    }

    /// What to do about it.
    pub fn hint(&self, registry: &str) -> Option<String> {
        Some(match self {
            Self::NotFound => {
                "is the version spelled right, and has it been published to this registry?".to_owned()
            }
            Self::WrongPlatform { .. } => "is there a release for this machine's architecture?".to_owned(),
            Self::Unauthorized { .. } => {
                format!(
                    "log in with `docker login {registry}`, and check that the account may read this repository"
                )
            }
            Self::RateLimited { retry_after: Some(wait) } => format!("try again in {} s", wait.as_secs()),
            Self::RateLimited { retry_after: None } => {
                format!("try again later, or log in with `docker login {registry}` for a higher limit")
            }
            Self::Unreachable { .. } => {
                format!(
                    "can this host reach {registry}? a proxy for docker is set in /etc/docker/daemon.json"
                )
            }
            Self::ServerError { .. } => "try again later".to_owned(),
            Self::Corrupt { .. } => "publish the image again; nothing was changed here".to_owned(),
            Self::NoSpace { why } => return room_hint(why).map(str::to_owned),
            Self::Other { .. } => return None,
        })
    }

    /// Reads the engine's answer to a question that it passed on to a registry.
    pub(in crate::adapters::docker) fn from_answer(status: u16, message: &str) -> Self {
        match Self::from_message(message) {
            Self::Other { why } => match status {
                401 | 403 => Self::Unauthorized { why },
                404 => Self::NotFound,
                429 => Self::RateLimited { retry_after: None },
                _ => Self::Other { why },
            },
            known => known,
        }
    }

    /// Reads an error text of the engine that carries no status.
    pub(in crate::adapters::docker) fn from_message(message: &str) -> Self {
        let text = message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let why = || message.trim().to_owned();
        if room_hint(message).is_some() {
            Self::NoSpace { why: why() }
        } else if says(&["toomanyrequests", "too many requests", "status: 429", "rate limit"]) {
            Self::RateLimited { retry_after: None }
        } else if says(&[
            "unauthorized",
            "authentication required",
            "no basic auth",
            "denied",
            "docker login",
            "forbidden",
        ]) {
            Self::Unauthorized { why: why() }
        } else if says(&["no matching manifest", "does not match the specified platform"]) {
            Self::WrongPlatform { why: why() }
        } else if says(&[
            "manifest unknown",
            "name unknown",
            "not found: manifest",
            "repository name not known",
        ]) {
            Self::NotFound
        } else if says(&[
            "verification failed",
            "does not match",
            "digest mismatch",
            "unexpected eof in",
            "invalid checksum",
        ]) {
            Self::Corrupt { why: why() }
        } else if says(&[
            "500 internal",
            "502 bad",
            "503 service",
            "504 gateway",
            "received unexpected http status: 5",
        ]) {
            Self::ServerError { why: why() }
        } else if says(&[
            "connection refused",
            "no such host",
            "i/o timeout",
            "timeout exceeded",
            "tls handshake",
            "connection reset",
            "network is unreachable",
            "no route to host",
            "unexpected eof",
            "eof",
            "temporary failure",
            "context deadline",
            "request canceled",
            "server misbehaving",
            "certificate",
        ]) {
            Self::Unreachable { why: why() }
        } else {
            Self::Other { why: why() }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(500, "Get \"http://127.0.0.1:5000/v2/\": unauthorized: authentication required", "Unauthorized")]
    #[case(500, "Get \"http://127.0.0.1:5000/v2/\": no basic auth credentials", "Unauthorized")]
    #[case(
        404,
        "pull access denied for team/x, repository does not exist or may require 'docker login'",
        "Unauthorized"
    )]
    #[case(404, "manifest unknown: manifest unknown", "NotFound")]
    #[case(404, "something new", "NotFound")]
    #[case(
        500,
        "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
        "Unreachable"
    )]
    #[case(500, "Get \"https://example.com/v2/\": net/http: TLS handshake timeout", "Unreachable")]
    #[case(500, "toomanyrequests: You have reached your pull rate limit.", "RateLimited")]
    #[case(429, "slow down", "RateLimited")]
    #[case(500, "received unexpected HTTP status: 429 Too Many Requests", "RateLimited")]
    #[case(
        500,
        "Get \"http://127.0.0.1:24290/v2/\": dial tcp 127.0.0.1:24290: connect: connection refused",
        "Unreachable"
    )]
    #[case(500, "received unexpected HTTP status: 503 Service Unavailable", "ServerError")]
    #[case(500, "write /var/lib/docker/tmp/x: no space left on device", "NoSpace")]
    #[case(500, "filesystem layer verification failed for digest sha256:12", "Corrupt")]
    #[case(500, "no matching manifest for linux/arm64/v8 in the manifest list entries", "WrongPlatform")]
    #[case(500, "an answer nobody has seen before", "Other")]
    fn the_engine_s_words_are_understood(#[case] status: u16, #[case] message: &str, #[case] expected: &str) {
        let failure = format!("{:?}", RegistryFailure::from_answer(status, message));
        assert!(failure.starts_with(expected), "{failure}");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for message in ["connection refused", "toomanyrequests", "503 Service Unavailable"] {
            assert!(RegistryFailure::from_message(message).is_transient(), "{message}");
        }
        for message in
            ["unauthorized", "manifest unknown", "verification failed", "no space left on device", "new"]
        {
            assert!(!RegistryFailure::from_message(message).is_transient(), "{message}");
        }
    }
}
