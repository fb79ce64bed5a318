//! The last lines of a container's log.

mod tail;

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{StreamExt, pin_mut};
use jiff::Timestamp;

use super::error::DockerError;
use super::{ContainerId, Engine};

use tail::Tail;

const READ_LIMIT: Duration = Duration::from_secs(30);

/// How much of a log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// At most this many lines, the last ones.
    pub lines: u32,
    /// At most this many bytes, the last ones; longer lines are cut.
    pub bytes: usize,
    /// Nothing older than this; the engine compares whole seconds.
    pub since: Option<Timestamp>,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Whether older lines were left out for want of room.
    pub shortened: bool,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Where the container wrote it.
    pub stream: LogStream,
    /// Its text, without the line end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Where a container wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output, or a terminal's one stream.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Engine {
    /// The last lines of a container's log, both streams in the order the engine has them.
    ///
    /// # Errors
    /// If there is no such container, or its logging driver cannot be read from.
    pub async fn logs(&self, id: &ContainerId, limits: LogLimits) -> Result<LogTail, DockerError> {
        let doing = format!("read the log of container {}", id.short());
        let since = limits.since.map_or(0, |time| i32::try_from(time.as_second()).unwrap_or(i32::MAX));
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&limits.lines.to_string())
            .since(since)
            .build();
        let frames = self.docker.logs(id.as_str(), Some(options));
        let read = async {
            pin_mut!(frames);
            let mut tail = Tail::new(limits.lines as usize, limits.bytes);
            while let Some(frame) = frames.next().await {
                match frame? {
                    LogOutput::StdErr { message } => tail.push(LogStream::Stderr, &message),
                    LogOutput::StdOut { message } | LogOutput::Console { message } => {
                        tail.push(LogStream::Stdout, &message);
                    }
                    LogOutput::StdIn { .. } => {}
                }
            }
            Ok(tail.finish())
        };
        self.ask_within(READ_LIMIT, doing, read).await
    }
}
