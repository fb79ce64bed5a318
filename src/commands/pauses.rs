//! Operations that wait where they were planned to: going on with them, or leaving them there.

use serde_json::json;

use crate::commands::context::{Context, Outcome};
use crate::commands::operate::{self, Direction, Turn};
use crate::commands::site::{Kept, Site, WorldOf};
use crate::error::{Failure, Fault};
use crate::journal::read;
use crate::journal::record::Progress;
use crate::operations::rotate::guard_of;
use crate::plan::Plan;
use crate::plan::rotation::{Halt, PausePoint};
use crate::plan::runner::Ended;
use crate::plan::step::Step;

/// Goes on past each pause at which a person is to be asked and says yes. What is left is the operation waiting, as a
/// result; `None` when it came to its end.
pub(super) async fn through<I: Site>(
    context: &Context,
    install: &I,
    world: &WorldOf<I>,
    turn: &Turn,
    ended: Ended,
) -> Result<Option<Outcome>, Failure> {
    let mut ended = ended;
    while let Ended::Paused(at, halt) = ended {
        let progress = progress(install, turn)?;
        if halt == Halt::Stop || !context.agrees(&question_at(&progress.planned.plan, at)) {
            return Ok(Some(waiting(turn, at)));
        }
        ended = operate::again(context, install, world, turn, Direction::On(&progress)).await?;
    }
    Ok(None)
}

/// What is asked before an operation that waits goes on; `None` for one that does not wait.
pub(super) fn question(progress: &Progress) -> Option<String> {
    let plan = &progress.planned.plan;
    match plan.steps.get(progress.paused?)? {
        Step::Pause { at, .. } => Some(question_at(plan, *at)),
        _ => None,
    }
}

fn question_at(plan: &Plan, at: PausePoint) -> String {
    match (at, guard_of(plan)) {
        (PausePoint::Dual, Some(guard)) => format!(
            "Every replica takes both values. Re-hash all keys now? That cannot be undone; backup {guard} stands behind it"
        ),
        (PausePoint::Dual, None) => "Every replica takes both values. Go on?".to_owned(),
        (PausePoint::Rehash, _) => "All keys are re-hashed. Let go of the old value now?".to_owned(),
    }
}

fn waiting(turn: &Turn, at: PausePoint) -> Outcome {
    let text = match at {
        PausePoint::Dual => format!(
            "operation {} is paused: every replica takes both values, and nothing is re-hashed\n\
             `opsctl resume` re-hashes and goes on; `opsctl abort` goes back; backups can be taken meanwhile",
            turn.operation
        ),
        PausePoint::Rehash => format!(
            "operation {} is paused: all keys are re-hashed, and the old value is still taken\n\
             `opsctl resume` lets go of it; backups can be taken meanwhile",
            turn.operation
        ),
    };
    Outcome::new(text, json!({"operation": turn.operation, "paused": at}))
}

fn progress(install: &dyn Kept, turn: &Turn) -> Result<Progress, Failure> {
    let (entries, _) = read(&install.place().state.journal(&turn.operation))
        .map_err(|error| Fault::caused_by("the operation's record cannot be read", &error))?;
    Progress::of(&entries).ok_or_else(|| Fault::new("the operation's record is empty").into())
}

/// For where no key is given: one that is to be tried must be there before anything goes on or back, for to find out later
/// helps nobody.
pub(super) fn refuse_without_key(progress: &Progress, back: bool) -> Result<(), Fault> {
    let plan = &progress.planned.plan;
    let left = match (&progress.going_back, back) {
        (Some(back), _) => back.steps[back.finished..].to_vec(),
        (None, true) => plan.reversing(progress.touched),
        (None, false) => plan.steps[progress.finished..].to_vec(),
    };
    let tries = left.iter().any(|step| matches!(step, Step::TryKey { .. }));
    if tries {
        return Err(key_missing());
    }
    Ok(())
}

/// Says that a key has to be given.
pub(super) fn key_missing() -> Fault {
    Fault::new("a key has to be tried at every stage, and none is given; nothing was changed")
        .hint("set OPSCTL_PLATFORM_KEY to a key of the platform")
}
