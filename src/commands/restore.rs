//! `opsctl restore`: put a backup's data in the place of the live data, and put it back.

pub(in crate::commands) mod check;

use std::path::Path;

use serde_json::json;

use crate::adapters::archive::{self, Origin, Summary};
use crate::adapters::dump_backups::archive_fault;
use crate::adapters::postgres::server::{ListedDatabase, databases};
use crate::adapters::product_database::{self, ProductDatabase};
use crate::cli::Restore;
use crate::commands::backup::{self, catalogue};
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::{self, Embedded};
use crate::commands::install::{Install, Place};
use crate::commands::live::LiveWorld;
use crate::commands::operate::{self, Purpose, Turn};
use crate::commands::preflight;
use crate::commands::ready::{Ready, ready};
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::operation::OperationKind;
use crate::operations::restore::{self, Migrations, Request, Way};
use crate::plan::Plan;
use crate::ports::Databases;
use crate::preflight::Check;

/// What a restore stands on.
const CHECKS: [Check; 4] = [Check::HostInodes, Check::DbWritable, Check::DbWraparound, Check::DbPooler];

/// Does what was asked.
pub async fn run(context: &Context, asked: Restore) -> Result<Outcome, Failure> {
    let site = Embedded::at(context, &Place::find(context)?)?;
    match (&asked.backup, site) {
        (Some(backup), Some(site)) => embedded::restore::from_backup(context, site, backup, &asked).await,
        (Some(backup), None) => from_backup(context, backup, &asked).await,
        (None, Some(site)) => embedded::restore::undo(context, site, &asked).await,
        (None, None) => undo(context, &asked).await,
    }
}

