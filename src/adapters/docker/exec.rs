//! Commands inside containers that run already.

use std::time::{Duration, Instant};

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::FutureExt;
use rustix::process::{Pid, Signal, kill_process};

use super::multiplexed::stdout_of;
use super::{ContainerId, DockerError, Engine};
use crate::adapters::tool_output::{Pump, StderrTail, Stdin, ToolError, ToolExit, ToolOutput, ToolStatus};
use crate::model::secret::Secret;

/// The engine notices the end of a command a moment after its output ends.
const END_GRACE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The engine sends frames of up to 32 KiB; room for several saves copies.
const FRAME_BUFFER: usize = 128 * 1024;

/// A command to run inside a container.
#[derive(Debug, Clone)]
pub struct ExecCommand {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its environment, on top of the container's.
    pub environment: Vec<(String, Secret)>,
    /// The user to run as; the container's own if none is given.
    pub user: Option<String>,
}

impl Engine {
    /// Runs a command inside a container.
    ///
    /// The engine has no way to end such a command. When the result is dropped it is killed if this process may
    /// (root, on the engine's own host); else it goes on. A [`super::ToolContainer`] has no such gap.
    ///
    /// # Errors
    /// If the container does not run, or the command cannot be started.
    pub async fn exec(
        &self,
        container: &ContainerId,
        command: ExecCommand,
        stdin: Stdin,
    ) -> Result<ToolOutput, ToolError> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let doing = || format!("run {program} in container {}", container.short());
        let options = CreateExecOptions {
            attach_stdin: Some(matches!(stdin, Stdin::From(_))),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(
                command
                    .environment
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.expose()))
                    .collect(),
            ),
            cmd: Some(command.argv),
            user: command.user,
            ..CreateExecOptions::default()
        };
        let created = self.ask(doing(), self.docker.create_exec(container.as_str(), options)).await?;
        let start = StartExecOptions { output_capacity: Some(FRAME_BUFFER), ..StartExecOptions::default() };
        let started = self.ask(doing(), self.docker.start_exec(&created.id, Some(start))).await?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(DockerError::Broken {
                doing: doing(),
                why: "docker did not attach to it".to_owned(),
            }
            .into());
        };
        let running = RunningExec { engine: self.clone(), id: created.id, ended: false };
        let pump = match stdin {
            Stdin::Empty => Pump::idle(),
            Stdin::From(source) => {
                let (engine, id) = (self.clone(), running.id.clone());
                Pump::start(source, input, move || async move { engine.kill_exec(&id).await }.boxed())
            }
        };
        let tail = StderrTail::default();
        let stdout = stdout_of(output, tail.clone());
        Ok(ToolOutput::new(stdout, ending(program, running, pump, tail)))
    }

    /// The engine names the command's process as the host sees it; nothing happens if it has ended.
    async fn kill_exec(&self, id: &str) {
        let Ok(state) = self.ask("inspect a command", self.docker.inspect_exec(id)).await else { return };
        let (Some(true), Some(container)) = (state.running, state.container_id) else { return };
        let Some(pid) = state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1) else {
            return;
        };
        // The number could belong to a stranger if the engine is in another process namespace.
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if let (true, Some(pid)) = (groups.contains(&container), Pid::from_raw(pid)) {
            let _ended_already = kill_process(pid, Signal::KILL);
        }
    }
}

async fn ending(
    program: String,
    mut running: RunningExec,
    pump: Pump,
    tail: StderrTail,
) -> Result<ToolExit, ToolError> {
    let end_of_output = Instant::now();
    let code = loop {
        let engine = &running.engine;
        let state =
            engine.ask(format!("see how {program} ended"), engine.docker.inspect_exec(&running.id)).await?;
        match (state.running, state.exit_code) {
            (Some(true), _) | (_, None) if end_of_output.elapsed() < END_GRACE => {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            (Some(true), _) | (_, None) => {
                return Err(ToolError::OutputLost { program, waited: END_GRACE });
            }
            (_, Some(code)) => break code,
        }
    };
    running.ended = true;
    pump.outcome().await.map_err(|source| ToolError::Input { program, source })?;
    Ok(ToolExit { status: ToolStatus::Exited(code), stderr: tail.text() })
}

/// Kills the command when dropped before its end was seen.
struct RunningExec {
    engine: Engine,
    id: String,
    ended: bool,
}

impl Drop for RunningExec {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.ended, tokio::runtime::Handle::try_current()) else { return };
        let (engine, id) = (self.engine.clone(), std::mem::take(&mut self.id));
        runtime.spawn(async move { engine.kill_exec(&id).await });
    }
}
