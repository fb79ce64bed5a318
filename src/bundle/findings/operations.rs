//! Operations of opsctl: those that did not end, and those that ended badly.

use super::Severity::{Critical, Note, Warning};
use super::{Evidence, Finding, Severity};
use crate::bundle::contents::{OperationFacts, member};
use crate::bundle::read::Bundle;
use crate::model::database_name::DatabaseName;

/// An operation that did not end: everything else waits for it.
pub(super) fn unfinished(bundle: &Bundle) -> Vec<Finding> {
    let operations = bundle.facts().operations.iter();
    operations
        .filter_map(|operation| {
            let (severity, state, remedy) = match operation.outcome.as_str() {
                "unfinished" | "interrupted" => {
                    (Critical, "did not end", "`opsctl resume` goes on, `opsctl abort` undoes what was done")
                }
                "running" => (
                    Note,
                    "was running when this bundle was made",
                    "services that it had stopped are no trouble; make another bundle if it does not end well",
                ),
                "paused" => (
                    Note,
                    "is paused",
                    "`opsctl resume` goes on when it is time; `opsctl status` shows what it waits for",
                ),
                _ => return None,
            };
            let finding = Finding::new(
                "operation-unfinished",
                severity,
                format!("operation unfinished: the {} {state}", named(operation)),
            )
            .seen(seen(bundle, operation))
            .remedy(remedy)
            .explained("operation-unfinished");
            Some(finding)
        })
        .collect()
}

/// Operations that ended badly: the last one counts, earlier ones are history.
pub(super) fn failed(bundle: &Bundle) -> Vec<Finding> {
    let operations = &bundle.facts().operations;
    let is_last = |operation: &OperationFacts| operations.last().is_some_and(|last| last.id == operation.id);
    operations
        .iter()
        .filter_map(|operation| {
            let (severity, what, remedy, explain) = judged(operation)?;
            // What was done well since has made good for it, except where a person had to decide.
            let severity = if is_last(operation) || severity == Critical { severity } else { Note };
            let finding = Finding::new(
                "operation-failed",
                severity,
                format!("operation failed: the {} {what}", named(operation)),
            )
            .seen(seen(bundle, operation))
            .remedy(remedy)
            .explained(explain);
            Some(finding)
        })
        .collect()
}

fn judged(operation: &OperationFacts) -> Option<(Severity, &'static str, &'static str, &'static str)> {
    let history = "`opsctl history` lists it; `opsctl history show ID` shows its steps";
    Some(match operation.outcome.as_str() {
        "rolled-back" => {
            (Warning, "failed and was rolled back: release and data are those of before", history, "exit-4")
        }
        "failed" if ["start", "stop"].contains(&operation.kind.as_str()) => {
            (Warning, "failed", history, "exit-1")
        }
        "failed" => (Warning, "failed; nothing was changed", history, "exit-1"),
        "left" => (
            Critical,
            "was left to a person half-way",
            "where everything stands was said when it was left: see its log in this bundle",
            "exit-6",
        ),
        "inconsistent" => (
            Critical,
            "could go neither forward nor back",
            "do what its message says, before anything else",
            "exit-6",
        ),
        "past-commit" => (
            Critical,
            "is past its commit point, and the release is not well",
            "`opsctl rollback --plan` says what going back would lose",
            "exit-9",
        ),
        _ => return None,
    })
}

/// Records that do not verify.
pub(super) fn journals(bundle: &Bundle) -> Vec<Finding> {
    let operations = bundle.facts().operations.iter();
    operations
        .filter_map(|operation| {
            let trouble = operation.journal_trouble.as_ref()?;
            let line = bundle.line_of(member::OPERATIONS, &[&operation.id, "\"journal_trouble\""]);
            let title = format!("journal damaged: the record of the {} cannot be trusted", named(operation));
            let finding = Finding::new("journal-damaged", Warning, title)
                .seen([Evidence::new(member::OPERATIONS, line, trouble)])
                .remedy("was the state directory copied, edited, or its disk full? keep it as it is until that is clear")
                .explained("journal-unreadable");
            Some(finding)
        })
        .collect()
}

/// Databases that opsctl made and that are still there.
pub(super) fn databases_left(bundle: &Bundle) -> Vec<Finding> {
    let Some(server) = &bundle.facts().server else { return Vec::new() };
    let live = DatabaseName::new(&server.database);
    let left: Vec<_> = server
        .databases
        .keys()
        .filter_map(|name| Some((name, DatabaseName::new(name).made_from(&live)?)))
        .collect();
    if left.is_empty() {
        return Vec::new();
    }
    let evidence = left.iter().map(|(name, made)| {
        let at = bundle.line_of(member::SERVER, &[&format!("\"{name}\"")]);
        let text = format!("{name}: {} of {}", made.purpose.word().replace('_', " "), made.stamp);
        Evidence::new(member::SERVER, at, text)
    });
    let finding = Finding::new("database-kept", Note, "databases kept: opsctl left some beside the live one, to go back to or to look at")
        .seen(evidence)
        .remedy("they take room; the next operation removes those that it replaces, `opsctl status` shows what they are for");
    vec![finding]
}

fn named(operation: &OperationFacts) -> String {
    let what = if operation.what.is_empty() { String::new() } else { format!(" {}", operation.what) };
    format!("{}{what}", operation.kind)
}

fn seen(bundle: &Bundle, operation: &OperationFacts) -> Vec<Evidence> {
    let line = |field| bundle.line_of(member::OPERATIONS, &[&operation.id, field]);
    let ended =
        operation.ended.as_deref().map_or("it did not end".to_owned(), |ended| format!("ended {ended}"));
    let head = format!(
        "{}: {}, began {}, {ended}, by {}",
        operation.id, operation.outcome, operation.began, operation.actor
    );
    let failure = operation
        .failure
        .as_ref()
        .map(|failure| Evidence::new(member::OPERATIONS, line("\"failure\""), failure));
    std::iter::once(Evidence::new(member::OPERATIONS, line("\"outcome\""), head)).chain(failure).collect()
}
