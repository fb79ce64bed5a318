//! `opsctl backup`: take, list, verify, prune, pin, unpin.

pub mod catalogue;
pub mod latest;
mod verify;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapters::catalogue::{Catalogue, Proof};
use crate::adapters::dump_backups::catalogue_fault;
use crate::cli::{Backup, BackupAction, BackupCreate};
use crate::commands::backup::catalogue::Pruning;
use crate::commands::context::{Context, Outcome};
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::operate::{self, Purpose, Turn};
use crate::commands::place::Place;
use crate::commands::ready::{Operable, Ready, ready};
use crate::commands::site::{Kept, Kind};
use crate::commands::unfinished;
use crate::error::{Failure, Fault};
use crate::model::backup_id::{BackupId, Clock as ClockState};
use crate::model::operation::OperationKind;
use crate::operations::backup;

/// How many backups are kept where nobody says otherwise.
pub const KEEP: u32 = 7;

/// Does what was asked.
pub async fn run(context: &Context, asked: Backup) -> Result<Outcome, Failure> {
    match asked.action.unwrap_or(BackupAction::Create(asked.create)) {
        BackupAction::Create(create) => take(context, create).await,
        BackupAction::List(place) => catalogue::list(context, &place).await,
        BackupAction::Verify { backup, restore, place } => {
            let proof = if restore { Proof::Restored } else { Proof::ReadBack };
            verify::run(context, &backup, proof, &place).await
        }
        BackupAction::Prune { keep, dry_run, place } => {
            let pruning = if dry_run { Pruning::Shown } else { Pruning::Done };
            catalogue::prune(context, keep, pruning, &place).await
        }
        BackupAction::Pin { backup, why, place } => catalogue::pin(context, &backup, why, &place).await,
        BackupAction::Unpin { backup, place } => catalogue::unpin(context, &backup, &place).await,
    }
}

async fn take(context: &Context, asked: BackupCreate) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    unfinished::end_backup(context, &place).await?;
    match Kind::at(context, &place)? {
        Kind::Compose => take_of::<Install>(context, place, &asked).await,
        Kind::Process => take_of::<Embedded>(context, place, &asked).await,
    }
}

async fn take_of<I: Operable>(
    context: &Context,
    place: Place,
    asked: &BackupCreate,
) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready: Ready<I> = ready(context, place, OperationKind::Backup, Purpose::CarryOut, given).await?;
    let Ready { turn, install, directory, world, .. } = &ready;
    let keep = keep(install, asked.keep)?;
    let id = next_id(context, install)?;
    let plan = backup::plan(&ready.product(), id, keep);
    operate::run(context, install, world, turn, plan).await?;
    taken(install, turn, id, directory)
}

/// Says which backup was taken.
fn taken(install: &dyn Kept, turn: &Turn, id: BackupId, directory: &Path) -> Result<Outcome, Failure> {
    let archive = directory.join(id.file_name());
    let record = Catalogue::open(install.place().state.root())
        .and_then(|catalogue| catalogue.record(id).cloned())
        .map_err(|error| catalogue_fault(&error))?;
    Ok(Outcome::new(
        archive.display().to_string(),
        json!({"backup": id, "path": archive, "operation": turn.operation, "size_bytes": record.size_bytes,
            "rows": record.rows, "release": record.release, "verified": record.verified}),
    ))
}

/// The identifier of the next backup: later than any before, whatever the clock says.
pub fn next_id(context: &Context, install: &dyn Kept) -> Result<BackupId, Failure> {
    let catalogue = Catalogue::open(install.place().state.root()).map_err(|error| catalogue_fault(&error))?;
    let next = catalogue.next_id(jiff::Timestamp::now());
    if let ClockState::Behind(by) = next.clock {
        context.warn(format!("the clock is {} s behind the newest backup: was it set back?", by.as_secs()));
    }
    Ok(next.id)
}

/// Where backups are, made if need be, readable by nobody else.
pub fn directory(install: &dyn Kept, given: Option<&Path>) -> Result<PathBuf, Failure> {
    let directory = install.place().backup_dir(given, install.variables());
    if !directory.is_dir() {
        crate::adapters::files::create_private_dir(&directory).map_err(|error| {
            Fault::caused_by("cannot keep backups", &error).hint("name another place with --backup-dir")
        })?;
    }
    Ok(directory)
}

/// How many backups to keep: the flag or `KEEP`, else what `.env` says, else seven.
pub fn keep(install: &dyn Kept, given: Option<u32>) -> Result<u32, Failure> {
    match (given, install.variables().get("KEEP").filter(|text| !text.is_empty())) {
        (Some(keep), _) => Ok(keep),
        (None, None) => Ok(KEEP),
        (None, Some(text)) => match text.trim().parse() {
            Ok(keep) if keep >= 1 => Ok(keep),
            _ => Err(Failure::usage(
                Fault::new(format!("KEEP={text} is not a number of backups to keep, 1 or more")).hint(
                    format!(
                        "correct it in the environment or in {}; `--keep N` comes before both",
                        install.place().env_file().display()
                    ),
                ),
            )),
        },
    }
}
