//! `opsctl upgrade`: move to another release.

pub mod target;

use std::time::Duration;

use serde_json::json;

use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::disk::{self, Need};
use crate::adapters::env_store::EnvStore;
use crate::adapters::postgres::obstacles::{Obstacle, invalid_indexes, obstacles};
use crate::adapters::postgres::properties::database_size;
use crate::adapters::postgres::server::server_facts;
use crate::adapters::product_database;
use crate::cli::Upgrade;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::{self, Embedded};
use crate::commands::install::Place;
use crate::commands::operate::{self, Purpose};
use crate::commands::preflight;
use crate::commands::ready::{Ready, ready};
use crate::commands::rehearse;
use crate::commands::restore::made;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::operations::upgrade::{self, Request};
use crate::plan::step::{Release, RestorePoint};
use crate::preflight::Check;
use crate::profile::DatabaseMode;

/// A transaction that has been open for longer is not one that is about to end.
const LONG_TRANSACTION: Duration = Duration::from_secs(10);

/// What an upgrade stands on: it migrates, by the product's own means.
const CHECKS: [Check; 7] = [
    Check::HostInodes,
    Check::EnvFiles,
    Check::DbWritable,
    Check::DbRights,
    Check::DbTimeouts,
    Check::DbWraparound,
    Check::DbPooler,
];

/// Does what was asked.
pub async fn run(context: &Context, asked: Upgrade) -> Result<Outcome, Failure> {
    let version = Version::parse(&asked.version)
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    if let Some(site) = Embedded::at(context, &Place::find(context)?)? {
        return embedded::upgrade::run(context, site, &asked, &version).await;
    }
    if asked.sha256.is_some() {
        return Err(Failure::usage(
            Fault::new("--sha256 is for products that run as a process: an image is known by its digest")
                .hint("leave it out"),
        ));
    }
    if let Some(backup) = &asked.rehearse {
        return rehearse::run(context, &asked, &version, backup).await;
    }
    let ready = ready(
        context,
        OperationKind::Upgrade,
        Purpose::of_plan(asked.plan),
        asked.create.place.backup_dir.as_deref(),
    )
    .await?;
    ready.warn_of_drift(context);
    let target = target::resolve(context, &ready.install, &version).await?;
    if let Some(outcome) = nothing_to_do(&ready.found, &target) {
        return Ok(outcome);
    }
    preflight::must_hold(context, &ready.install, &CHECKS).await?;
    let request = request(context, &ready, &target, &asked).await?;
    let skipped = request.backup.is_none();
    let plan = upgrade::plan(&ready.found.product(&ready.install, ready.world.databases.live()), request)
        .map_err(Failure::refused)?;
    for obstacle in obstacles_now(&ready).await? {
        context.warn(obstacle.to_string());
    }
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    if skipped {
        context.warn(
            "no backup is taken (--skip-backup): only the restore point on the database server is a way back",
        );
    }
    context.note(&show::steps(&plan));
    let title = &ready.install.profile.product.title;
    context.consent(&format!("Upgrade {title} from {} to {target}?", ready.found.release))?;
    operate::run(context, &ready.install, &ready.world, &ready.turn, plan).await?;
    let text = format!(
        "{title} is on {target} now (from {})\n`opsctl rollback` goes back while the restore point is kept",
        ready.found.release
    );
    let data = json!({"operation": ready.turn.operation, "from": ready.found.release, "to": target,
        "backup_skipped": skipped});
    Ok(Outcome::new(text, data))
}

/// Transactions that keep the locks which they took. The product's own end when it is stopped, but nothing tells them from
/// others' for certain: whoever reads this knows by name and address.
async fn obstacles_now(ready: &Ready) -> Result<Vec<Obstacle>, Fault> {
    if ready.install.profile.migrate.is_none() {
        return Ok(Vec::new());
    }
    let database = &ready.world.databases;
    let session = database.maintenance().await?;
    let mut found = obstacles(&session, &database.live(), LONG_TRANSACTION)
        .await
        .map_err(|error| product_database::fault(&error))?;
    let session = database.session(&database.live()).await?;
    found.extend(invalid_indexes(&session).await.map_err(|error| product_database::fault(&error))?);
    Ok(found)
}

