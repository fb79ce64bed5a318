//! `opsctl restore` of a SQLite file, and its undo.

use std::path::Path;

use serde_json::json;

use super::ready::{Ready, ready};
use super::{Embedded, EmbeddedWorld};
use crate::adapters::archive::{self, Origin};
use crate::adapters::copy_backups::other_kind;
use crate::adapters::disk::{self, Need};
use crate::adapters::dump_backups::archive_fault;
use crate::cli::Restore;
use crate::commands::backup::catalogue;
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::{self, Purpose};
use crate::commands::restore::check;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::manifest::{Database, Manifest};
use crate::model::operation::OperationKind;
use crate::operations::restore::{self, Migrations, Request, Way};
use crate::ports::Databases as _;
use crate::report::quantity;

pub(in crate::commands) async fn from_backup(
    context: &Context,
    site: Embedded,
    named: &str,
    asked: &Restore,
) -> Result<Outcome, Failure> {
    if asked.in_place {
        return Err(Failure::usage(
            Fault::new("a SQLite database is never dropped first: its file is put in the place of the other")
                .hint("leave --in-place out"),
        ));
    }
    let given = asked.place.backup_dir.as_deref();
    let ready = ready(context, site, OperationKind::Restore, Purpose::of_plan(asked.plan), given).await?;
    let Ready { turn, site, directory, found, world } = &ready;
    let path = catalogue::archive(site, directory, named)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let manifest = fitting(&ready, &path).await?;
    let live = world.databases.live();
    let stamp = operate::stamp(&turn.operation);
    let request = Request {
        archive: path.clone(),
        way: Way::Swap {
            side: live.made(DatabasePurpose::Side, &stamp),
            replaced: live.made(DatabasePurpose::Replaced, &stamp),
        },
        migrations: if manifest.release.version.as_ref() == Some(&found.release.version) {
            Migrations::UpToDate
        } else {
            Migrations::MayBeOlder
        },
        migrate_name: format!("opsctl-migrate-{stamp}"),
        superseded: made(world, &[DatabasePurpose::Replaced, DatabasePurpose::Side])?,
    };
    let plan = restore::plan(&site.operated(found), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    let present = world
        .databases
        .facts(&live)
        .await
        .map_or_else(|fault| format!("what cannot be read: {fault}"), |facts| show::sqlite(&facts));
    context.note(&format!(
        "replaces  {present}\n      with      {} taken {} from release {}, {} rows",
        path.display(),
        manifest.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        manifest.release.version.as_ref().map_or("unknown".to_owned(), ToString::to_string),
        quantity::count(manifest.rows())
    ));
    context.note(&show::steps(&plan));
    context.consent(&format!("Replace all data of {}?", site.profile.product.title))?;
    operate::run(context, site, world, turn, plan).await?;
    let undo = "`opsctl restore --undo` puts back what was replaced";
    Ok(Outcome::new(
        format!("restored {}; {} serves on it\n{undo}", path.display(), found.release),
        json!({"operation": turn.operation, "backup": path, "release": found.release.version}),
    ))
}

/// What a backup of this product says of itself.
pub(super) fn manifest_of(site: &Embedded, path: &Path) -> Result<Manifest, Failure> {
    let summary = archive::inspect(path).map_err(|error| Failure::refused(archive_fault(path, &error)))?;
    let Origin::Opsctl(manifest) = summary.origin else { return Err(Failure::refused(other_kind())) };
    if !matches!(manifest.database, Database::Sqlite(_)) {
        return Err(Failure::refused(other_kind()));
    }
    check::product_is(site.profile.product.name.as_str(), &manifest).map_err(Failure::refused)?;
    Ok(*manifest)
}

/// Refuses a backup of another product, of a newer schema, or one that there is no room for.
async fn fitting(ready: &Ready, path: &Path) -> Result<Manifest, Failure> {
    let Ready { site, found, world, .. } = ready;
    let manifest = manifest_of(site, path)?;
    // To bring a damaged one back is what restores are for.
    if !world.databases.is_damaged().await.map_err(Failure::refused)? {
        let known = world.databases.schema(&world.databases.live()).await.map_err(Failure::refused)?;
        check::no_newer(&known.migrations, &found.release.version, &manifest).map_err(Failure::refused)?;
    }
    let place = world.databases.directory().to_owned();
    let fits =
        disk::check(&[Need { what: "the restored database", place, bytes: manifest.database.size_bytes() }]);
    fits.map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))?;
    Ok(manifest)
}

/// The databases beside the live one that were made for these purposes.
pub(super) fn made(world: &EmbeddedWorld, purposes: &[DatabasePurpose]) -> Result<Vec<DatabaseName>, Fault> {
    let beside = world.databases.beside()?.into_iter();
    Ok(beside.filter(|made| purposes.contains(&made.purpose)).map(|made| made.name).collect())
}

pub(in crate::commands) async fn undo(
    context: &Context,
    site: Embedded,
    asked: &Restore,
) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready = ready(context, site, OperationKind::UndoRestore, Purpose::of_plan(asked.plan), given).await?;
    let Ready { turn, site, found, world, .. } = &ready;
    let live = world.databases.live();
    let replaced = made(world, &[DatabasePurpose::Replaced])?.pop().ok_or_else(|| {
        Failure::refused(
            Fault::new("there is no restore to undo: no database was kept from one")
                .hint("`opsctl backup list` shows what can be restored"),
        )
    })?;
    if world.databases.schema(&live).await? != world.databases.schema(&replaced).await? {
        return Err(check::of_before_an_upgrade(&replaced));
    }
    let undone = live.made(DatabasePurpose::Replaced, &operate::stamp(&turn.operation));
    let plan = restore::plan_undo(&site.operated(found), &replaced, &undone);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    context.note(&show::steps(&plan));
    context
        .consent("Put back the data that the last restore replaced? What was written since is kept beside")?;
    operate::run(context, site, world, turn, plan).await?;
    let text = format!(
        "the data from before the restore is live again; what was live until now is kept as {undone}"
    );
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kept": undone})))
}
