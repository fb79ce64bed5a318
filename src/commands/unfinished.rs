//! `opsctl resume` and `opsctl abort`: what becomes of an operation that did not end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::adapters::archive::sweep_temporaries;
use crate::adapters::files::{FileError, remove_stale_temporaries};
use crate::adapters::postgres::server::busy_sessions;
use crate::adapters::product_database;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found, Source};
use crate::commands::embedded::{self, Embedded};
use crate::commands::install::{Install, Place};
use crate::commands::live::{self, LiveWorld, Setting};
use crate::commands::operate::{self, Direction, Turn};
use crate::commands::site::{Kept, Opened, Site as _};
use crate::commands::{database, pauses, show, status};
use crate::error::{Failure, Fault};
use crate::journal::record::{Planned, Progress};
use crate::model::operation::OperationKind;
use crate::operations::rotate::server_in_doubt;
use crate::plan::by_hand::Handbook;
use crate::plan::rotation::{Replicas, Which};
use crate::plan::step::{Release, Step};
use crate::ports::Services;

/// Goes on with it.
pub async fn resume(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::On).await
}

/// Undoes what it did.
pub async fn abort(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::Back).await
}

/// Undoes a rotation that did not end, and nothing else.
pub async fn abort_rotation(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    match operate::unfinished(&place.state)? {
        Some(progress) if progress.planned.plan.kind == OperationKind::Rotate => abort(context).await,
        _ => Err(Failure::usage(
            Fault::new("there is no unfinished rotation")
                .hint("`opsctl rotate --status` shows who has which value"),
        )),
    }
}

/// Leaves it to a person: where everything stands and what would undo it is said, and the install is let go.
pub async fn leave(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let (turn, progress) = Turn::take_again(context, &place)?;
    match status::run(context).await {
        Ok(outcome) => context.note(&outcome.text),
        Err(failure) => context.warn(format!("not all can be seen: {}", failure.fault)),
    }
    let (heading, steps) = left_to_do(&progress);
    let by_hand = handbook(context, &turn, &progress, place.clone()).await;
    let mut lines = vec![heading.to_owned()];
    for step in &steps {
        lines.push(format!("  {step}"));
        let commands = by_hand.iter().flat_map(|by_hand| by_hand.commands(step));
        lines.extend(commands.map(|command| format!("      {command}")));
    }
    context.note(&lines.join("\n"));
    context.consent("Leave it as it stands?")?;
    let path = place.state.journal(&turn.operation);
    operate::close_as_left(context, &path)?;
    let text = format!(
        "operation {} is left as it stands; what it kept for going back is in {}",
        turn.operation,
        place.state.operation(&turn.operation).display()
    );
    Ok(Outcome::new(text, json!({"operation": turn.operation, "left_to_do": steps})))
}

/// What a person would type, as far as the install can be read.
async fn handbook(
    context: &Context,
    turn: &Turn,
    progress: &Progress,
    place: Place,
) -> Option<Box<dyn Handbook>> {
    match Opened::open(context, place).await.ok()? {
        Opened::Compose(install) => {
            let recorded = progress.planned.backup_dir.as_deref();
            let directory = install.place.backup_dir(recorded, &install.variables);
            let info = database::for_a_person(&install).ok()?;
            Some(Box::new(live::by_hand(&install, &info, &directory)))
        }
        Opened::Embedded(site) => {
            let world = embedded::unfinished::world(context, &site, turn, progress).ok()?;
            Some(site.by_hand(&world))
        }
    }
}

/// What opsctl would do next: undo it, or past the commit point finish it.
fn left_to_do(progress: &Progress) -> (&'static str, Vec<Step>) {
    let plan = &progress.planned.plan;
    match &progress.going_back {
        Some(back) => ("what is left of going back:", back.steps[back.finished..].to_vec()),
        None if plan.is_past_commit(progress.touched) => {
            ("past the commit point, what is left to do:", plan.steps[progress.finished..].to_vec())
        }
        None => ("what would undo it:", plan.reversing(progress.touched)),
    }
}

/// How long the server may go on with what an earlier run asked it for: copying a large database takes minutes.
const STATEMENTS_LIMIT: Duration = Duration::from_mins(10);
const STATEMENTS_PAUSE: Duration = Duration::from_millis(200);

/// How long a server that was just started may take to answer: it may have to recover first.
const SERVER_LIMIT: Duration = Duration::from_mins(1);

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It goes on.
    On,
    /// It is undone.
    Back,
}

