//! What opsctl knows of an install's backups, and what is really there.
//!
//! The catalogue is `backups.json` in the install's state directory. It holds the order in which backups were taken,
//! which file times cannot be trusted to tell, and what an archive cannot say of itself: whether it was verified, and
//! whether it is to be kept. If it is lost, it is built again from the manifests of the archives.
//!
//! Whoever changes it holds the install's lock.

mod listing;
#[cfg(test)]
mod properties;
mod record;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapters::files::{self, FileError, Mode};
use crate::model::backup_id::{BackupId, NextId};
use crate::model::operation::OperationId;
use crate::model::retention::{Candidate, FileState};

pub use listing::{Foreign, Listed, Listing};
pub use record::{Pin, Proof, Record, Verification};

/// The catalogue's file in the state directory.
pub const FILE_NAME: &str = "backups.json";

const FORMAT: u32 = 1;

/// The backups of an install, in the order in which they were recorded.
#[derive(Debug)]
pub struct Catalogue {
    path: PathBuf,
    document: Document,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Document {
    format: u32,
    /// The highest sequence ever given, also to a backup that was pruned since.
    last_sequence: u64,
    /// The newest id ever given.
    last_id: Option<BackupId>,
    backups: Vec<Record>,
}

/// Why the catalogue cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It cannot be read.
    #[error("the catalogue {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is not what opsctl writes.
    #[error("the catalogue {} is damaged; move it away, and it is built again from the archives", .0.display())]
    Damaged(PathBuf, #[source] serde_json::Error),
    /// It was written by a newer opsctl.
    #[error("the catalogue {} has format {found}, and this opsctl knows up to {FORMAT}: use a newer one", path.display())]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
    /// There is no such backup in it.
    #[error("no backup {0} is known; `opsctl backup list` shows those that are")]
    Unknown(BackupId),
    /// A backup's id does not come after those recorded before.
    #[error("backup {id} does not come after {newest}, the newest recorded")]
    OutOfOrder {
        /// The one that was to be recorded.
        id: BackupId,
        /// The newest.
        newest: BackupId,
    },
}

impl Catalogue {
    /// Reads the catalogue in `state_directory`; one that does not exist yet is empty.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub fn open(state_directory: &Path) -> Result<Self, CatalogueError> {
        let path = state_directory.join(FILE_NAME);
        let document = match fs::read(&path) {
            Ok(json) => parse(&path, &json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Document::empty(),
            Err(error) => return Err(CatalogueError::Read(path, error)),
        };
        Ok(Self { path, document })
    }

    /// Every backup that is known, the oldest first.
    pub fn records(&self) -> &[Record] {
        &self.document.backups
    }

    /// What is known of one backup.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`].
    pub fn record(&self, id: BackupId) -> Result<&Record, CatalogueError> {
        self.records().iter().find(|record| record.id == id).ok_or(CatalogueError::Unknown(id))
    }

    /// The file of a backup, known or not: in `directory`, or where it was written to.
    pub fn path_of(&self, id: BackupId, directory: &Path) -> PathBuf {
        let known = self.records().iter().find(|record| record.id == id);
        known.map_or_else(|| directory.join(id.file_name()), |record| record.path(directory))
    }

    /// The newest backup, and what became of its file.
    ///
    /// # Errors
    /// If its folder cannot be looked into.
    pub fn newest(&self, directory: &Path) -> io::Result<Option<(&Record, FileState)>> {
        let newest = self.records().last();
        newest.map(|record| Ok((record, listing::file_state(&record.path(directory), record)?))).transpose()
    }

    /// The id for a backup begun `now`: after every id that was ever recorded, whatever the clock says.
    pub fn next_id(&self, now: Timestamp) -> NextId {
        BackupId::next(now, self.document.last_id)
    }

    /// The next place in the recorded order. Ids order those that share the last place there is.
    pub fn next_sequence(&self) -> u64 {
        self.document.last_sequence.saturating_add(1)
    }

    /// Adds a backup that has just been taken.
    ///
    /// # Errors
    /// [`CatalogueError::OutOfOrder`], or if the catalogue cannot be written.
    pub fn add(&mut self, record: Record) -> Result<(), CatalogueError> {
        match self.document.last_id {
            Some(newest) if record.id <= newest => Err(CatalogueError::OutOfOrder { id: record.id, newest }),
            _ => self.change(|document| document.insert(record)),
        }
    }

    /// Takes up backups of this install that were found but not known, after the catalogue was lost.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub fn adopt(&mut self, records: impl IntoIterator<Item = Record>) -> Result<(), CatalogueError> {
        self.change(|document| records.into_iter().for_each(|record| document.insert(record)))
    }

