//! The `docker compose` command, for what only it can do: resolve the model, and make containers from it.
//!
//! Everything else is done through the Engine API. Compose is given an environment under control: what it inherits,
//! what is kept from it and what is set is decided by the caller, and it always talks to the engine that opsctl uses.

pub mod at_work;
mod create;
mod discovery;
mod error;
mod version;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::docker::EngineEndpoint;
use super::process::{HostCommand, Inherited};
use super::tool_output::{Stdin, ToolError};
use crate::model::compose_model::ComposeModel;
use crate::model::secret::Secret;

pub use create::{OneOff, Recreate, Up};
pub use discovery::{ComposeProject, FileSelection};
pub use error::ComposeError;
pub use version::ComposeVersion;

/// Variables that would make Compose look elsewhere than the arguments say.
const BLOCKED: &[&str] = &[
    "COMPOSE_FILE",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_ENV_FILES",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
];

/// How long resolving the model may take: it only reads files.
const CONFIG_LIMIT: Duration = Duration::from_mins(1);

/// A resolved model is a few hundred kilobytes at the very most.
const MOST_OUTPUT: usize = 16 * 1024 * 1024;

/// Takes secrets out of a text that Compose wrote: it quotes lines of `.env`.
pub type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The `docker compose` command for one project.
#[derive(Clone)]
pub struct Compose {
    project: ComposeProject,
    environment: ComposeEnvironment,
    docker_host: String,
    redact: Redact,
    at_work: PathBuf,
}

/// What Compose has of an environment, beyond what this adapter sets and blocks itself.
#[derive(Debug, Clone, Default)]
pub struct ComposeEnvironment {
    /// Variables of this process that Compose must not see: they would win over `.env`.
    pub blocked: Vec<String>,
    /// Variables set for Compose; they win over `.env` too.
    pub set: Vec<(String, Secret)>,
}

impl Compose {
    /// The command for a project, on the engine at `endpoint`. As long as it changes containers it has the file `at_work` open,
    /// whoever waits for it.
    pub fn new(
        project: ComposeProject,
        environment: ComposeEnvironment,
        endpoint: &EngineEndpoint,
        redact: Redact,
        at_work: PathBuf,
    ) -> Self {
        Self { project, environment, docker_host: endpoint.docker_host(), redact, at_work }
    }

    /// The same command with another environment, such as another version variable.
    #[must_use]
    pub fn with_environment(&self, environment: ComposeEnvironment) -> Self {
        Self { environment, ..self.clone() }
    }

    /// The project it is for.
    pub fn project(&self) -> &ComposeProject {
        &self.project
    }

    /// The command as a person types it, up to what Compose is to do.
    pub fn typed(&self) -> Vec<String> {
        let options =
            self.project.options(&[]).into_iter().map(|option| option.to_string_lossy().into_owned());
        ["docker".to_owned(), "compose".to_owned()].into_iter().chain(options).collect()
    }

    /// The model with all variables filled in. It holds every secret of the install.
    ///
    /// # Errors
    /// If Compose does not accept the files, or its output is not a model.
    pub async fn resolve(&self) -> Result<ComposeModel, ComposeError> {
        Ok(ComposeModel::from_json(&self.resolve_whole().await?)?)
    }

    /// The same as the JSON that Compose prints, with all that opsctl has no use for. It holds every secret of the install.
    ///
    /// # Errors
    /// If Compose does not accept the files.
    pub async fn resolve_whole(&self) -> Result<Vec<u8>, ComposeError> {
        self.ask("resolve the model", ["config", "--format", "json"]).await
    }

    /// What Compose knows a service's description by: a container that was made from it has this as a label.
    ///
    /// # Errors
    /// If Compose does not accept the files, or knows no such service.
    pub async fn hash_of(&self, service: &str) -> Result<String, ComposeError> {
        let output = self.ask("hash a service", ["config", "--hash", service]).await?;
        let output = String::from_utf8_lossy(&output);
        Ok(output.split_whitespace().nth(1).unwrap_or_default().to_owned())
    }

    /// Lets Compose read the project's files.
    async fn ask<const N: usize>(
        &self,
        doing: &'static str,
        arguments: [&str; N],
    ) -> Result<Vec<u8>, ComposeError> {
        self.run(doing, self.command(&[], arguments), CONFIG_LIMIT).await
    }

    /// Lets Compose change containers, and be seen at work for as long as it does.
    async fn change<'a>(
        &self,
        doing: &'static str,
        overrides: &[PathBuf],
        arguments: impl IntoIterator<Item = &'a str>,
        limit: Duration,
    ) -> Result<Vec<u8>, ComposeError> {
        let mut command = self.command(overrides, arguments);
        let unmarked = |source| ComposeError::Unmarked { doing, path: self.at_work.clone(), source };
        command.empty_input = Some(at_work::mark(&self.at_work).map_err(unmarked)?);
        self.run(doing, command, limit).await
    }

    /// Compose with the project's own options, `overrides` as the last files, then `arguments`.
    fn command<'a>(
        &self,
        overrides: &[PathBuf],
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> HostCommand {
        let mut command = HostCommand::new("docker", ["compose", "--ansi", "never"]);
        command.arguments.extend(self.project.options(overrides));
        command.arguments.extend(arguments.into_iter().map(OsString::from));
        command.directory = Some(self.project.directory.clone());
        let blocked = BLOCKED.iter().map(ToString::to_string).chain(self.environment.blocked.iter().cloned());
        command.inherited = Inherited::AllBut(blocked.collect());
        command.set.clone_from(&self.environment.set);
        command.set.push(("DOCKER_HOST".to_owned(), Secret::new(self.docker_host.clone())));
        command
    }

    async fn run(
        &self,
        doing: &'static str,
        command: HostCommand,
        limit: Duration,
    ) -> Result<Vec<u8>, ComposeError> {
        let shown: Vec<_> = command.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        log::debug!("run: docker {}", shell_words::join(shown));
        let (output, exit) = match command.start(Stdin::Empty) {
            Ok(running) => running.collect("docker compose", MOST_OUTPUT, limit).await,
            Err(error) => Err(error),
        }
        .map_err(|source| not_run(doing, source))?;
        if exit.success() {
            return Ok(output);
        }
        let said = (self.redact)(&exit.stderr);
        Err(ComposeError::Failed { doing, status: exit.status, said })
    }
}

fn not_run(doing: &'static str, source: ToolError) -> ComposeError {
    match source {
        ToolError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ComposeError::NoDocker
        }
        ToolError::TimedOut { limit, .. } => ComposeError::TimedOut { doing, limit },
        source => ComposeError::NotRun { doing, source },
    }
}

impl fmt::Debug for Compose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Compose")
            .field("project", &self.project)
            .field("environment", &self.environment)
            .field("docker_host", &self.docker_host)
            .finish_non_exhaustive()
    }
}
