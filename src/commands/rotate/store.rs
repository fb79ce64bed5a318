//! `opsctl rotate store`: archive the store of a product that keeps one, and begin a new one.

use serde_json::json;

use crate::adapters::disk::{self, Need};
use crate::cli::Rotate;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::embedded::Embedded;
use crate::commands::operate::{self, Purpose};
use crate::commands::place::Place;
use crate::commands::preflight;
use crate::commands::ready::{Operable as _, Ready, ready};
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationKind;
use crate::operations::Wellness;
use crate::operations::rotate_store::{self, Request};
use crate::preflight::Check;

/// What can be rotated of such a product.
const STORE: &str = "store";

/// What a rotation stands on: it puts another store in the place of this one, and archives this one.
const CHECKS: [Check; 6] = [
    Check::HostInodes,
    Check::HostBackups,
    Check::StoreFile,
    Check::StorePlace,
    Check::StoreOpen,
    Check::StoreSound,
];

/// Archives the store and begins a new one.
pub(super) async fn run(context: &Context, place: Place, asked: &Rotate) -> Result<Outcome, Failure> {
    refuse_other(context, asked)?;
    let given = asked.create.place.backup_dir.as_deref();
    let ready: Ready<Embedded> =
        ready(context, place, OperationKind::RotateStore, Purpose::of_plan(asked.plan), given).await?;
    ready.warn_of_drift(context);
    may_begin_anew(&ready)?;
    let Ready { turn, install, world, .. } = &ready;
    preflight::must_hold(context, install, &CHECKS).await?;
    is_well(&ready)?;
    let facts = world.databases.facts(&ready.live()).await.map_err(Failure::refused)?;
    fits(&ready, facts.size_bytes)?;
    let (live, stamp) = (ready.live(), operate::stamp(&turn.operation));
    let archive = backup::next_id(context, install)?;
    let request = Request {
        archive,
        fresh: live.made(DatabasePurpose::Side, &stamp),
        retired: live.made(DatabasePurpose::Retired, &stamp),
        canary_service: install.profile.service.name.clone(),
        canary_name: install.one_off("canary", &stamp),
        migrate_name: install.one_off("migrate", &stamp),
    };
    let plan = rotate_store::plan(&ready.product(), request);
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    context.note(&format!("archives  {}", show::sqlite(&facts)));
    context.note(&show::steps(&plan));
    context.warn(
        "a new store knows nothing of what is in the archive: what is sent once more is taken for new, and not for there already",
    );
    let title = ready.title();
    context.consent(&format!("Archive the store of {title} and begin a new one?"))?;
    operate::run(context, install, world, turn, plan).await?;
    let path = ready.directory.join(archive.file_name());
    let text = format!(
        "{title} serves on a new store; the old one is in {}\nretention leaves it until `opsctl backup unpin {archive}`",
        path.display()
    );
    let rows: u64 = facts.tables.iter().map(|table| table.rows).sum();
    Ok(Outcome::new(
        text,
        json!({"operation": turn.operation, "archive": archive, "path": path, "rows": rows}),
    ))
}

fn refuse_other(context: &Context, asked: &Rotate) -> Result<(), Failure> {
    match &asked.secret {
        // At a terminal the question names what is done.
        None if !asked.status && !asked.plan && !context.asks() => Err(Failure::usage(
            Fault::new("what to rotate is not said")
                .hint("`opsctl rotate store` archives the store, and begins a new one"),
        )),
        _ if asked.status => Err(Failure::usage(
            Fault::new("this product has no secrets to rotate")
                .hint("`opsctl history` shows when its store was rotated"),
        )),
        Some(other) if other != STORE => Err(Failure::usage(
            Fault::new(format!("this product has no {other} to rotate"))
                .hint("`opsctl rotate store` archives its store, and begins a new one"),
        )),
        _ if asked.skip_backup || asked.pause_after.is_some() || !asked.accept.is_empty() => {
            Err(Failure::usage(
                Fault::new("--skip-backup, --pause-after and --accept are for secrets")
                    .hint("leave them out: the store is archived, and nothing is let go of before"),
            ))
        }
        _ => Ok(()),
    }
}

fn may_begin_anew(ready: &Ready<Embedded>) -> Result<(), Failure> {
    if !ready.install.profile.database.begins_empty {
        return Err(Failure::refused(
            Fault::new("it is not described that the product can begin with an empty store").hint(
                "if it makes its tables by itself, and needs nothing that is in the present store: \
                 `begins_empty = true` below [database] in opsctl.toml",
            ),
        ));
    }
    Ok(())
}

fn is_well(ready: &Ready<Embedded>) -> Result<(), Failure> {
    if ready.found.wellness() == Wellness::Unwell {
        let trouble = ready.found.trouble.clone().unwrap_or_default();
        return Err(Failure::refused(
            Fault::new(format!("the product is not well: {trouble}"))
                .hint("mend that first: whether it serves on a new store could not be told"),
        ));
    }
    Ok(())
}

/// Both stores and the archive are there at once, for a while.
fn fits(ready: &Ready<Embedded>, bytes: u64) -> Result<(), Failure> {
    let state = ready.install.place.state.root().to_owned();
    let needs = [
        Need { what: "the archive", place: ready.directory.clone(), bytes },
        Need { what: "its copy", place: state, bytes },
    ];
    disk::check(&needs)
        .map(drop)
        .map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))
}
