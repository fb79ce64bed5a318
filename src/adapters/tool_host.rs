//! Where PostgreSQL's tools run: a set that is installed here, or a container of the server's own image.

use std::path::Path;
use std::time::Duration;

use crate::adapters::docker::{Bind, BindAccess, Engine, ToolContainer, ToolNetwork};
use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::tool_output::{Stdin, ToolError, ToolOutput};
use crate::error::Fault;
use crate::model::conninfo::ConnInfo;
use crate::model::image_ref::ImageId;
use crate::model::operation::OperationId;
use crate::model::pg_tools::{EnvValue, ToolCall, Tools};
use crate::model::redaction::Redactor;
use crate::model::secret::Secret;

/// A set of PostgreSQL's tools, the place where it runs, and how the server is reached from there.
#[derive(Clone)]
pub struct ToolHost {
    place: Place,
    tools: Tools,
    info: ConnInfo,
}

#[derive(Clone)]
enum Place {
    Here,
    Container { engine: Engine, image: ImageId, network: ToolNetwork, project: String },
}

/// The folder in a tool's container that shows the folder of a file on this machine.
const MOUNT: &str = "/opsctl";

/// Longest output of a tool that is held in memory.
const MOST_OUTPUT: usize = 64 << 20;

impl ToolHost {
    /// A set that is installed on this machine.
    pub fn here(tools: Tools, info: ConnInfo) -> Self {
        Self { place: Place::Here, tools, info }
    }

    /// The tools of an image that holds those of a major version; they reach the server as `info` says from within
    /// `network`, and their containers are labelled with the Compose project.
    pub fn in_image(
        engine: Engine,
        image: ImageId,
        network: ToolNetwork,
        project: &str,
        info: ConnInfo,
        major: u32,
    ) -> Self {
        let place = Place::Container { engine, image, network, project: project.to_owned() };
        Self { place, tools: Tools { directory: None, major }, info }
    }

    /// The set.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// How the server is reached from where the tools run, with another database.
    pub fn info(&self, database: &str) -> ConnInfo {
        self.info.with_database(database)
    }

    /// How a tool sees a file of this machine.
    pub fn path_of(&self, file: &Path) -> std::path::PathBuf {
        match (&self.place, file.file_name()) {
            (Place::Container { .. }, Some(name)) => Path::new(MOUNT).join(name),
            _ => file.to_owned(),
        }
    }

    /// Starts a tool. `file` is one of this machine that it reads.
    pub async fn start(
        &self,
        call: ToolCall,
        file: Option<&Path>,
        stdin: Stdin,
        operation: &OperationId,
    ) -> Result<ToolOutput, ToolError> {
        let environment: Vec<(String, Secret)> = call
            .env
            .iter()
            .map(|(name, value): &(String, EnvValue)| (name.clone(), Secret::new(value.expose())))
            .collect();
        match &self.place {
            Place::Here => {
                let mut command = HostCommand::new(call.program, call.args);
                command.inherited = Inherited::Essentials;
                command.set = environment;
                command.start(stdin)
            }
            Place::Container { engine, image, network, project } => {
                let program = call.program.display().to_string();
                let binds = file.and_then(Path::parent).map(|folder| Bind {
                    source: folder.to_owned(),
                    target: MOUNT.to_owned(),
                    access: BindAccess::ReadOnly,
                });
                let tool = ToolContainer {
                    image: image.clone(),
                    name: None,
                    operation: operation.to_string(),
                    project: project.clone(),
                    role: program.clone(),
                    argv: [program].into_iter().chain(call.args).collect(),
                    environment,
                    // The file is readable by nobody but its owner.
                    user: Some("0:0".to_owned()),
                    binds: binds.into_iter().collect(),
                    network: network.clone(),
                };
                engine.run_tool(tool, stdin).await
            }
        }
    }

    /// Runs a tool to its end and returns what it printed.
    pub async fn output(
        &self,
        call: ToolCall,
        file: Option<&Path>,
        limit: Duration,
        operation: &OperationId,
        redactor: &Redactor,
    ) -> Result<Vec<u8>, Fault> {
        let program = call.program.display().to_string();
        let running = self
            .start(call, file, Stdin::Empty, operation)
            .await
            .map_err(|error| failed(&program, &error))?;
        let (output, exit) =
            running.collect(&program, MOST_OUTPUT, limit).await.map_err(|error| failed(&program, &error))?;
        if exit.success() {
            return Ok(output);
        }
        Err(unsuccessful(&program, &exit, redactor))
    }
}

/// A tool that could not be run, or whose end is not known.
pub(crate) fn failed(program: &str, error: &ToolError) -> Fault {
    Fault::caused_by(format!("{program} could not do its work"), error)
}

/// A tool that said no.
pub(crate) fn unsuccessful(
    program: &str,
    exit: &crate::adapters::tool_output::ToolExit,
    redactor: &Redactor,
) -> Fault {
    let said = exit.stderr.lines().rev().take(12).collect::<Vec<_>>();
    Fault::new(format!("{program} ended with {}", exit.status))
        .evidence(said.into_iter().rev().map(|line| redactor.redact(line)))
}
