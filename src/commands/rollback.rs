//! `opsctl rollback`: the release and the data from before the last upgrade.

mod compose;
mod loss;
mod process;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapters::archive::Origin;
use crate::adapters::catalogue::{Catalogue, Pin};
use crate::adapters::env_settings::PREVIOUS_VERSION_FILE;
use crate::cli::Rollback;
use crate::commands::backup::catalogue::archive as named_archive;
use crate::commands::backup::latest::latest;
use crate::commands::context::{Context, Outcome};
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::operate::{self, Purpose};
use crate::commands::place::Place;
use crate::commands::ready::{Operable, Ready, ready};
use crate::commands::show;
use crate::commands::site::{Kind, WorldOf};
use crate::commands::ways_back::{self, LastUpgrade, WaysBack};
use crate::error::{Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::manifest::TableRows;
use crate::model::operation::{OperationId, OperationKind};
use crate::model::release::Version;
use crate::operations::rollback::{self, Data, ImageSource, Request};
use crate::plan::step::{Release, RestorePoint};
use crate::ports::{Backups as _, Databases as _};

/// What a rollback needs to know of an install.
trait RollsBack: Operable {
    /// A release to go back to, by what is on this machine if at all possible; `recorded` is how it was noted.
    async fn release_before(
        &self,
        context: &Context,
        version: &Version,
        recorded: Option<&Release>,
    ) -> Result<(Release, ImageSource), Failure>;
    /// The rows of each table of a database.
    async fn tables(&self, world: &WorldOf<Self>, database: &DatabaseName)
    -> Result<Vec<TableRows>, Failure>;
    /// When a copy of the live database was made, where that is known.
    async fn copied_at(
        &self,
        world: &WorldOf<Self>,
        copy: &DatabaseName,
    ) -> Result<Option<jiff::Timestamp>, Failure>;
}

/// Where to go back to.
struct Destination {
    version: Version,
    /// The release as it was recorded, where it was.
    recorded: Option<Release>,
    data: Source,
    /// The backup that was pinned for going back to it.
    guard: Option<BackupId>,
}

enum Source {
    RestorePoint(DatabaseName),
    Backup(PathBuf),
}

/// Does what was asked.
pub async fn run(context: &Context, asked: Rollback) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    match Kind::at(context, &place)? {
        Kind::Compose => back::<Install>(context, place, &asked).await,
        Kind::Process => back::<Embedded>(context, place, &asked).await,
    }
}

async fn back<I: RollsBack>(context: &Context, place: Place, asked: &Rollback) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready: Ready<I> =
        ready(context, place, OperationKind::Rollback, Purpose::of_plan(asked.plan), given).await?;
    ready.warn_of_drift(context);
    let destination = destination(&ready, asked).await?;
    let (install, version) = (&ready.install, &destination.version);
    let (target, image) = install.release_before(context, version, destination.recorded.as_ref()).await?;
    let (live, stamp) = (ready.live(), operate::stamp(&ready.turn.operation));
    let data = match &destination.data {
        Source::RestorePoint(database) => Data::RestorePoint(database.clone()),
        Source::Backup(archive) => {
            Data::Backup { archive: archive.clone(), side: live.made(DatabasePurpose::Side, &stamp) }
        }
    };
    let request = Request {
        target: target.clone(),
        image,
        data,
        replaced: live.made(DatabasePurpose::Failed, &stamp),
        superseded: Vec::new(),
        guard: destination.guard.filter(|id| is_pinned(&ready, *id)),
    };
    let plan = rollback::plan(&ready.product(), request);
    let loss = match &destination.data {
        Source::RestorePoint(database) => loss::since_copy(&ready, database).await?,
        Source::Backup(archive) => loss::since_backup(&ready, archive).await?,
    };
    if asked.plan {
        let text = format!("{}\n{loss}", show::steps(&plan));
        return Ok(Outcome::new(text, json!({"plan": plan, "changed": false, "loss": loss.data()})));
    }
    context.note(&show::steps(&plan));
    context.warn(loss.to_string());
    let (title, from) = (ready.title(), &ready.found.release);
    context.consent(&format!("Roll {title} back from {from} to {target}?"))?;
    operate::run(context, install, &ready.world, &ready.turn, plan).await?;
    let text = format!("{title} is back on {target}, with its data (from {from})");
    Ok(Outcome::new(
        text,
        json!({"operation": ready.turn.operation, "from": from, "to": target, "loss": loss.data()}),
    ))
}

