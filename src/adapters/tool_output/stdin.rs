//! Feeding a tool.

use std::io;
use std::pin::Pin;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

const BUFFER: usize = 64 * 1024;

/// What a tool reads.
pub enum Stdin {
    /// Nothing: its standard input is at its end from the start.
    Empty,
    /// All that this gives.
    From(Pin<Box<dyn AsyncRead + Send>>),
}

/// Ends the tool at once.
type Kill = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// The task that feeds a tool. It ends with the tool's input, or is dropped with the tool.
pub(in crate::adapters) struct Pump(Option<JoinHandle<io::Result<()>>>);

impl Pump {
    pub(in crate::adapters) fn idle() -> Self {
        Self(None)
    }

    /// Starts feeding. If the source fails, the tool is killed *before* its input is closed: an early end of input
    /// would look like success to a tool that reads statements one by one.
    pub(in crate::adapters) fn start(
        source: Pin<Box<dyn AsyncRead + Send>>,
        sink: Pin<Box<dyn AsyncWrite + Send>>,
        kill: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) -> Self {
        Self(Some(tokio::spawn(feed(source, sink, Box::new(kill)))))
    }

    /// To be called when the tool has ended: how reading the source went.
    pub(in crate::adapters) async fn outcome(mut self) -> io::Result<()> {
        let Some(task) = self.0.take() else { return Ok(()) };
        if !task.is_finished() {
            // The tool ended without reading all of its input, which is for its exit code to judge.
            task.abort();
        }
        task.await.unwrap_or(Ok(()))
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn feed(
    mut source: Pin<Box<dyn AsyncRead + Send>>,
    mut sink: Pin<Box<dyn AsyncWrite + Send>>,
    kill: Kill,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = match source.read(&mut buffer).await {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => {
                kill().await;
                return Err(error);
            }
        };
        if sink.write_all(&buffer[..length]).await.is_err() {
            // The tool has closed its input: its exit code says whether it should have.
            return Ok(());
        }
    }
    let _closed_already = sink.shutdown().await;
    Ok(())
}