async fn from_backup(context: &Context, named: &str, asked: &Restore) -> Result<Outcome, Failure> {
    let ready = ready(
        context,
        OperationKind::Restore,
        Purpose::of_plan(asked.plan),
        asked.place.backup_dir.as_deref(),
    )
    .await?;
    ready.warn_of_drift(context);
    let Ready { turn, install, directory, found, world } = &ready;
    let path = catalogue::archive(install, directory, named)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let summary = archive::inspect(&path).map_err(|error| Failure::refused(archive_fault(&path, &error)))?;
    let live = world.databases.live();
    preflight::must_hold(context, install, &CHECKS).await?;
    check::backup_fits(install, world, &found.release.version, &summary).await.map_err(Failure::refused)?;
    let stamp = operate::stamp(&turn.operation);
    let way = if asked.in_place {
        let id = backup::next_id(context, install)?;
        Way::InPlace {
            safety: id,
            safety_archive: directory.join(id.file_name()),
            side: live.made(DatabasePurpose::Side, &stamp),
        }
    } else {
        let fits = check::side_database_fits(install, world, &summary).await.map_err(Failure::refused)?;
        for fits in fits {
            context.note(&format!("room: at most {fits}"));
        }
        Way::Swap {
            side: live.made(DatabasePurpose::Side, &stamp),
            replaced: live.made(DatabasePurpose::Replaced, &stamp),
        }
    };
    let mut superseded = made(&world.databases, DatabasePurpose::Replaced).await?;
    superseded.extend(made(&world.databases, DatabasePurpose::Side).await?);
    let request = Request {
        archive: path.clone(),
        way,
        migrations: migrations_needed(found, &summary),
        migrate_name: format!("{}-opsctl-migrate-{stamp}", install.model.project),
        superseded,
    };
    let plan = restore::plan(&found.product(install, live), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    context.note(&replaced_in_words(world, &summary, &path).await?);
    context.note(&show::steps(&plan));
    context.consent(&format!("Replace all data of {}?", install.profile.product.title))?;
    operate::run(context, install, world, turn, plan).await?;
    follow_files(context, install, world).await;
    Ok(restored(turn, &path, &ready))
}

/// Older data may not be what files of the install prescribe: the product is told to look. The data is in place, whatever
/// comes of it.
async fn follow_files(context: &Context, install: &Install, world: &LiveWorld) {
    let Some(reload) = &install.profile.reload else { return };
    if reload.used_with.as_ref().and_then(|variable| install.variable(variable)).is_none() {
        return;
    }
    match world.services.reload(reload).await {
        Ok(said) => context.note(&format!("the product followed the install's files: {said}")),
        Err(fault) => context.warn(format!("{fault}; try `opsctl verify --only verify-provisioning`")),
    }
}

/// The release of the backup tells whether its data may need this release's migrations.
fn migrations_needed(found: &Found, summary: &Summary) -> Migrations {
    match &summary.origin {
        Origin::Opsctl(manifest) if manifest.release.version.as_ref() == Some(&found.release.version) => {
            Migrations::UpToDate
        }
        _ => Migrations::MayBeOlder,
    }
}

/// What will be replaced, and by what.
async fn replaced_in_words(world: &LiveWorld, summary: &Summary, path: &Path) -> Result<String, Failure> {
    let present = show::database(&world.databases).await?;
    let by = match &summary.origin {
        Origin::Opsctl(manifest) => format!(
            "{} taken {} from release {}, {} rows",
            path.display(),
            manifest.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            manifest.release.version.as_ref().map_or("unknown".to_owned(), ToString::to_string),
            crate::report::quantity::count(manifest.rows())
        ),
        Origin::Scripts { directory } => format!("{} ({directory}, without a manifest)", path.display()),
    };
    Ok(format!("replaces  {present}\n      with      {by}"))
}

fn restored(turn: &Turn, path: &Path, ready: &Ready) -> Outcome {
    let undo = "`opsctl restore --undo` puts back what was replaced";
    let text = format!("restored {}; {} serves on it\n{undo}", path.display(), ready.found.release);
    Outcome::new(
        text,
        json!({"operation": turn.operation, "backup": path, "release": ready.found.release.version}),
    )
}

async fn undo(context: &Context, asked: &Restore) -> Result<Outcome, Failure> {
    let ready = ready(
        context,
        OperationKind::UndoRestore,
        Purpose::of_plan(asked.plan),
        asked.place.backup_dir.as_deref(),
    )
    .await?;
    ready.warn_of_drift(context);
    let Ready { turn, install, found, world, .. } = &ready;
    let live = world.databases.live();
    let replaced = last_replaced(&world.databases).await?;
    refuse_other_schema(world, &live, &replaced.name).await?;
    let undone = live.made(DatabasePurpose::Replaced, &operate::stamp(&turn.operation));
    let plan: Plan = restore::plan_undo(&found.product(install, live), &replaced.name, &undone);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    context.note(&show::steps(&plan));
    context
        .consent("Put back the data that the last restore replaced? What was written since is kept beside")?;
    operate::run(context, install, world, turn, plan).await?;
    let text = format!(
        "the data from before the restore is live again; what was live until now is kept as {undone}"
    );
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kept": undone})))
}

/// The database that the last restore replaced. What a rollback replaced belongs to another release.
async fn last_replaced(database: &ProductDatabase) -> Result<ListedDatabase, Failure> {
    let session = database.maintenance().await?;
    let found = databases(&session, database.live().as_str())
        .await
        .map_err(|error| product_database::fault(&error))?;
    let of_a_restore = |listed: &ListedDatabase| {
        listed.mark.as_ref().is_some_and(|mark| {
            mark.purpose == DatabasePurpose::Replaced && mark.operation.contains("restore")
        })
    };
    found.into_iter().filter(of_a_restore).max_by(|one, other| one.name.cmp(&other.name)).ok_or_else(|| {
        Failure::refused(
            Fault::new("there is no restore to undo: no database was kept from one")
                .hint("`opsctl backup list` shows what can be restored"),
        )
    })
}

async fn refuse_other_schema(
    world: &LiveWorld,
    live: &DatabaseName,
    replaced: &DatabaseName,
) -> Result<(), Failure> {
    let (now, then) = (world.databases.schema(live).await?, world.databases.schema(replaced).await?);
    if now == then {
        return Ok(());
    }
    Err(check::of_before_an_upgrade(replaced))
}

/// The databases beside the live one that were made for a purpose.
pub(super) async fn made(
    database: &ProductDatabase,
    purpose: DatabasePurpose,
) -> Result<Vec<DatabaseName>, Failure> {
    let session = database.maintenance().await?;
    let live = database.live();
    let found = databases(&session, live.as_str()).await.map_err(|error| product_database::fault(&error))?;
    Ok(found
        .into_iter()
        .map(|listed| listed.name)
        .filter(|name| name.made_from(&live).is_some_and(|made| made.purpose == purpose))
        .collect())
}
