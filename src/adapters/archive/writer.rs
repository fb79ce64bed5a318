//! Writing an archive in one pass.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::{ArchiveError, Problem};
use super::frame::{self, FRAME_CONTENT};
use super::pipeline::Pipeline;
use super::read::{self, Checked, Limits, Progress};
use super::tar_block;
use super::temporary::Temporary;
use super::walk::{MAX_MEMBERS, MAX_SIDE_MEMBER};
use crate::model::backup_id::BackupId;
use crate::model::manifest::{DUMP_NAME, Digest, MANIFEST_NAME, Manifest, Member, is_plain_name};

/// Bytes of a source that are asked for at once.
const READ_AT_ONCE: usize = 256 << 10;

/// An archive that is being written, under a temporary name.
///
/// Dropping it removes the file. Memory stays below 32 MiB whatever the size of the members.
#[derive(Debug)]
pub struct ArchiveWriter {
    // Declared before the file: what still writes must end before the file is removed.
    pipeline: Pipeline,
    temporary: Temporary,
    id: BackupId,
    block: Vec<u8>,
    open: Option<OpenMember>,
    members: Vec<Member>,
}

/// An archive that was written, read back and given its name.
#[derive(Debug)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// What it says of itself.
    pub manifest: Manifest,
}

struct OpenMember {
    name: String,
    size: u64,
    hash: Sha256,
}

impl fmt::Debug for OpenMember {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OpenMember({}, {})", self.name, self.size)
    }
}

impl ArchiveWriter {
    /// Begins the archive of backup `id` in `directory`, which must exist.
    ///
    /// # Errors
    /// If the temporary file cannot be created, or a backup of this name is there already.
    pub fn create(directory: &Path, id: BackupId) -> Result<Self, ArchiveError> {
        let target = directory.join(id.file_name());
        if target.symlink_metadata().is_ok() {
            return Err(ArchiveError::new(&target, Problem::Exists));
        }
        let failed = |error: io::Error| ArchiveError::new(&target, error);
        let temporary = Temporary::create(directory, id).map_err(failed)?;
        let pipeline = temporary.file().try_clone().and_then(Pipeline::start).map_err(failed)?;
        Ok(Self { pipeline, temporary, id, block: Vec::new(), open: None, members: Vec::new() })
    }

    /// Begins a member whose size is not known yet. One that is still open is ended first.
    ///
    /// # Errors
    /// If the name is not a plain file name or was used before, or if writing fails.
    pub fn start_member(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.end_member()?;
        // The manifest is one too.
        if self.members.len() + 1 >= MAX_MEMBERS {
            return Err(self.refused(format!("a backup holds at most {MAX_MEMBERS} files")));
        }
        let used = self.members.iter().any(|member| member.name == name);
        if used || !is_plain_name(name) || name == MANIFEST_NAME {
            return Err(self.refused(format!("a member cannot be named {name:?}")));
        }
        let provisional = frame::stored(&tar_block::header(self.id, name, 0));
        self.pipeline.provisional(provisional).map_err(|error| self.failed(error))?;
        self.open = Some(OpenMember { name: name.to_owned(), size: 0, hash: Sha256::new() });
        Ok(())
    }