/// The release runs, is selected and is well: only then there is nothing to do.
pub(super) fn nothing_to_do(found: &Found, target: &Release) -> Option<Outcome> {
    let same_image = match (&target.digest, &found.release.digest) {
        (Some(wanted), Some(present)) => wanted == present,
        _ => target.image_id.is_none() || target.image_id == found.release.image_id,
    };
    let done = found.release.version == target.version
        && same_image
        && found.drift.is_empty()
        && found.trouble.is_none();
    done.then(|| {
        Outcome::new(
            format!("{target} runs already, and is well: nothing to do"),
            json!({"from": found.release, "to": target, "changed": false}),
        )
    })
}

async fn request(
    context: &Context,
    ready: &Ready,
    target: &Release,
    asked: &Upgrade,
) -> Result<Request, Failure> {
    let Ready { turn, install, directory, world, .. } = ready;
    let live = world.databases.live();
    let stamp = operate::stamp(&turn.operation);
    let session = world.databases.maintenance().await?;
    let size = database_size(&session, &live).await.map_err(|error| product_database::fault(&error))?;
    let server = server_facts(&session).await.map_err(|error| product_database::fault(&error))?;
    let first = backup::next_id(context, install)?;
    let backup = (!asked.skip_backup).then_some(first);
    let second = BackupId::next(first.timestamp(), Some(first)).id;
    let mut needs = Vec::new();
    if backup.is_some() {
        // What compresses worst hardly shrinks at all.
        needs.push(Need { what: "the backup", place: directory.clone(), bytes: size });
    }
    let restore_point = if server.can_create_databases {
        if install.mode == DatabaseMode::Bundled {
            let facts = install.engine.facts().await.map_err(|error| docker_fault(&error))?;
            needs.push(Need { what: "the restore point", place: facts.root_dir, bytes: size });
        }
        RestorePoint::Clone { database: live.made(DatabasePurpose::RestorePoint, &stamp) }
    } else {
        context.warn(format!(
            "the role {} may not create databases: the restore point is a backup taken while the product stands still, \
             which takes longer",
            world.databases.info.user
        ));
        needs.push(Need { what: "the restore point", place: directory.clone(), bytes: size });
        RestorePoint::Backup { id: second, side: live.made(DatabasePurpose::Side, &stamp) }
    };
    let fits = disk::check(&needs)
        .map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))?;
    for fits in fits {
        context.note(&format!("room: at most {fits}"));
    }
    let project = &install.model.project;
    let mut superseded = made(&world.databases, DatabasePurpose::RestorePoint).await?;
    superseded.extend(made(&world.databases, DatabasePurpose::Failed).await?);
    Ok(Request {
        target: target.clone(),
        backup,
        keep: backup::keep(install, asked.create.keep)?,
        restore_point,
        failed: live.made(DatabasePurpose::Failed, &stamp),
        removed_variables: removed_variables(ready, &target.version)?,
        canary_service: install.profile.api().0.clone(),
        canary_name: format!("{project}-opsctl-canary-{stamp}"),
        migrate_name: format!("{project}-opsctl-migrate-{stamp}"),
        superseded,
    })
}

/// The variables in the environment file that the target release no longer takes.
fn removed_variables(ready: &Ready, target: &Version) -> Result<Vec<String>, Failure> {
    let read = EnvStore::at(&ready.install.env_file)
        .read()
        .map_err(|error| Fault::caused_by("the settings cannot be read", &error).hint(error.hint()))?;
    let applies = |since: Option<&Version>| {
        since.is_none_or(|since| since.order(target).is_none_or(|order| order != std::cmp::Ordering::Greater))
    };
    Ok(ready
        .install
        .profile
        .variables
        .removed
        .iter()
        .filter(|removed| applies(removed.since.as_ref()) && !read.file().lines_of(&removed.name).is_empty())
        .map(|removed| removed.name.to_string())
        .collect())
}
