//! What can go wrong with a file, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file or directory that could not be brought to the state asked for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was being done.
    pub action: Action,
    /// The file or directory it was done to.
    pub path: PathBuf,
    source: io::Error,
}

/// What was being done when a [`FileError`] arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Finding the file behind symbolic links.
    FollowLink,
    /// Reading the metadata of a file.
    Inspect,
    /// Reading the content of a file.
    Read,
    /// Creating the temporary file in a directory.
    CreateTemporary,
    /// Writing the temporary file.
    Write,
    /// Giving the new file the owner of the old one.
    KeepOwner,
    /// Giving the new file its permission bits.
    SetMode,
    /// Making the temporary file durable.
    Sync,
    /// Renaming the temporary file over the old one.
    Rename,
    /// Making the renaming durable.
    SyncRenamed,
    /// Reading the new file back and comparing it.
    Verify,
    /// Making the entries of a directory durable.
    SyncDirectory,
    /// Creating a directory, or narrowing its mode.
    CreateDirectory,
    /// Listing a directory.
    ReadDirectory,
    /// Removing a file.
    Remove,
}

impl FileError {
    /// An error of the operating system, with what was being done to which path.
    pub fn new(action: Action, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), source }
    }

    /// [`FileError::new`] in the form that `map_err` takes.
    pub fn during(action: Action, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }

    /// Whether the new content has taken the place of the old one, so that only its durability is in doubt.
    pub fn is_in_place(&self) -> bool {
        matches!(self.action, Action::SyncRenamed | Action::Verify)
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space there, then run it again"
            }
            io::ErrorKind::ReadOnlyFilesystem => "mount that file system read-write, then run it again",
            io::ErrorKind::ResourceBusy => {
                "is that file itself a mount point? mount its directory instead, so that the file can be replaced"
            }
            io::ErrorKind::NotFound => "create the directory first, or check the path",
            io::ErrorKind::PermissionDenied => match self.action {
                Action::KeepOwner => {
                    "run it as root or as the owner of that file, so that the owner can be kept"
                }
                _ => "run it as root or as the owner of that path",
            },
            _ if self.is_in_place() => {
                "the new content is in place; check the disk (`dmesg`), then run it again"
            }
            _ => "check the path and the disk it is on (`ls -ld`, `df`, `dmesg`), then run it again",
        }
    }

    pub(super) fn after_rename(mut self) -> Self {
        self.action = Action::SyncRenamed;
        self
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FollowLink => "follow the symbolic link",
            Self::Inspect => "look at",
            Self::Read => "read",
            Self::CreateTemporary => "create a temporary file in",
            Self::Write => "write",
            Self::KeepOwner => "keep the owner of",
            Self::SetMode => "set the mode of",
            Self::Sync => "sync",
            Self::Rename => "replace",
            Self::SyncRenamed => "make durable the change of a file in",
            Self::Verify => "verify",
            Self::SyncDirectory => "sync the directory",
            Self::CreateDirectory => "create the private directory",
            Self::ReadDirectory => "list the directory",
            Self::Remove => "remove",
        })
    }
}
