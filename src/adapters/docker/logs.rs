//! A container's log: its last lines, or all of it piece by piece.

mod joined;
mod tail;

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{Stream, StreamExt, pin_mut};
use jiff::Timestamp;
use tokio_util::bytes::Bytes;

use super::error::DockerError;
use super::{ContainerId, Engine};

use joined::Joined;
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

/// Which part of a log is wanted. The engine compares whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSpan {
    /// At most this many lines, the last ones.
    pub lines: Option<u32>,
    /// Nothing older than this.
    pub since: Option<Timestamp>,
    /// Nothing newer than this.
    pub until: Option<Timestamp>,
}

/// A log as it comes: whole lines, as many in a piece as came at once. A line is cut only where it is longer than 256 KiB.
pub type LogPieces = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, DockerError>> + Send>>;

impl Engine {
    /// A container's log from its beginning or from where `span` says to its present end, both streams together. Nothing
    /// is put into its lines: a time stamp in the middle of a long one would cut in two what has to be found whole.
    pub fn log_pieces(&self, id: &ContainerId, span: LogSpan) -> LogPieces {
        let seconds = |time: Option<Timestamp>, round_up: i64| {
            time.map_or(0, |time| i32::try_from(time.as_second() + round_up).unwrap_or(i32::MAX))
        };
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&span.lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string()))
            .since(seconds(span.since, 0))
            .until(seconds(span.until, 1))
            .build();
        let (engine, doing) = (self.clone(), format!("read the log of container {}", id.short()));
        let frames = self.docker.logs(id.as_str(), Some(options));
        let joined = frames.map(Some).chain(futures_util::stream::iter([None])).scan(
            Joined::default(),
            move |joined, frame| {
                let piece = match frame {
                    Some(Ok(LogOutput::StdErr { message })) => Ok(joined.push(LogStream::Stderr, &message)),
                    Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => {
                        Ok(joined.push(LogStream::Stdout, &message))
                    }
                    Some(Ok(LogOutput::StdIn { .. })) => Ok(Vec::new()),
                    Some(Err(error)) => Err(engine.failed(doing.clone(), &error)),
                    None => Ok(joined.finish()),
                };
                futures_util::future::ready(Some(piece.map(Bytes::from)))
            },
        );
        joined
            .filter(|piece| futures_util::future::ready(!matches!(piece, Ok(piece) if piece.is_empty())))
            .boxed()
    }

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
