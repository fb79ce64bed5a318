//! A file that is written by a thread of its own.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Parts that may wait to be written: memory is bounded by them, and not by how slow the disk is.
const WAITING: usize = 4;

/// Takes parts and appends them to a file.
#[derive(Debug)]
pub(super) struct FileThread {
    parts: Option<SyncSender<Vec<u8>>>,
    /// Parts that were written, to be used again.
    used: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<File>>>,
}

impl FileThread {
    pub(super) fn start(file: File) -> io::Result<Self> {
        let (parts, queue) = sync_channel(WAITING);
        let (back, used) = sync_channel(WAITING + 2);
        let thread =
            thread::Builder::new().name("spool".into()).spawn(move || write_all(file, &queue, &back))?;
        Ok(Self { parts: Some(parts), used, thread: Some(thread) })
    }

    /// Room for a part.
    pub(super) fn room(&self) -> Vec<u8> {
        self.used.try_recv().unwrap_or_default()
    }

    /// Appends a part; waits if too many wait already.
    pub(super) fn write(&mut self, part: Vec<u8>) -> io::Result<()> {
        match self.parts.as_ref().map(|parts| parts.send(part)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.failure()),
        }
    }

    /// Waits until everything is in the file, and writes its first bytes again.
    pub(super) fn finish(mut self, first: &[u8]) -> io::Result<()> {
        self.join()?.write_all_at(first, 0)
    }

    /// Why the thread has ended already.
    fn failure(&mut self) -> io::Error {
        self.join().err().unwrap_or_else(|| io::Error::other("the file's thread has ended already"))
    }

    fn join(&mut self) -> io::Result<File> {
        self.parts = None;
        let Some(thread) = self.thread.take() else { return Err(io::Error::other("writing failed before")) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the file's thread panicked")))
    }
}

impl Drop for FileThread {
    fn drop(&mut self) {
        // Whoever drops it does not want the file; but it must not be written to any longer.
        drop(self.join());
    }
}

fn write_all(mut file: File, parts: &Receiver<Vec<u8>>, back: &SyncSender<Vec<u8>>) -> io::Result<File> {
    for part in parts {
        file.write_all(&part)?;
        // There is always room for what was taken from it; if not, it is freed.
        let _ = back.try_send(part);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_arrive_in_order_and_the_first_bytes_are_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut thread = FileThread::start(File::create(&path).unwrap()).unwrap();
        let mut expected = Vec::new();
        for number in 0..100_u8 {
            let mut part = thread.room();
            part.clear();
            part.resize(usize::from(number) + 3, number);
            expected.extend_from_slice(&part);
            thread.write(part).unwrap();
        }
        expected[..3].copy_from_slice(b"abc");
        thread.finish(b"abc").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
    }

    #[test]
    fn a_full_disk_is_told_and_told_as_what_it_is() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut thread = FileThread::start(full).unwrap();
        let outcome = (0..2 * WAITING).try_for_each(|_| thread.write(vec![1; 1000]));
        let error = outcome.and_then(|()| thread.finish(b"")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
