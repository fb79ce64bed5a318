//! Commands of the operator's own that are run around every operation.

use std::time::Duration;

use serde::Deserialize;

use super::limit;

/// Commands that are run around every operation, on the machine that opsctl runs on, in the install's directory.
///
/// What they are told is in their environment: see [`crate::commands::hooks`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Run before anything is changed: one that fails stops the operation.
    pub before: Option<Vec<String>>,
    /// Run when an operation is done.
    pub after: Option<Vec<String>>,
    /// Run when an operation ended in any other way.
    pub failed: Option<Vec<String>>,
    /// How long each of them may take.
    #[serde(deserialize_with = "limit::deserialize")]
    pub timeout: Duration,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { before: None, after: None, failed: None, timeout: Duration::from_mins(1) }
    }
}
