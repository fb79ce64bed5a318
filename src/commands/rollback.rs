//! `opsctl rollback`: the release and the data from before the last upgrade.

pub(super) mod loss;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapters::archive::{self, Origin};
use crate::adapters::catalogue::Catalogue;
use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::dump_backups::{archive_fault, catalogue_fault};
use crate::adapters::env_settings::PREVIOUS_VERSION_FILE;
use crate::adapters::product_database;
use crate::cli::Rollback;
use crate::commands::backup::catalogue::archive as named_archive;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, LastUpgrade, repository, tagged};
use crate::commands::embedded::{self, Embedded};
use crate::commands::install::{Install, Place};
use crate::commands::operate::{self, Purpose};
use crate::commands::ready::{Ready, ready};
use crate::commands::show;
use crate::commands::upgrade::target;
use crate::error::{Failure, Fault};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::operations::rollback::{self, Data, ImageSource, Request};
use crate::plan::step::{Release, RestorePoint};
use crate::ports::Databases;

/// Where to go back to.
struct Destination {
    version: Version,
    /// The release as it was recorded, where it was.
    recorded: Option<Release>,
    data: Source,
}

enum Source {
    RestorePoint(DatabaseName),
    Backup(PathBuf),
}

/// Does what was asked.
pub async fn run(context: &Context, asked: Rollback) -> Result<Outcome, Failure> {
    if let Some(site) = Embedded::at(context, &Place::find(context)?)? {
        return embedded::rollback::run(context, site, &asked).await;
    }
    let ready = ready(
        context,
        OperationKind::Rollback,
        Purpose::of_plan(asked.plan),
        asked.place.backup_dir.as_deref(),
    )
    .await?;
    ready.warn_of_drift(context);
    let Ready { turn, install, found, world, .. } = &ready;
    let destination = destination(&ready, &asked).await?;
    let (target, image) = release(context, install, &destination).await?;
    let live = world.databases.live();
    let stamp = operate::stamp(&turn.operation);
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
    };
    let plan = rollback::plan(&found.product(install, live), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    let loss = match &destination.data {
        Source::RestorePoint(database) => loss::since_copy(&world.databases, database).await?,
        Source::Backup(archive) => loss::since_backup(&world.databases, archive).await?,
    };
    context.note(&show::steps(&plan));
    context.warn(loss.to_string());
    let title = &install.profile.product.title;
    context.consent(&format!("Roll {title} back from {} to {target}?", found.release))?;
    operate::run(context, install, world, turn, plan).await?;
    let text = format!("{title} is back on {target}, with its data (from {})", found.release);
    Ok(Outcome::new(
        text,
        json!({"operation": turn.operation, "from": found.release, "to": target, "loss": loss.data()}),
    ))
}

async fn destination(ready: &Ready, asked: &Rollback) -> Result<Destination, Failure> {
    let wanted = asked.version.as_deref().map(Version::parse).transpose();
    let wanted = wanted
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    let last = current::last_upgrade(&ready.install.place.state)?;
    if let Some(named) = &asked.backup {
        let archive = named_archive(&ready.install, &ready.directory, named)?;
        return by_backup(ready, archive, wanted, last.as_ref());
    }
    if let Some(last) = last.filter(|last| wanted.as_ref().is_none_or(|wanted| *wanted == last.from.version))
    {
        return before(ready, last).await;
    }
    let version = match wanted {
        Some(version) => version,
        None => noted_version(&ready.directory)?,
    };
    if version == ready.found.release.version {
        return Err(Failure::refused(
            Fault::new(format!("{version} runs already: there is no upgrade to go back from"))
                .hint("`opsctl restore` puts a backup's data in the place of the live data"),
        ));
    }
    let archive = newest_of(ready, &version)?;
    Ok(Destination { version, recorded: None, data: Source::Backup(archive) })
}

