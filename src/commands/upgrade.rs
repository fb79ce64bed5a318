//! `opsctl upgrade`: move to another release.

mod compose;
mod process;
pub mod target;

use serde_json::json;

use crate::adapters::disk::{self, Need};
use crate::cli::Upgrade;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::operate::{self, Purpose};
use crate::commands::place::Place;
use crate::commands::ready::{Operable, Ready, ready};
use crate::commands::rehearse;
use crate::commands::show;
use crate::commands::site::Kind;
use crate::error::{Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabasePurpose;
use crate::model::manifest::Digest;
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::operations::upgrade::{self, Request};
use crate::plan::step::{Release, RestorePoint};
use crate::profile::ServiceName;

/// What an upgrade needs to know of an install.
pub(super) trait Upgrades: Operable {
    /// What a release's name stands for, found out before anything is changed; `sha256` is that of its archive, if it comes in
    /// one.
    async fn target(
        &self,
        context: &Context,
        version: &Version,
        sha256: Option<Digest>,
    ) -> Result<Release, Failure>;
    /// Runs the checks that an upgrade stands on.
    async fn must_hold(&self, context: &Context) -> Result<(), Failure>;
    /// What would hold up the migrations.
    async fn obstacles(ready: &Ready<Self>) -> Result<Vec<String>, Failure>;
    /// How the restore point is made, and the room that it and the backup take.
    async fn restore_point(
        context: &Context,
        ready: &Ready<Self>,
        ids: Ids,
    ) -> Result<(RestorePoint, Vec<Need>), Failure>;
    /// The service whose canary proves the release.
    fn canary_service(&self) -> &ServiceName;
    /// The variables in the environment file that a release no longer takes.
    fn removed_variables(&self, target: &Version) -> Result<Vec<String>, Failure>;
}

/// Which backups an upgrade may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    /// The one that it begins with, unless it was told not to.
    first: Option<BackupId>,
    /// The restore point, where that is one.
    second: BackupId,
}

/// Does what was asked.
pub async fn run(context: &Context, asked: Upgrade) -> Result<Outcome, Failure> {
    let version = Version::parse(&asked.version)
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    let place = Place::find(context)?;
    let kind = Kind::at(context, &place)?;
    if kind == Kind::Compose && asked.sha256.is_some() {
        return Err(Failure::usage(
            Fault::new("--sha256 is for products that run as a process: an image is known by its digest")
                .hint("leave it out"),
        ));
    }
    match (kind, &asked.rehearse) {
        (_, Some(source)) => rehearse::run(context, place, kind, &asked, &version, source.as_deref()).await,
        (Kind::Compose, None) => to::<Install>(context, place, &version, &asked).await,
        (Kind::Process, None) => to::<Embedded>(context, place, &version, &asked).await,
    }
}

async fn to<I: Upgrades>(
    context: &Context,
    place: Place,
    version: &Version,
    asked: &Upgrade,
) -> Result<Outcome, Failure> {
    let given = asked.create.place.backup_dir.as_deref();
    let ready: Ready<I> =
        ready(context, place, OperationKind::Upgrade, Purpose::of_plan(asked.plan), given).await?;
    ready.warn_of_drift(context);
    let target = ready.install.target(context, version, asked.sha256).await?;
    if let Some(outcome) = nothing_to_do(&ready.found, &target) {
        return Ok(outcome);
    }
    ready.install.must_hold(context).await?;
    let request = request(context, &ready, &target, asked).await?;
    let skipped = request.backup.is_none();
    let plan = upgrade::plan(&ready.product(), request).map_err(Failure::refused)?;
    for obstacle in I::obstacles(&ready).await? {
        context.warn(obstacle);
    }
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    if skipped {
        context.warn(
            "no backup is taken (--skip-backup): only the restore point beside the live database is a way back",
        );
    }
    context.note(&show::steps(&plan));
    let title = ready.title();
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

async fn request<I: Upgrades>(
    context: &Context,
    ready: &Ready<I>,
    target: &Release,
    asked: &Upgrade,
) -> Result<Request, Failure> {
    let Ready { turn, install, world, .. } = ready;
    let (live, stamp) = (ready.live(), operate::stamp(&turn.operation));
    let next = backup::next_id(context, install)?;
    let first = (!asked.skip_backup).then_some(next);
    let ids = Ids { first, second: BackupId::next(next.timestamp(), Some(next)).id };
    let (restore_point, needs) = I::restore_point(context, ready, ids).await?;
    let fits = disk::check(&needs)
        .map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))?;
    for fits in fits {
        context.note(&format!("room: at most {fits}"));
    }
    Ok(Request {
        target: target.clone(),
        backup: first,
        keep: backup::keep(install, asked.create.keep)?,
        restore_point,
        failed: live.made(DatabasePurpose::Failed, &stamp),
        removed_variables: install.removed_variables(&target.version)?,
        canary_service: install.canary_service().clone(),
        canary_name: install.one_off("canary", &stamp),
        migrate_name: install.one_off("migrate", &stamp),
        superseded: install.made(world, &[DatabasePurpose::RestorePoint, DatabasePurpose::Failed]).await?,
    })
}
