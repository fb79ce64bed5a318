//! What opsctl keeps: backups, and the records of operations.

use crate::adapters::catalogue::{Catalogue, Listed, Pin};
use crate::adapters::dump_backups::catalogue_fault;
use crate::bundle::contents::{BackupFacts, OperationFacts, member};
use crate::error::Fault;
use crate::journal::record::{Closing, Entry, Progress, Record};
use crate::journal::state_dir::PastOperation;
use crate::journal::{self, JournalError};
use crate::model::retention::FileState;
use crate::plan::step::Step;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::Desk;

/// Operations whose journals are in a bundle: the last ones.
const JOURNALS: usize = 20;

/// Most bytes of a journal, and of what was said.
const MOST: u64 = 2 << 20;

pub(super) async fn backups(desk: &Desk<'_>) -> Outcome {
    let examined = &desk.scene.examined;
    let catalogue =
        Catalogue::open(examined.outlook().place.state.root()).map_err(|error| catalogue_fault(&error))?;
    let facts = match examined.kept().await {
        Some(kept) => {
            let directory = kept.place().backup_dir(None, kept.variables());
            let product = kept.product().name.as_str();
            let listing = catalogue.list(&directory, product).map_err(|error| {
                Fault::caused_by(format!("cannot look into {}", directory.display()), &error)
            })?;
            let foreign = listing.foreign.into_iter().map(|foreign| BackupFacts {
                id: foreign.file_name,
                bytes: foreign.size_bytes,
                trouble: Some(match foreign.kind {
                    Ok(_) => BackupFacts::FOREIGN.to_owned(),
                    Err(error) => error.to_string(),
                }),
                ..BackupFacts::default()
            });
            foreign.chain(listing.backups.iter().map(backup)).collect::<Vec<_>>()
        }
        // Where they are is not known: what was recorded of them is.
        None => catalogue.records().iter().map(recorded).collect(),
    };
    desk.json(member::BACKUPS, &facts).await?;
    Ok(Gathered::Whole)
}

fn backup(listed: &Listed) -> BackupFacts {
    let trouble = match listed {
        Listed::Known { file: FileState::Present, .. } => None,
        Listed::Known { file: FileState::Changed, .. } => Some("changed since it was written"),
        Listed::Known { file: FileState::Missing, .. } => Some(BackupFacts::GONE),
        Listed::Found(_) => Some(BackupFacts::UNRECORDED),
    };
    BackupFacts { trouble: trouble.map(str::to_owned), ..recorded(listed.record()) }
}

fn recorded(record: &crate::adapters::catalogue::Record) -> BackupFacts {
    let pinned = record.pinned.as_ref().map(|pin| match pin {
        Pin::Operator(why) => why.clone(),
        Pin::Operation(operation) => format!("operation {operation}"),
    });
    BackupFacts {
        id: record.id.to_string(),
        taken: record.created_at.to_string(),
        release: record.release.as_ref().map(ToString::to_string),
        bytes: record.size_bytes,
        rows: Some(record.rows),
        verified: record.verified.map(|verified| verified.at.to_string()),
        kept_because: pinned.into_iter().collect(),
        trouble: None,
    }
}

pub(super) async fn operations(desk: &Desk<'_>) -> Outcome {
    let outlook = desk.scene.outlook();
    let state = &outlook.place.state;
    let past = state.past()?;
    if past.is_empty() {
        return Err(Missing::Skipped("nothing was done yet".to_owned()));
    }
    let mut facts: Vec<OperationFacts> = past
        .iter()
        .map(|past| {
            let read = journal::read(&state.journal(&past.id));
            operation(past, &read.map(|(entries, _)| entries).unwrap_or_default())
        })
        .collect();
    // Only one runs at a time, and no other can have been begun since.
    if let Some(last) =
        facts.last_mut().filter(|last| outlook.beside_operation && last.outcome == "unfinished")
    {
        "running".clone_into(&mut last.outcome);
    }
    desk.json(member::OPERATIONS, &facts).await?;
    for past in past.iter().rev().take(JOURNALS) {
        let files = [(state.journal(&past.id), "jsonl"), (state.output(&past.id), "log")];
        for (file, kind) in files.into_iter().filter(|(file, _)| file.is_file()) {
            desk.copy(&format!("{}{}.{kind}", member::JOURNALS, past.id), &file, MOST).await?;
        }
    }
    match past.len().saturating_sub(JOURNALS) {
        0 => Ok(Gathered::Whole),
        more => Ok(Gathered::Cut(format!("the journals of {more} older operations are left out"))),
    }
}

fn operation(past: &PastOperation, entries: &[Entry]) -> OperationFacts {
    let id = past.id.to_string();
    let progress = match &past.progress {
        Ok(progress) => progress,
        Err(error) => {
            return OperationFacts { id, journal_trouble: Some(trouble(error)), ..OperationFacts::default() };
        }
    };
    OperationFacts {
        id,
        kind: progress.planned.plan.kind.to_string(),
        what: what(progress),
        began: progress.began.to_string(),
        ended: progress.ending.map(|_| progress.last.to_string()),
        outcome: outcome(progress, entries).to_owned(),
        failure: failure(entries),
        actor: progress.planned.actor.to_string(),
        journal_trouble: None,
    }
}

fn trouble(error: &JournalError) -> String {
    Fault::caused_by("it cannot be read", error).to_string()
}

/// What an operation was to do, in a line: `1.0.0 -> 1.1.0`, or which backup it loads.
fn what(progress: &Progress) -> String {
    let steps = &progress.planned.plan.steps;
    let before = steps.iter().find_map(|step| match step {
        Step::NotePreviousVersion { version } => Some(version.to_string()),
        _ => None,
    });
    let after = steps.iter().find_map(|step| match step {
        Step::SelectRelease { release, .. } => Some(release.version.to_string()),
        _ => None,
    });
    let backup = steps.iter().find_map(|step| match step {
        Step::LoadBackup { archive, .. } => {
            archive.file_name().map(|name| name.to_string_lossy().into_owned())
        }
        _ => None,
    });
    match (before, after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, Some(after)) => format!("to {after}"),
        _ => backup.unwrap_or_else(|| progress.planned.plan.kind.in_words().to_owned()),
    }
}

fn outcome(progress: &Progress, entries: &[Entry]) -> &'static str {
    match progress.ending {
        Some(Closing::Done) => "done",
        Some(Closing::Failed) => "failed",
        Some(Closing::RolledBack) => "rolled-back",
        Some(Closing::PastCommit) => "past-commit",
        Some(Closing::Aborted) => "aborted",
        Some(Closing::Left) => "left",
        // Nobody goes on with it, and nothing waits for that.
        None if !progress.planned.plan.kind.has_to_end() => "failed",
        None if progress.paused.is_some() => "paused",
        None if entries.last().is_some_and(|entry| entry.record == Record::Interrupted) => "interrupted",
        None => "unfinished",
    }
}

/// The first failure is the cause; what failed on the way back came of it.
fn failure(entries: &[Entry]) -> Option<String> {
    entries.iter().find_map(|entry| match &entry.record {
        Record::Failed { fault, .. } | Record::GoingBack { fault, .. } | Record::UndoFailed { fault, .. } => {
            Some(fault.to_string())
        }
        _ => None,
    })
}
