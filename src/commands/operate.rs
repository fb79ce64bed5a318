//! Carrying out an operation: one at a time, recorded, resumable.

use std::io::Write;
use std::time::Duration;

use crate::adapters::postgres::lock::{OperationLock, take_lock};
use crate::adapters::product_database::ProductDatabase;
use crate::commands::context::Context;
use crate::commands::install::{Install, Place};
use crate::commands::live::{self, LiveWorld};
use crate::error::{Exit, Failure, Fault};
use crate::interrupt::{Interrupt, Urgency};
use crate::journal::lock::{Holder, InstallLock, LockError};
use crate::journal::record::{Planned, Progress, Record, SCHEMA};
use crate::journal::state_dir::StateDir;
use crate::journal::{Journal, JournalError};
use crate::model::operation::{OperationId, OperationKind};
use crate::plan::Plan;
use crate::plan::runner::Runner;
use crate::ports::Clock;
use crate::report::{Event, Reporter};

/// The right to change an install, held until it is dropped.
pub struct Turn {
    _lock: InstallLock,
    /// The identifier of the operation that is about to be planned.
    pub operation: OperationId,
}

impl Turn {
    /// Takes the install's lock for a new operation. An unfinished one comes first.
    pub fn take(context: &Context, place: &Place, kind: OperationKind) -> Result<Self, Failure> {
        let lock = lock(context, place, kind)?;
        if let Some(unfinished) = unfinished(&place.state)? {
            return Err(refuse_over(&unfinished));
        }
        let operation = place.state.next_id(jiff::Timestamp::now(), kind);
        Ok(Self { _lock: lock, operation })
    }

    /// Takes the install's lock for the operation that did not end.
    pub fn take_again(context: &Context, place: &Place) -> Result<(Self, Progress), Failure> {
        let nothing = || {
            Failure::usage(
                Fault::new("there is no unfinished operation").hint("`opsctl history` shows what was done"),
            )
        };
        let seen = unfinished(&place.state)?.ok_or_else(nothing)?;
        let lock = lock(context, place, seen.planned.plan.kind)?;
        // Whoever held the lock until now may have ended the operation meanwhile.
        let progress = unfinished(&place.state)?.ok_or_else(nothing)?;
        let operation = progress.planned.operation.clone();
        Ok((Self { _lock: lock, operation }, progress))
    }
}

fn lock(context: &Context, place: &Place, kind: OperationKind) -> Result<InstallLock, Failure> {
    place.state.create().map_err(|error| {
        Fault::caused_by(format!("cannot keep records in {}", place.state.root().display()), &error)
            .hint("may this user write there? opsctl needs to, in the install's directory")
    })?;
    let holder =
        Holder { actor: context.surroundings.actor.clone(), doing: kind, since: jiff::Timestamp::now() };
    InstallLock::take(&place.state.lock(), &holder).map_err(|error| match error {
        LockError::Held(holder) => held(holder.as_deref()),
        LockError::Io { .. } => Fault::caused_by("cannot take the install's lock", &error).into(),
    })
}

fn held(holder: Option<&Holder>) -> Failure {
    let fault = match holder {
        Some(holder) => Fault::new(format!(
            "the install is held by another operation: {}, by {}, process {}, since {}",
            holder.doing,
            holder.actor,
            holder.actor.pid,
            holder.since.strftime("%Y-%m-%d %H:%M:%S UTC")
        )),
        None => Fault::new("the install is held by another operation"),
    };
    Failure::new(Exit::Locked, fault.hint("`opsctl status` shows how far it is; wait until it has ended"))
}

