//! `opsctl rollback` of a process with a SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::Embedded;
use super::ready::{Ready, ready};
use super::restore::manifest_of;
use crate::cli::Rollback;
use crate::commands::backup::catalogue;
use crate::commands::context::{Context, Outcome};
use crate::commands::current;
use crate::commands::operate::{self, Purpose};
use crate::commands::rollback::loss::Loss;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::manifest::TableRows;
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::operations::rollback::{self, Data, ImageSource, Request};
use crate::plan::step::RestorePoint;
use crate::ports::{Backups as _, Databases as _};

/// Where to go back to.
struct Destination {
    version: Version,
    data: Source,
    at: jiff::Timestamp,
}

enum Source {
    RestorePoint(DatabaseName),
    Backup(PathBuf),
}

pub(in crate::commands) async fn run(
    context: &Context,
    site: Embedded,
    asked: &Rollback,
) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready = ready(context, site, OperationKind::Rollback, Purpose::of_plan(asked.plan), given).await?;
    let Ready { turn, site, found, world, .. } = &ready;
    let destination = destination(&ready, asked).await?;
    let version = &destination.version;
    let target = site.release(version, None).await?.ok_or_else(|| {
        let folder = site.place.dir.join("releases").join(version.as_str());
        Failure::refused(
            Fault::new(format!("the release {version} is no longer here"))
                .hint(format!("put its files into {}", folder.display())),
        )
    })?;
    let is_here = world.services.releases.dir(version).is_dir();
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
        image: if is_here { ImageSource::Local } else { ImageSource::Registry },
        data,
        replaced: live.made(DatabasePurpose::Failed, &stamp),
        superseded: Vec::new(),
    };
    let plan = rollback::plan(&site.operated(found), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    let loss = loss(&ready, &destination).await?;
    context.note(&show::steps(&plan));
    context.warn(loss.to_string());
    let title = &site.profile.product.title;
    context.consent(&format!("Roll {title} back from {} to {target}?", found.release))?;
    operate::run(context, site, world, turn, plan).await?;
    let text = format!("{title} is back on {target}, with its data (from {})", found.release);
    Ok(Outcome::new(
        text,
        json!({"operation": turn.operation, "from": found.release, "to": target, "loss": loss.data()}),
    ))
}

async fn destination(ready: &Ready, asked: &Rollback) -> Result<Destination, Failure> {
    let Ready { site, directory, world, .. } = ready;
    let wanted = asked.version.as_deref().map(Version::parse).transpose();
    let wanted = wanted
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    if let Some(named) = &asked.backup {
        return by_backup(site, catalogue::archive(site, directory, named)?, wanted);
    }
    let last = current::last_upgrade(&site.place.state)?
        .filter(|last| wanted.as_ref().is_none_or(|wanted| *wanted == last.from.version))
        .ok_or_else(|| {
            Failure::refused(
                Fault::new("there is no upgrade to go back from")
                    .hint("`opsctl backup list` shows the backups; `opsctl rollback --backup FILE` uses one"),
            )
        })?;
    let version = last.from.version.clone();
    if let RestorePoint::Clone { database } = &last.restore_point
        && world.databases.exists(database).await?
    {
        return Ok(Destination { version, data: Source::RestorePoint(database.clone()), at: last.at });
    }
    let archive = last.backup.map(|id| world.backups.archive_of(&id)).filter(|path| path.is_file());
    match archive {
        Some(archive) => Ok(Destination { version, data: Source::Backup(archive), at: last.at }),
        None => Err(Failure::refused(
            Fault::new(format!(
                "the data from before operation {} is gone: no restore point and no backup",
                last.operation
            ))
            .hint("`opsctl backup list` shows other backups; `opsctl rollback --backup FILE` uses one"),
        )),
    }
}

fn by_backup(site: &Embedded, archive: PathBuf, wanted: Option<Version>) -> Result<Destination, Failure> {
    let manifest = manifest_of(site, &archive)?;
    let at = manifest.created_at;
    match (wanted, manifest.release.version) {
        (Some(wanted), Some(told)) if wanted != told => Err(Failure::refused(
            Fault::new(format!("the backup is of release {told}, not of {wanted}"))
                .hint("leave --version out, or name a backup of that release: `opsctl backup list`"),
        )),
        (Some(version), _) | (None, Some(version)) => {
            Ok(Destination { version, data: Source::Backup(archive), at })
        }
        (None, None) => Err(Failure::refused(
            Fault::new("the backup does not tell its release").hint("name it: `--version V`"),
        )),
    }
}

/// What was written since, by the rows of each table.
async fn loss(ready: &Ready, destination: &Destination) -> Result<Loss, Failure> {
    let Ready { site, world, .. } = ready;
    let now = world.databases.facts(&world.databases.live()).await?;
    let then = match &destination.data {
        Source::RestorePoint(database) => world.databases.facts(database).await?.tables,
        Source::Backup(archive) => tables_of(site, archive)?,
    };
    let since = Duration::try_from(jiff::Timestamp::now().duration_since(destination.at)).ok();
    Ok(Loss::between(&then, &now.tables, since))
}

fn tables_of(site: &Embedded, archive: &Path) -> Result<Vec<TableRows>, Failure> {
    manifest_of(site, archive).map(|manifest| manifest.database.tables().to_vec())
}
