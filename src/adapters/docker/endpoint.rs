//! Which engine is meant: the same rules as the `docker` command, as far as they name a local socket.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::model::secret::Secret;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const DEFAULT_CONTEXT: &str = "default";

/// What the environment says about Docker. Read at the program's edge and handed in.
#[derive(Debug, Clone, Default)]
pub struct EngineSettings {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_CONFIG`, or `.docker` in the home folder.
    pub config_dir: Option<PathBuf>,
    /// What the operator gave to log in to registries with: `OPSCTL_REGISTRY_USER` and `OPSCTL_REGISTRY_PASSWORD`.
    pub login: Option<(String, Secret)>,
}

/// The Unix socket of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEndpoint {
    socket: PathBuf,
}

/// Why no local engine could be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// `DOCKER_HOST` names something else than a Unix socket.
    #[error("DOCKER_HOST is {0:?}, and only local engines (unix:///path/to/docker.sock) can be operated")]
    Host(String),
    /// The context in use names something else than a Unix socket.
    #[error(
        "the docker context {name:?} leads to {host:?}, and only local engines (unix://...) can be operated"
    )]
    RemoteContext {
        /// The context.
        name: String,
        /// Where it leads.
        host: String,
    },
    /// The context in use is not described where the `docker` command would look.
    #[error("the docker context {name:?} is in use, and its description cannot be read at {}", path.display())]
    UnknownContext {
        /// The context.
        name: String,
        /// The file that should describe it.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    endpoints: ContextEndpoints,
}

#[derive(Deserialize)]
struct ContextEndpoints {
    docker: ContextEndpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    host: String,
}

impl EngineSettings {
    /// Picks the settings out of an environment, given as a look-up by name.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            host: set("DOCKER_HOST"),
            context: set("DOCKER_CONTEXT"),
            config_dir: set("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker"))),
            login: set("OPSCTL_REGISTRY_USER").zip(set("OPSCTL_REGISTRY_PASSWORD").map(Secret::new)),
        }
    }

    /// The engine that the `docker` command would talk to: `DOCKER_HOST`, else the context in use, else the default.
    ///
    /// # Errors
    /// If that is not a Unix socket of this machine.
    pub fn endpoint(&self) -> Result<EngineEndpoint, EndpointError> {
        if let Some(host) = &self.host {
            return EngineEndpoint::from_host(host).ok_or_else(|| EndpointError::Host(host.clone()));
        }
        match self.context_in_use() {
            Some(name) => self.endpoint_of_context(name),
            None => Ok(EngineEndpoint { socket: DEFAULT_SOCKET.into() }),
        }
    }

    fn context_in_use(&self) -> Option<String> {
        self.context
            .clone()
            .or_else(|| {
                let text = std::fs::read(self.config_dir.as_ref()?.join("config.json")).ok()?;
                serde_json::from_slice::<ClientConfig>(&text).ok()?.current_context
            })
            .filter(|name| !name.is_empty() && name != DEFAULT_CONTEXT)
    }

    fn endpoint_of_context(&self, name: String) -> Result<EngineEndpoint, EndpointError> {
        let folder = hex::encode(Sha256::digest(name.as_bytes()));
        let config_dir = self.config_dir.clone().unwrap_or_default();
        let path = config_dir.join("contexts/meta").join(folder).join("meta.json");
        let meta =
            std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<ContextMeta>(&text).ok());
        let Some(meta) = meta else { return Err(EndpointError::UnknownContext { name, path }) };
        let host = meta.endpoints.docker.host;
        EngineEndpoint::from_host(&host).ok_or(EndpointError::RemoteContext { name, host })
    }
}

impl EngineEndpoint {
    fn from_host(host: &str) -> Option<Self> {
        let socket = host.strip_prefix("unix://").filter(|path| path.starts_with('/'))?;
        Some(Self { socket: socket.into() })
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The value of `DOCKER_HOST` that makes any child process use this very engine.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_with_context(name: &str, host: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let meta = folder.path().join("contexts/meta").join(hex::encode(Sha256::digest(name)));
        std::fs::create_dir_all(&meta).expect("a folder");
        let described = serde_json::json!({ "Name": name, "Endpoints": { "docker": { "Host": host } } });
        put(&meta.join("meta.json"), &described);
        put(&folder.path().join("config.json"), &serde_json::json!({ "currentContext": name }));
        folder
    }

    fn put(path: &Path, value: &serde_json::Value) {
        let file = std::fs::File::create(path).expect("a file");
        serde_json::to_writer(file, value).expect("written");
    }

    fn settings(folder: &tempfile::TempDir) -> EngineSettings {
        EngineSettings { config_dir: Some(folder.path().into()), ..EngineSettings::default() }
    }

    #[test]
    fn the_default_socket_is_used_where_nothing_is_said() {
        let empty = tempfile::tempdir().expect("a folder");
        let endpoint = settings(&empty).endpoint().expect("an endpoint");
        assert_eq!(endpoint.docker_host(), "unix:///var/run/docker.sock");
    }

    #[test]
    fn docker_host_wins_over_the_context() {
        let folder = config_with_context("far", "tcp://192.0.2.1:2376");
        let chosen = EngineSettings { host: Some("unix:///run/other.sock".to_owned()), ..settings(&folder) };
        assert_eq!(chosen.endpoint().expect("an endpoint").socket(), Path::new("/run/other.sock"));
    }

    #[test]
    fn a_context_with_a_local_socket_is_followed() {
        let folder = config_with_context("rootless", "unix:///run/user/1000/docker.sock");
        let endpoint = settings(&folder).endpoint().expect("an endpoint");
        assert_eq!(endpoint.socket(), Path::new("/run/user/1000/docker.sock"));
    }

    #[test]
    fn remote_engines_are_refused_by_name() {
        let folder = config_with_context("far", "ssh://ops@example.com");
        let error = settings(&folder).endpoint().expect_err("a remote engine").to_string();
        assert!(error.contains("\"far\"") && error.contains("ssh://"), "{error}");
        let remote =
            EngineSettings { host: Some("tcp://192.0.2.1:2375".to_owned()), ..EngineSettings::default() };
        assert!(matches!(remote.endpoint(), Err(EndpointError::Host(_))));
    }

    #[test]
    fn a_context_that_is_not_described_is_an_error_and_not_the_default() {
        let empty = tempfile::tempdir().expect("a folder");
        let lost = EngineSettings { context: Some("gone".to_owned()), ..settings(&empty) };
        assert!(matches!(lost.endpoint(), Err(EndpointError::UnknownContext { .. })));
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let read = EngineSettings::from_environment(|name| match name {
            "HOME" => Some("/home/ops".to_owned()),
            _ => Some(String::new()),
        });
        assert_eq!(read.host, None);
        assert_eq!(read.config_dir, Some(PathBuf::from("/home/ops/.docker")));
    }
}
