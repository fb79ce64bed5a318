//! A program of the product's image that prints a secret, such as a key in a form that only the product knows.

use std::time::Duration;

use crate::adapters::docker::{Engine, ToolContainer, ToolNetwork};
use crate::adapters::tool_output::Stdin;
use crate::error::Fault;
use crate::model::image_ref::ImageId;
use crate::model::secret::Secret;

/// How long it may take.
const LIMIT: Duration = Duration::from_mins(1);

/// More than any key has.
const MOST: usize = 16 * 1024;

/// Runs programs of one image.
pub struct ImageProgram {
    /// The engine that has it.
    pub engine: Engine,
    /// The image.
    pub image: ImageId,
    /// The operation that the containers are labelled with.
    pub operation: String,
    /// The Compose project that the operation is on.
    pub project: String,
}

impl ImageProgram {
    /// What a program prints: one line. It sees neither the network nor the install, and what it prints goes into no log.
    pub async fn output(&self, command: &[String]) -> Result<Secret, Fault> {
        let program = command.first().map_or("", String::as_str);
        let failed = |error: &dyn std::error::Error| {
            Fault::caused_by(format!("{program} could not be run in the product's image"), error)
        };
        let tool = ToolContainer {
            image: self.image.clone(),
            name: None,
            operation: self.operation.clone(),
            project: self.project.clone(),
            role: "generate".to_owned(),
            argv: command.to_vec(),
            environment: Vec::new(),
            user: None,
            binds: Vec::new(),
            network: ToolNetwork::None,
        };
        let running = self.engine.run_tool(tool, Stdin::Empty).await.map_err(|error| failed(&error))?;
        let (output, exit) = running.collect(program, MOST, LIMIT).await.map_err(|error| failed(&error))?;
        if !exit.success() {
            // What it says may quote what it made.
            return Err(Fault::new(format!("{program} ended with {} in the product's image", exit.status)));
        }
        let text = String::from_utf8_lossy(&output);
        let value = text.trim();
        let is_one_line = !value.is_empty() && value.chars().all(|char| char.is_ascii_graphic());
        if is_one_line {
            Ok(Secret::new(value))
        } else {
            Err(Fault::new(format!("{program} did not print one value in the product's image")))
        }
    }
}

impl std::fmt::Debug for ImageProgram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ImageProgram({})", self.image)
    }
}
