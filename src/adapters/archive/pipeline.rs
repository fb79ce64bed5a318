//! Compression: blocks in, frames out in the same order, deflated by several threads.
//!
//! Every queue is bounded, so that memory depends on the number of threads alone: a block waits until there is room.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use libdeflater::{CompressionLvl, Compressor};

use super::early_sync::EarlySync;
use super::frame;
use super::workers::{self, Workers};

/// Level of deflate. Measured on dumps: the higher ones up to 6 take up to a third more time for 1 % less size, the
/// ones above that twice the time and more.
const LEVEL: i32 = 1;

type Deflated = io::Result<Vec<u8>>;

enum Slot {
    Frame(Receiver<Deflated>),
    Ready(Vec<u8>),
    /// A frame that is written again, at the same length, by the next `Rewrite`.
    Provisional(Vec<u8>),
    Rewrite(Vec<u8>),
    /// Whoever asks learns the offset that comes next.
    Tell(SyncSender<u64>),
}

/// Takes blocks and writes frames to a file.
#[derive(Debug)]
pub(super) struct Pipeline {
    workers: Workers<Vec<u8>, Deflated>,
    slots: Option<SyncSender<Slot>>,
    sink: Option<JoinHandle<io::Result<u64>>>,
}

impl Pipeline {
    pub(super) fn start(file: File) -> io::Result<Self> {
        let workers = Workers::start("deflate", || {
            let mut compressor =
                CompressionLvl::new(LEVEL).map_or_else(|_| Compressor::default(), Compressor::new);
            move |block: Vec<u8>| frame::deflated(&mut compressor, &block).map_err(io::Error::other)
        })?;
        let (slots, queue) = sync_channel(2 * workers::count());
        let sink = thread::Builder::new().name("archive".into()).spawn(move || write_all(file, &queue))?;
        Ok(Self { workers, slots: Some(slots), sink: Some(sink) })
    }

    /// Appends a block, of at most [`frame::FRAME_CONTENT`] bytes, as one frame.
    pub(super) fn block(&mut self, block: Vec<u8>) -> io::Result<()> {
        let frame = self.workers.submit(block)?;
        self.slot(Slot::Frame(frame))
    }

    /// Appends a frame as it is.
    pub(super) fn ready(&mut self, frame: Vec<u8>) -> io::Result<()> {
        self.slot(Slot::Ready(frame))
    }

    /// Appends a frame that [`Pipeline::rewrite`] will write again.
    pub(super) fn provisional(&mut self, frame: Vec<u8>) -> io::Result<()> {
        self.slot(Slot::Provisional(frame))
    }

    /// Puts a frame of the same length in the place of the last provisional one.
    pub(super) fn rewrite(&mut self, frame: Vec<u8>) -> io::Result<()> {
        self.slot(Slot::Rewrite(frame))
    }

    /// Where the next frame will begin; waits for all before it.
    pub(super) fn offset(&mut self) -> io::Result<u64> {
        let (tell, told) = sync_channel(1);
        self.slot(Slot::Tell(tell))?;
        told.recv().map_err(|_| self.failure())
    }

    /// Waits until everything is in the file, and gives its length. The file is not synced yet.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.join()
    }

    fn slot(&mut self, slot: Slot) -> io::Result<()> {
        match self.slots.as_ref().map(|slots| slots.send(slot)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.failure()),
        }
    }

    /// Why the sink went away.
    fn failure(&mut self) -> io::Error {
        match self.join() {
            Err(error) => error,
            Ok(_) => io::Error::other("the archive's writer has ended already"),
        }
    }

    fn join(&mut self) -> io::Result<u64> {
        self.slots = None;
        let Some(sink) = self.sink.take() else { return Err(io::Error::other("writing failed before")) };
        sink.join().unwrap_or_else(|_| Err(io::Error::other("the archive's writer panicked")))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Whoever drops it does not want the archive; but its file must not be written to any longer.
        drop(self.join());
    }
}

fn write_all(file: File, slots: &Receiver<Slot>) -> io::Result<u64> {
    let mut sink = Sink { early_sync: EarlySync::start(&file)?, file, offset: 0, provisional: None };
    slots.iter().try_for_each(|slot| sink.take(slot))?;
    sink.early_sync.finish()?;
    Ok(sink.offset)
}

struct Sink {
    file: File,
    early_sync: EarlySync,
    offset: u64,
    /// Offset and length of the frame that waits to be written again.
    provisional: Option<(u64, usize)>,
}

impl Sink {
    fn take(&mut self, slot: Slot) -> io::Result<()> {
        match slot {
            Slot::Frame(frame) => {
                let frame = frame.recv().map_err(|_| io::Error::other("a compressing thread has died"))??;
                self.append(&frame)
            }
            Slot::Ready(frame) => self.append(&frame),
            Slot::Provisional(frame) => {
                self.provisional = Some((self.offset, frame.len()));
                self.append(&frame)
            }
            Slot::Rewrite(frame) => match self.provisional.take() {
                Some((at, length)) if length == frame.len() => self.file.write_all_at(&frame, at),
                _ => Err(io::Error::other("no frame of this length waits to be written again")),
            },
            Slot::Tell(tell) => {
                // Who asked may have gone.
                let _: Result<(), _> = tell.send(self.offset);
                Ok(())
            }
        }
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all(frame)?;
        self.offset += frame.len() as u64;
        self.early_sync.written(self.offset);
        Ok(())
    }
}
