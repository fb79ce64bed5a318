//! Backups: whether there is one to go back to.

use std::time::Duration;

use jiff::Timestamp;

use super::Severity::{Critical, Note, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::{BackupFacts, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// A good backup that is older than this is too old, in seconds: a day, and some hours for a nightly run that takes long.
const OLD: i64 = 30 * 3600;

/// From here on it is of little use.
const VERY_OLD: i64 = 7 * 24 * 3600;

/// What is wrong with the inventory, if anything.
pub(super) fn inventory(bundle: &Bundle) -> Vec<Finding> {
    if bundle.member(member::BACKUPS).is_none() {
        return Vec::new();
    }
    let backups = &bundle.facts().backups;
    let mut findings: Vec<Finding> = damaged(bundle, backups).into_iter().collect();
    findings.extend(gone(bundle, backups));
    findings.extend(freshness(bundle, backups));
    findings
}

fn damaged(bundle: &Bundle, backups: &[BackupFacts]) -> Option<Finding> {
    let is_damaged = |backup: &&BackupFacts| {
        let is_elsewhere =
            matches!(backup.trouble.as_deref(), Some(BackupFacts::GONE | BackupFacts::FOREIGN));
        !backup.is_usable() && !is_elsewhere
    };
    let bad: Vec<&BackupFacts> = backups.iter().filter(is_damaged).collect();
    let number = quantity::counted(bad.len() as u64, "backup", "backups");
    let evidence = bad.iter().take(5).map(|backup| {
        let text = format!("{}: {}", backup.id, backup.trouble.as_deref().unwrap_or_default());
        seen(bundle, backup, "\"trouble\"", text)
    });
    (!bad.is_empty()).then(|| {
        Finding::new("backup-damaged", Warning, format!("backup damaged: {number} cannot be restored"))
            .seen(evidence)
            .remedy("is the disk sound? take another one now: `opsctl backup`")
            .explained("backup-damaged")
    })
}

fn gone(bundle: &Bundle, backups: &[BackupFacts]) -> Option<Finding> {
    let is_gone = |backup: &&BackupFacts| backup.trouble.as_deref() == Some(BackupFacts::GONE);
    let gone: Vec<&BackupFacts> = backups.iter().filter(is_gone).collect();
    let number = quantity::counted(gone.len() as u64, "backup", "backups");
    let evidence = gone
        .iter()
        .take(5)
        .map(|backup| seen(bundle, backup, "\"trouble\"", format!("{}: missing", backup.id)));
    (!gone.is_empty()).then(|| {
        Finding::new(
            "backup-gone",
            Warning,
            format!("backup gone: {number} without a file where it should be"),
        )
        .seen(evidence)
        .remedy("is the disk mounted, or were they moved? `opsctl backup list` shows where each should be")
        .explained("backup-missing")
    })
}

fn freshness(bundle: &Bundle, backups: &[BackupFacts]) -> Option<Finding> {
    let good = backups.iter().rev().find(|backup| backup.is_usable());
    let Some(newest) = good else {
        let line = bundle.line_of(member::BACKUPS, &["["]);
        let finding = Finding::new("backup-missing", Critical, "no backup: there is none to go back to")
            .seen([Evidence::new(
                member::BACKUPS,
                line,
                quantity::counted(backups.len() as u64, "backup", "backups"),
            )])
            .remedy("take one now: `opsctl backup`, then daily from cron or a timer")
            .explained("product-backup");
        return Some(finding);
    };
    let age = bundle.created()?.as_second() - newest.taken.parse::<Timestamp>().ok()?.as_second();
    let old = quantity::duration(Duration::from_secs(u64::try_from(age).unwrap_or(0)));
    let text = format!("the newest good one, {}, was taken {old} before", newest.id);
    let evidence = seen(bundle, newest, "\"taken\"", text);
    if age >= OLD {
        let severity = if age >= VERY_OLD { Critical } else { Warning };
        let finding =
            Finding::new("backup-old", severity, format!("backup old: the last good one is {old} old"))
                .seen([evidence])
                .remedy(
                    "take one now: `opsctl backup`; did the nightly run fail? its timer or cron log tells",
                )
                .explained("product-backup");
        return Some(finding);
    }
    backups.iter().all(|backup| backup.verified.is_none()).then(|| {
        Finding::new("backup-unverified", Note, "backups unverified: none was ever read back in full")
            .seen([evidence])
            .remedy("`opsctl backup verify latest --restore` proves that it can be restored")
            .explained("product-backup")
    })
}

fn seen(bundle: &Bundle, backup: &BackupFacts, field: &str, text: String) -> Evidence {
    Evidence::new(member::BACKUPS, bundle.line_of(member::BACKUPS, &[&backup.id, field]), text)
}
