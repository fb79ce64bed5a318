//! `opsctl resume` and `opsctl abort`: what becomes of an operation that did not end.

use std::time::Duration;

use serde_json::json;

use crate::adapters::archive::sweep_temporaries;
use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::docker::{ContainerFilter, LABEL_PROJECT, Removal};
use crate::adapters::postgres::server::busy_sessions;
use crate::adapters::product_database;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found, Source};
use crate::commands::install::{Install, Place};
use crate::commands::live::{self, LiveWorld, Setting};
use crate::commands::operate::{self, Direction, Turn};
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::operation::OperationId;

/// Goes on with it.
pub async fn resume(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::On).await
}

/// Undoes what it did.
pub async fn abort(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::Back).await
}

/// How long the server may go on with what an earlier run asked it for: copying a large database takes minutes.
const STATEMENTS_LIMIT: Duration = Duration::from_mins(10);
const STATEMENTS_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    On,
    Back,
}

async fn end(context: &Context, wanted: Wanted) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let (turn, progress) = Turn::take_again(context, &place)?;
    let install = Install::open(context, place).await?;
    let directory = backup::directory(&install, None)?;
    let plan = &progress.planned.plan;
    let before = Found {
        release: plan.before.release.clone(),
        source: Source::Image,
        running: Vec::new(),
        trouble: None,
        selected: None,
        drift: Vec::new(),
    };
    let setting = Setting {
        operation: &turn.operation,
        backup_dir: &directory,
        release: before.for_manifest(),
        needed: current::needed_backups(&install.place.state)?,
    };
    let world = live::world(context, &install, setting).await?;
    let (direction, question, done) = match wanted {
        Wanted::On => (Direction::On(&progress), "Go on with it?", "went on to its end"),
        Wanted::Back => {
            (Direction::Back(&progress), "Undo what it did?", "was given up, and what it had done is undone")
        }
    };
    context.note(&format!("{}\n{}", turn.operation, show::progress(&progress)));
    context.consent(question)?;
    remove_tools(&install, &turn.operation).await?;
    wait_for_statements(&world).await?;
    sweep_temporaries(&directory).map_err(|error| {
        Fault::caused_by("what a backup that was cut short left behind cannot be removed", &error)
    })?;
    operate::again(context, &install, &world, &turn, direction).await?;
    let text = format!("operation {} {done}", turn.operation);
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kind": plan.kind})))
}

/// Ends the tools that an opsctl that was killed left running: nobody reads what they print, and what they load into is
/// about to be loaded again or dropped.
async fn remove_tools(install: &Install, operation: &OperationId) -> Result<(), Fault> {
    let engine = &install.engine;
    let labelled = engine.containers(ContainerFilter::Operation(operation.as_str())).await;
    for container in labelled.map_err(|error| docker_fault(&error))? {
        if container.labels.get(LABEL_PROJECT) != Some(&install.model.project) {
            continue;
        }
        match engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await {
            Err(error) if !error.is_not_found() => return Err(docker_fault(&error)),
            _ => {}
        }
    }
    Ok(())
}

/// Waits until the server has done what an opsctl that was killed asked it for: a database that is still being created
/// cannot be dropped, and would be there afterwards.
async fn wait_for_statements(world: &LiveWorld) -> Result<(), Fault> {
    let session = world.databases.maintenance().await?;
    let application = world.databases.application();
    let began = tokio::time::Instant::now();
    loop {
        let busy = busy_sessions(&session, &application).await;
        match busy.map_err(|error| product_database::fault(&error))? {
            0 => return Ok(()),
            _ if began.elapsed() < STATEMENTS_LIMIT => tokio::time::sleep(STATEMENTS_PAUSE).await,
            busy => {
                return Err(Fault::new(format!(
                    "the database server still works on {busy} statements that this operation sent before"
                ))
                .hint("look at pg_stat_activity; try again when they have ended"));
            }
        }
    }
}
