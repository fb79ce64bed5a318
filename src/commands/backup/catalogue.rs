//! Listing, pruning, pinning.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::adapters::catalogue::{Catalogue, Listed, Pin};
use crate::adapters::dump_backups::{catalogue_fault, decisions, remove_prunable};
use crate::cli::BackupPlace;
use crate::commands::backup::latest::latest;
use crate::commands::backup::{directory, keep as keep_of};
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::{self, Turn};
use crate::commands::place::Place;
use crate::commands::show;
use crate::commands::site::{Kept, Opened};
use crate::commands::ways_back;
use crate::error::{Failure, Fault};
use crate::journal::state_dir;
use crate::model::backup_id::BackupId;
use crate::model::operation::OperationKind;
use crate::model::retention::{FileState, Keep, Verdict, Why};
use crate::report::quantity;

pub(super) async fn list(context: &Context, asked: &BackupPlace) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    operate::mention_unfinished(context, &place);
    let opened = Opened::open(context, place).await?;
    let install = opened.kept();
    let directory = install.place().backup_dir(asked.backup_dir.as_deref(), install.variables());
    let listing = open(install)?
        .list(&directory, install.product().name.as_str())
        .map_err(|error| state_dir::unreadable(&directory, "the backups cannot be looked at", &error))?;
    let mut table = show::table(["backup", "release", "size", "rows", "verified", "kept because", "file"]);
    for listed in &listing.backups {
        let record = listed.record();
        table.add_row([
            record.id.to_string(),
            record.release.as_ref().map_or("unknown".to_owned(), ToString::to_string),
            quantity::bytes(record.size_bytes),
            quantity::count(record.rows),
            record.verified.map_or("no".to_owned(), |verified| verified.to_string()),
            record.pinned.as_ref().map(pinned).unwrap_or_default(),
            place_of(listed, &directory),
        ]);
    }
    let mut text =
        vec![if listing.backups.is_empty() { "no backups yet".to_owned() } else { show::lines(&table) }];
    for foreign in &listing.foreign {
        let what = match foreign.kind {
            Ok(_) => "a backup that this install did not write",
            Err(_) => "not a backup that can be used",
        };
        text.push(format!("{} ({}): {what}", foreign.file_name, quantity::bytes(foreign.size_bytes)));
    }
    let backups: Vec<Value> = listing.backups.iter().map(|listed| described(listed, &directory)).collect();
    let foreign: Vec<Value> = listing
        .foreign
        .iter()
        .map(|foreign| {
            let path = directory.join(&foreign.file_name);
            json!({"path": path, "size_bytes": foreign.size_bytes, "usable": foreign.kind.is_ok()})
        })
        .collect();
    let data = json!({"directory": directory, "backups": backups, "foreign": foreign});
    Ok(Outcome::new(text.join("\n"), data))
}

fn described(listed: &Listed, directory: &Path) -> Value {
    let record = listed.record();
    let mut value = json!(record);
    value["path"] = json!(record.path(directory));
    value["file"] = json!(state_of(listed));
    value
}

/// What became of its file, and where it is, if that is elsewhere.
fn place_of(listed: &Listed, directory: &Path) -> String {
    let path = listed.record().path(directory);
    match path.parent() {
        Some(elsewhere) if elsewhere != directory => {
            format!("{} in {}", state_of(listed), elsewhere.display())
        }
        _ => state_of(listed).to_owned(),
    }
}

fn state_of(listed: &Listed) -> &'static str {
    match listed {
        Listed::Known { file: FileState::Present, .. } => "present",
        Listed::Known { file: FileState::Changed, .. } => "changed since it was written",
        Listed::Known { file: FileState::Missing, .. } => "missing",
        Listed::Found(_) => "found, not recorded",
    }
}

fn pinned(pin: &Pin) -> String {
    match pin {
        Pin::Operator(why) => why.clone(),
        Pin::Operation(operation) => format!("operation {operation}"),
    }
}

/// Whether a prune removes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pruning {
    /// It only says what it would remove.
    Shown,
    /// It does.
    Done,
}

