//! The product's own preflight: inside a container that runs, or in one of its own.

use super::ComposeServices;
use crate::adapters::docker::{Container, ExecCommand, ToolContainer};
use crate::adapters::tool_output::{Stdin, ToolError, ToolOutput};
use crate::error::Fault;
use crate::profile::Preflight;

/// Longest output that is held in memory.
const MOST_OUTPUT: usize = 1 << 20;

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
