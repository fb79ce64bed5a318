//! `opsctl upgrade` of a process with a SQLite file.

use serde_json::json;

use super::Embedded;
use super::ready::{Ready, ready};
use crate::adapters::disk::{self, Need};
use crate::cli::Upgrade;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::{self, Purpose};
use crate::commands::show;
use crate::commands::upgrade::nothing_to_do;
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabasePurpose;
use crate::model::manifest::Digest;
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::operations::upgrade::{self, Request};
use crate::plan::step::{Release, RestorePoint};

pub(in crate::commands) async fn run(
    context: &Context,
    site: Embedded,
    asked: &Upgrade,
    version: &Version,
) -> Result<Outcome, Failure> {
    if asked.rehearse.is_some() {
        return Err(Failure::refused(
            Fault::new("an upgrade of a product that runs as a process cannot be rehearsed yet")
                .hint("`--plan` shows every step; a failure before the commit point rolls back by itself"),
        ));
    }
    let given = asked.create.place.backup_dir.as_deref();
    let ready = ready(context, site, OperationKind::Upgrade, Purpose::of_plan(asked.plan), given).await?;
    let target = target(&ready.site, version, asked.sha256).await?;
    if let Some(outcome) = nothing_to_do(&ready.found, &target) {
        return Ok(outcome);
    }
    let request = request(context, &ready, &target, asked).await?;
    let skipped = request.backup.is_none();
    let plan = upgrade::plan(&ready.site.operated(&ready.found), request).map_err(Failure::refused)?;
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    if skipped {
        context.warn(
            "no backup is taken (--skip-backup): only the restore point beside the database is a way back",
        );
    }
    context.note(&show::steps(&plan));
    let Ready { turn, site, found, world, .. } = &ready;
    let title = &site.profile.product.title;
    context.consent(&format!("Upgrade {title} from {} to {target}?", found.release))?;
    operate::run(context, site, world, turn, plan).await?;
    let text = format!(
        "{title} is on {target} now (from {})\n`opsctl rollback` goes back while the restore point is kept",
        found.release
    );
    let data = json!({"operation": turn.operation, "from": found.release, "to": target,
        "backup_skipped": skipped});
    Ok(Outcome::new(text, data))
}

async fn target(site: &Embedded, version: &Version, sha256: Option<Digest>) -> Result<Release, Failure> {
    site.release(version, sha256).await.map_err(Failure::refused)?.ok_or_else(|| {
        let place = site.place.dir.join("releases").join(version.as_str());
        let fault = Fault::new(format!("there is no release {version}")).hint(format!(
            "put its files into {}, or say as `source` in opsctl.toml where releases come from",
            place.display()
        ));
        Failure::refused(fault.hint("nothing was changed"))
    })
}

async fn request(
    context: &Context,
    ready: &Ready,
    target: &Release,
    asked: &Upgrade,
) -> Result<Request, Failure> {
    let Ready { turn, site, directory, world, .. } = ready;
    let live = world.databases.live();
    let size = world.databases.facts(&live).await.map_err(Failure::refused)?.size_bytes;
    let first = backup::next_id(context, site)?;
    let backup = (!asked.skip_backup).then_some(first);
    let mut needs =
        vec![Need { what: "the restore point", place: world.databases.directory().to_owned(), bytes: size }];
    if backup.is_some() {
        needs.push(Need { what: "the backup", place: directory.clone(), bytes: size });
        needs.push(Need { what: "its copy", place: site.place.state.root().to_owned(), bytes: size });
    }
    let fits = disk::check(&needs)
        .map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))?;
    for fits in fits {
        context.note(&format!("room: at most {fits}"));
    }
    let stamp = operate::stamp(&turn.operation);
    let superseded = world
        .databases
        .beside()?
        .into_iter()
        .filter(|made| matches!(made.purpose, DatabasePurpose::RestorePoint | DatabasePurpose::Failed));
    Ok(Request {
        target: target.clone(),
        backup,
        keep: backup::keep(site, asked.create.keep)?,
        restore_point: RestorePoint::Clone { database: live.made(DatabasePurpose::RestorePoint, &stamp) },
        failed: live.made(DatabasePurpose::Failed, &stamp),
        removed_variables: Vec::new(),
        canary_service: site.profile.service.name.clone(),
        canary_name: format!("opsctl-canary-{stamp}"),
        migrate_name: format!("opsctl-migrate-{stamp}"),
        superseded: superseded.map(|made| made.name).collect(),
    })
}