    /// Appends to the open member. Waits while the compressor is behind.
    ///
    /// # Errors
    /// If no member is open, if writing fails, or if a member other than the dump grows beyond 64 MiB.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), ArchiveError> {
        let Some(open) = &mut self.open else { return Err(self.refused("no member is open".into())) };
        open.size += chunk.len() as u64;
        open.hash.update(chunk);
        if open.name != DUMP_NAME && open.size > MAX_SIDE_MEMBER {
            let problem = format!("{} is larger than {MAX_SIDE_MEMBER} bytes", open.name);
            return Err(self.refused(problem));
        }
        self.push(chunk)
    }

    /// Ends the open member, if one is, and writes its size into its header.
    ///
    /// # Errors
    /// If writing fails.
    pub fn end_member(&mut self) -> Result<(), ArchiveError> {
        let Some(OpenMember { name, size, hash }) = self.open.take() else { return Ok(()) };
        self.push(&[0; tar_block::BLOCK][..tar_block::padding(size)])?;
        self.flush()?;
        let header = frame::stored(&tar_block::header(self.id, &name, size));
        self.pipeline.rewrite(header).map_err(|error| self.failed(error))?;
        self.members.push(Member { name, size, sha256: Digest(hash.finalize().into()) });
        Ok(())
    }

    /// Adds a whole member.
    ///
    /// # Errors
    /// As [`ArchiveWriter::start_member`] and [`ArchiveWriter::write`].
    pub fn add_member(&mut self, name: &str, content: &[u8]) -> Result<(), ArchiveError> {
        self.start_member(name)?;
        self.write(content)?;
        self.end_member()
    }

    /// Adds a member from a source that is read to its end.
    ///
    /// That the source ended says nothing of its success: look at the exit status of what wrote it before
    /// [`ArchiveWriter::finish`]. `progress` is told of the bytes read; their total is not known and given as 0.
    ///
    /// # Errors
    /// If the source fails or writing does, or `progress` ends it.
    pub fn add_member_from(
        &mut self,
        name: &str,
        source: &mut dyn Read,
        progress: &mut Progress<'_>,
    ) -> Result<(), ArchiveError> {
        self.start_member(name)?;
        let mut buffer = vec![0; READ_AT_ONCE];
        let mut done = 0;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => return self.end_member(),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            self.write(&buffer[..count])?;
            done += count as u64;
            if progress(done, 0).is_break() {
                return Err(ArchiveError::new(self.temporary.path(), Problem::Interrupted));
            }
        }
    }

    /// Completes the archive: adds the manifest, syncs the file, reads it back whole and compares it with the manifest,
    /// and only then gives it its name.
    ///
    /// The manifest's `id` and `members` are set to what was written. `progress` is told of the reading back.
    ///
    /// # Errors
    /// If writing fails, or what is read is not what was written, or a file of the name exists. Nothing is left then.
    pub fn finish(
        mut self,
        mut manifest: Manifest,
        progress: &mut Progress<'_>,
    ) -> Result<Written, ArchiveError> {
        self.end_member()?;
        manifest.id = self.id;
        manifest.members.clone_from(&self.members);
        self.write_manifest(&manifest)?;
        let Self { pipeline, mut temporary, id, .. } = self;
        let path = temporary.path().to_owned();
        let failed = |error: io::Error| ArchiveError::new(&path, error);
        let size_bytes = pipeline.finish().map_err(failed)?;
        temporary.file().sync_all().map_err(failed)?;
        read_back(&path, &manifest, progress)?;
        let published = temporary.publish(&id.file_name()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                ArchiveError::new(&path.with_file_name(id.file_name()), Problem::Exists)
            }
            _ => failed(error),
        })?;
        Ok(Written { path: published, size_bytes, manifest })
    }

    fn write_manifest(&mut self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let json = manifest.to_json().map_err(|error| ArchiveError::new(self.temporary.path(), error))?;
        let offset = self.pipeline.offset().map_err(|error| self.failed(error))?;
        self.push(&tar_block::header(self.id, MANIFEST_NAME, json.len() as u64))?;
        self.push(&json)?;
        self.push(&[0; tar_block::BLOCK][..tar_block::padding(json.len() as u64)])?;
        self.push(&tar_block::END)?;
        self.flush()?;
        self.pipeline.ready(frame::trailer(offset).to_vec()).map_err(|error| self.failed(error))
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<(), ArchiveError> {
        while !bytes.is_empty() {
            let room = FRAME_CONTENT - self.block.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == FRAME_CONTENT {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ArchiveError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(FRAME_CONTENT));
        self.pipeline.block(block).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> ArchiveError {
        ArchiveError::new(self.temporary.path(), error)
    }

    fn refused(&self, what: String) -> ArchiveError {
        self.failed(io::Error::new(io::ErrorKind::InvalidInput, what))
    }
}

fn read_back(path: &Path, manifest: &Manifest, progress: &mut Progress<'_>) -> Result<(), ArchiveError> {
    let verified = read::verify(path, Limits::none(), progress)?;
    if verified.checked == Checked::Hashes && verified.members == manifest.members {
        return Ok(());
    }
    let what = "what was read back is not what was written".into();
    Err(ArchiveError::new(path, Problem::Damaged(what)))
}
