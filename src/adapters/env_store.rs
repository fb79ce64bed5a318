//! An environment file on disk: read, edited, replaced whole, and never over someone else's change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::files::{self, Action, FileError, Mode};
use crate::env_file::{Edit, EditError, EnvFile, ParseError};

/// The mode of a file that did not exist: it is going to hold secrets.
const NEW_FILE_MODE: u32 = 0o600;

/// Where an install's environment file is.
#[derive(Debug, Clone)]
pub struct EnvStore {
    path: PathBuf,
}

/// An environment file as it was found: the proof that an edit rests on what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    file: EnvFile,
    presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Missing,
    There,
}

/// Why an environment file could not be read or changed. The file is as it was, unless the error is a
/// [`FileError`] that says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum EnvStoreError {
    /// Compose would refuse the file.
    #[error("cannot read {}", path.display())]
    Parse {
        /// The environment file.
        path: PathBuf,
        /// Which line, and why.
        source: ParseError,
    },
    /// The edit cannot be made.
    #[error("cannot change {}", path.display())]
    Edit {
        /// The environment file.
        path: PathBuf,
        /// Which variable, and why.
        source: EditError,
    },
    /// Between the reading and the writing, the file was changed by someone else.
    #[error("{} was changed by someone else since it was read", path.display())]
    Changed {
        /// The environment file.
        path: PathBuf,
    },
    /// The file could not be read or replaced.
    #[error(transparent)]
    File(#[from] FileError),
}

impl EnvStoreError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Parse { source, .. } => source.hint(),
            Self::Edit { source, .. } => source.hint(),
            Self::Changed { .. } => "who else edits this install? once they are done, run it again",
            Self::File(error) => error.hint(),
        }
    }
}

impl Snapshot {
    /// What the file said.
    pub fn file(&self) -> &EnvFile {
        &self.file
    }
}

impl EnvStore {
    /// The file at `path`, which need not exist: Compose takes a missing one for an empty one.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`EnvStoreError::File`] if it cannot be read, [`EnvStoreError::Parse`] if Compose would refuse it.
    pub fn read(&self) -> Result<Snapshot, EnvStoreError> {
        let (bytes, presence) = match fs::read(&self.path) {
            Ok(bytes) => (bytes, Presence::There),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Presence::Missing),
            Err(error) => return Err(FileError::new(Action::Read, &self.path, error).into()),
        };
        let refused = |source| EnvStoreError::Parse { path: self.path.clone(), source };
        Ok(Snapshot { file: EnvFile::parse(bytes).map_err(refused)?, presence })
    }

    /// Makes edits on what was read, and writes the result if it differs. Returns what the file says now.
    ///
    /// # Errors
    /// [`EnvStoreError::Edit`] if an edit cannot be made, [`EnvStoreError::Changed`] if the file is no longer what
    /// was read, and those of [`EnvStore::read`].
    pub fn edit(&self, read: &Snapshot, edits: &[Edit]) -> Result<Snapshot, EnvStoreError> {
        let refused = |source| EnvStoreError::Edit { path: self.path.clone(), source };
        let edited = read.file.edit(edits).map_err(refused)?;
        if edited == read.file {
            self.unchanged_since(read)?;
            return Ok(read.clone());
        }
        self.replace(read, edited)
    }

    /// Puts another content in the place of what was read, for instance one that was there before. Mode and owner
    /// stay. Returns what the file says now.
    ///
    /// # Errors
    /// As for [`EnvStore::edit`].
    pub fn replace(&self, read: &Snapshot, file: EnvFile) -> Result<Snapshot, EnvStoreError> {
        self.unchanged_since(read)?;
        files::replace(&self.path, file.bytes(), Mode::KeepOr(NEW_FILE_MODE))?;
        let written = Snapshot { file, presence: Presence::There };
        self.unchanged_since(&written)?;
        Ok(written)
    }

    fn unchanged_since(&self, read: &Snapshot) -> Result<(), EnvStoreError> {
        let changed = || EnvStoreError::Changed { path: self.path.clone() };
        match self.read() {
            Ok(now) if now == *read => Ok(()),
            // What cannot be read any more was readable before.
            Ok(_) | Err(EnvStoreError::Parse { .. }) => Err(changed()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions};
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;
    use crate::env_file::VariableName;

    fn store(dir: &tempfile::TempDir, content: &str) -> EnvStore {
        let path = dir.path().join(".env");
        File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        EnvStore::at(path)
    }

    fn set(value: &str) -> [Edit; 1] {
        [Edit::Set { name: VariableName::try_from("A").unwrap(), value: value.to_owned() }]
    }

    #[test]
    fn an_edit_reaches_the_disk_and_keeps_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "# c\nA=1\n");
        let read = store.read().unwrap();
        let written = store.edit(&read, &set("2")).unwrap();
        assert_eq!(fs::read(store.path()).unwrap(), b"# c\nA=2\n");
        assert_eq!(fs::metadata(store.path()).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(store.read().unwrap(), written);
        assert_eq!(store.replace(&written, read.file().clone()).unwrap(), read);
    }

    #[test]
    fn someone_else_s_change_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "A=1\n");
        let read = store.read().unwrap();
        for theirs in ["A=3\n", "A=${\n"] {
            File::create(store.path()).unwrap().write_all(theirs.as_bytes()).unwrap();
            for value in ["1", "2"] {
                let error = store.edit(&read, &set(value)).unwrap_err();
                assert!(matches!(error, EnvStoreError::Changed { .. }), "{error:?}");
            }
            assert_eq!(fs::read(store.path()).unwrap(), theirs.as_bytes());
        }
        fs::remove_file(store.path()).unwrap();
        assert!(matches!(store.edit(&read, &set("2")), Err(EnvStoreError::Changed { .. })));
    }

    #[test]
    fn a_missing_file_is_empty_and_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let store = EnvStore::at(dir.path().join(".env"));
        let read = store.read().unwrap();
        store.edit(&read, &[]).unwrap();
        assert!(!store.path().exists());
        store.edit(&read, &set("1")).unwrap();
        assert_eq!(fs::metadata(store.path()).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn what_compose_refuses_is_said_with_path_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "A=1\nB=pa${word\n");
        let error = store.read().unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(error.to_string(), format!("cannot read {}", store.path().display()));
        assert_eq!(source.to_string(), "line 2: a reference with `${` that is not valid");
    }
}
