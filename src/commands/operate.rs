//! Carrying out an operation: one at a time, recorded, resumable.

use std::io::Write;

use crate::adapters::fingerprint_key;
use crate::commands::context::Context;
use crate::commands::hooks;
use crate::commands::place::Place;
use crate::commands::site::{Site, WorldOf};
use crate::commands::still_at_work::wait_for_compose;
use crate::error::{Exit, Failure, Fault};
use crate::explain::Topic;
use crate::interrupt::{Interrupt, Urgency};
use crate::journal::lock::{Holder, InstallLock, LockError, current_holder};
use crate::journal::record::{Closing, Planned, Progress, Record, SCHEMA};
use crate::journal::state_dir::StateDir;
use crate::journal::{Journal, JournalError};
use crate::model::operation::{OperationId, OperationKind};
use crate::plan::Plan;
use crate::plan::runner::{Ended, Runner};
use crate::ports::Clock;
use crate::report::{Event, Reporter};

/// What a command is about to do with the plan that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Carry it out, if nobody says no.
    CarryOut,
    /// Only show it: nothing is held, made or changed for that.
    Show,
}

impl Purpose {
    /// The purpose of a command with a `--plan`.
    pub fn of_plan(only_shown: bool) -> Self {
        if only_shown { Self::Show } else { Self::CarryOut }
    }
}

/// The right to change an install, held until it is dropped.
pub struct Turn {
    /// Absent for a plan that is only shown.
    lock: Option<InstallLock>,
    /// The identifier of the operation that is about to be planned.
    pub operation: OperationId,
}

impl Turn {
    /// Takes the install's lock for a new operation. An unfinished one comes first.
    pub fn take(context: &Context, place: &Place, kind: OperationKind) -> Result<Self, Failure> {
        let lock = hold(context, place, kind)?;
        if let Some(unfinished) = unfinished(&place.state)?
            && !may_go_beside(kind, &unfinished)
        {
            return Err(refuse_over(&unfinished));
        }
        let operation = place.state.next_id(jiff::Timestamp::now(), kind);
        Ok(Self { lock: Some(lock), operation })
    }

    /// For a plan that is only shown: no turn is taken, and that another operation has it is no hindrance.
    pub fn imagined(context: &Context, place: &Place, kind: OperationKind) -> Self {
        mention_unfinished(context, place);
        let operation = place.state.next_id(jiff::Timestamp::now(), kind);
        Self { lock: None, operation }
    }

    /// Takes the install's lock for the operation that did not end.
    pub fn take_again(context: &Context, place: &Place) -> Result<(Self, Progress), Failure> {
        let nothing = || {
            Failure::usage(
                Fault::new("there is no unfinished operation").hint("`opsctl history` shows what was done"),
            )
        };
        let seen = unfinished(&place.state)?.ok_or_else(nothing)?;
        let lock = hold(context, place, seen.planned.plan.kind)?;
        // Whoever held the lock until now may have ended the operation meanwhile.
        let progress = unfinished(&place.state)?.ok_or_else(nothing)?;
        let operation = progress.planned.operation.clone();
        Ok((Self { lock: Some(lock), operation }, progress))
    }
}

/// Whether an operation of a kind may be done while another waits as it was planned to. Backups may, for it can wait for days;
/// whatever changes data, release or settings would change what it is to go on with.
fn may_go_beside(kind: OperationKind, unfinished: &Progress) -> bool {
    unfinished.paused.is_some() && matches!(kind, OperationKind::Backup | OperationKind::Prune)
}

/// Refuses what has to be alone with the product while an operation runs.
pub(super) fn refuse_beside(place: &Place) -> Result<(), Failure> {
    current_holder(&place.state.lock()).map_or(Ok(()), |holder| Err(held(Some(&holder))))
}

/// Holds the install against other operations, also for what is none.
pub(super) fn hold(context: &Context, place: &Place, kind: OperationKind) -> Result<InstallLock, Failure> {
    place.state.create().map_err(|error| {
        Fault::caused_by(format!("cannot keep records in {}", place.state.root().display()), &error)
            .hint("may this user write there? opsctl needs to, in the install's directory")
    })?;
    fingerprint_key::ensure(place.state.root())?;
    let holder =
        Holder { actor: context.surroundings.actor.clone(), doing: kind, since: jiff::Timestamp::now() };
    let lock = InstallLock::take(&place.state.lock(), &holder).map_err(|error| match error {
        LockError::Held(holder) => held(holder.as_deref()),
        LockError::Io { .. } => Failure::from(Fault::caused_by("cannot take the install's lock", &error)),
    })?;
    wait_for_compose(context, place)?;
    Ok(lock)
}

