//! `opsctl restore`: put a backup's data in the place of the live data, and put it back.

pub(in crate::commands) mod check;
mod compose;
mod process;

use std::path::Path;

use serde_json::json;

use crate::adapters::archive::{Origin, Summary};
use crate::cli::Restore;
use crate::commands::backup::catalogue;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::operate::{self, Purpose};
use crate::commands::place::Place;
use crate::commands::ready::{Operable, Ready, ready};
use crate::commands::show;
use crate::commands::site::{Kind, WorldOf};
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationKind;
use crate::operations::restore::{self, Migrations, Request, Way};
use crate::ports::Databases as _;
use crate::report::quantity;

/// What a restore needs to know of an install.
trait Restores: Operable {
    /// Refuses a way that this kind of database does not have.
    fn takes(asked: &Restore) -> Result<(), Failure>;
    /// Refuses a backup that does not fit: of a newer schema, or one that the server cannot hold.
    async fn fits(context: &Context, ready: &Ready<Self>, summary: &Summary) -> Result<(), Failure>;
    /// How the data gets its place, when there is room for that.
    async fn way(
        context: &Context,
        ready: &Ready<Self>,
        asked: &Restore,
        summary: &Summary,
    ) -> Result<Way, Failure>;
    /// What will be replaced, in words.
    async fn present(&self, world: &WorldOf<Self>) -> Result<String, Failure>;
    /// Whether what will be replaced could be used again.
    async fn can_be_undone(&self, world: &WorldOf<Self>) -> Result<bool, Failure>;
    /// What the product is told when other data is in place, whatever comes of it.
    async fn follow(&self, context: &Context, world: &WorldOf<Self>);
}

/// Does what was asked.
pub async fn run(context: &Context, asked: Restore) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    match Kind::at(context, &place)? {
        Kind::Compose => with::<Install>(context, place, &asked).await,
        Kind::Process => with::<Embedded>(context, place, &asked).await,
    }
}

async fn with<I: Restores>(context: &Context, place: Place, asked: &Restore) -> Result<Outcome, Failure> {
    match &asked.backup {
        Some(backup) => from_backup::<I>(context, place, backup, asked).await,
        None => undo::<I>(context, place, asked).await,
    }
}

async fn from_backup<I: Restores>(
    context: &Context,
    place: Place,
    named: &str,
    asked: &Restore,
) -> Result<Outcome, Failure> {
    I::takes(asked)?;
    let given = asked.place.backup_dir.as_deref();
    let ready: Ready<I> =
        ready(context, place, OperationKind::Restore, Purpose::of_plan(asked.plan), given).await?;
    ready.warn_of_drift(context);
    let Ready { turn, install, directory, found, world } = &ready;
    let path = catalogue::archive(install, directory, named)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let summary = install.summary(&path)?;
    I::fits(context, &ready, &summary).await?;
    let request = Request {
        archive: path.clone(),
        way: I::way(context, &ready, asked, &summary).await?,
        migrations: migrations_needed(found, &summary),
        migrate_name: install.one_off("migrate", &operate::stamp(&turn.operation)),
        superseded: install.made(world, &[DatabasePurpose::Replaced, DatabasePurpose::Side]).await?,
    };
    let plan = restore::plan(&ready.product(), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    let (present, can_be_undone) = (install.present(world).await?, install.can_be_undone(world).await?);
    context.note(&format!("replaces  {present}\n      with      {}", in_words(&summary, &path)));
    context.note(&show::steps(&plan));
    context.consent(&format!("Replace all data of {}?", ready.title()))?;
    operate::run(context, install, world, turn, plan).await?;
    install.follow(context, world).await;
    let undo = if can_be_undone { "\n`opsctl restore --undo` puts back what was replaced" } else { "" };
    Ok(Outcome::new(
        format!("restored {}; {} serves on it{undo}", path.display(), found.release),
        json!({"operation": turn.operation, "backup": path, "release": found.release.version}),
    ))
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

fn in_words(summary: &Summary, path: &Path) -> String {
    match &summary.origin {
        Origin::Opsctl(manifest) => format!(
            "{} taken {} from release {}, {} rows",
            path.display(),
            manifest.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            manifest.release.version.as_ref().map_or("unknown".to_owned(), ToString::to_string),
            quantity::count(manifest.rows())
        ),
        Origin::Scripts { directory } => format!("{} ({directory}, without a manifest)", path.display()),
    }
}

async fn undo<I: Restores>(context: &Context, place: Place, asked: &Restore) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready: Ready<I> =
        ready(context, place, OperationKind::UndoRestore, Purpose::of_plan(asked.plan), given).await?;
    ready.warn_of_drift(context);
    let Ready { turn, install, world, .. } = &ready;
    let live = ready.live();
    // What a rollback replaced bears another name: it belongs to another release.
    let replaced = install.made(world, &[DatabasePurpose::Replaced]).await?.pop().ok_or_else(|| {
        Failure::refused(
            Fault::new("there is no restore to undo: no database was kept from one")
                .hint("`opsctl backup list` shows what can be restored"),
        )
    })?;
    if world.databases.schema(&live).await? != world.databases.schema(&replaced).await? {
        return Err(check::of_before_an_upgrade(&replaced));
    }
    let undone = live.made(DatabasePurpose::Replaced, &operate::stamp(&turn.operation));
    let plan = restore::plan_undo(&ready.product(), &replaced, &undone);
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
