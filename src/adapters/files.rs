//! Files that are replaced whole or not at all.

mod error;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

pub use error::{Action, FileError};

/// How the name of each temporary file of [`replace`] begins: one that is found while no operation runs was left
/// behind by a crash.
pub const TEMPORARY_PREFIX: &str = ".opsctl-tmp-";

/// Symbolic links followed before a chain of them is taken for a loop: the kernel's own limit.
const MAX_LINKS: usize = 40;

/// The bits of `st_mode` that are permissions.
const PERMISSION_BITS: u32 = 0o7777;

/// The permission bits that a replaced file ends up with. The owner of a file that exists is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those of the file that is replaced; a file that did not exist gets these.
    KeepOr(u32),
    /// These, whatever was there before.
    Exactly(u32),
}

/// Puts `bytes` in the place of the file at `path`, or leaves that file as it was.
///
/// The new content is written to a temporary file in the same directory, which gets the mode and owner, is synced
/// and renamed over the old file; then the directory is synced and the file read back. A symbolic link is followed,
/// so that the link stays a link. A reader sees the old content or the new, never a part, also after a power loss.
///
/// # Errors
/// [`FileError`]. If [`FileError::is_in_place`] says so, the new content has already taken the place of the old one
/// and only its durability is in doubt; otherwise the old file is untouched and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
    let target = follow_links(path)?;
    let old = existing(&target)?;
    let temporary = write_temporary(&target, bytes)?;
    give_owner_and_mode(&temporary, &target, old.as_ref(), mode)?;
    temporary.as_file().sync_all().map_err(FileError::during(Action::Sync, temporary.path()))?;
    temporary.persist(&target).map_err(|error| FileError::new(Action::Rename, &target, error.error))?;
    sync_dir(parent_of(&target)).map_err(FileError::after_rename)?;
    verify(&target, bytes)
}

/// Makes the entries of a directory durable: files created in it, renamed into it or removed from it.
///
/// # Errors
/// [`FileError`] if the directory cannot be opened or synced.
pub fn sync_dir(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(FileError::during(Action::SyncDirectory, path))
}

/// Creates a directory that only its owner may enter (mode 0700), durably; one that exists is narrowed to that.
///
/// # Errors
/// [`FileError`] if `path` is something else than a directory, or if its parent is missing or not writable.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    let failed = |error| FileError::new(Action::CreateDirectory, path, error);
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return sync_dir(parent_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    if permissions_of(&found) != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Removes what interrupted calls of [`replace`] left in a directory, and returns the removed paths. Temporary files that
/// others make under such names, which have an extension, are left to them.
///
/// Call it only while holding the install's lock: a temporary file of an operation that runs looks the same.
///
/// # Errors
/// [`FileError`] if the directory cannot be read or a file in it cannot be removed.
pub fn remove_stale_temporaries(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = FileError::during(Action::ReadDirectory, dir);
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    let mut removed = Vec::new();
    for entry in entries {
        let name = entry.file_name();
        let drawn = name.as_encoded_bytes().strip_prefix(TEMPORARY_PREFIX.as_bytes());
        let is_temporary = drawn.is_some_and(|drawn| !drawn.contains(&b'.'));
        if is_temporary && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(entry.path()).map_err(FileError::during(Action::Remove, &entry.path()))?;
            removed.push(entry.path());
        }
    }
    if !removed.is_empty() {
        sync_dir(dir)?;
    }
    Ok(removed)
}

/// The file that `path` leads to; it need not exist.
fn follow_links(path: &Path) -> Result<PathBuf, FileError> {
    let mut target = path.to_path_buf();
    for _ in 0..=MAX_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = parent_of(&target).join(next),
            // Not a link, or nothing there yet: what else may be wrong shows when the file is looked at.
            Err(_) => return Ok(target),
        }
    }
    Err(FileError::new(Action::FollowLink, path, io::Error::other("too many levels of symbolic links")))
}

fn existing(target: &Path) -> Result<Option<Metadata>, FileError> {
    match fs::metadata(target) {
        Ok(found) if found.is_file() => Ok(Some(found)),
        Ok(_) => Err(FileError::new(Action::Inspect, target, io::Error::other("not a regular file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new(Action::Inspect, target, error)),
    }
}

/// Removed again when dropped before it is renamed.
fn write_temporary(target: &Path, bytes: &[u8]) -> Result<NamedTempFile, FileError> {
    let dir = parent_of(target);
    let mut temporary = Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .tempfile_in(dir)
        .map_err(FileError::during(Action::CreateTemporary, dir))?;
    temporary.write_all(bytes).map_err(FileError::during(Action::Write, temporary.path()))?;
    Ok(temporary)
}

fn give_owner_and_mode(
    temporary: &NamedTempFile,
    target: &Path,
    old: Option<&Metadata>,
    mode: Mode,
) -> Result<(), FileError> {
    let file = temporary.as_file();
    if let Some(old) = old {
        let now = file.metadata().map_err(FileError::during(Action::Inspect, temporary.path()))?;
        if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
            // Before the mode: changing the owner clears some of its bits.
            fchown(file, Some(old.uid()), Some(old.gid()))
                .map_err(FileError::during(Action::KeepOwner, target))?;
        }
    }
    let bits = match (mode, old) {
        (Mode::KeepOr(_), Some(old)) => permissions_of(old),
        (Mode::KeepOr(bits), None) | (Mode::Exactly(bits), _) => bits,
    };
    file.set_permissions(Permissions::from_mode(bits)).map_err(FileError::during(Action::SetMode, target))
}

fn verify(target: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let found = fs::read(target).map_err(FileError::during(Action::Verify, target))?;
    if found == bytes {
        Ok(())
    } else {
        Err(FileError::new(
            Action::Verify,
            target,
            io::Error::other("what was read back differs from what was written"),
        ))
    }
}

fn permissions_of(metadata: &Metadata) -> u32 {
    metadata.mode() & PERMISSION_BITS
}

/// A bare file name lies in the current directory.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
