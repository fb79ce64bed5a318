//! `opsctl history`: what was done, by whom, and how it ended.

use serde_json::json;

use crate::cli::{History, HistoryAction};
use crate::commands::context::{Context, Outcome};
use crate::commands::place::Place;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::journal::record::{Closing, Entry, Progress, Record};
use crate::journal::{JournalError, read};
use crate::model::operation::{OperationId, OperationKind};
use crate::report::quantity;

/// Does what was asked.
pub fn run(context: &Context, asked: &History) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    match &asked.action {
        None => list(&place),
        Some(HistoryAction::Show { id }) => one(&place, id),
    }
}

fn list(place: &Place) -> Result<Outcome, Failure> {
    let operations = place.state.past()?;
    let mut table = show::table(["operation", "begun (UTC)", "took", "by", "ended"]);
    let mut data = Vec::new();
    for past in operations {
        match past.progress {
            Ok(progress) => {
                table.add_row([
                    past.id.to_string(),
                    progress.began.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                    took(&progress),
                    progress.planned.actor.to_string(),
                    ending(progress.planned.plan.kind, progress.ending).to_owned(),
                ]);
                data.push(
                    json!({"operation": past.id, "kind": progress.planned.plan.kind, "began": progress.began,
                    "last": progress.last, "actor": progress.planned.actor, "ending": progress.ending,
                    "opsctl": progress.planned.opsctl}),
                );
            }
            Err(error) => {
                table.add_row([
                    past.id.to_string(),
                    String::new(),
                    String::new(),
                    String::new(),
                    error.to_string(),
                ]);
                data.push(json!({"operation": past.id, "unreadable": error.to_string()}));
            }
        }
    }
    let text = if data.is_empty() { "nothing was done yet".to_owned() } else { show::lines(&table) };
    Ok(Outcome::new(text, json!({"operations": data})))
}

fn one(place: &Place, id: &str) -> Result<Outcome, Failure> {
    let unknown = || {
        Failure::usage(
            Fault::new(format!("no operation {id} is recorded")).hint("`opsctl history` lists them"),
        )
    };
    let id = OperationId::parse(id).ok_or_else(unknown)?;
    let (entries, _) = read(&place.state.journal(&id)).map_err(|error| match error {
        JournalError::Io { .. } => unknown(),
        error => Fault::caused_by("the operation's record cannot be read", &error).into(),
    })?;
    let progress = Progress::of(&entries).ok_or_else(unknown)?;
    let output = place.state.output(&id);
    let kept =
        if output.exists() { format!("\n\nwhat was said: {}", output.display()) } else { String::new() };
    let kind = progress.planned.plan.kind;
    let text = format!(
        "{id}: {kind} by {}, begun {} UTC, {}\narguments: {}\nopsctl {}\n{}\n\n{}{kept}",
        progress.planned.actor,
        progress.began.strftime("%Y-%m-%d %H:%M:%S"),
        match progress.ending {
            None if kind.has_to_end() => format!("not ended: {}", progress.ways_on()),
            ended => ending(kind, ended).to_owned(),
        },
        progress.planned.arguments.join(" "),
        progress.planned.opsctl,
        show::progress(&progress),
        log(kind, &entries).join("\n")
    );
    Ok(Outcome::new(text, json!({"operation": id, "entries": entries})))
}

fn took(progress: &Progress) -> String {
    elapsed(progress.began, progress.last)
        .map_or_else(|| "the clock was set back".to_owned(), quantity::duration)
}

fn ending(kind: OperationKind, ending: Option<Closing>) -> &'static str {
    match ending {
        None if kind.has_to_end() => "not ended",
        None => "cut short",
        Some(Closing::Failed) if !kind.has_to_end() => "failed",
        Some(Closing::Done) => "done",
        Some(Closing::Failed) => "failed, nothing changed",
        Some(Closing::RolledBack) => "failed, rolled back",
        Some(Closing::PastCommit) => "past the commit point, not well",
        Some(Closing::Aborted) => "given up",
        Some(Closing::Left) => "left to a person",
    }
}

/// The records as lines, each with what it ended.
fn log(kind: OperationKind, entries: &[Entry]) -> Vec<String> {
    let mut began = None;
    let mut lines = Vec::new();
    for entry in entries {
        let Some(mut line) = line(kind, entry) else { continue };
        match entry.record {
            Record::Started { .. } | Record::UndoStarted { .. } => began = Some(entry.at),
            Record::Finished { .. }
            | Record::Failed { .. }
            | Record::UndoFinished { .. }
            | Record::UndoFailed { .. } => {
                let took = began.take().and_then(|began| elapsed(began, entry.at));
                line.extend(took.map(|took| format!(" ({})", quantity::duration(took))));
            }
            _ => {}
        }
        lines.push(line);
    }
    lines
}

/// None where the clock was set back in between.
fn elapsed(from: jiff::Timestamp, to: jiff::Timestamp) -> Option<std::time::Duration> {
    std::time::Duration::try_from(to.duration_since(from)).ok()
}

/// A record as a line of the operation's log; the plan is shown apart.
fn line(kind: OperationKind, entry: &Entry) -> Option<String> {
    let said = match &entry.record {
        Record::Planned(_) => return None,
        Record::Started { step, attempt: 1 } => format!("step {} begun", step + 1),
        Record::Started { step, attempt } => format!("step {} begun, attempt {attempt}", step + 1),
        Record::Finished { step, .. } => format!("step {} done", step + 1),
        Record::Failed { step, fault } => format!("step {} failed: {fault}", step + 1),
        Record::GoingBack { fault, steps, .. } => format!("going back in {} steps: {fault}", steps.len()),
        Record::UndoStarted { step, attempt: 1 } => format!("going back, step {} begun", step + 1),
        Record::UndoStarted { step, attempt } => {
            format!("going back, step {} begun, attempt {attempt}", step + 1)
        }
        Record::UndoFinished { step } => format!("going back, step {} done", step + 1),
        Record::UndoFailed { step, fault } => format!("going back, step {} failed: {fault}", step + 1),
        Record::Paused { .. } => "paused".to_owned(),
        Record::Interrupted => "somebody asked to stop".to_owned(),
        Record::Resumed { actor, .. } => format!("taken up again by {actor}"),
        Record::Closed { ending: how } => ending(kind, Some(*how)).to_owned(),
    };
    Some(format!("{}  {said}", entry.at.strftime("%H:%M:%S%.3f")))
}
