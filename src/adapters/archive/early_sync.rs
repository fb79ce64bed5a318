//! Sends a file to the disk while it is still being written, so that the last sync has little left to do.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes after which another sync is due.
const EVERY: u64 = 32 << 20;

pub(super) struct EarlySync {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
    next: u64,
}

impl EarlySync {
    pub(super) fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (wake, due) = sync_channel::<()>(1);
        let thread = thread::Builder::new()
            .name("sync".into())
            .spawn(move || due.iter().try_for_each(|()| file.sync_data()))?;
        Ok(Self { wake, thread, next: EVERY })
    }

    /// The file has this length now. Never waits: if a sync is still running, the next one takes this along.
    pub(super) fn written(&mut self, length: u64) {
        if length >= self.next {
            self.next = length + EVERY;
            let _: Result<_, _> = self.wake.try_send(());
        }
    }

    /// Waits for the sync that is running. Its error must not be lost: the kernel tells it only once.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the syncing thread panicked")))
    }
}
