//! Backups and operations.

use serde::{Deserialize, Serialize};

/// One backup of the inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupFacts {
    /// Its identifier.
    pub id: String,
    /// When it was taken.
    pub taken: String,
    /// The release that it is of.
    pub release: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// Rows in it.
    pub rows: Option<u64>,
    /// When it was last read back in full; absent if it never was.
    pub verified: Option<String>,
    /// Why retention keeps it.
    pub kept_because: Vec<String>,
    /// What is wrong with the file.
    pub trouble: Option<String>,
}

impl BackupFacts {
    /// The trouble of one whose file is not there.
    pub const GONE: &str = "missing";
    /// The trouble of one that nothing is recorded of, and that can be used all the same.
    pub const UNRECORDED: &str = "found, not recorded";
    /// The trouble of a file that is somebody else's.
    pub const FOREIGN: &str = "this install did not write it";

    /// Whether it can be used, as far as that was seen.
    pub fn is_usable(&self) -> bool {
        self.trouble.as_deref().is_none_or(|trouble| trouble == Self::UNRECORDED)
    }
}

/// One operation that is on record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationFacts {
    /// Its identifier.
    pub id: String,
    /// `upgrade`, `restore`, `backup`.
    pub kind: String,
    /// `1.0.0 -> 1.1.0`.
    pub what: String,
    /// When it began.
    pub began: String,
    /// When it ended; absent if it did not.
    pub ended: Option<String>,
    /// How it ended: `done`, `rolled-back`, `failed`, `interrupted`, `unfinished`, `running`, `left`, `paused`.
    pub outcome: String,
    /// What failed, in one line.
    pub failure: Option<String>,
    /// Who ran it.
    pub actor: String,
    /// What is wrong with its journal; absent if it verifies.
    pub journal_trouble: Option<String>,
}