    /// Records that a backup was found to be right.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], or if the catalogue cannot be written.
    pub fn set_verified(&mut self, id: BackupId, verification: Verification) -> Result<(), CatalogueError> {
        self.change_one(id, |record| record.verified = Some(verification))
    }

    /// Records that a backup was found to be wrong.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], or if the catalogue cannot be written.
    pub fn clear_verified(&mut self, id: BackupId) -> Result<(), CatalogueError> {
        self.change_one(id, |record| record.verified = None)
    }

    /// Keeps a backup from being pruned, until it is unpinned.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], or if the catalogue cannot be written.
    pub fn pin(&mut self, id: BackupId, pin: Pin) -> Result<(), CatalogueError> {
        self.change_one(id, |record| record.pinned = Some(pin))
    }

    /// Takes a pin away.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], or if the catalogue cannot be written.
    pub fn unpin(&mut self, id: BackupId) -> Result<(), CatalogueError> {
        self.change_one(id, |record| record.pinned = None)
    }

    /// Forgets a backup. For pruning: first this, then its file, so that no entry without a file is left by a crash;
    /// the file that may be left is found by its manifest.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], or if the catalogue cannot be written.
    pub fn remove(&mut self, id: BackupId) -> Result<(), CatalogueError> {
        self.record(id)?;
        self.change(|document| document.backups.retain(|record| record.id != id))
    }

    /// The backups in `directory` as retention sees them; `needed_by` tells which operation could go back to one.
    ///
    /// # Errors
    /// If a file cannot be looked at.
    pub fn candidates(
        &self,
        directory: &Path,
        needed_by: impl Fn(BackupId) -> Option<OperationId>,
    ) -> io::Result<Vec<Candidate>> {
        let candidate = |record: &Record| {
            Ok(Candidate {
                id: record.id,
                sequence: record.sequence,
                verified: record.verified.is_some(),
                pinned: record.pinned.is_some(),
                needed_by: needed_by(record.id),
                file: listing::file_state(&directory.join(record.id.file_name()), record)?,
            })
        };
        self.records().iter().map(candidate).collect()
    }

    /// What is known, beside what is in `directory`.
    ///
    /// A file that is named like a backup and not known is one of this install's if its manifest names `product`;
    /// otherwise it is foreign.
    ///
    /// # Errors
    /// If the directory cannot be read. One that does not exist is empty.
    pub fn list(&self, directory: &Path, product: &str) -> io::Result<Listing> {
        listing::list(self.records(), directory, product)
    }

    fn change_one(&mut self, id: BackupId, change: impl FnOnce(&mut Record)) -> Result<(), CatalogueError> {
        self.record(id)?;
        self.change(|document| {
            if let Some(record) = document.backups.iter_mut().find(|record| record.id == id) {
                change(record);
            }
        })
    }

    /// Changes a copy, and takes it over only when it is in the file.
    fn change(&mut self, change: impl FnOnce(&mut Document)) -> Result<(), CatalogueError> {
        let mut document = self.document.clone();
        change(&mut document);
        let mut json = serde_json::to_vec_pretty(&document)
            .map_err(|error| CatalogueError::Damaged(self.path.clone(), error))?;
        json.push(b'\n');
        let replaced = files::replace(&self.path, &json, Mode::Exactly(0o600));
        if replaced.as_ref().err().is_none_or(FileError::is_in_place) {
            self.document = document;
        }
        Ok(replaced?)
    }
}

impl Document {
    fn empty() -> Self {
        Self { format: FORMAT, last_sequence: 0, last_id: None, backups: Vec::new() }
    }

    /// In its place; a backup that is known already stays as it is.
    fn insert(&mut self, record: Record) {
        if self.backups.iter().any(|known| known.id == record.id) {
            return;
        }
        self.last_sequence = self.last_sequence.max(record.sequence);
        self.last_id = self.last_id.max(Some(record.id));
        self.backups.push(record);
        self.backups.sort_by_key(|record| (record.sequence, record.id));
    }
}

fn parse(path: &Path, json: &[u8]) -> Result<Document, CatalogueError> {
    #[derive(Deserialize)]
    struct Probe {
        format: u32,
    }
    let damaged = |error| CatalogueError::Damaged(path.to_owned(), error);
    let Probe { format } = serde_json::from_slice(json).map_err(damaged)?;
    if format > FORMAT {
        return Err(CatalogueError::Newer { path: path.to_owned(), found: format });
    }
    serde_json::from_slice(json).map_err(damaged)
}
