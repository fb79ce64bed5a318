//! Containers that run one tool for an operation and are gone afterwards.
//!
//! They carry labels, so that one that outlives this process is found again by [`super::ContainerFilter::Operation`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use futures_util::FutureExt;

use super::multiplexed::stdout_of;
use super::{ContainerId, DockerError, Engine, LABEL_OPERATION, LABEL_PROJECT, LABEL_ROLE, Removal};
use crate::adapters::tool_output::{Pump, StderrTail, Stdin, ToolError, ToolExit, ToolOutput, ToolStatus};
use crate::model::image_ref::ImageId;
use crate::model::secret::Secret;

/// How long a container may go on running behind the end of its output before the connection counts as lost.
const END_GRACE: Duration = Duration::from_secs(30);

/// A tool to run in a container of its own.
#[derive(Debug, Clone)]
pub struct ToolContainer {
    /// The image that holds the tool.
    pub image: ImageId,
    /// The container's name; the engine makes one up if none is given.
    pub name: Option<String>,
    /// The operation it belongs to, by its id.
    pub operation: String,
    /// The Compose project that the operation is on.
    pub project: String,
    /// What it is for within the operation.
    pub role: String,
    /// The program and its arguments. The image's own entry point is not used.
    pub argv: Vec<String>,
    /// Its environment, on top of the image's.
    pub environment: Vec<(String, Secret)>,
    /// The user to run as, `UID[:GID]` or a name of the image; the image's own if none is given.
    pub user: Option<String>,
    /// What of the host it sees.
    pub binds: Vec<Bind>,
    /// How it reaches the network.
    pub network: ToolNetwork,
}

/// A folder or file of the host within a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The path on the host.
    pub source: PathBuf,
    /// The path within the container.
    pub target: String,
    /// Whether it may be written to.
    pub access: BindAccess,
}

/// Whether a bound path may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindAccess {
    /// Reading only.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// How a tool reaches the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolNetwork {
    /// As that container does: its addresses, its loopback.
    Of(ContainerId),
    /// Through a network of the engine, by name or id.
    Named(String),
    /// As the host does.
    Host,
    /// Not at all.
    None,
}

impl Engine {
    /// Runs a tool in a container of its own. The container is removed when the tool has been waited for, or when
    /// the result is dropped.
    ///
    /// # Errors
    /// If the image is not there, or the container cannot be made or started.
    pub async fn run_tool(&self, tool: ToolContainer, stdin: Stdin) -> Result<ToolOutput, ToolError> {
        let program = tool.argv.first().cloned().unwrap_or_default();
        let options =
            tool.name.as_ref().map(|name| CreateContainerOptionsBuilder::default().name(name).build());
        let body = tool.body(&stdin);
        let doing = format!("make a container for {program}");
        let created = self.ask(doing, self.docker.create_container(options, body)).await?;
        let id: ContainerId = created.id.parse().map_err(|_| DockerError::Broken {
            doing: format!("make a container for {program}"),
            why: "docker's answer lacks its id".to_owned(),
        })?;
        let mut cleanup = Cleanup { engine: self.clone(), id: Some(id.clone()) };
        match self.attach_and_start(&id, &program, stdin, cleanup.clone_disarmed()).await {
            Ok(output) => {
                cleanup.id = None;
                Ok(output)
            }
            Err(error) => {
                cleanup.remove().await?;
                Err(error)
            }
        }
    }

