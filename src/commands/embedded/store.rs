//! Whether there was a store, when none is there.

use std::fs;

use super::Embedded;
use crate::adapters::catalogue::Catalogue;
use crate::error::{Failure, Fault};
use crate::journal::record::{Closing, Progress};
use crate::journal::state_dir::StateDir;
use crate::model::operation::OperationKind;

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
        let came_through = |past: &Progress| {
            past.planned.plan.kind != OperationKind::Stop
                && matches!(past.ending, Some(Closing::Done | Closing::PastCommit))
        };
        let past = state.operations().unwrap_or_default();
        let is_used = past.iter().filter_map(|past| past.progress.as_ref().ok()).any(came_through);
        if is_used { Self::Used } else { Self::Unknown }
    }
}

/// A product makes its store when it finds none: where there was one, that would hide that it is gone. To begin `anew` is
/// only meant where there is none.
pub(super) fn must_be_there(site: &Embedded, anew: bool) -> Result<(), Failure> {
    let database = site.database();
    let (file, length) = (&database.file, fs::metadata(&database.file).map(|store| store.len()));
    if let Some(log) = database.orphaned_log() {
        // Whoever opens a new store under that name removes it.
        return Err(Failure::refused(
            Fault::new(format!("the store is gone, and its log is still there: {}", log.display()))
                .hint("it may hold what was written last: put the store that it is of back beside it")
                .hint("`opsctl restore` keeps it; to begin anew, move it away first"),
        ));
    }
    let what = match length {
        Ok(1..) if anew => {
            return Err(Failure::usage(
                Fault::new(format!("there is a store: {}", file.display()))
                    .hint("leave --empty-store out; or move the store away, with its -wal"),
            ));
        }
        Ok(1..) => return Ok(()),
        _ if anew => return Ok(()),
        Ok(0) => "is empty",
        Err(_) => "is not there",
    };
    let fault = Fault::new(format!("the store is gone: {} {what}", file.display()));
    let fault = fault.hint("was it moved? put it back, with its -wal; `file` in opsctl.toml names it");
    let fault = match Known::of(&site.place.state) {
        Known::Unknown => return Ok(()),
        Known::BackedUp => fault.hint("`opsctl restore latest` puts the newest backup in its place"),
        Known::Used => fault,
    };
    Err(Failure::refused(fault.hint("to begin anew with nothing in it: `opsctl start --empty-store`")))
}
