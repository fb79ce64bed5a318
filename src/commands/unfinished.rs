//! `opsctl resume` and `opsctl abort`: what becomes of an operation that did not end.

mod compose;
mod process;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapters::archive::sweep_temporaries;
use crate::adapters::files::remove_stale_temporaries;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{Found, Source};
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::live::{self, Setting};
use crate::commands::operate::{self, Direction, Turn};
use crate::commands::place::Place;
use crate::commands::ready::Operable;
use crate::commands::site::{Kept, Kind, Opened, WorldOf};
use crate::commands::ways_back;
use crate::commands::{database, pauses, show, status};
use crate::error::{Failure, Fault};
use crate::journal::lock::current_holder;
use crate::journal::record::{Planned, Progress};
use crate::model::operation::OperationKind;
use crate::plan::by_hand::Handbook;
use crate::plan::step::Step;

/// What going on with an operation, or undoing it, needs to know of an install.
trait Ends: Operable {
    /// The world as the operation had it; what it cannot be seen without is brought up first.
    async fn reach(
        &self,
        context: &Context,
        turn: &Turn,
        progress: &Progress,
    ) -> Result<WorldOf<Self>, Failure>;
    /// Whether there is a key for steps that try one.
    fn can_try_keys(world: &WorldOf<Self>) -> bool;
    /// Waits for what the run before asked for and is still being done, and removes what it left in places of its own.
    async fn settle(&self, world: &WorldOf<Self>) -> Result<(), Fault>;
}

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
        Some(progress)
            if matches!(progress.planned.plan.kind, OperationKind::Rotate | OperationKind::RotateStore) =>
        {
            abort(context).await
        }
        _ => Err(Failure::usage(
            Fault::new("there is no unfinished rotation")
                .hint("`opsctl rotate --status` shows who has which value"),
        )),
    }
}

/// Ends a backup that was cut short, or a pruning: they change nothing of the product, and must not keep the next backup from
/// being taken while nobody looks.
pub(super) async fn end_backup(context: &Context, place: &Place) -> Result<(), Failure> {
    let runs = current_holder(&place.state.lock()).is_some();
    if runs || !operate::unfinished(&place.state)?.as_ref().is_some_and(is_of_backups) {
        return Ok(());
    }
    match Kind::at(context, place)? {
        Kind::Compose => end_backup_of::<Install>(context, place).await,
        Kind::Process => end_backup_of::<Embedded>(context, place).await,
    }
}

fn is_of_backups(progress: &Progress) -> bool {
    matches!(progress.planned.plan.kind, OperationKind::Backup | OperationKind::Prune)
}

