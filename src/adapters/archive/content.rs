//! What an archive holds, decompressed and in order, however it was compressed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::error::{ArchiveError, Found, Problem};
use super::frame;
use super::frames::{self, Frames};
use super::inflate::Inflate;
use super::read::Progress;
use super::tar_block::BLOCK;

/// A part of the content, and the part of the file it came from.
pub(super) struct Block {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
}

/// A problem at a place in the file.
pub(super) struct Flaw {
    offset: u64,
    problem: Problem,
}

impl Flaw {
    pub(super) fn at(offset: u64, problem: impl Into<Problem>) -> Self {
        Self { offset, problem: problem.into() }
    }

    pub(super) fn damaged(offset: u64, what: &str) -> Self {
        Self::at(offset, Problem::Damaged(what.to_owned()))
    }
}

/// An archive's file, opened and looked at from outside.
pub(super) struct Opened {
    path: PathBuf,
    file: File,
    /// Length in bytes.
    pub(super) length: u64,
    /// Where the manifest begins, if the file is cut into frames.
    pub(super) manifest_offset: Option<u64>,
}

enum Source {
    Framed(Frames),
    Whole(Box<Inflate>),
}

/// Content being read.
pub(super) struct Content<'a, 'p> {
    path: PathBuf,
    source: Source,
    length: u64,
    block: Block,
    used: usize,
    progress: &'a mut Progress<'p>,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let failed = |error: io::Error| ArchiveError::new(path, error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file")));
        }
        let length = metadata.len();
        let mut head = [0; BLOCK];
        let head_length = file.read_at(&mut head, 0).map_err(failed)?;
        let head = &head[..head_length];
        if head.is_empty() {
            return Err(ArchiveError::new(path, Problem::Empty));
        }
        if !head.starts_with(&[0x1f, 0x8b]) {
            return Err(ArchiveError::at(path, 0, Problem::NotGzip(Found::sniff(head))));
        }
        let framed = frame::is_framed(head).then(|| frames::manifest_offset(&file, length));
        let manifest_offset = framed.transpose().map_err(|flaw| flaw.of(path))?;
        Ok(Self { path: path.to_owned(), file, length, manifest_offset })
    }

    /// Everything in it.
    pub(super) fn content<'a, 'p>(
        &self,
        progress: &'a mut Progress<'p>,
    ) -> Result<Content<'a, 'p>, ArchiveError> {
        if self.manifest_offset.is_some() {
            return self.content_from(0, progress);
        }
        let inflate = Inflate::new(&self.file).map_err(|error| ArchiveError::new(&self.path, error))?;
        Ok(self.reading(Source::Whole(Box::new(inflate)), progress))
    }

    /// What is in it from the frame at `offset` on; only for a file that is cut into frames.
    pub(super) fn content_from<'a, 'p>(
        &self,
        offset: u64,
        progress: &'a mut Progress<'p>,
    ) -> Result<Content<'a, 'p>, ArchiveError> {
        let frames =
            Frames::from(&self.file, offset).map_err(|error| ArchiveError::new(&self.path, error))?;
        Ok(self.reading(Source::Framed(frames), progress))
    }

    fn reading<'a, 'p>(&self, source: Source, progress: &'a mut Progress<'p>) -> Content<'a, 'p> {
        let block = Block { start: 0, end: 0, bytes: Vec::new() };
        Content { path: self.path.clone(), source, length: self.length, block, used: 0, progress }
    }
}

impl Flaw {
    fn of(self, path: &Path) -> ArchiveError {
        ArchiveError::at(path, self.offset, self.problem)
    }
}

impl Content<'_, '_> {
    /// Where in the file the part that comes next began.
    pub(super) fn offset(&self) -> u64 {
        self.block.start
    }

    /// A problem with what was read last.
    pub(super) fn wrong(&self, problem: impl Into<Problem>) -> ArchiveError {
        ArchiveError::at(&self.path, self.block.start, problem)
    }

    /// Up to `most` bytes that come next; empty at the end.
    pub(super) fn take(&mut self, most: u64) -> Result<&[u8], ArchiveError> {
        if self.used == self.block.bytes.len() && most > 0 {
            self.advance()?;
        }
        let left = self.block.bytes.len() - self.used;
        let count = usize::try_from(most).map_or(left, |most| most.min(left));
        let from = self.used;
        self.used += count;
        Ok(&self.block.bytes[from..self.used])
    }

    /// The next tar block; `Err` with what there is if the content ends before its end.
    pub(super) fn tar_block(&mut self) -> Result<Result<[u8; BLOCK], Vec<u8>>, ArchiveError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let part = self.take((BLOCK - filled) as u64)?;
            if part.is_empty() {
                return Ok(Err(block[..filled].to_vec()));
            }
            block[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
        }
        Ok(Ok(block))
    }

    fn advance(&mut self) -> Result<(), ArchiveError> {
        let next = match &mut self.source {
            Source::Framed(frames) => frames.next(),
            Source::Whole(inflate) => inflate.next(),
        };
        let behind_the_last = || Block { start: self.length, end: self.length, bytes: Vec::new() };
        self.block = next.map_err(|flaw| flaw.of(&self.path))?.unwrap_or_else(behind_the_last);
        self.used = 0;
        if (self.progress)(self.block.end, self.length).is_break() {
            return Err(ArchiveError::new(&self.path, Problem::Interrupted));
        }
        Ok(())
    }
}
