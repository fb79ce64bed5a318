//! What is known of each check, exit status and error: how it shows, what it comes from, how to tell, and what to do.
//!
//! Pure: the texts are those of `docs/runbook.md`, which is read as it is, so that what is printed and what is documented
//! cannot differ. There, each entry has a heading of its own, which is its identifier:
//!
//! ```text
//! ## Group
//!
//! ### identifier
//!
//! Title in a line.
//!
//! **Symptom.** ... **Cause.** ... **How to tell.** ... **What to do.** ...
//! ```

use std::fmt;
use std::str::FromStr;

use crate::error::Exit;

const RUNBOOK: &str = include_str!("../docs/runbook.md");

/// What is known of something that an operator meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What it is called, wherever it is named.
    pub id: &'static str,
    /// What it belongs to.
    pub group: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// How it shows.
    pub symptom: &'static str,
    /// What it comes from.
    pub cause: &'static str,
    /// How to tell that it is this and nothing else.
    pub how_to_tell: &'static str,
    /// What to do about it.
    pub what_to_do: &'static str,
}

impl Entry {
    /// The parts, each under its heading.
    pub fn parts(&self) -> [(&'static str, &'static str); 4] {
        [
            ("Symptom", self.symptom),
            ("Cause", self.cause),
            ("How to tell", self.how_to_tell),
            ("What to do", self.what_to_do),
        ]
    }
}

/// All entries, in the order of the runbook.
pub fn entries() -> Vec<Entry> {
    read(RUNBOOK)
}

fn read(text: &'static str) -> Vec<Entry> {
    let groups = text.split("\n## ").skip(1);
    groups
        .flat_map(|group| {
            let mut sections = group.split("\n### ");
            let name = sections.next().and_then(|head| head.lines().next()).unwrap_or_default();
            sections.map(move |section| entry(name.trim(), section))
        })
        .collect()
}

fn entry(group: &'static str, section: &'static str) -> Entry {
    let part = |label: &str, next: Option<&str>| {
        let behind = section.split_once(label).map_or("", |(_, behind)| behind);
        let end = next.and_then(|next| behind.find(next)).unwrap_or(behind.len());
        // A part may begin with lines that are set in.
        behind[..end].trim_end().trim_start_matches(' ').trim_start_matches('\n')
    };
    let mut lines = section.lines().map(str::trim).filter(|line| !line.is_empty());
    Entry {
        id: lines.next().unwrap_or_default(),
        group,
        title: lines.next().unwrap_or_default().trim_end_matches('.'),
        symptom: part("**Symptom.**", Some("**Cause.**")),
        cause: part("**Cause.**", Some("**How to tell.**")),
        how_to_tell: part("**How to tell.**", Some("**What to do.**")),
        what_to_do: part("**What to do.**", None),
    }
}

/// Nothing is known under this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known as `{name}`{}", .meant.map_or(String::new(), |meant| format!("; is `{meant}` meant?")))]
pub struct Unknown {
    /// What was asked for.
    pub name: String,
    /// What was probably meant.
    pub meant: Option<&'static str>,
}

impl FromStr for Entry {
    type Err = Unknown;

    /// Finds an entry by its identifier; a number is an exit status.
    fn from_str(text: &str) -> Result<Self, Unknown> {
        let name = text.trim().to_lowercase();
        let status = name.parse::<u8>().map(|number| format!("exit-{number}"));
        let id = status.unwrap_or(name);
        let all = entries();
        all.iter().find(|entry| entry.id == id).copied().ok_or_else(|| {
            let likeness = |entry: &Entry| strsim::jaro_winkler(entry.id, &id);
            let nearest = all.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
            let meant = nearest.filter(|entry| likeness(entry) > 0.8).map(|entry| entry.id);
            Unknown { name: text.to_owned(), meant }
        })
    }
}

/// Entries that errors point to. Checks and exit statuses have theirs by their own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A backup that is not whole.
    BackupDamaged,
    /// A support bundle in which something secret was found.
    BundleRefused,
    /// A release that does not get well.
    GateFailed,
    /// A record of an operation that cannot be read.
    JournalUnreadable,
    /// Migrations that fail.
    MigrationFailed,
    /// Migrations that take too long.
    MigrationSlow,
    /// More refusals while a secret is rotated.
    RefusalsRisen,
    /// A registry that refuses access.
    RegistryDenied,
    /// A restore point that somebody removed.
    RestorePointGone,
    /// Broken data, as the product finds.
    ScanBroken,
    /// A way to the database that cannot be protected.
    TlsHandshake,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::BackupDamaged,
        Self::BundleRefused,
        Self::GateFailed,
        Self::JournalUnreadable,
        Self::MigrationFailed,
        Self::MigrationSlow,
        Self::RefusalsRisen,
        Self::RegistryDenied,
        Self::RestorePointGone,
        Self::ScanBroken,
        Self::TlsHandshake,
    ];
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BackupDamaged => "backup-damaged",
            Self::BundleRefused => "bundle-refused",
            Self::GateFailed => "gate-failed",
            Self::JournalUnreadable => "journal-unreadable",
            Self::MigrationFailed => "migration-failed",
            Self::MigrationSlow => "migration-slow",
            Self::RefusalsRisen => "refusals-risen",
            Self::RegistryDenied => "registry-denied",
            Self::RestorePointGone => "restore-point-gone",
            Self::ScanBroken => "scan-broken",
            Self::TlsHandshake => "tls-handshake",
        })
    }
}

/// What an exit status is explained under.
pub fn of_exit(exit: Exit) -> String {
    format!("exit-{}", exit.code())
}

#[cfg(test)]
mod tests;