    async fn attach_and_start(
        &self,
        id: &ContainerId,
        program: &str,
        stdin: Stdin,
        mut cleanup: Cleanup,
    ) -> Result<ToolOutput, ToolError> {
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(matches!(stdin, Stdin::From(_)))
            .stdout(true)
            .stderr(true)
            .build();
        let doing = format!("attach to the container of {program}");
        let attached = self.ask(doing, self.docker.attach_container(id.as_str(), Some(options))).await?;
        self.start(id).await?;
        cleanup.id = Some(id.clone());
        let pump = match stdin {
            Stdin::Empty => Pump::idle(),
            Stdin::From(source) => {
                let (engine, id) = (self.clone(), id.clone());
                let kill = async move {
                    let _ended_already = engine.kill(&id, "SIGKILL").await;
                };
                Pump::start(source, attached.input, move || kill.boxed())
            }
        };
        let tail = StderrTail::default();
        let stdout = stdout_of(attached.output, tail.clone());
        Ok(ToolOutput::new(stdout, ending(program.to_owned(), cleanup, pump, tail)))
    }
}

async fn ending(
    program: String,
    mut cleanup: Cleanup,
    pump: Pump,
    tail: StderrTail,
) -> Result<ToolExit, ToolError> {
    let Some(id) = cleanup.id.clone() else {
        return Err(ToolError::OutputLost { program, waited: Duration::ZERO });
    };
    let waited = cleanup.engine.wait(&id, END_GRACE).await;
    let pumped = pump.outcome().await;
    cleanup.remove().await?;
    pumped.map_err(|source| ToolError::Input { program: program.clone(), source })?;
    let code = waited.map_err(|error| match error {
        DockerError::TimedOut { limit, .. } => ToolError::OutputLost { program, waited: limit },
        error => ToolError::Docker(error),
    })?;
    Ok(ToolExit { status: ToolStatus::Exited(code), stderr: tail.text() })
}

impl ToolContainer {
    fn body(&self, stdin: &Stdin) -> ContainerCreateBody {
        let feeds = matches!(stdin, Stdin::From(_));
        let (program, arguments) = match self.argv.split_first() {
            Some((program, arguments)) => (vec![program.clone()], arguments.to_vec()),
            None => (Vec::new(), Vec::new()),
        };
        ContainerCreateBody {
            image: Some(self.image.to_string()),
            entrypoint: Some(program),
            cmd: Some(arguments),
            env: Some(
                self.environment.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect(),
            ),
            user: self.user.clone(),
            labels: Some(HashMap::from([
                (LABEL_OPERATION.to_owned(), self.operation.clone()),
                (LABEL_PROJECT.to_owned(), self.project.clone()),
                (LABEL_ROLE.to_owned(), self.role.clone()),
            ])),
            attach_stdin: Some(feeds),
            open_stdin: Some(feeds),
            stdin_once: Some(feeds),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            // The image's own check is for what the image usually runs.
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            host_config: Some(HostConfig {
                binds: Some(self.binds.iter().map(Bind::option).collect()),
                network_mode: Some(self.network.mode()),
                // What a tool prints is data, and may be as large as the database.
                log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

impl Bind {
    fn option(&self) -> String {
        let access = match self.access {
            BindAccess::ReadOnly => "ro",
            BindAccess::ReadWrite => "rw",
        };
        format!("{}:{}:{access}", self.source.display(), self.target)
    }
}

impl ToolNetwork {
    fn mode(&self) -> String {
        match self {
            Self::Of(container) => format!("container:{container}"),
            Self::Named(name) => name.clone(),
            Self::Host => "host".to_owned(),
            Self::None => "none".to_owned(),
        }
    }
}

/// Removes the container: in order by [`Cleanup::remove`], or in the background when dropped before.
struct Cleanup {
    engine: Engine,
    id: Option<ContainerId>,
}

impl Cleanup {
    fn clone_disarmed(&self) -> Self {
        Self { engine: self.engine.clone(), id: None }
    }

    async fn remove(&mut self) -> Result<(), DockerError> {
        let Some(id) = self.id.clone() else { return Ok(()) };
        self.engine.remove(&id, Removal::KilledWithAnonymousVolumes).await?;
        self.id = None;
        Ok(())
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let engine = self.engine.clone();
        runtime.spawn(async move {
            let _found_by_label_later = engine.remove(&id, Removal::KilledWithAnonymousVolumes).await;
        });
    }
}
