//! Threads that each do one thing to what they are given.
//!
//! The queue is bounded, so that memory depends on the number of threads and not on how fast the giver is.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// More threads than this do not pay: one dump does not come in faster.
const MOST: usize = 4;

/// A handful of threads; they end when this is dropped and their queue is empty.
#[derive(Debug)]
pub(super) struct Workers<I, O> {
    tasks: SyncSender<(I, SyncSender<O>)>,
}

/// Threads that are started on this machine.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST))
}

impl<I: Send + 'static, O: Send + 'static> Workers<I, O> {
    /// Starts the threads, each with a `work` of its own.
    pub(super) fn start<W>(name: &str, work: impl Fn() -> W) -> io::Result<Self>
    where
        W: FnMut(I) -> O + Send + 'static,
    {
        let (tasks, queue) = sync_channel::<(I, SyncSender<O>)>(count());
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count() {
            let (queue, mut work) = (Arc::clone(&queue), work());
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                loop {
                    let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((input, done)) = task else { return };
                    // Who gave the task may no longer want the answer.
                    drop(done.send(work(input)));
                }
            })?;
        }
        Ok(Self { tasks })
    }

    /// Gives a task to the next thread that is free; waits if too many wait already.
    pub(super) fn submit(&self, input: I) -> io::Result<Receiver<O>> {
        let (done, answer) = sync_channel(1);
        let gone = |_| io::Error::other("the threads have ended");
        self.tasks.send((input, done)).map_err(gone)?;
        Ok(answer)
    }
}
