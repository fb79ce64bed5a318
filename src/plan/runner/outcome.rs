//! What a run comes to, in words and exit codes.

use crate::error::{Exit, Failure, Fault};
use crate::journal::JournalError;
use crate::journal::record::Closing;
use crate::model::operation::OperationKind;
use crate::plan::Plan;
use crate::plan::refusals::Stretch;
use crate::plan::step::Step;

/// A rotation that failed behind its commit point waits: both values are taken, or the new one alone where that was shown.
pub(super) fn goes_on_only(plan: &Plan, fault: Fault) -> Failure {
    let kind = plan.kind.in_words();
    let hint = format!("mend the cause and run `opsctl resume`: past its commit point a {kind} only goes on");
    let what = format!("the {kind} stopped past its commit point, and waits");
    Failure::new(Exit::Interrupted, fault.within(what).hint(hint))
}

/// All that it is for was done before, and clients may have written since: what does not come up again is no reason to go back.
pub(super) fn waits_for_the_product(plan: &Plan, fault: Fault) -> Failure {
    let kind = plan.kind.in_words();
    let what = format!("the {kind} is in place, but the product does not come up again, and so it waits");
    let fault = fault
        .within(what)
        .hint("mend the cause and run `opsctl resume`: it starts the product, and ends when that is well")
        .hint("or take over by hand: `opsctl abort --leave` lets the install go as it stands");
    Failure::new(Exit::Interrupted, fault)
}

/// That an operation is undone is what giving it up asks for.
pub(super) fn given_up(undone: Result<(), Failure>) -> Result<(), Failure> {
    match undone {
        Err(Failure { exit: Exit::Failed | Exit::RolledBack, .. }) => Ok(()),
        other => other,
    }
}

/// A reading is for the journal alone.
pub(super) fn shown<'n>(step: &Step, note: Option<&'n str>) -> Option<&'n str> {
    note.filter(|note| match step {
        Step::MarkWrites { .. } | Step::MarkStopped { .. } => false,
        // Why there is none is for a person.
        Step::MarkRefusals => Stretch::from_note(note).is_none(),
        _ => true,
    })
}

/// The journal stops an operation: what cannot be recorded must not be done.
pub(super) fn unrecorded(error: &JournalError) -> Failure {
    Failure::new(
        Exit::Interrupted,
        Fault::caused_by("stopped, because what is done could not be recorded", error)
            .hint("make room or mend the disk, then `opsctl resume` or `opsctl abort`"),
    )
}

/// Why an operation that is past its commit point is not given up.
pub(super) fn no_way_back(plan: &Plan) -> Failure {
    let (what, hint) = if plan.only_goes_on() {
        (
            "the rotation is past its commit point: there is only one way on",
            "`opsctl resume` finishes it".to_owned(),
        )
    } else {
        (
            "the operation is past its commit point: going back would lose what was written since",
            format!("`opsctl resume` finishes it; {}", plan.way_back()),
        )
    };
    Failure::refused(Fault::new(what).hint(hint))
}

/// How an operation ends that has gone back.
pub(super) fn went_back(plan: &Plan, touched: usize, closing: Closing) -> (Closing, Exit, String) {
    let (kind, release) = (plan.kind.in_words(), &plan.before.release);
    match (plan.disturbs(touched), closing) {
        (true, closing) if plan.kind == OperationKind::Rotate => (
            closing,
            Exit::RolledBack,
            format!("the {kind} failed and was undone: the old value is the only one again"),
        ),
        (true, closing) if plan.before.running.is_empty() => (
            closing,
            Exit::RolledBack,
            format!(
                "the {kind} failed and was rolled back: {release} is selected again with its data, and is stopped as before"
            ),
        ),
        (true, closing) => (
            closing,
            Exit::RolledBack,
            format!("the {kind} failed and was rolled back: {release} serves again with its data"),
        ),
        (false, Closing::Aborted) => {
            (Closing::Aborted, Exit::Failed, format!("the {kind} was given up; what it had begun is gone"))
        }
        (false, _) => (Closing::Failed, Exit::Failed, format!("the {kind} failed; nothing was changed")),
    }
}