async fn end_backup_of<I: Ends>(context: &Context, place: &Place) -> Result<(), Failure> {
    let (turn, progress) = Turn::take_again(context, place)?;
    if !is_of_backups(&progress) {
        return Ok(());
    }
    let can_be_undone = progress.planned.plan.can_be_undone(progress.touched);
    let (wanted, what) =
        if can_be_undone { (Wanted::Back, "removed") } else { (Wanted::On, "brought to its end") };
    context.note(&format!("operation {} did not end: what is left of it is {what} first", turn.operation));
    let install = I::open(context, place.clone()).await.map_err(operate::still_unfinished)?;
    let world = install.reach(context, &turn, &progress).await.map_err(operate::still_unfinished)?;
    clear_away(&install, &world).await.map_err(operate::still_unfinished)?;
    let (direction, ..) = wanted.in_words(&progress);
    operate::again(context, &install, &world, &turn, direction).await.map(drop)
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
    let by_hand = handbook(context, &progress, place.clone()).await;
    let mut lines = vec![heading.to_owned()];
    for step in &steps {
        lines.push(format!("  {step}"));
        let commands = by_hand.iter().flat_map(|by_hand| by_hand.commands_among(step, &steps));
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
async fn handbook(context: &Context, progress: &Progress, place: Place) -> Option<Box<dyn Handbook>> {
    match Opened::open(context, place).await.ok()? {
        Opened::Compose(install) => {
            let recorded = progress.planned.backup_dir.as_deref();
            let directory = install.place.backup_dir(recorded, &install.variables);
            let info = database::for_a_person(&install).ok()?;
            Some(Box::new(live::by_hand(&install, &info, &directory)))
        }
        Opened::Embedded(site) => {
            let directory = backups_of(site.as_ref(), progress.planned.backup_dir.as_deref()).ok()?;
            Some(Box::new(site.handbook(&directory)))
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

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// It goes on.
    On,
    /// It is undone.
    Back,
}

impl Wanted {
    /// Where that leads, what is asked before, and what was done then.
    fn in_words(self, progress: &Progress) -> (Direction<'_>, String, &'static str) {
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
    match Kind::at(context, &place)? {
        Kind::Compose => end_of::<Install>(context, place, wanted).await,
        Kind::Process => end_of::<Embedded>(context, place, wanted).await,
    }
}

async fn end_of<I: Ends>(context: &Context, place: Place, wanted: Wanted) -> Result<Outcome, Failure> {
    let (turn, progress) = Turn::take_again(context, &place)?;
    let install = I::open(context, place).await.map_err(operate::still_unfinished)?;
    let world = install.reach(context, &turn, &progress).await.map_err(operate::still_unfinished)?;
    let (direction, question, done) = wanted.in_words(&progress);
    if !I::can_try_keys(&world) {
        pauses::refuse_without_key(&progress, wanted == Wanted::Back).map_err(Failure::refused)?;
    }
    context.note(&format!("{}\n{}", turn.operation, show::progress(&progress)));
    context.consent(&question)?;
    clear_away(&install, &world).await.map_err(operate::still_unfinished)?;
    let ended = operate::again(context, &install, &world, &turn, direction).await?;
    if let Some(paused) = pauses::through(context, &install, &world, &turn, ended).await? {
        return Ok(paused);
    }
    let text = format!("operation {} {done}", turn.operation);
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kind": progress.planned.plan.kind})))
}

/// The world as the operation had it.
async fn world_of<I: Ends>(
    context: &Context,
    install: &I,
    turn: &Turn,
    progress: &Progress,
) -> Result<WorldOf<I>, Failure> {
    let Planned { plan, backup_dir, .. } = &progress.planned;
    let directory = backups_of(install, backup_dir.as_deref())?;
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
        needed: ways_back::needed_backups(&install.place().state)?,
    };
    Ok(install.world(context, setting).await?)
}

/// Ends what the run before left at work, and removes what it left lying about.
async fn clear_away<I: Ends>(install: &I, world: &WorldOf<I>) -> Result<(), Fault> {
    install.clear_tools(world).await?;
    install.settle(world).await?;
    sweep_temporaries(install.backup_dir(world)).map(drop).map_err(|error| {
        Fault::caused_by("what a backup that was cut short left behind cannot be removed", &error)
    })?;
    remove_stale_temporaries(install.place().state.root()).map(drop).map_err(|error| {
        Fault::caused_by("what a write that was cut short left behind cannot be removed", &error)
    })
}

/// Where the operation keeps its backups: as it was recorded, or, if the install was moved since, where it keeps them now.
/// A place that is not there is not made: an empty one would hide that the backups are gone.
fn backups_of(install: &dyn Kept, recorded: Option<&Path>) -> Result<PathBuf, Failure> {
    let now = install.place().backup_dir(None, install.variables());
    let Some(recorded) = recorded else { return backup::directory(install, None) };
    [recorded, now.as_path()].into_iter().find(|place| place.is_dir()).map(Path::to_owned).ok_or_else(|| {
        Fault::new(format!("the operation's backups are in {}, which is not there", recorded.display()))
            .hint("is a disk not mounted? bring the folder back and try again")
            .into()
    })
}
