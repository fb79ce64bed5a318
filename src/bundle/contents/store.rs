//! What a bundle tells of a SQLite file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A SQLite file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreFacts {
    /// Its path.
    pub file: String,
    /// Its size; 0 where it is not there.
    pub bytes: u64,
    /// The size of its write-ahead log; 0 where it has none.
    pub log_bytes: u64,
    /// Properties by their names: `journal_mode`, `page_size`, `user_version`.
    pub properties: BTreeMap<String, String>,
    /// A hash of its schema.
    pub schema_hash: Option<String>,
    /// Copies that opsctl keeps beside it.
    pub kept: Vec<KeptStore>,
    /// Why it could not be looked into.
    pub trouble: Option<String>,
}

/// A copy of a store that is kept beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptStore {
    /// Its name.
    pub name: String,
    /// What it is for: `restore_point`, `replaced`.
    pub purpose: String,
    /// Its size.
    pub bytes: u64,
}
