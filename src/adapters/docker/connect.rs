//! Reaching the engine, and what it says of itself.

use std::future::Future;
use std::time::{Duration, Instant};

use bollard::errors::Error as EngineError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};

use super::error::DockerError;
use super::{ANSWER_LIMIT, Engine, EngineEndpoint, EngineFacts, EngineSettings};

/// Docker Engine 20.10: the first whose wait, attach and one-off behaviour this program relies on.
const OLDEST_API: (usize, usize, &str) = (1, 41, "1.41");

impl Engine {
    /// Connects to the engine that the `docker` command would use, and agrees on an API version.
    ///
    /// # Errors
    /// If the environment names a remote engine, nothing answers, the socket may not be used, or the engine is too old.
    pub async fn connect(settings: &EngineSettings) -> Result<Self, DockerError> {
        Self::connect_to(settings.endpoint()?).await
    }

    /// Connects to the engine at a socket.
    ///
    /// # Errors
    /// As [`Engine::connect`].
    pub async fn connect_to(endpoint: EngineEndpoint) -> Result<Self, DockerError> {
        let socket = endpoint.socket().display().to_string();
        let doing = || "reach docker".to_owned();
        let failed = |error: &EngineError| DockerError::from_engine(doing(), &socket, error);
        let docker = Docker::connect_with_unix(&socket, ANSWER_LIMIT.as_secs(), API_DEFAULT_VERSION)
            .map_err(|error| failed(&error))?
            .with_request_modifier(with_url_safe_credentials);
        let negotiated = tokio::time::timeout(ANSWER_LIMIT, docker.negotiate_version())
            .await
            .map_err(|_| DockerError::TimedOut { doing: doing(), limit: ANSWER_LIMIT })?;
        let docker = negotiated.map_err(|error| failed(&error))?;
        let agreed = docker.client_version();
        let (major, minor, needed) = OLDEST_API;
        if (agreed.major_version, agreed.minor_version) < (major, minor) {
            return Err(DockerError::TooOld { found: agreed.to_string(), needed });
        }
        Ok(Self { docker, endpoint })
    }

    /// The socket in use; child processes must be given its [`EngineEndpoint::docker_host`], to reach the same engine.
    pub fn endpoint(&self) -> &EngineEndpoint {
        &self.endpoint
    }

    /// What the engine says of itself and its host.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn facts(&self) -> Result<EngineFacts, DockerError> {
        let info = self.ask("read what docker says of itself", self.docker.info()).await?;
        let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let version = |version: bollard::models::SystemInfoCgroupVersionEnum| version.to_string();
        let more = [
            ("operating system", info.operating_system),
            ("kernel", info.kernel_version),
            ("cgroup version", info.cgroup_version.map(version)),
            ("logging driver", info.logging_driver),
            ("default runtime", info.default_runtime),
            ("live restore", info.live_restore_enabled.map(|on| on.to_string())),
            ("security options", info.security_options.map(|options| options.join(" "))),
            ("warnings", info.warnings.map(|warnings| warnings.join("; "))),
        ];
        let said = |(name, value): (&str, Option<String>)| {
            value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value))
        };
        Ok(EngineFacts {
            version: info.server_version.unwrap_or_default(),
            api_version: self.docker.client_version().to_string(),
            root_dir: info.docker_root_dir.unwrap_or_default().into(),
            storage_driver: info.driver.unwrap_or_default(),
            architecture: info.architecture.unwrap_or_default(),
            memory: count(info.mem_total),
            processors: count(info.ncpu),
            more: more.into_iter().filter_map(said).collect(),
        })
    }

    pub(super) async fn ask<T>(
        &self,
        doing: impl Into<String>,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, DockerError> {
        self.ask_within(ANSWER_LIMIT, doing, call).await
    }

    pub(super) async fn ask_within<T>(
        &self,
        limit: Duration,
        doing: impl Into<String>,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, DockerError> {
        let (doing, began) = (doing.into(), Instant::now());
        let answered = tokio::time::timeout(limit, call).await;
        log::debug!("docker: {doing}: {:.3} s", began.elapsed().as_secs_f64());
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(doing, &error)),
            Err(_) => Err(DockerError::TimedOut { doing, limit }),
        }
    }

    pub(super) fn failed(&self, doing: impl Into<String>, error: &EngineError) -> DockerError {
        DockerError::from_engine(doing.into(), &self.endpoint.socket().display().to_string(), error)
    }
}

/// The engine reads registry credentials as URL-safe base64 and takes anything else for no credentials at all,
/// while the client library writes the standard alphabet: a password with `~` or `?` would silently not be used.
fn with_url_safe_credentials(mut request: BollardRequest) -> BollardRequest {
    let headers = request.headers_mut();
    for name in ["x-registry-auth", "x-registry-config"] {
        let safe = headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.replace('+', "-").replace('/', "_").try_into().ok());
        if let Some(safe) = safe {
            headers.insert(name, safe);
        }
    }
    request
}
