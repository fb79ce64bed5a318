//! What is known of one backup.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::backup_id::BackupId;
use crate::model::manifest::{Manifest, Reason};
use crate::model::operation::OperationId;
use crate::model::release::Version;

/// What the catalogue holds of one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its identity; gives its file name too.
    pub id: BackupId,
    /// Its place in the recorded order, counted from 1.
    pub sequence: u64,
    /// The directory that it was written to; absent where that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Length of its file in bytes.
    pub size_bytes: u64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Why it was taken.
    pub reason: Reason,
    /// The release that was running.
    pub release: Option<Version>,
    /// Rows in all tables together.
    pub rows: u64,
    /// The last time it was found to be right; none if never, or if it was found to be wrong since.
    #[serde(default)]
    pub verified: Option<Verification>,
    /// Why it is to be kept.
    #[serde(default)]
    pub pinned: Option<Pin>,
}

/// When and how a backup was found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Proof,
}

impl fmt::Display for Verification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            Proof::ReadBack => "read back",
            Proof::Restored => "restored",
        };
        write!(formatter, "{how} {}", self.at.strftime("%Y-%m-%d"))
    }
}

/// How a backup was found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Read whole and compared with its manifest.
    ReadBack,
    /// Restored into a scratch database and counted.
    Restored,
}

/// Why a backup is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// Someone asked for it, with these words.
    Operator(String),
    /// An operation did, until it is committed.
    Operation(OperationId),
}

impl Record {
    /// What an archive's manifest tells. That it was verified is not among it.
    pub fn of(manifest: &Manifest, size_bytes: u64) -> Self {
        Self {
            id: manifest.id,
            sequence: manifest.sequence,
            directory: None,
            size_bytes,
            created_at: manifest.created_at,
            reason: manifest.reason,
            release: manifest.release.version.clone(),
            rows: manifest.rows(),
            verified: None,
            pinned: None,
        }
    }

    /// Its file: in `directory`, or where it was written to if it is not there.
    pub fn path(&self, directory: &Path) -> PathBuf {
        let here = directory.join(self.id.file_name());
        let written = self.directory.as_ref().map(|written| written.join(self.id.file_name()));
        written.filter(|written| !here.exists() && written.exists()).unwrap_or(here)
    }
}