pub(super) async fn prune(
    context: &Context,
    keep: Option<u32>,
    pruning: Pruning,
    asked: &BackupPlace,
) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let turn = match pruning {
        Pruning::Shown => {
            operate::mention_unfinished(context, &place);
            None
        }
        Pruning::Done => Some(Turn::take(context, &place, OperationKind::Prune)?),
    };
    let opened = Opened::open(context, place).await?;
    let install = opened.kept();
    let directory = directory(install, asked.backup_dir.as_deref())?;
    let keep = usize::try_from(keep_of(install, keep)?).ok().and_then(Keep::new).unwrap_or(Keep::DEFAULT);
    let mut catalogue = open(install)?;
    let needed = ways_back::needed_backups(&install.place().state)?;
    let mut table = show::table(["backup", "", "because"]);
    let (mut rows, mut prunable) = (Vec::new(), 0_u64);
    for decision in decisions(&catalogue, &directory, &needed, keep)? {
        let (verdict, why) = in_words(&decision.verdict);
        rows.push(json!({"backup": decision.id, "verdict": verdict, "because": why}));
        table.add_row([decision.id.to_string(), verdict.to_owned(), why]);
        prunable += u64::from(matches!(decision.verdict, Verdict::Prune { .. }));
    }
    let shown = if rows.is_empty() { "no backups yet".to_owned() } else { show::lines(&table) };
    let data = json!({"dry_run": turn.is_none(), "keep": keep.get(), "backups": rows});
    if turn.is_none() || prunable == 0 {
        return Ok(Outcome::new(shown, data));
    }
    context.note(&shown);
    let what = if prunable == 1 { "1 backup".to_owned() } else { format!("{prunable} backups") };
    context.consent(&format!("Remove {what}?"))?;
    remove_prunable(&mut catalogue, &directory, &needed, keep)?;
    Ok(Outcome::new(format!("removed {what}"), data))
}

fn in_words(verdict: &Verdict) -> (&'static str, String) {
    match verdict {
        Verdict::Prune { newer } => ("prune", format!("{newer} newer verified ones are kept")),
        Verdict::Keep(why) => (
            "keep",
            match why {
                Why::Pinned => "it is pinned".to_owned(),
                Why::NeededBy(operation) => format!("operation {operation} can be gone back from with it"),
                Why::OnlyVerified => "it is the only verified one".to_owned(),
                Why::Newest(1) => "it is the newest".to_owned(),
                Why::Newest(place) => format!("it is number {place} of the newest"),
                Why::NotOurs => "its file is not the one that was written".to_owned(),
                Why::Missing => "its file is not there".to_owned(),
            },
        ),
    }
}

pub(super) async fn pin(
    context: &Context,
    backup: &str,
    why: String,
    asked: &BackupPlace,
) -> Result<Outcome, Failure> {
    let (opened, _turn, id) = one_of_ours(context, backup, asked).await?;
    open(opened.kept())?.pin(id, Pin::Operator(why)).map_err(|error| catalogue_fault(&error))?;
    Ok(Outcome::new(format!("{id} is kept until it is unpinned"), json!({"backup": id, "pinned": true})))
}

pub(super) async fn unpin(context: &Context, backup: &str, asked: &BackupPlace) -> Result<Outcome, Failure> {
    let (opened, _turn, id) = one_of_ours(context, backup, asked).await?;
    open(opened.kept())?.unpin(id).map_err(|error| catalogue_fault(&error))?;
    Ok(Outcome::new(format!("retention may have {id} again"), json!({"backup": id, "pinned": false})))
}

async fn one_of_ours(
    context: &Context,
    backup: &str,
    asked: &BackupPlace,
) -> Result<(Opened, Turn, BackupId), Failure> {
    let place = Place::find(context)?;
    let turn = Turn::take(context, &place, OperationKind::Prune)?;
    let opened = Opened::open(context, place).await?;
    let install = opened.kept();
    let directory = install.place().backup_dir(asked.backup_dir.as_deref(), install.variables());
    let path = archive(install, &directory, backup)?;
    let id = id_of(&path).ok_or_else(|| {
        Failure::usage(Fault::new(format!("{} is not a backup of this install", path.display())))
    })?;
    Ok((opened, turn, id))
}

/// The identifier of the backup that a file holds, by the file's name.
pub fn id_of(path: &Path) -> Option<BackupId> {
    BackupId::from_file_name(path.file_name()?.to_str()?)
}

/// The archive that a person means: a file, the identifier of a backup, or the latest.
pub fn archive(install: &dyn Kept, directory: &Path, named: &str) -> Result<PathBuf, Failure> {
    if named == "latest" {
        return latest(install, directory, None);
    }
    let known = open(install)?;
    let by_id = named.parse().ok().map(|id| known.path_of(id, directory));
    let by_path = [PathBuf::from(named), install.place().dir.join(named), directory.join(named)];
    let all: Vec<PathBuf> = by_id.iter().cloned().chain(by_path).collect();
    if let Some(path) = all.iter().find(|path| path.is_file()) {
        return Ok(path.clone());
    }
    let is_on_record = named.parse().is_ok_and(|id| known.record(id).is_ok());
    let fault = match (&by_id, all.iter().find(|path| path.exists())) {
        (Some(path), None) if is_on_record => Fault::new(format!("the file of backup {named} is not there"))
            .hint(format!("look at {}: is the disk mounted, and was it moved?", path.display())),
        (_, Some(path)) => Fault::new(format!("{} is no backup: it is no file", path.display())),
        (_, None) => Fault::new(format!("there is no backup {named}")),
    };
    Err(Failure::usage(
        fault.hint("`opsctl backup list` shows those that there are; `latest` means the newest"),
    ))
}

pub(super) fn open(install: &dyn Kept) -> Result<Catalogue, Failure> {
    Catalogue::open(install.place().state.root()).map_err(|error| catalogue_fault(&error).into())
}