impl Wanted {
    /// Where that leads, what is asked before, and what was done then.
    pub(super) fn in_words(self, progress: &Progress) -> (Direction<'_>, String, &'static str) {
        match self {
            Self::On => {
                let question = pauses::question(progress).unwrap_or_else(|| "Go on with it?".to_owned());
                (Direction::On(progress), question, "went on to its end")
            }
            Self::Back => (
                Direction::Back(progress),
                "Undo what it did?".to_owned(),
                "was given up, and what it had done is undone",
            ),
        }
    }
}

async fn end(context: &Context, wanted: Wanted) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    if let Some(site) = Embedded::at(context, &place)? {
        return embedded::unfinished::end(context, site, wanted).await;
    }
    let (turn, progress) = Turn::take_again(context, &place)?;
    let (install, world) =
        reach(context, place, &turn, &progress).await.map_err(operate::still_unfinished)?;
    let plan = &progress.planned.plan;
    let (direction, question, done) = wanted.in_words(&progress);
    pauses::refuse_without_key(&world, &progress, wanted == Wanted::Back).map_err(Failure::refused)?;
    context.note(&format!("{}\n{}", turn.operation, show::progress(&progress)));
    context.consent(&question)?;
    clear_away(&install, &world).await.map_err(operate::still_unfinished)?;
    let ended = operate::again(context, &install, &world, &turn, direction).await?;
    if let Some(paused) = pauses::through(context, &install, &world, &turn, ended).await? {
        return Ok(paused);
    }
    let text = format!("operation {} {done}", turn.operation);
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kind": plan.kind})))
}

/// The install and its world as the operation had them.
async fn reach(
    context: &Context,
    place: Place,
    turn: &Turn,
    progress: &Progress,
) -> Result<(Install, LiveWorld), Failure> {
    let install = Install::open(context, place).await?;
    let Planned { plan, backup_dir, .. } = &progress.planned;
    let directory = backups_of(&install, backup_dir.as_deref())?;
    let before = Found {
        release: plan.before.release.clone(),
        source: Source::Image,
        running: Vec::new(),
        trouble: None,
        selected: None,
        drift: Vec::new(),
    };
    let world = async || {
        let setting = Setting {
            operation: &turn.operation,
            backup_dir: &directory,
            release: before.for_manifest(),
            needed: current::needed_backups(&install.place.state)?,
        };
        live::world(context, &install, setting).await.map_err(Failure::from)
    };
    let world = match (world().await, server_in_doubt(plan, progress.touched)) {
        (Err(_), Some(server)) => {
            raise(context, &install, turn, (server, &plan.before.release)).await?;
            let began = tokio::time::Instant::now();
            loop {
                match world().await {
                    Err(_) if began.elapsed() < SERVER_LIMIT => tokio::time::sleep(STATEMENTS_PAUSE).await,
                    ended => break ended?,
                }
            }
        }
        (ended, _) => ended?,
    };
    Ok((install, world))
}

/// The operation makes the database server's container anew, and was cut short in that: without it there is nobody to ask.
async fn raise(
    context: &Context,
    install: &Install,
    turn: &Turn,
    (server, release): (&[Replicas], &Release),
) -> Result<(), Fault> {
    let services = live::services(context, install, &turn.operation)?;
    services.recreate(server, release, Which::Changed).await
}

/// Where the operation keeps its backups: as it was recorded, or, if the install was moved since, where it keeps them now.
/// A place that is not there is not made: an empty one would hide that the backups are gone.
pub(super) fn backups_of(install: &dyn Kept, recorded: Option<&Path>) -> Result<PathBuf, Failure> {
    let now = install.place().backup_dir(None, install.variables());
    let Some(recorded) = recorded else { return backup::directory(install, None) };
    [recorded, now.as_path()].into_iter().find(|place| place.is_dir()).map(Path::to_owned).ok_or_else(|| {
        Fault::new(format!("the operation's backups are in {}, which is not there", recorded.display()))
            .hint("is a disk not mounted? bring the folder back and try again")
            .into()
    })
}

/// Ends what the run before left at work, and removes what it left lying about.
async fn clear_away(install: &Install, world: &LiveWorld) -> Result<(), Fault> {
    install.clear_tools(world).await?;
    wait_for_statements(world).await?;
    sweep_temporaries(&world.backups.shelf.directory).map(drop).map_err(|error| {
        Fault::caused_by("what a backup that was cut short left behind cannot be removed", &error)
    })?;
    let unremoved = |error: FileError| {
        Fault::caused_by("what a write that was cut short left behind cannot be removed", &error)
    };
    world.settings.discard_temporaries().map_err(unremoved)?;
    remove_stale_temporaries(install.place.state.root()).map_err(unremoved)?;
    world
        .backups
        .discard_unpacked()
        .map_err(|error| Fault::caused_by("what was unpacked of a backup before cannot be removed", &error))
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
