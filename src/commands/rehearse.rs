//! `opsctl upgrade VERSION --rehearse`: the target release's migrations on a copy of the data. The product, its data and its
//! network are not touched.

mod compose;
mod lock_times;
mod process;
mod report;

use std::fs::File;
use std::path::PathBuf;

use crate::adapters::archive::Summary;
use crate::adapters::files;
use crate::cli::Upgrade;
use crate::commands::backup::catalogue;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::place::Place;
use crate::commands::ready::Operable;
use crate::commands::site::Kind;
use crate::commands::still_at_work::wait_for_compose;
use crate::error::{Exit, Failure, Fault};
use crate::interrupt::{Interrupt, Urgency};
use crate::model::operation::OperationId;
use crate::model::release::Version;
use crate::operations::{MigrateBy, upgrade};
use crate::plan::step::Release;

/// What is tried, with all that is made for it.
trait Rehearses {
    /// Whom it is told to.
    fn context(&self) -> &Context;
    /// A folder of nobody else's, for its files.
    fn room(&self) -> PathBuf;
    /// Tries it.
    async fn tried(&self) -> Result<Outcome, Failure>;
    /// Removes what a rehearsal of this install made beside its folder, whichever made it.
    async fn clear(&self) -> Result<(), Fault>;
}

/// What somebody wants to have tried.
struct Wanted<'a> {
    asked: &'a Upgrade,
    version: &'a Version,
    /// The backup that is named.
    source: Option<&'a str>,
}

/// Tries the migrations of a release on a copy of what `source` names: a backup (a file, an identifier or `latest`), or what
/// the install's kind takes where nothing is named.
pub async fn run(
    context: &Context,
    place: Place,
    kind: Kind,
    asked: &Upgrade,
    version: &Version,
    source: Option<&str>,
) -> Result<Outcome, Failure> {
    let _only_one = only_one(&place)?;
    let wanted = Wanted { asked, version, source };
    match kind {
        Kind::Compose => {
            wait_for_compose(context, &place)?;
            compose::run(context, place, &wanted).await
        }
        Kind::Process => process::run(context, place, &wanted).await,
    }
}

/// Two rehearsals of one install would spoil each other's figures, and share their names.
fn only_one(place: &Place) -> Result<File, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("cannot keep records in {}", place.state.root().display()), error)
    };
    place.state.create().map_err(|error| failed(&error))?;
    let path = place.state.root().join("rehearsal.lock");
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::new(
            Exit::Locked,
            Fault::new("another rehearsal of this install is running").hint("wait until it has ended"),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(&error).into()),
    }
}

/// The backup that is tried with, looked at but not read in full yet.
fn chosen<I: Operable>(install: &I, asked: &Upgrade, named: &str) -> Result<(PathBuf, Summary), Failure> {
    let given = asked.create.place.backup_dir.as_deref();
    let directory = install.place().backup_dir(given, install.variables());
    let path =
        catalogue::archive(install, &directory, named).map_err(|failure| Failure::refused(failure.fault))?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let summary = install.summary(&path)?;
    Ok((path, summary))
}

/// What migrates to the release, if it is one to move to.
fn migrations(by: Option<MigrateBy>, found: &Found, target: &Release) -> Result<MigrateBy, Failure> {
    upgrade::refuse_downgrade(&found.release, target).map_err(Failure::refused)?;
    by.ok_or_else(|| {
        Failure::refused(
            Fault::new("there is nothing to rehearse: the product's description names no migrations")
                .hint("name them in opsctl.toml, under [migrate]"),
        )
    })
}

/// The folder of the rehearsals of an install, in which they keep their files.
fn room(place: &Place, operation: &OperationId) -> PathBuf {
    place.state.operation(operation)
}

/// Tries it, and removes everything that was made for it: whatever comes of it, and when somebody stops it.
async fn with_an_end(rehearsal: &impl Rehearses) -> Result<Outcome, Failure> {
    carried_out(rehearsal).await.map_err(|Failure { exit, fault }| {
        let exit = if exit == Exit::Failed { Exit::Refused } else { exit };
        Failure::new(exit, fault.within("the rehearsal failed; nothing of the product was changed"))
    })
}

async fn carried_out(rehearsal: &impl Rehearses) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::listen(|urgency| {
        if urgency == Urgency::AfterStep {
            anstream::eprintln!("\nstopping the rehearsal and removing what it made");
        }
    })
    .map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
    let outcome = tokio::select! {
        outcome = from_the_beginning(rehearsal) => outcome,
        () = interrupt.asked() => Err(Fault::new("it was stopped before its end").into()),
    };
    let cleared = tokio::select! {
        cleared = clear(rehearsal) => cleared,
        () = interrupt.insisted() => Err(Fault::new("opsctl was told to leave at once")),
    };
    if let Err(fault) = cleared {
        let context = rehearsal.context();
        context.warn(format!("what the rehearsal made could not be removed ({fault}): the next one does it"));
    }
    outcome
}

async fn from_the_beginning(rehearsal: &impl Rehearses) -> Result<Outcome, Failure> {
    clear(rehearsal).await?;
    files::create_private_dir(&rehearsal.room())
        .map_err(|error| Fault::caused_by("cannot make room for the rehearsal", &error))?;
    rehearsal.tried().await
}

async fn clear(rehearsal: &impl Rehearses) -> Result<(), Fault> {
    let cleared = rehearsal.clear().await;
    let room = rehearsal.room();
    if room.exists() {
        std::fs::remove_dir_all(&room)
            .map_err(|error| Fault::caused_by(format!("could not remove {}", room.display()), &error))?;
    }
    cleared
}
