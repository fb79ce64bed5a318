//! The product's own preflight: inside a container that runs, or in one of its own.

use std::time::Duration;

use super::{ComposeServices, fault};
use crate::adapters::docker::{
    Container, ContainerFilter, ExecCommand, LABEL_PROJECT, LABEL_ROLE, Removal, ToolContainer,
};
use crate::adapters::tool_output::{Stdin, ToolError, ToolOutput};
use crate::error::Fault;
use crate::profile::Preflight;

/// Longest output that is held in memory.
const MOST_OUTPUT: usize = 1 << 20;

/// What the containers of a preflight are labelled to be for.
pub const PREFLIGHT_ROLE: &str = "preflight";

/// How long a container that has ended may wait for the one that started it to remove it.
const SOON_REMOVED: Duration = Duration::from_secs(15);

impl ComposeServices {
    /// Runs it inside a container of the API.
    ///
    /// # Errors
    /// When it fails, with what it said as evidence, or cannot run.
    pub async fn preflight_inside(
        &self,
        preflight: &Preflight,
        container: &Container,
    ) -> Result<String, Fault> {
        let command = ExecCommand { argv: preflight.command.clone(), environment: Vec::new(), user: None };
        self.outcome(preflight, self.engine.exec(&container.id, command, Stdin::Empty).await).await
    }

    /// Runs it in a container of its own, which is gone afterwards.
    ///
    /// # Errors
    /// As [`Self::preflight_inside`].
    pub async fn preflight_alone(&self, preflight: &Preflight, tool: ToolContainer) -> Result<String, Fault> {
        self.outcome(preflight, self.engine.run_tool(tool, Stdin::Empty).await).await
    }

    /// Removes what a preflight that was killed left: a container that ended, and nobody came to remove it, or one that outlives
    /// every limit of a check. Those of a preflight that is at work are left.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn clear_preflights(&self, longest: Duration) -> Result<(), Fault> {
        let filter = ContainerFilter::Label(LABEL_PROJECT, &self.project);
        let found = self.engine.containers(filter).await.map_err(|error| fault(&error))?;
        let now = jiff::Timestamp::now();
        let is_left = |container: &&Container| {
            let (since, limit) = if container.is_running() {
                (container.started_at, longest)
            } else {
                (container.finished_at.or(container.created_at), SOON_REMOVED)
            };
            let age = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
            container.labels.get(LABEL_ROLE).is_some_and(|role| role == PREFLIGHT_ROLE)
                && age.is_some_and(|age| age > limit)
        };
        for container in found.iter().filter(is_left) {
            match self.engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await {
                Err(error) if !error.is_not_found() => return Err(fault(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn outcome(
        &self,
        preflight: &Preflight,
        begun: Result<ToolOutput, ToolError>,
    ) -> Result<String, Fault> {
        let ran = match begun {
            Ok(running) => running.collect("preflight", MOST_OUTPUT, preflight.timeout).await,
            Err(error) => Err(error),
        };
        let (output, exit) =
            ran.map_err(|error| Fault::caused_by("the product's own preflight could not run", &error))?;
        if exit.success() {
            return Ok("the product's own preflight passed".to_owned());
        }
        let said = format!("{}\n{}", String::from_utf8_lossy(&output), exit.stderr);
        Err(Fault::new(format!("the product's own preflight failed with {}", exit.status))
            .evidence(self.shown(said.lines().map(str::to_owned))))
    }
}