/// The state before the last upgrade: the restore point where it still exists, else the backup.
async fn before(ready: &Ready, last: LastUpgrade) -> Result<Destination, Failure> {
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
    let known = catalogue(ready)?;
    let archive = backup.map(|id| known.path_of(id, &ready.directory)).filter(|path| path.is_file());
    let data = match (clone, archive) {
        (Some(database), _) => Source::RestorePoint(database),
        (None, Some(archive)) => Source::Backup(archive),
        (None, None) => {
            return Err(Failure::refused(
                Fault::new(format!(
                    "the data from before operation {} is gone: no restore point and no backup",
                    last.operation
                ))
                .hint("`opsctl backup list` shows other backups; `opsctl rollback --backup FILE` uses one"),
            ));
        }
    };
    Ok(Destination { version: last.from.version.clone(), recorded: Some(last.from), data })
}

fn by_backup(
    ready: &Ready,
    archive: PathBuf,
    wanted: Option<Version>,
    last: Option<&LastUpgrade>,
) -> Result<Destination, Failure> {
    let summary =
        archive::inspect(&archive).map_err(|error| Failure::refused(archive_fault(&archive, &error)))?;
    let told = match &summary.origin {
        Origin::Opsctl(manifest) => manifest.release.version.clone(),
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
    Ok(Destination { version, recorded, data: Source::Backup(archive) })
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

/// The newest backup of a release; one of the scripts' archives does not tell its release, and is not guessed at.
fn newest_of(ready: &Ready, version: &Version) -> Result<PathBuf, Failure> {
    let known = catalogue(ready)?;
    let newest = known
        .records()
        .iter()
        .rev()
        .filter(|record| record.release.as_ref() == Some(version))
        .map(|record| record.path(&ready.directory))
        .find(|path| path.is_file());
    newest.ok_or_else(|| {
        Failure::refused(
            Fault::new(format!("there is no backup of release {version}"))
                .hint("`opsctl backup list` shows those that there are; `--backup FILE` names one"),
        )
    })
}

fn catalogue(ready: &Ready) -> Result<Catalogue, Failure> {
    Catalogue::open(ready.install.place.state.root()).map_err(|error| catalogue_fault(&error).into())
}

/// The release to go back to, by an image that is on this machine if at all possible.
async fn release(
    context: &Context,
    install: &Install,
    destination: &Destination,
) -> Result<(Release, ImageSource), Failure> {
    let version = &destination.version;
    if let Some(recorded) = &destination.recorded
        && let Some(id) = recorded.image_id.as_deref().and_then(|id| id.parse().ok())
        && install.engine.image_by_id(&id).await.map_err(|error| docker_fault(&error))?.is_some()
    {
        return Ok((recorded.clone(), ImageSource::Local));
    }
    let repository = repository(install)?;
    let kept = format!("opsctl-keep-{version}").parse().map(|tag| repository.with_tag(tag));
    let reference = tagged(&repository, version)?;
    for candidate in kept.into_iter().chain([reference.clone()]) {
        if let Some(image) = install.engine.image(&candidate).await.map_err(|error| docker_fault(&error))? {
            let digest = image.digest_in(&repository).cloned();
            let pins = install
                .profile
                .release
                .pin_variable
                .as_ref()
                .and_then(|name| install.variable(name))
                .is_some();
            let pinned = digest.clone().and_then(|digest| reference.with_digest(digest).repo_digest());
            let release = Release {
                version: version.clone(),
                image: reference.to_string(),
                digest: digest.map(|digest| digest.to_string()),
                pin: pins.then(|| pinned.unwrap_or_else(|| image.id.to_string())),
                image_id: Some(image.id.to_string()),
            };
            return Ok((release, ImageSource::Local));
        }
    }
    Ok((target::resolve(context, install, version).await?, ImageSource::Registry))
}

/// Errors of the database, for the parts of this command.
fn fault(error: &crate::adapters::postgres::error::PgError) -> Fault {
    product_database::fault(error)
}
