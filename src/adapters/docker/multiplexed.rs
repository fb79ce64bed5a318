//! The engine sends standard output and standard error through one connection, in frames.

use std::io;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use futures_util::{Stream, StreamExt, future};

use super::error::chain;
use crate::adapters::tool_output::{ByteStream, StderrTail};

pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<LogOutput, EngineError>> + Send>>;

/// Standard output on its own; standard error goes into `tail` as it comes by.
pub(super) fn stdout_of(frames: Frames, tail: StderrTail) -> ByteStream {
    frames
        .filter_map(move |frame| {
            future::ready(match frame {
                Ok(LogOutput::StdOut { message }) => Some(Ok(message)),
                Ok(LogOutput::StdErr { message }) => {
                    tail.push(&message);
                    None
                }
                Ok(LogOutput::StdIn { .. }) => None,
                Ok(LogOutput::Console { .. }) => {
                    Some(Err(io::Error::other("docker sent something that is not a frame of output")))
                }
                Err(error) => Some(Err(io::Error::other(chain(&error)))),
            })
        })
        .boxed()
}
