//! The named pipe that `pg_dump` writes to, wherever it runs.
//!
//! A container's standard output passes through the engine, which copies and frames every byte of it: for a dump that
//! costs seconds of processor time for each gigabyte. A pipe in a folder that both sides see does without.
//!
//! Neither side can keep the other waiting. The reader's end exists before the tool is started, so that opening does not
//! block the tool; and [`Hold`] is a writing end of our own, let go when the tool has ended, so that the reader sees the
//! end of the data then and not before, even of a tool that never opened the pipe. When the reader goes away, the tool is
//! told by the kernel, with `SIGPIPE`: nothing else reads from the pipe.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, mknodat};
use rustix::pipe::fcntl_setpipe_size;

/// What may wait in the pipe: the tool goes on working while the reader is busy. This much anyone is given.
const CAPACITY: usize = 1 << 20;

/// A named pipe, readable and writable by its owner alone; its name is removed when this is dropped.
#[derive(Debug)]
pub(super) struct DumpPipe {
    path: PathBuf,
}

/// Keeps the data from ending. To be dropped when the tool has ended.
#[derive(Debug)]
pub(super) struct Hold {
    _writer: File,
}

impl DumpPipe {
    /// Makes the pipe, in place of one that an attempt before may have left, and opens both ends.
    pub(super) fn create(path: PathBuf) -> io::Result<(Self, File, Hold)> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        let pipe = Self { path };
        let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
        let reader = OpenOptions::new().read(true).custom_flags(without_waiting).open(&pipe.path)?;
        let hold = Hold { _writer: OpenOptions::new().write(true).open(&pipe.path)? };
        fcntl_setfl(&reader, OFlags::empty())?;
        // A smaller one does as well, only slower: users without rights may have used up their share.
        let _as_large_as_may_be = fcntl_setpipe_size(&reader, CAPACITY);
        Ok((pipe, reader, hold))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DumpPipe {
    fn drop(&mut self) {
        let _removed_with_the_folder_later = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::thread;

    use super::*;

    #[test]
    fn the_data_ends_when_the_hold_is_let_go_and_not_when_a_writer_closes() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, mut reader, hold) = DumpPipe::create(folder.path().join("pipe")).unwrap();
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        for part in [b"one ", b"two "] {
            OpenOptions::new().write(true).open(pipe.path()).unwrap().write_all(part).unwrap();
        }
        thread::sleep(std::time::Duration::from_millis(50));
        assert!(!reading.is_finished());
        drop(hold);
        assert_eq!(reading.join().unwrap(), b"one two ");
    }

    #[test]
    fn a_writer_is_told_when_the_reader_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, reader, _hold) = DumpPipe::create(folder.path().join("pipe")).unwrap();
        let mut writer = OpenOptions::new().write(true).open(pipe.path()).unwrap();
        let writing = thread::spawn(move || writer.write_all(&vec![0; 4 * CAPACITY]));
        drop(reader);
        assert_eq!(writing.join().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn one_that_was_left_is_replaced_and_none_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        File::create(&path).unwrap().write_all(b"what an attempt before left").unwrap();
        drop(DumpPipe::create(path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
