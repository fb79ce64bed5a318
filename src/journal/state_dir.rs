//! What opsctl keeps of an install: `DIR/.opsctl`, readable by nobody else.
//!
//! ```text
//! .opsctl/lock                          who holds the install
//! .opsctl/rehearsal.lock                held while an upgrade is rehearsed
//! .opsctl/compose.lock                  held by each `docker compose` that changes containers, also when opsctl is gone
//! .opsctl/backups.json                  what is known of the backups
//! .opsctl/fingerprint.key               by which values of secrets are recognised
//! .opsctl/operations/ID/journal.jsonl   one operation
//! .opsctl/operations/ID/output.log      what was said while it ran
//! .opsctl/operations/ID/env.before      .env as it was, until the operation is closed
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::Fault;
use crate::journal::record::{Progress, SCHEMA};
use crate::journal::{Journal, JournalError, read};
use crate::model::operation::{OperationId, OperationKind};

/// What it is called in the install's directory.
pub const STATE_DIR: &str = ".opsctl";

/// The state directory of one install.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
}

/// That something of an install's state cannot be read. It is for one user only.
pub fn unreadable(path: &Path, what: &str, error: &io::Error) -> Fault {
    let fault = Fault::new(format!("{}: {error}", path.display())).within(what);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            fault.hint("it is for the user who operates the install: run opsctl as that user, or with sudo")
        }
        _ => fault,
    }
}

/// An operation that left a journal.
#[derive(Debug)]
pub struct PastOperation {
    /// Its identifier.
    pub id: OperationId,
    /// What its journal says; an error when it cannot be read.
    pub progress: Result<Progress, JournalError>,
}

impl StateDir {
    /// The state directory of the install in `install`; nothing is created.
    pub fn of(install: &Path) -> Self {
        Self { root: install.join(STATE_DIR) }
    }

    /// Creates the directory, mode 0700, unless it is there.
    pub fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.root.join("operations"))
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What belongs to one operation.
    pub fn operation(&self, id: &OperationId) -> PathBuf {
        self.root.join("operations").join(id.as_str())
    }

    /// The journal of one operation.
    pub fn journal(&self, id: &OperationId) -> PathBuf {
        self.operation(id).join("journal.jsonl")
    }

    /// What was said while one operation ran, for whoever could not see it.
    pub fn output(&self, id: &OperationId) -> PathBuf {
        self.operation(id).join("output.log")
    }

    /// The identifier for an operation that begins now: behind all that there are, also where the clock was set back.
    pub fn next_id(&self, at: jiff::Timestamp, kind: OperationKind) -> OperationId {
        // What cannot be read now is found out by whoever begins the operation.
        OperationId::behind(at, kind, &self.ids().unwrap_or_default())
    }

    /// Makes room for a new operation and starts its journal.
    pub fn begin(&self, id: &OperationId) -> Result<Journal, JournalError> {
        fs::DirBuilder::new().mode(0o700).create(self.operation(id)).map_err(|source| JournalError::Io {
            action: "make room for",
            path: self.journal(id),
            source,
        })?;
        let journal = Journal::create(&self.journal(id))?;
        self.sync_operations(id)?;
        Ok(journal)
    }

    /// Removes what an operation kept beside its journal: once it is closed, nobody goes back to it.
    pub fn tidy(&self, id: &OperationId) -> io::Result<()> {
        let lasting = [self.journal(id), self.output(id)];
        for entry in fs::read_dir(self.operation(id))? {
            let path = entry?.path();
            if !lasting.contains(&path) && path.is_file() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn sync_operations(&self, id: &OperationId) -> Result<(), JournalError> {
        let operations = self.root.join("operations");
        fs::File::open(&operations).and_then(|directory| directory.sync_all()).map_err(|source| {
            JournalError::Io { action: "sync the directory of", path: self.journal(id), source }
        })
    }

    /// All operations, in words for a person where they cannot be read.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn past(&self) -> Result<Vec<PastOperation>, Fault> {
        let of = self.root.join("operations");
        self.operations().map_err(|error| unreadable(&of, "the records of operations cannot be read", &error))
    }

    /// All operations in the order in which they began. An operation whose journal holds no whole line never happened.
    pub fn operations(&self) -> io::Result<Vec<PastOperation>> {
        Ok(self.ids()?.into_iter().filter_map(|id| self.past_operation(id)).collect())
    }

    /// The identifiers of all operations, sorted.
    fn ids(&self) -> io::Result<Vec<OperationId>> {
        let directory = match fs::read_dir(self.root.join("operations")) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut ids: Vec<OperationId> =
            directory.filter_map(|entry| OperationId::parse(entry.ok()?.file_name().to_str()?)).collect();
        ids.sort();
        Ok(ids)
    }

    fn past_operation(&self, id: OperationId) -> Option<PastOperation> {
        let path = self.journal(&id);
        let progress = match read(&path) {
            Ok((entries, _)) => Ok(Progress::of(&entries)?),
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error),
        };
        let progress = progress.and_then(|progress| match progress.planned.schema {
            found if found > SCHEMA => Err(JournalError::Newer { path, found }),
            _ => Ok(progress),
        });
        Some(PastOperation { id, progress })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_another_user_is_told_apart_from_what_is_not_there() {
        let fault =
            |kind: io::ErrorKind| unreadable(Path::new("/srv/c/.opsctl"), "it is not read", &kind.into());
        let denied = fault(io::ErrorKind::PermissionDenied);
        assert_eq!(denied.what, "it is not read");
        assert!(denied.causes[0].starts_with("/srv/c/.opsctl: ") && denied.hints.len() == 1, "{denied:?}");
        assert!(fault(io::ErrorKind::NotFound).hints.is_empty());
    }
}
