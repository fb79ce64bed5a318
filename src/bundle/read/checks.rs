//! What `opsctl preflight` and `opsctl verify` found, as they write it for machines.

use serde::{Deserialize, Serialize};

/// One check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckFacts {
    /// Its identifier: `db-pooler`.
    pub id: String,
    /// What it looks at: `database`.
    pub category: String,
    /// `pass`, `warn`, `fail`, `skipped`.
    pub status: String,
    /// What that rests on.
    pub evidence: String,
    /// What to do about it.
    pub remedies: Vec<String>,
    /// How long it took.
    pub duration_ms: u64,
}

impl CheckFacts {
    /// Whether it does not hold.
    pub fn fails(&self) -> bool {
        self.status == "fail"
    }

    /// Whether something may come of it.
    pub fn warns(&self) -> bool {
        self.status == "warn"
    }
}
