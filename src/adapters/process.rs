//! Programs on the host, each in a process group of its own.

#![expect(clippy::disallowed_types, reason = "this is the adapter that starts processes")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::io::ReaderStream;

use super::tool_output::{MOST_BYTES, Pump, StderrTail, Stdin, ToolError, ToolExit, ToolOutput, ToolStatus};
use crate::model::secret::Secret;

const STDOUT_BUFFER: usize = 64 * 1024;

/// How long standard error may stay open behind the program's end: a grandchild may hold it.
const STDERR_GRACE: Duration = Duration::from_secs(2);

/// A program to run, with its arguments, which anyone on the host can read, and its environment, which only its
/// own user and root can.
#[derive(Debug)]
pub struct HostCommand {
    /// The program: a path, or a name to be found through `PATH`.
    pub program: PathBuf,
    /// Its arguments. Never a secret.
    pub arguments: Vec<OsString>,
    /// What it has of this process's own environment.
    pub inherited: Inherited,
    /// Variables set for it, over inherited ones of the same name.
    pub set: Vec<(String, Secret)>,
    /// The folder it starts in; this process's own if none is given.
    pub directory: Option<PathBuf>,
    /// The file, an empty one, that is its standard input where it is given none: it has it open for as long as it runs.
    pub empty_input: Option<File>,
}

/// What a child has of this process's own environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inherited {
    /// All but these variables.
    AllBut(Vec<String>),
    /// Only `PATH` and `HOME`, without which most programs do not work.
    Essentials,
}

impl HostCommand {
    /// A program with arguments and little of an environment.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            inherited: Inherited::Essentials,
            set: Vec::new(),
            directory: None,
            empty_input: None,
        }
    }

    /// Starts the program. Dropping the result kills its whole process group.
    ///
    /// # Errors
    /// If it cannot be started, for instance because there is no such program.
    pub fn start(mut self, stdin: Stdin) -> Result<ToolOutput, ToolError> {
        let program = self.program.display().to_string();
        log::debug!("run: {program}");
        let start_failed = |source| ToolError::Start { program: program.clone(), source };
        let mut child = self.command(&stdin).spawn().map_err(start_failed)?;
        let group = ProcessGroup::of(&child);
        let lost = || start_failed(io::Error::other("its standard streams are missing"));
        let stdout = child.stdout.take().ok_or_else(lost)?;
        let stderr = child.stderr.take().ok_or_else(lost)?;
        let pump = match (stdin, child.stdin.take()) {
            (Stdin::From(source), Some(sink)) => {
                let leader = group.leader;
                Pump::start(source, Box::pin(sink), move || async move { kill_group(leader) }.boxed())
            }
            _ => Pump::idle(),
        };
        let tail = StderrTail::default();
        let draining = tokio::spawn(drain(stderr, tail.clone()));
        let stdout = ReaderStream::with_capacity(stdout, STDOUT_BUFFER).boxed();
        Ok(ToolOutput::new(stdout, ending(program, child, group, pump, draining, tail)))
    }

    /// Runs the program to its end, of which what it leaves behind is no part: that may hold its streams and goes on. All that
    /// is kept of what it says is the end of its standard error. If it does not end in time, its whole process group is killed.
    ///
    /// # Errors
    /// If it cannot be started, or does not end within `limit`.
    pub async fn run_alone(mut self, limit: Duration) -> Result<ToolExit, ToolError> {
        let program = self.program.display().to_string();
        log::debug!("run: {program}");
        let start_failed = |source| ToolError::Start { program: program.clone(), source };
        let mut said = tempfile::tempfile().map_err(start_failed)?;
        let mut command = self.command(&Stdin::Empty);
        command.stdout(Stdio::null()).stderr(said.try_clone().map_err(start_failed)?);
        let mut child = command.spawn().map_err(start_failed)?;
        let mut group = ProcessGroup::of(&child);
        let waited = match tokio::time::timeout(limit, child.wait()).await {
            Ok(waited) => Some(waited),
            // It may have ended in the last moment: then what it left behind is not killed.
            Err(_) => child.try_wait().transpose(),
        };
        let Some(waited) = waited else { return Err(ToolError::TimedOut { program, limit }) };
        group.leader = None;
        let broken = |source| ToolError::Output { program: program.clone(), source };
        let status = tool_status(waited.map_err(broken)?);
        let stderr = end_of(&mut said).map_err(broken)?;
        Ok(ToolExit { status, stderr })
    }

    fn command(&mut self, stdin: &Stdin) -> Command {
        let mut command = Command::new(&self.program);
        match &self.inherited {
            Inherited::AllBut(names) => names.iter().for_each(|name| {
                command.env_remove(name);
            }),
            Inherited::Essentials => {
                command.env_clear();
                for name in ["PATH", "HOME"] {
                    if let Some(value) = std::env::var_os(name) {
                        command.env(name, value);
                    }
                }
            }
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
            .args(&self.arguments)
            .envs(self.set.iter().map(|(name, value)| (name, value.expose())))
            .stdin(match stdin {
                Stdin::Empty => self.empty_input.take().map_or_else(Stdio::null, Stdio::from),
                Stdin::From(_) => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

async fn ending(
    program: String,
    mut child: Child,
    mut group: ProcessGroup,
    pump: Pump,
    mut draining: JoinHandle<()>,
    tail: StderrTail,
) -> Result<ToolExit, ToolError> {
    let began = Instant::now();
    let waited = child.wait().await;
    log::debug!("run: {program} ended, waited for it for {:.3} s", began.elapsed().as_secs_f64());
    group.leader = None;
    if tokio::time::timeout(STDERR_GRACE, &mut draining).await.is_err() {
        draining.abort();
    }
    pump.outcome().await.map_err(|source| ToolError::Input { program: program.clone(), source })?;
    let status = waited.map_err(|source| ToolError::Output { program, source })?;
    Ok(ToolExit { status: tool_status(status), stderr: tail.text() })
}

fn end_of(said: &mut File) -> io::Result<String> {
    let length = said.seek(SeekFrom::End(0))?;
    // One byte more than is kept shows that something is before it.
    let most = MOST_BYTES as u64 + 1;
    said.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut text = Vec::new();
    // What was left behind may be writing.
    said.take(most).read_to_end(&mut text)?;
    let tail = StderrTail::default();
    tail.push(&text);
    Ok(tail.text())
}

fn tool_status(status: ExitStatus) -> ToolStatus {
    match (status.code(), status.signal()) {
        (Some(code), _) => ToolStatus::Exited(code.into()),
        (None, signal) => ToolStatus::Signalled(signal.unwrap_or(0)),
    }
}

async fn drain(mut stderr: impl AsyncRead + Unpin, tail: StderrTail) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        tail.push(&buffer[..length]);
    }
}

/// Kills the group when dropped, unless its leader has been waited for.
struct ProcessGroup {
    leader: Option<Pid>,
}

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        Self { leader: child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        kill_group(self.leader);
    }
}

fn kill_group(leader: Option<Pid>) {
    if let Some(leader) = leader {
        let _gone_already = kill_process_group(leader, Signal::KILL);
    }
}

#[cfg(test)]
mod tests;
