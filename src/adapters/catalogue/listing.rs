//! The catalogue beside the files that are there.

use std::fs;
use std::io;
use std::path::Path;

use super::record::Record;
use crate::adapters::archive::{self, ArchiveError, Origin};
use crate::model::backup_id::BackupId;
use crate::model::retention::FileState;

/// Backups that are known, and files that look like some.
#[derive(Debug)]
pub struct Listing {
    /// This install's, the oldest first: those of the catalogue, and those found by their manifests.
    pub backups: Vec<Listed>,
    /// Files named like backups that this install did not write, by name. They are never pruned.
    pub foreign: Vec<Foreign>,
}

/// A backup of this install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It is in the catalogue.
    Known {
        /// What the catalogue says.
        record: Record,
        /// What became of its file, which may be in another directory than the one that was looked into.
        file: FileState,
    },
    /// It is not, but its manifest says that it is this product's: see [`super::Catalogue::adopt`].
    Found(Record),
}

/// A file named like a backup that this install did not write.
#[derive(Debug)]
pub struct Foreign {
    /// Its name.
    pub file_name: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// What it was found to be, as far as can be seen from its ends.
    pub kind: Result<Origin, ArchiveError>,
}

impl Listed {
    /// What is known of it.
    pub fn record(&self) -> &Record {
        match self {
            Self::Known { record, .. } | Self::Found(record) => record,
        }
    }
}

pub(super) fn list(known: &[Record], directory: &Path, product: &str) -> io::Result<Listing> {
    let mut listing = Listing { backups: Vec::new(), foreign: Vec::new() };
    for record in known {
        let path = record.path(directory);
        let file = file_state(&path, record)?;
        listing.backups.push(Listed::Known { record: record.clone(), file });
    }
    for (file_name, size_bytes) in named_like_backups(directory)? {
        let id = BackupId::from_file_name(&file_name);
        if known.iter().any(|record| Some(record.id) == id) {
            continue;
        }
        match archive::inspect(&directory.join(&file_name)).map(|summary| summary.origin) {
            Ok(Origin::Opsctl(manifest)) if manifest.product == product && Some(manifest.id) == id => {
                listing.backups.push(Listed::Found(Record::of(&manifest, size_bytes)));
            }
            kind => listing.foreign.push(Foreign { file_name, size_bytes, kind }),
        }
    }
    listing.backups.sort_by_key(|listed| (listed.record().sequence, listed.record().id));
    Ok(listing)
}

/// Name and length of every regular file `backup-*.tar.gz`, by name.
fn named_like_backups(directory: &Path) -> io::Result<Vec<(String, u64)>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let metadata = entry.metadata()?;
        if metadata.is_file() && name.starts_with("backup-") && name.ends_with(".tar.gz") {
            files.push((name, metadata.len()));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a known backup's file is there, of the length that was written.
pub(super) fn file_state(path: &Path, record: &Record) -> io::Result<FileState> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == record.size_bytes => Ok(FileState::Present),
        Ok(_) => Ok(FileState::Changed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileState::Missing),
        Err(error) => Err(error),
    }
}
