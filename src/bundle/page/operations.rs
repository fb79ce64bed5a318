//! What was done to the install, and what there is to go back to.

use maud::{Markup, html};

use super::anchors::Anchors;
use super::rows::{self, code, state, text, time, time_or_none};
use crate::bundle::contents::{BackupFacts, OperationFacts, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

pub(super) fn operations(bundle: &Bundle, anchors: &Anchors<'_>) -> Option<Markup> {
    let operations = bundle.facts().operations.iter().rev();
    (operations.len() > 0).then(|| {
        let headings = ["Operation", "What", "Began", "Ended", "How", "What failed", "By"];
        rows::table(
            "Operations of opsctl, the newest first",
            headings,
            operations.map(|one| operation(one, anchors)),
        )
    })
}

fn operation(operation: &OperationFacts, anchors: &Anchors<'_>) -> [Markup; 7] {
    let kind = match operation.outcome.as_str() {
        "done" => "good",
        "rolled-back" | "paused" => "careful",
        _ => "bad",
    };
    let record = |end: &str| anchors.member(&format!("{}{}.{end}", member::JOURNALS, operation.id));
    [
        html! {
            (code(&operation.id))
            @if let Some(place) = record("log") { " " a.where href=(format!("#{place}")) { "log" } }
            @if let Some(place) = record("jsonl") { " " a.where href=(format!("#{place}")) { "journal" } }
        },
        text(&format!("{} {}", operation.kind, operation.what)),
        time(&operation.began),
        time_or_none(operation.ended.as_ref()),
        state(kind, &operation.outcome),
        text(operation.failure.as_deref().or(operation.journal_trouble.as_deref()).unwrap_or_default()),
        text(&operation.actor),
    ]
}

pub(super) fn backups(bundle: &Bundle) -> Option<Markup> {
    bundle.member(member::BACKUPS)?;
    let backups = bundle.facts().backups.iter().rev();
    if backups.len() == 0 {
        return Some(html! { p { "There is none." } });
    }
    let headings = ["Backup", "Taken", "Release", "Size", "Rows", "State", "Kept because"];
    Some(rows::table("Backups, the newest first", headings, backups.map(backup)))
}

fn backup(backup: &BackupFacts) -> [Markup; 7] {
    let standing = match (&backup.trouble, &backup.verified) {
        (Some(trouble), _) => state("bad", trouble),
        (None, Some(_)) => state("good", "verified"),
        (None, None) => state("careful", "never read back"),
    };
    [
        code(&backup.id),
        time(&backup.taken),
        text(backup.release.as_deref().unwrap_or_default()),
        html! { (quantity::bytes(backup.bytes)) },
        html! { (backup.rows.map_or(String::new(), quantity::count)) },
        standing,
        text(&backup.kept_because.join(", ")),
    ]
}
