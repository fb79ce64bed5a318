//! Reading an archive that is cut into frames: inflated by several threads, given out in order.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use libdeflater::Decompressor;

use super::content::{Block, Flaw};
use super::error::Problem;
use super::frame::{self, BAD_FRAME, HEADER_BYTES, TRAILER_BYTES};
use super::positioned::Positioned;
use super::workers::{self, Workers};

type Inflated = Option<Vec<u8>>;

enum Slot {
    Frame { start: u64, end: u64, content: Receiver<Inflated> },
    Flaw(Flaw),
}

/// The frames of an archive from some frame on, up to the trailer.
pub(super) struct Frames {
    slots: Receiver<Slot>,
}

impl Frames {
    /// Begins at the frame at `start`.
    pub(super) fn from(file: &File, start: u64) -> io::Result<Self> {
        let file = Positioned::new(file, start)?;
        let inflaters = Workers::start("inflate", || {
            let mut decompressor = Decompressor::new();
            move |frame: Vec<u8>| frame::content(&mut decompressor, &frame)
        })?;
        let (slots, queue) = sync_channel(2 * workers::count());
        thread::Builder::new().name("frames".into()).spawn(move || {
            let mut source = Source { file: BufReader::with_capacity(256 << 10, file), offset: start };
            if let Err(flaw) = source.feed(&inflaters, &slots) {
                // Nobody waits for it if the reader has gone.
                drop(slots.send(Slot::Flaw(flaw)));
            }
        })?;
        Ok(Self { slots: queue })
    }

    /// The next frame's content; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Block>, Flaw> {
        match self.slots.recv() {
            Ok(Slot::Frame { start, end, content }) => match content.recv() {
                Ok(Some(bytes)) => Ok(Some(Block { start, end, bytes })),
                Ok(None) | Err(_) => Err(Flaw::damaged(start, BAD_FRAME)),
            },
            Ok(Slot::Flaw(flaw)) => Err(flaw),
            Err(_) => Ok(None),
        }
    }
}

struct Source {
    file: BufReader<Positioned>,
    offset: u64,
}

impl Source {
    fn feed(&mut self, inflaters: &Workers<Vec<u8>, Inflated>, slots: &SyncSender<Slot>) -> Result<(), Flaw> {
        while let Some(frame) = self.frame()? {
            let start = self.offset;
            self.offset += frame.len() as u64;
            let content = inflaters.submit(frame).map_err(|error| Flaw::at(start, error))?;
            if slots.send(Slot::Frame { start, end: self.offset, content }).is_err() {
                return Ok(());
            }
        }
        let mut behind = [0];
        match self.file.read(&mut behind) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Flaw::at(self.offset + TRAILER_BYTES as u64, Problem::Trailing)),
            Err(error) => Err(Flaw::at(self.offset, error)),
        }
    }

    /// The next whole frame; `None` for the trailer.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, Flaw> {
        let start = self.offset;
        let mut head = [0; HEADER_BYTES];
        self.fill(&mut head)?;
        let Some(length) = frame::frame_bytes(&head) else { return Err(Flaw::damaged(start, BAD_FRAME)) };
        let mut frame = vec![0; length];
        frame[..HEADER_BYTES].copy_from_slice(&head);
        self.fill(&mut frame[HEADER_BYTES..])?;
        if length != TRAILER_BYTES || head[10] == 8 {
            return Ok(Some(frame));
        }
        match frame::manifest_offset(&frame) {
            Some(_) => Ok(None),
            None => Err(Flaw::damaged(start, BAD_FRAME)),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Flaw> {
        self.file.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Flaw::at(self.offset, Problem::Truncated),
            _ => Flaw::at(self.offset, error),
        })
    }
}

/// Where the manifest begins, from the trailer at the end of a file of `length` bytes.
///
/// Where there is no trailer, the frames are followed from the first to tell a file that was cut from one that something
/// was added to.
pub(super) fn manifest_offset(file: &File, length: u64) -> Result<u64, Flaw> {
    let mut bytes = [0; TRAILER_BYTES];
    let start = length.saturating_sub(TRAILER_BYTES as u64);
    let read = file.read_exact_at(&mut bytes, start);
    match (read, frame::manifest_offset(&bytes)) {
        (Ok(()), Some(offset)) if offset < start => Ok(offset),
        (Ok(()), _) => Err(diagnose(file, length)),
        (Err(error), _) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Flaw::at(length, Problem::Truncated))
        }
        (Err(error), _) => Err(Flaw::at(start, error)),
    }
}

fn diagnose(file: &File, length: u64) -> Flaw {
    let mut offset = 0;
    let mut head = [0; HEADER_BYTES];
    loop {
        if offset + HEADER_BYTES as u64 > length {
            return Flaw::at(length, Problem::Truncated);
        }
        if let Err(error) = file.read_exact_at(&mut head, offset) {
            return Flaw::at(offset, error);
        }
        let Some(bytes) = frame::frame_bytes(&head) else { return Flaw::damaged(offset, BAD_FRAME) };
        let end = offset + bytes as u64;
        if end > length {
            return Flaw::at(length, Problem::Truncated);
        }
        if bytes == TRAILER_BYTES && head[10] != 8 {
            let problem = if end < length { Problem::Trailing } else { Problem::Damaged(BAD_FRAME.into()) };
            return Flaw::at(end.min(length - 1), problem);
        }
        offset = end;
    }
}
