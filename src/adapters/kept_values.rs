//! The two values of a password that is being rotated, beside the settings: those can hold but one, and until the rotation has
//! ended nobody can say which of the two will be needed.
//!
//! The file is with what else the operation keeps for going back, readable by its owner alone, and goes when the operation
//! has ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::adapters::files::{self, Mode};
use crate::error::Fault;
use crate::model::secret::Secret;

/// Where an operation keeps the two values.
#[derive(Debug, Clone)]
pub struct KeptValues {
    path: PathBuf,
}

/// The two values.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The one from before the rotation.
    pub old: Secret,
    /// The one that it made.
    pub new: Secret,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Stored {
    old: String,
    new: String,
}

impl KeptValues {
    /// Those of the operation whose own files are in `scratch`.
    pub fn of(scratch: &Path) -> Self {
        Self { path: scratch.join("values.kept") }
    }

    /// The two values; `None` if none are kept.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what opsctl wrote.
    pub fn read(&self) -> Result<Option<Pair>, Fault> {
        let unreadable = |error: &dyn std::error::Error| {
            Fault::caused_by("the values that the operation keeps cannot be read", error)
        };
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        // What the parser says may quote what it read.
        let stored: Stored = serde_json::from_slice(&bytes)
            .map_err(|_| Fault::new(format!("{} is not what opsctl wrote", self.path.display())))?;
        Ok(Some(Pair { old: Secret::new(stored.old), new: Secret::new(stored.new) }))
    }

    /// Keeps two values.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, pair: &Pair) -> Result<(), Fault> {
        let unkept = |error: &dyn std::error::Error| Fault::caused_by("could not keep the two values", error);
        let stored = Stored { old: pair.old.expose().to_owned(), new: pair.new.expose().to_owned() };
        let bytes = serde_json::to_vec(&stored).map_err(|error| unkept(&error))?;
        files::replace(&self.path, &bytes, Mode::Exactly(0o600)).map_err(|error| unkept(&error))
    }

    /// Forgets them; that none are kept is fine.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn forget(&self) -> Result<(), Fault> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Fault::caused_by("could not forget the values that the operation kept", &error))
            }
            _ => Ok(()),
        }
    }
}

impl Pair {
    /// The one of them that a value is not; `None` if it is neither.
    pub fn other_than(&self, value: &Secret) -> Option<Secret> {
        match value.expose() {
            value if value == self.new.expose() => Some(self.old.clone()),
            value if value == self.old.expose() => Some(self.new.clone()),
            _ => None,
        }
    }
}
