//! Whether there was a store, when none is there.

use super::Embedded;
use crate::adapters::catalogue::Catalogue;
use crate::error::{Failure, Fault};
use crate::journal::record::Closing;
use crate::journal::state_dir::StateDir;

/// What is on record of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Known {
    /// There are backups of it.
    BackedUp,
    /// The product was started on it.
    Used,
    /// Nothing: there may never have been one.
    Unknown,
}

impl Known {
    /// What the records say.
    pub(in crate::commands) fn of(state: &StateDir) -> Self {
        if Catalogue::open(state.root()).is_ok_and(|all| !all.records().is_empty()) {
            return Self::BackedUp;
        }
        // A start that failed has put its store aside.
        let came_through = |ending| matches!(ending, Some(Closing::Done | Closing::PastCommit));
        let past = state.operations().unwrap_or_default();
        let is_used =
            past.iter().filter_map(|past| past.progress.as_ref().ok()).any(|past| came_through(past.ending));
        if is_used { Self::Used } else { Self::Unknown }
    }
}

/// A product makes its store when it finds none: where there was one, that would hide that it is gone.
pub(super) fn must_be_there(site: &Embedded) -> Result<(), Failure> {
    let file = site.database().file;
    if file.exists() {
        return Ok(());
    }
    let fault = Fault::new(format!("the store is gone: {} is not there", file.display()));
    let fault = fault.hint("was it moved? put it back, with its -wal; `file` in opsctl.toml names it");
    let fault = match Known::of(&site.place.state) {
        Known::Unknown => return Ok(()),
        Known::BackedUp => fault.hint("`opsctl restore latest` puts the newest backup in its place"),
        Known::Used => fault,
    };
    Err(Failure::refused(fault.hint("to begin anew with nothing in it: `opsctl start --empty-store`")))
}
