//! The newest backup. Where its file is gone, no older one is taken in its place without a word.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::adapters::catalogue::{Catalogue, Listed, Listing};
use crate::commands::site::Kept;
use crate::error::{Failure, Fault};
use crate::journal::record::{Closing, Progress};
use crate::journal::state_dir::{self, StateDir};
use crate::model::backup_id::BackupId;
use crate::model::release::Version;
use crate::plan::step::Step;
use crate::report::quantity;

use super::catalogue::open;

/// The newest backup of an install, or the newest one of a release.
pub fn latest(install: &dyn Kept, directory: &Path, of: Option<&Version>) -> Result<PathBuf, Failure> {
    let listing = listing(install, &open(install)?, directory)?;
    let mut gone = Vec::new();
    for listed in listing.backups.iter().rev() {
        let record = listed.record();
        if of.is_some_and(|version| record.release.as_ref() != Some(version)) {
            continue;
        }
        let path = record.path(directory);
        if path.is_file() {
            if of.is_none() {
                gone.extend(unreadable(&listing, directory, record.id));
            }
            return if gone.is_empty() { Ok(path) } else { Err(newer_are_gone(&gone, record.id)) };
        }
        gone.push(Gone { id: record.id, places: places(listed, directory) });
    }
    Err(if gone.is_empty() { none(install, directory, of) } else { all_are_gone(&gone) })
}

/// A backup that cannot be taken, and where its file should be.
struct Gone {
    id: BackupId,
    places: Vec<PathBuf>,
}

fn listing(install: &dyn Kept, known: &Catalogue, directory: &Path) -> Result<Listing, Failure> {
    known
        .list(directory, install.product().name.as_str())
        .map_err(|error| state_dir::unreadable(directory, "the backups cannot be looked at", &error).into())
}

/// Files by the name of a newer backup that is not on record, and of which nothing can be read.
fn unreadable(listing: &Listing, directory: &Path, than: BackupId) -> Vec<Gone> {
    let newer = listing.foreign.iter().filter(|foreign| foreign.kind.is_err()).filter_map(|foreign| {
        let id = BackupId::from_file_name(&foreign.file_name).filter(|id| *id > than)?;
        Some(Gone { id, places: vec![directory.join(&foreign.file_name)] })
    });
    newer.collect()
}

fn places(listed: &Listed, directory: &Path) -> Vec<PathBuf> {
    let record = listed.record();
    let written = record.directory.iter().filter(|written| written.as_path() != directory);
    let folders = written.map(PathBuf::as_path).chain([directory]);
    folders.map(|folder| folder.join(record.id.file_name())).collect()
}

fn newer_are_gone(gone: &[Gone], there: BackupId) -> Failure {
    let what = match gone {
        [one] => format!("the newest backup, {}, cannot be read or is not there", one.id),
        several => format!(
            "{} newer than {there} cannot be read or are not there: {}",
            quantity::counted(several.len() as u64, "backup", "backups"),
            ids(several)
        ),
    };
    let fault = look_at(Fault::new(what), gone);
    Failure::refused(fault.hint(format!("to take the newest that is there, name it: {there}")))
}

fn all_are_gone(gone: &[Gone]) -> Failure {
    let many = quantity::counted(gone.len() as u64, "backup is", "backups are");
    let fault = Fault::new(format!("{many} on record, and no file of any is there: {}", ids(gone)));
    Failure::refused(look_at(fault, gone))
}

/// No backup is on record, and none is in the folder.
fn none(install: &dyn Kept, directory: &Path, of: Option<&Version>) -> Failure {
    if let Some(version) = of {
        let fault = Fault::new(format!("there is no backup of release {version}"));
        return Failure::refused(
            fault.hint("`opsctl backup list` shows those that there are; `--backup FILE` names one"),
        );
    }
    let Some(id) = taken(&install.place().state).pop_last() else {
        return Failure::usage(Fault::new("there is no backup yet").hint("`opsctl backup` takes one"));
    };
    let fault = Fault::new(format!(
        "no backup is on record or in {}, and by `opsctl history` the last one taken was {id}",
        directory.display()
    ));
    let gone = Gone { id, places: vec![directory.join(id.file_name())] };
    Failure::refused(look_at(fault, &[gone]))
}

/// The backups that operations took, by their own records.
fn taken(state: &StateDir) -> BTreeSet<BackupId> {
    let past = state.operations().unwrap_or_default();
    let done = |past: &Progress| matches!(past.ending, Some(Closing::Done | Closing::PastCommit));
    let of = |step: &Step| match step {
        Step::TakeBackup { id, .. } => Some(*id),
        _ => None,
    };
    past.iter()
        .filter_map(|past| past.progress.as_ref().ok())
        .filter(|past| done(past))
        .flat_map(|past| past.planned.plan.steps.iter().filter_map(of))
        .collect()
}

fn look_at(fault: Fault, gone: &[Gone]) -> Fault {
    let places: Vec<String> =
        gone.first().iter().flat_map(|gone| &gone.places).map(|path| path.display().to_string()).collect();
    fault
        .hint(format!("look at {}: is the disk mounted, and was the file moved?", places.join(" and ")))
        .hint("what lies elsewhere is found with `--backup-dir`, or named by its path")
}

fn ids(gone: &[Gone]) -> String {
    const SHOWN: usize = 5;
    let ids: Vec<String> = gone.iter().take(SHOWN).map(|gone| gone.id.to_string()).collect();
    let more = if gone.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", ids.join(", "))
}