/// The operation that was begun and not ended, if there is one.
pub fn unfinished(state: &StateDir) -> Result<Option<Progress>, Failure> {
    let operations = state
        .operations()
        .map_err(|error| Fault::caused_by("cannot read the records of operations", &error))?;
    for past in operations.into_iter().rev() {
        match past.progress {
            Ok(progress) if progress.ending.is_none() => return Ok(Some(progress)),
            Ok(_) => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    Ok(None)
}

fn unreadable(error: &JournalError) -> Failure {
    Failure::refused(
        Fault::caused_by("the record of an operation cannot be read", error)
            .hint("was it written by a newer opsctl, or edited? nothing is changed until that is clear"),
    )
}

fn refuse_over(progress: &Progress) -> Failure {
    let Planned { operation, plan, actor, .. } = &progress.planned;
    Failure::refused(
        Fault::new(format!(
            "operation {operation} did not end: {} by {actor}, begun {}, {} of {} steps done",
            plan.kind,
            progress.began.strftime("%Y-%m-%d %H:%M:%S UTC"),
            progress.finished,
            plan.steps.len()
        ))
        .hint("`opsctl resume` goes on with it; `opsctl abort` undoes what it did"),
    )
}

/// Records a plan and carries it out.
pub async fn run(
    context: &Context,
    install: &Install,
    world: &LiveWorld,
    turn: &Turn,
    plan: Plan,
) -> Result<(), Failure> {
    let _database_lock = lock_database(&world.databases, &context.surroundings.actor.host).await?;
    let operation = &turn.operation;
    let mut journal = install.place.state.begin(operation).map_err(|error| unrecorded(&error))?;
    let planned = Planned {
        schema: SCHEMA,
        operation: operation.clone(),
        opsctl: env!("CARGO_PKG_VERSION").to_owned(),
        actor: context.surroundings.actor.clone(),
        arguments: context.surroundings.arguments.clone(),
        plan: plan.clone(),
    };
    journal
        .append(world.clock.now(), Record::Planned(Box::new(planned)))
        .map_err(|error| unrecorded(&error))?;
    context.report(&Event::Planned { operation, plan: &plan });
    let outcome = carry_out(context, install, world, &mut journal, Direction::New(&plan)).await;
    finish(&install.place.state, operation, outcome)
}

/// Goes on with an operation, or undoes it.
pub async fn again(
    context: &Context,
    install: &Install,
    world: &LiveWorld,
    turn: &Turn,
    direction: Direction<'_>,
) -> Result<(), Failure> {
    let _database_lock = lock_database(&world.databases, &context.surroundings.actor.host).await?;
    let path = install.place.state.journal(&turn.operation);
    let (mut journal, _) = Journal::reopen(&path).map_err(|error| unrecorded(&error))?;
    world.services.clear_tools().await?;
    let resumed = Record::Resumed {
        actor: context.surroundings.actor.clone(),
        opsctl: env!("CARGO_PKG_VERSION").to_owned(),
    };
    journal.append(world.clock.now(), resumed).map_err(|error| unrecorded(&error))?;
    let outcome = carry_out(context, install, world, &mut journal, direction).await;
    finish(&install.place.state, &turn.operation, outcome)
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

async fn carry_out(
    context: &Context,
    install: &Install,
    world: &LiveWorld,
    journal: &mut Journal,
    direction: Direction<'_>,
) -> Result<(), Failure> {
    let interrupt = Interrupt::listen(|urgency| {
        let said = match urgency {
            Urgency::None => return,
            Urgency::AfterStep => {
                "stopping as soon as the running step allows it; once more to leave at once"
            }
            Urgency::Now => "leaving; what runs in containers goes on",
        };
        let _ = writeln!(anstream::stderr(), "\n{said}");
    })
    .map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
    let mut runner =
        Runner { world, journal, reporter: context, interrupt: &interrupt, limits: live::limits(install) };
    let work = async {
        match direction {
            Direction::New(plan) => runner.run(plan).await,
            Direction::On(progress) => runner.resume(progress).await,
            Direction::Back(progress) => runner.abort(progress).await,
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
fn finish(state: &StateDir, operation: &OperationId, outcome: Result<(), Failure>) -> Result<(), Failure> {
    let ended =
        !matches!(&outcome, Err(failure) if matches!(failure.exit, Exit::Interrupted | Exit::Inconsistent));
    if ended {
        let _ = state.tidy(operation);
    }
    outcome
}

/// Other machines may operate the same database: the server itself keeps them apart.
async fn lock_database(database: &ProductDatabase, host: &str) -> Result<OperationLock, Failure> {
    let holder = format!("{}@{host}", database.application());
    let live = database.live();
    take_lock(&database.info, &live, &holder, Duration::ZERO).await.map_err(|error| {
        let fault = crate::adapters::product_database::fault(&error);
        match error {
            crate::adapters::postgres::error::PgError::InUse { .. } => Failure::new(Exit::Locked, fault),
            _ => fault.into(),
        }
    })
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
