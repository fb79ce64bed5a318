//! The SQLite file of a product that runs as a process.

use std::time::Duration;

use super::Judgement;
use super::host::Holder;
use crate::report::quantity;

/// A write-ahead log that is larger than the store, and than this, is not taken in any more.
const LARGE_LOG: u64 = 64 << 20;

/// Judges where the store is: locks cannot be relied on over a network, and a store is written, with files beside it.
/// `unwritable` tells what cannot be written there, and why.
pub fn place(folder: &str, network: Option<&str>, unwritable: Option<&str>) -> Judgement {
    match (network, unwritable) {
        (None, None) => Judgement::pass(folder),
        (Some(kind), _) => Judgement::fail(
            format!(
                "{folder} is on a network file system ({kind}), where SQLite's locks cannot be relied on"
            ),
            "move the store to a local disk",
        ),
        (None, Some(why)) => Judgement::fail(
            format!("it cannot be written: {why}"),
            "is the disk mounted to be read only, perhaps after an error (`dmesg`)? may this user write there?",
        ),
    }
}

/// Judges a store that is open in what opsctl itself started, by its name, and an operation that was cut short has left.
pub fn open_in_left_over(name: &str, holder: &Holder) -> Judgement {
    Judgement::fail(
        format!("open in {holder}: that is opsctl's own {name}, which an operation that was cut short left"),
        "`opsctl status` shows that operation: `opsctl resume` or `opsctl abort` ends both",
    )
    .and(format!("where none waits any more: `kill -- -{}`", holder.session))
}

/// What can be told of the product's own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// It does not run.
    Stopped,
    /// It runs, and what it has open cannot be seen by this user.
    Hidden,
    /// It runs, and what it has open can be seen.
    Seen,
}

/// Judges who has the store open. `ours` tells the product's own processes.
pub fn open(holders: &[Holder], ours: impl Fn(&Holder) -> bool, product: Own) -> Judgement {
    let (own, others): (Vec<&Holder>, Vec<&Holder>) = holders.iter().partition(|holder| ours(holder));
    let named = |all: &[&Holder]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(first) = others.first() {
        return Judgement::fail(
            format!("open in {}", named(&others)),
            "end it, or wait for it: an upgrade or a restore puts another file in the place of this one, and refuses while \
             somebody else has it open",
        )
        .and(format!("see what it is: `ps -fp {}`", first.pid));
    }
    match (own.is_empty(), product) {
        (false, _) => Judgement::pass(format!("only in {}", named(&own))),
        (true, Own::Seen) => Judgement::warn(
            "the product runs, and does not have it open",
            "does it write to another file? compare `file` below [database] in opsctl.toml with the product's command and its \
             environment file: backups are of `file`",
        ),
        (true, Own::Hidden) => Judgement::pass("nobody this user can see has it open"),
        (true, Own::Stopped) => Judgement::pass("nobody has it open"),
    }
}

/// What a check of a store came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soundness {
    /// Nothing is broken.
    Sound,
    /// What is broken.
    Broken(String),
    /// So many rows refer to rows that are not there.
    Dangling(u64),
    /// It was not through in the time that it had.
    NotThrough(Duration),
}

/// Judges whether the store is sound. `size` is that of the store in bytes.
pub fn sound(found: &Soundness, size: u64) -> Judgement {
    let size = quantity::bytes(size);
    match found {
        Soundness::Sound => Judgement::pass(format!("nothing broken in {size}")),
        Soundness::Broken(what) => Judgement::fail(
            format!("SQLite says: {what}"),
            "`opsctl backup list` shows what can be restored; keep the damaged file, and look at the disk: `dmesg`",
        ),
        Soundness::Dangling(rows) => Judgement::warn(
            format!("{} to rows that are not there", quantity::counted(*rows, "row refers", "rows refer")),
            "which? `sqlite3 STORE 'PRAGMA foreign_key_check'`; whether the product minds, its makers know",
        ),
        Soundness::NotThrough(limit) => Judgement::skipped(format!(
            "{size} could not be checked within {}: `opsctl verify --only verify-store` takes its time",
            quantity::duration(*limit)
        )),
    }
}

/// Judges how the store's journal is kept, and whether the log is taken in. Sizes are in bytes.
pub fn log(mode: &str, store: u64, log: u64) -> Judgement {
    if mode != "wal" {
        return Judgement::warn(
            format!("the journal mode is {mode}: who reads, as a backup does, holds up who writes"),
            "let the product use a write-ahead log, or set it once: `sqlite3 STORE 'PRAGMA journal_mode = WAL'`",
        );
    }
    let evidence = format!("a write-ahead log of {}", quantity::bytes(log));
    if log > LARGE_LOG && log > store {
        return Judgement::warn(
            format!("{evidence}, beside a store of {}", quantity::bytes(store)),
            "somebody keeps it from being taken in: a reader that does not end; `opsctl preflight --only store-open` shows \
             who has the store open",
        );
    }
    Judgement::pass(evidence)
}