fn held(holder: Option<&Holder>) -> Failure {
    let fault = match holder {
        Some(holder) => Fault::new(format!(
            "the install is held by another operation: {}, by {}, process {}, since {}",
            holder.doing,
            holder.actor,
            holder.actor.pid,
            utc(holder.since)
        )),
        None => Fault::new("the install is held by another operation"),
    };
    Failure::new(Exit::Locked, fault.hint("`opsctl status` shows how far it is; wait until it has ended"))
}

/// The operation that was begun and not ended, if there is one.
pub fn unfinished(state: &StateDir) -> Result<Option<Progress>, Failure> {
    let operations = state.past()?;
    for past in operations.into_iter().rev() {
        match past.progress {
            Ok(progress) if progress.ending.is_none() && progress.planned.plan.kind.has_to_end() => {
                return Ok(Some(progress));
            }
            Ok(_) => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    Ok(None)
}

/// Says of an operation that has not ended, before a command that only looks shows something else.
pub fn mention_unfinished(context: &Context, place: &Place) {
    let progress = match unfinished(&place.state) {
        Ok(None) => return,
        Ok(Some(progress)) => progress,
        Err(failure) => return context.warn(failure.fault.to_string()),
    };
    let ways_on = progress.ways_on();
    let Progress { planned, paused, .. } = progress;
    let stands = how_it_stands(paused);
    context.warn(match current_holder(&place.state.lock()) {
        Some(holder) => {
            format!("{} by {} is running, since {}", holder.doing.in_words(), holder.actor, utc(holder.since))
        }
        None => format!("operation {} {stands}: {ways_on}", planned.operation),
    });
}

/// That an operation has not ended, in words: one that waits as it was planned to is no accident.
fn how_it_stands(paused: Option<usize>) -> &'static str {
    if paused.is_some() { "is paused" } else { "did not end" }
}

fn utc(at: jiff::Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d %H:%M:%S UTC")
}

fn unreadable(error: &JournalError) -> Failure {
    Failure::refused(
        Fault::caused_by("the record of an operation cannot be read", error)
            .hint("was it written by a newer opsctl, or edited? nothing is changed until that is clear")
            .explained(Topic::JournalUnreadable),
    )
}

fn refuse_over(progress: &Progress) -> Failure {
    let Planned { operation, plan, actor, .. } = &progress.planned;
    Failure::refused(
        Fault::new(format!(
            "operation {operation} {}: {} by {actor}, begun {}, {} of {} steps done",
            how_it_stands(progress.paused),
            plan.kind,
            utc(progress.began),
            progress.finished,
            plan.steps.len()
        ))
        .hint(progress.ways_on()),
    )
}

/// Records a plan and carries it out.
pub async fn run<I: Site>(
    context: &Context,
    install: &I,
    world: &WorldOf<I>,
    turn: &Turn,
    plan: Plan,
) -> Result<Ended, Failure> {
    debug_assert!(turn.lock.is_some(), "a plan that is only shown is never carried out");
    install.lock(world, &context.surroundings.actor.host).await?;
    install.clear_tools(world).await?;
    let operation = &turn.operation;
    hooks::before(context, install, operation, &plan).await?;
    let mut journal = install.place().state.begin(operation).map_err(|error| unrecorded(&error))?;
    let planned = Planned {
        schema: SCHEMA,
        operation: operation.clone(),
        opsctl: env!("CARGO_PKG_VERSION").to_owned(),
        actor: context.surroundings.actor.clone(),
        arguments: context.surroundings.arguments.clone(),
        backup_dir: Some(install.backup_dir(world).to_owned()),
        plan: plan.clone(),
    };
    journal
        .append(world.clock.now(), Record::Planned(Box::new(planned)))
        .map_err(|error| unrecorded(&error))?;
    context.log_to(&install.place().state.output(operation));
    context.report(&Event::Planned { operation, plan: &plan });
    let outcome = carry_out(context, install, world, &mut journal, Direction::New(&plan)).await;
    hooks::ended(context, install, operation, &outcome).await;
    finish(context, install, world, operation, outcome).await
}

/// Goes on with an operation, or undoes it.
pub async fn again<I: Site>(
    context: &Context,
    install: &I,
    world: &WorldOf<I>,
    turn: &Turn,
    direction: Direction<'_>,
) -> Result<Ended, Failure> {
    install.lock(world, &context.surroundings.actor.host).await.map_err(still_unfinished)?;
    let path = install.place().state.journal(&turn.operation);
    let unrecorded = |error: JournalError| still_unfinished(unrecorded(&error));
    let (mut journal, _) = Journal::reopen(&path).map_err(unrecorded)?;
    let resumed = Record::Resumed {
        actor: context.surroundings.actor.clone(),
        opsctl: env!("CARGO_PKG_VERSION").to_owned(),
    };
    journal.append(world.clock.now(), resumed).map_err(unrecorded)?;
    context.log_to(&install.place().state.output(&turn.operation));
    let outcome = carry_out(context, install, world, &mut journal, direction).await;
    hooks::ended(context, install, &turn.operation, &outcome).await;
    finish(context, install, world, &turn.operation, outcome).await
}

/// What keeps an operation from being gone on with leaves it as it was: unfinished, which is not the same as undone.
pub(super) fn still_unfinished(failure: impl Into<Failure>) -> Failure {
    let mut failure = failure.into();
    if failure.exit == Exit::Failed {
        failure.exit = Exit::Interrupted;
        failure.fault = failure.fault.hint("the operation waits as it was: mend the cause and try again");
    }
    failure
}

/// Records that a person takes over.
pub(super) fn close_as_left(context: &Context, journal: &std::path::Path) -> Result<(), Failure> {
    let (mut journal, _) = Journal::reopen(journal).map_err(|error| unrecorded(&error))?;
    let taken_over = Record::Resumed {
        actor: context.surroundings.actor.clone(),
        opsctl: env!("CARGO_PKG_VERSION").to_owned(),
    };
    for record in [taken_over, Record::Closed { ending: Closing::Left }] {
        journal.append(jiff::Timestamp::now(), record).map_err(|error| unrecorded(&error))?;
    }
    Ok(())
}

/// Where an operation is to go.
#[derive(Debug, Clone, Copy)]
pub enum Direction<'a> {
    /// Through a new plan.
    New(&'a Plan),
    /// On from where it stopped.
    On(&'a Progress),
    /// Back to where it began.
    Back(&'a Progress),
}

async fn carry_out<I: Site>(
    context: &Context,
    install: &I,
    world: &WorldOf<I>,
    journal: &mut Journal,
    direction: Direction<'_>,
) -> Result<Ended, Failure> {
    let interrupt = Interrupt::listen(|urgency| {
        let said = match urgency {
            Urgency::None => return,
            Urgency::AfterStep => {
                "stopping as soon as the running step allows it; once more to leave at once"
            }
            Urgency::Now => "leaving; what runs on its own goes on",
        };
        let _ = writeln!(anstream::stderr(), "\n{said}");
    })
    .map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
    let by_hand = install.by_hand(world);
    let mut runner = Runner {
        world,
        journal,
        reporter: context,
        interrupt: &interrupt,
        limits: install.limits(),
        by_hand: by_hand.as_ref(),
    };
    let work = async {
        match direction {
            Direction::New(plan) => runner.run(plan).await,
            Direction::On(progress) => runner.resume(progress).await,
            Direction::Back(progress) => runner.abort(progress).await.map(|()| Ended::Done),
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = interrupt.insisted() => Err(Failure::new(
            Exit::Interrupted,
            Fault::new("left in the middle of a step")
                .hint("`opsctl status` shows where things stand; `opsctl resume` goes on, `opsctl abort` undoes"),
        )),
    }
}

/// Removes what a closed operation no longer needs. What is left over does no harm, so that this cannot fail it.
async fn finish<I: Site>(
    context: &Context,
    install: &I,
    world: &WorldOf<I>,
    operation: &OperationId,
    outcome: Result<Ended, Failure>,
) -> Result<Ended, Failure> {
    let ended = match &outcome {
        Ok(ended) => *ended == Ended::Done,
        Err(failure) => !matches!(failure.exit, Exit::Interrupted | Exit::Inconsistent),
    };
    if ended {
        let _ = install.place().state.tidy(operation);
        // A step that failed may have dropped a tool that was still at work, and a plan that an older opsctl made keeps
        // the container that migrated.
        let _ = install.clear_tools(world).await;
        install.clear_one_offs(world).await;
        // What failed removes nothing that somebody may want to try again.
        if outcome.is_ok() {
            drop_old_releases(context, install, world).await;
        }
    }
    outcome
}

async fn drop_old_releases<I: Site>(context: &Context, install: &I, world: &WorldOf<I>) {
    match install.drop_old_releases(world).await {
        Ok(dropped) if dropped.is_empty() => {}
        Ok(dropped) => context.note(&format!("old releases are removed: {}", dropped.join(", "))),
        Err(fault) => context.warn(format!("old releases are not removed: {fault}")),
    }
}

fn unrecorded(error: &JournalError) -> Failure {
    Fault::caused_by("nothing was done, because it could not be recorded", error)
        .hint("make room or mend the disk, and try again")
        .into()
}

/// The part of an operation's identifier that tells its time, for names of databases.
pub fn stamp(operation: &OperationId) -> String {
    operation.as_str().split('-').take(2).collect::<Vec<_>>().join("-")
}
