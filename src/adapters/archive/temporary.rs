//! The file that an archive is written to before it has earned its name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::adapters::files::TEMPORARY_PREFIX;
use crate::model::backup_id::BackupId;

const SUFFIX: &str = ".partial";

/// Times to try again when a sweep takes the file between its creation and its lock.
const ATTEMPTS: usize = 5;

/// A file that goes away when it is dropped, unless it was published.
///
/// It is locked while it lives, and the lock dies with the process: that tells a running backup from a dead one.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    pub(super) fn create(directory: &Path, id: BackupId) -> io::Result<Self> {
        let path = directory.join(format!("{TEMPORARY_PREFIX}{id}{SUFFIX}"));
        for _ in 0..ATTEMPTS {
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            match file.try_lock() {
                Ok(()) if file.metadata()?.nlink() > 0 => return Ok(Self { path, file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    fs::remove_file(&path)?;
                    return Err(error);
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps removing the temporary file"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its own name, never over one that exists, and makes the name durable.
    pub(super) fn publish(&mut self, name: &str) -> io::Result<PathBuf> {
        let target = self.path.with_file_name(name);
        match renameat_with(CWD, &self.path, CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // Not every file system knows this rename: a second name and the removal of the first do the same.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::hard_link(&self.path, &target)?;
                fs::remove_file(&self.path)?;
            }
            Err(error) => return Err(error.into()),
        }
        File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()?;
        Ok(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After `publish` the name is gone, and what bears the new one is another path.
        drop(fs::remove_file(&self.path));
    }
}

/// Removes the temporary files that dead backups left in `directory`, and tells which. A running one is left alone.
///
/// # Errors
/// If the directory cannot be read, or such a file not be opened or removed.
pub fn sweep_temporaries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut swept = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(is_temporary_name) || !entry.file_type()?.is_file() {
            continue;
        }
        let file = match File::open(entry.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        match file.try_lock() {
            Ok(()) => {
                fs::remove_file(entry.path())?;
                swept.push(entry.path());
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(swept)
}

fn is_temporary_name(name: &str) -> bool {
    name.strip_prefix(TEMPORARY_PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX))
        .is_some_and(|stamp| stamp.parse::<BackupId>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_one_is_not_swept_and_a_dead_one_is() {
        let directory = tempfile::tempdir().unwrap();
        let live = Temporary::create(directory.path(), "2026-03-04-050607".parse().unwrap()).unwrap();
        let dead = directory.path().join(".opsctl-tmp-2026-03-04-050608.partial");
        File::create(&dead).unwrap();
        let others = ["backup-2026-03-04-050608.tar.gz", ".opsctl-tmp-x.partial", "notes.partial"];
        for other in others {
            File::create(directory.path().join(other)).unwrap();
        }
        assert_eq!(sweep_temporaries(directory.path()).unwrap(), [dead]);
        assert!(live.path().exists());
        drop(live);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), others.len());
    }

    #[test]
    fn publishing_never_replaces_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut temporary =
            Temporary::create(directory.path(), "2026-03-04-050607".parse().unwrap()).unwrap();
        File::create(directory.path().join("taken")).unwrap();
        assert_eq!(temporary.publish("taken").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let published = temporary.publish("free").unwrap();
        drop(temporary);
        assert!(published.exists());
        assert_eq!(fs::metadata(published).unwrap().mode() & 0o777, 0o600);
    }
}
