//! `opsctl backup verify`: every byte read, or even really restored.

use std::path::Path;

use serde_json::json;

use crate::adapters::archive::{self, Checked, Limits};
use crate::adapters::catalogue::{Catalogue, Proof, Verification};
use crate::adapters::dump_backups::{catalogue_fault, described, in_background};
use crate::adapters::files;
use crate::cli::BackupPlace;
use crate::commands::backup::catalogue::{archive as named, id_of};
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::{self, Turn};
use crate::commands::place::Place;
use crate::commands::ready::{Operable, look_into};
use crate::commands::site::{Kept, Opened};
use crate::error::{Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationKind;
use crate::ports::{Backups, Databases};
use crate::report::{Event, Reporter};

pub(super) async fn run(
    context: &Context,
    backup: &str,
    proof: Proof,
    asked: &BackupPlace,
) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let turn = match proof {
        Proof::ReadBack => {
            operate::mention_unfinished(context, &place);
            None
        }
        Proof::Restored => Some(Turn::take(context, &place, OperationKind::Backup)?),
    };
    let opened = Opened::open(context, place).await?;
    let install = opened.kept();
    let directory = install.place().backup_dir(asked.backup_dir.as_deref(), install.variables());
    let path = named(install, &directory, backup)?;
    let progress = |progress| context.report(&Event::Progress(progress));
    let read = path.clone();
    let checked = in_background(&path, "reading", &progress, move |follow| {
        archive::verify(&read, Limits::none(), follow)
    })
    .await;
    let contents = match checked {
        Ok(contents) => contents,
        Err(fault) => {
            note(context, install, turn.as_ref(), id_of(&path), None)?;
            return Err(Failure::refused(fault));
        }
    };
    let mut found = described(&contents);
    if let Some(turn) = &turn {
        found = format!("{found}; restored: {}", restored(context, &opened, turn, &path, &directory).await?);
    }
    let hashes = contents.checked == Checked::Hashes;
    if hashes || proof == Proof::Restored {
        note(context, install, turn.as_ref(), id_of(&path), Some(proof))?;
    }
    let text = format!("{}: {found}", path.display());
    Ok(Outcome::new(text, json!({"path": path, "hashes": hashes, "proof": proof, "found": found})))
}

/// Records what was proven of a backup of this install, or that nothing is any more.
fn note(
    context: &Context,
    install: &dyn Kept,
    turn: Option<&Turn>,
    id: Option<BackupId>,
    proof: Option<Proof>,
) -> Result<(), Failure> {
    let Some(id) = id else { return Ok(()) };
    let held = match turn {
        Some(_) => Ok(None),
        None => operate::hold(context, install.place(), OperationKind::Backup).map(Some),
    };
    let _until_it_is_noted = match held {
        Ok(held) => held,
        Err(failure) => {
            context.warn(format!("what was found is not recorded: {}", failure.fault));
            return Ok(());
        }
    };
    let mut catalogue =
        Catalogue::open(install.place().state.root()).map_err(|error| catalogue_fault(&error))?;
    if catalogue.record(id).is_err() {
        return Ok(());
    }
    let noted = match proof {
        Some(how) => catalogue.set_verified(id, Verification { at: jiff::Timestamp::now(), how }),
        None => catalogue.clear_verified(id),
    };
    noted.map_err(|error| catalogue_fault(&error).into())
}

/// Restores into a scratch database, counts it against the manifest and drops it again, whatever came of it.
async fn restored(
    context: &Context,
    opened: &Opened,
    turn: &Turn,
    path: &Path,
    directory: &Path,
) -> Result<String, Failure> {
    match opened {
        Opened::Compose(install) => in_scratch(context, install.as_ref(), turn, path, directory).await,
        Opened::Embedded(site) => in_scratch(context, site.as_ref(), turn, path, directory).await,
    }
}

async fn in_scratch<I: Operable>(
    context: &Context,
    install: &I,
    turn: &Turn,
    path: &Path,
    directory: &Path,
) -> Result<String, Failure> {
    let (_, world) = look_into(context, install, &turn.operation, directory).await?;
    let room = install.place().state.operation(&turn.operation);
    files::create_private_dir(&room)
        .map_err(|error| Fault::caused_by("cannot make room for the restore", &error))?;
    let scratch = install.live(&world).made(DatabasePurpose::Scratch, &operate::stamp(&turn.operation));
    let progress = |progress| context.report(&Event::Progress(progress));
    let outcome = async {
        world.backups.load(path, &scratch, &progress).await?;
        world.backups.compare(path, &scratch).await
    }
    .await;
    world.databases.drop(&scratch).await?;
    std::fs::remove_dir_all(&room)
        .map_err(|error| Fault::caused_by("cannot clean up after the restore", &error))?;
    Ok(outcome?)
}
