//! A running tool, wherever it runs: its output as a stream, and how it ended.
//!
//! A process on the host, a tool container and a command inside a container all give a [`ToolOutput`], so that who
//! reads a dump or feeds a restore need not know which it is.

mod stderr_tail;
mod stdin;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tokio_util::bytes::Bytes;

use super::docker::DockerError;

pub(super) use stderr_tail::{MOST_BYTES, StderrTail};
pub(super) use stdin::Pump;
pub use stdin::Stdin;

/// Bytes as they come. Not reading them makes the tool wait.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

type Ending = Pin<Box<dyn Future<Output = Result<ToolExit, ToolError>> + Send>>;

/// A tool that runs. Dropping it kills the tool, as far as that can be done where it runs.
pub struct ToolOutput {
    stdout: ByteStream,
    taken: Option<oneshot::Receiver<()>>,
    ending: Ending,
}

/// How a tool ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolExit {
    /// Its exit code or signal.
    pub status: ToolStatus,
    /// The end of what it wrote to standard error. It may quote secrets: redact it before it is shown.
    pub stderr: String,
}

/// An exit code or a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolStatus {
    /// It ended with this code.
    Exited(i64),
    /// A signal ended it.
    Signalled(i32),
}

/// Why a tool's outcome is not known, or it could not run at all.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program could not be started.
    #[error("failed to start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was to be fed to it could not be read; it was killed, so that it cannot take the part for the whole.
    #[error("failed to read the input for {program}")]
    Input {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its output broke off.
    #[error("failed to read the output of {program}")]
    Output {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its output ended, and it went on running: the connection to it was lost, and output with it.
    #[error("lost the connection to {program}: its output ended {} s ago and it is still running", waited.as_secs())]
    OutputLost {
        /// The program.
        program: String,
        /// How long its end was waited for.
        waited: Duration,
    },
    /// It printed more than the caller has room for.
    #[error("{program} printed more than the {limit} bytes that were expected at most")]
    TooMuchOutput {
        /// The program.
        program: String,
        /// The most that was expected.
        limit: usize,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s and was killed", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// The engine failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
}

impl ToolExit {
    /// Whether it ended with code 0.
    pub fn success(&self) -> bool {
        self.status == ToolStatus::Exited(0)
    }
}

impl std::fmt::Display for ToolStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exit code {code}"),
            Self::Signalled(signal) => write!(formatter, "signal {signal}"),
        }
    }
}

impl ToolOutput {
    pub(super) fn new(
        stdout: ByteStream,
        ending: impl Future<Output = Result<ToolExit, ToolError>> + Send + 'static,
    ) -> Self {
        Self { stdout, taken: None, ending: Box::pin(ending) }
    }

    /// Standard output, to be read to its end before [`ToolOutput::finish`].
    pub fn stdout(&mut self) -> &mut ByteStream {
        &mut self.stdout
    }

    /// Standard output on its own, to be read elsewhere; what stays behind is an empty stream.
    pub fn take_stdout(&mut self) -> ByteStream {
        let (held, taken) = oneshot::channel::<()>();
        self.taken = Some(taken);
        let stdout = std::mem::replace(&mut self.stdout, Box::pin(stream::empty()));
        Box::pin(stdout.inspect(move |_| {
            let _until_the_stream_is_dropped = &held;
        }))
    }

    /// Waits for the tool to end. What was not read of its output is read and thrown away; a stream that was taken
    /// is waited for until its holder drops it.
    ///
    /// # Errors
    /// If its outcome cannot be known. A tool that fails is no error: see [`ToolExit::status`].
    pub async fn finish(mut self) -> Result<ToolExit, ToolError> {
        while let Some(Ok(_)) = self.stdout.next().await {}
        if let Some(taken) = self.taken.take() {
            let _dropped = taken.await;
        }
        self.ending.await
    }

    /// Reads the whole output into memory and waits for the tool to end, all within `limit`.
    ///
    /// # Errors
    /// If there are more than `most` bytes, time runs out (the tool is killed), or its outcome cannot be known.
    pub async fn collect(
        mut self,
        program: &str,
        most: usize,
        limit: Duration,
    ) -> Result<(Vec<u8>, ToolExit), ToolError> {
        let program = || program.to_owned();
        let work = async {
            let mut output = Vec::new();
            while let Some(piece) = self.stdout.next().await {
                let piece = piece.map_err(|source| ToolError::Output { program: program(), source })?;
                if output.len() + piece.len() > most {
                    return Err(ToolError::TooMuchOutput { program: program(), limit: most });
                }
                output.extend_from_slice(&piece);
            }
            Ok((output, self.ending.await?))
        };
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(ToolError::TimedOut { program: program(), limit }),
        }
    }
}