/// What is known of the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schemas {
    /// A hash of that of the store.
    pub hash: String,
    /// Migrations that are applied.
    pub applied: Vec<String>,
    /// The newest backup of this release; none where there is none that can be read.
    pub backup: Option<SchemaOfBackup>,
}

/// The schema that a backup has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaOfBackup {
    /// The backup.
    pub id: String,
    /// A hash of its schema.
    pub hash: String,
    /// The migrations that were applied.
    pub applied: Vec<String>,
}

/// Judges the schema against that of the newest backup of the same release.
pub fn schema(found: &Schemas) -> Judgement {
    let last = found.applied.last().map_or(String::new(), |last| {
        format!(
            ", {} applied, the last is {last}",
            quantity::counted(found.applied.len() as u64, "migration", "migrations")
        )
    });
    let Some(backup) = &found.backup else {
        return Judgement::skipped(format!(
            "there is no backup of this release that can be read, to compare with{last}"
        ));
    };
    let missing: Vec<&str> = backup
        .applied
        .iter()
        .map(String::as_str)
        .filter(|id| !found.applied.iter().any(|known| known == id))
        .collect();
    if !missing.is_empty() {
        return Judgement::fail(
            format!("{} has migrations that the store has not: {}", backup.id, missing.join(", ")),
            "somebody took them back, or put older data there: `opsctl history` shows what was done here",
        );
    }
    if backup.hash != found.hash {
        return Judgement::warn(
            format!("it is not that of {}{last}", backup.id),
            "the same release had another schema then: who changed it? `opsctl history` shows what was done here",
        );
    }
    Judgement::pass(format!("as in {}{last}", backup.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;

    fn holder(pid: u32, session: u32) -> Holder {
        Holder { pid, name: "sqlite3".to_owned(), session }
    }

    #[test]
    fn whoever_else_has_the_store_open_is_named() {
        let judged_of = |holders: &[Holder], own| open(holders, |holder| holder.session == 7, own);
        let judged = |holders: &[Holder]| judged_of(holders, Own::Seen);
        assert_eq!(judged(&[holder(8, 7)]).evidence, "only in sqlite3 (process 8)");
        let other = judged(&[holder(8, 7), holder(9, 9)]);
        assert_eq!((other.status, other.evidence.as_str()), (Status::Fail, "open in sqlite3 (process 9)"));
        assert_eq!(other.remedies[1], "see what it is: `ps -fp 9`");
        assert_eq!(judged(&[]).status, Status::Warn, "the product writes elsewhere");
        assert_eq!(judged_of(&[], Own::Hidden).status, Status::Pass);
        assert_eq!(judged_of(&[], Own::Stopped).status, Status::Pass);
        assert_eq!(place("/srv", Some("NFS"), None).status, Status::Fail);
        assert_eq!(place("/srv", None, Some("/srv: Read-only file system")).status, Status::Fail);
    }

    #[test]
    fn a_check_that_was_not_through_proves_nothing() {
        let status = |found| sound(&found, 1 << 30).status;
        assert_eq!(status(Soundness::Sound), Status::Pass);
        assert_eq!(status(Soundness::Broken("page 3".to_owned())), Status::Fail);
        assert_eq!(status(Soundness::Dangling(1)), Status::Warn);
        assert_eq!(status(Soundness::NotThrough(Duration::from_secs(2))), Status::Skipped);
    }

    #[test]
    fn a_log_that_outgrows_its_store_is_not_taken_in() {
        assert_eq!(log("wal", 1 << 20, 4 << 20).status, Status::Pass);
        assert_eq!(log("wal", 1 << 20, 100 << 20).status, Status::Warn);
        assert_eq!(log("wal", 1 << 30, 100 << 20).status, Status::Pass);
        assert_eq!(log("delete", 1 << 30, 0).status, Status::Warn);
    }

    #[test]
    fn a_schema_is_held_against_the_last_backup_of_the_release() {
        let applied = |count: u32| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>();
        let backup = |hash: &str, count| {
            Some(SchemaOfBackup { id: "backup-1".to_owned(), hash: hash.to_owned(), applied: applied(count) })
        };
        let judged =
            |count, backup| schema(&Schemas { hash: "a".to_owned(), applied: applied(count), backup });
        assert_eq!(judged(2, None).status, Status::Skipped);
        let same = judged(2, backup("a", 2));
        assert_eq!(same.evidence, "as in backup-1, 2 migrations applied, the last is 2");
        assert_eq!(judged(2, backup("b", 2)).status, Status::Warn);
        assert_eq!(judged(1, backup("a", 2)).status, Status::Fail);
    }
}