async fn destination<I: RollsBack>(ready: &Ready<I>, asked: &Rollback) -> Result<Destination, Failure> {
    let wanted = asked.version.as_deref().map(Version::parse).transpose();
    let wanted = wanted
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    let WaysBack { last, went_back } = ways_back::ways_back(&ready.install.place().state)?;
    if let Some(named) = &asked.backup {
        let archive = named_archive(&ready.install, &ready.directory, named)?;
        return by_backup(ready, archive, wanted, last.as_ref());
    }
    let running = &ready.found.release.version;
    // Where something else runs than what was gone back to, no record tells how that came.
    let is_known = went_back.as_ref().is_none_or(|(_, to)| to == running);
    if let (Some((rollback, _)), None, Some(last), true) = (&went_back, &wanted, &last, is_known) {
        return Err(further_back(rollback, running, last));
    }
    let last = last.filter(|_| is_known || wanted.is_some());
    if let Some(last) = last.filter(|last| wanted.as_ref().is_none_or(|wanted| *wanted == last.from.version))
    {
        return before(ready, last).await;
    }
    let version = match wanted {
        Some(version) => version,
        None if went_back.is_some() && is_known => return Err(runs_already(running)),
        None => noted_version(&ready.directory)?,
    };
    if version == ready.found.release.version {
        return Err(runs_already(&version));
    }
    // One of the scripts' archives does not tell its release, and is not guessed at.
    let archive = latest(&ready.install, &ready.directory, Some(&version))?;
    Ok(Destination { version, recorded: None, data: Source::Backup(archive), guard: None })
}

fn runs_already(version: &Version) -> Failure {
    Failure::refused(
        Fault::new(format!("{version} runs already: there is no upgrade to go back from"))
            .hint("`opsctl restore` puts a backup's data in the place of the live data"),
    )
}

/// A rollback that is asked for twice, by an operator or a script that missed its end, must not lose more than once.
fn further_back(rollback: &OperationId, version: &Version, last: &LastUpgrade) -> Failure {
    let before = &last.from.version;
    Failure::refused(Fault::new(format!("{version} runs already: {rollback} went back to it")).hint(format!(
        "`opsctl rollback --version {before}` goes further back, to the state before {}",
        last.operation
    )))
}

/// The state before the last upgrade: the restore point where it still exists, else the backup.
async fn before<I: RollsBack>(ready: &Ready<I>, last: LastUpgrade) -> Result<Destination, Failure> {
    let clone = match &last.restore_point {
        RestorePoint::Clone { database } if ready.world.databases.exists(database).await? => {
            Some(database.clone())
        }
        _ => None,
    };
    let backup = match last.restore_point {
        RestorePoint::Backup { id, .. } => Some(id),
        RestorePoint::Clone { .. } => last.backup,
    };
    let archive = backup.map(|id| ready.world.backups.archive_of(&id));
    let data = match (clone, archive) {
        (Some(database), _) => Source::RestorePoint(database),
        (None, Some(archive)) if archive.is_file() => Source::Backup(archive),
        (None, archive) => {
            let backup =
                archive.map_or("no backup".to_owned(), |path| format!("{} is not there", path.display()));
            return Err(Failure::refused(
                Fault::new(format!(
                    "the data from before operation {} is gone: no restore point, and {backup}",
                    last.operation
                ))
                .hint("`opsctl backup list` shows other backups; `opsctl rollback --backup FILE` uses one"),
            ));
        }
    };
    Ok(Destination {
        version: last.from.version.clone(),
        recorded: Some(last.from),
        data,
        guard: last.backup,
    })
}

fn by_backup<I: RollsBack>(
    ready: &Ready<I>,
    archive: PathBuf,
    wanted: Option<Version>,
    last: Option<&LastUpgrade>,
) -> Result<Destination, Failure> {
    let told = match ready.install.summary(&archive)?.origin {
        Origin::Opsctl(manifest) => manifest.release.version,
        Origin::Scripts { .. } => None,
    };
    let version = match (wanted, told) {
        (Some(wanted), Some(told)) if wanted != told => {
            return Err(Failure::refused(
                Fault::new(format!("the backup is of release {told}, not of {wanted}"))
                    .hint("leave --version out, or name a backup of that release: `opsctl backup list`"),
            ));
        }
        (Some(version), _) | (None, Some(version)) => version,
        (None, None) => noted_version(&ready.directory)?,
    };
    let recorded = last.map(|last| last.from.clone()).filter(|from| from.version == version);
    let guard = last.and_then(|last| last.backup);
    let guard = guard.filter(|id| archive.file_name().is_some_and(|name| name == id.file_name().as_str()));
    Ok(Destination { version, recorded, data: Source::Backup(archive), guard })
}

/// Whether an operation still keeps a backup from retention.
fn is_pinned<I: RollsBack>(ready: &Ready<I>, id: BackupId) -> bool {
    let known = Catalogue::open(ready.install.place().state.root());
    known.is_ok_and(|known| {
        known.record(id).is_ok_and(|record| matches!(record.pinned, Some(Pin::Operation(_))))
    })
}

/// The release that the last upgrade noted, also one by the operations guide's own script.
fn noted_version(directory: &Path) -> Result<Version, Failure> {
    let path = directory.join(PREVIOUS_VERSION_FILE);
    let unknown = || {
        Failure::refused(
            Fault::new("it is not known which release was there before: no upgrade is recorded")
                .hint("name it: `opsctl rollback --version V`, or `--backup FILE` with a backup that tells"),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|_| unknown())?;
    Version::parse(text.trim()).map_err(|_| unknown())
}
