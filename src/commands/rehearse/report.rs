//! What came of a rehearsal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::lock_times::{INTERVAL, LockTime};
use crate::commands::context::Outcome;
use crate::commands::show;
use crate::error::Fault;
use crate::plan::step::Release;
use crate::report::quantity;

/// What is in the copy at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) size_bytes: u64,
    pub(super) rows: BTreeMap<String, u64>,
    pub(super) migrations: Vec<String>,
}

/// What the copy was made from.
#[derive(Debug, Clone, Copy)]
pub(super) enum MadeFrom<'a> {
    /// A backup.
    Backup(&'a Path),
    /// The live data.
    Live(&'a Path),
}

/// The making of the copy.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) took: Duration,
    /// What was found in it.
    pub(super) found: String,
    pub(super) state: State,
}

/// How the migrations ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// How long they ran.
    pub(super) took: Duration,
    /// Which tables they locked, where the database can be asked.
    pub(super) locks: Option<Vec<LockTime>>,
    /// The last lines of their log.
    pub(super) log: Vec<String>,
    /// Why they are no success, if they are none.
    pub(super) trouble: Option<Fault>,
}

/// A whole rehearsal.
#[derive(Debug)]
pub(super) struct Tried<'a> {
    pub(super) from: &'a Release,
    pub(super) to: &'a Release,
    pub(super) made_from: MadeFrom<'a>,
    pub(super) made: Made,
    pub(super) ran: Ran,
    /// What a check of all that is in the copy found afterwards, where there is one.
    pub(super) integrity: Option<String>,
    pub(super) after: State,
}

impl MadeFrom<'_> {
    fn path(&self) -> &Path {
        match self {
            Self::Backup(path) | Self::Live(path) => path,
        }
    }
}

/// How many rows a table had and has; nothing where it did not exist.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RowChange {
    table: String,
    before: Option<u64>,
    after: Option<u64>,
}

/// The result of migrations that work.
pub(super) fn outcome(tried: &Tried<'_>) -> Outcome {
    Outcome::new(text(tried), data(tried))
}

/// That the migrations did not work, with everything that was seen.
pub(super) fn refused(ran: &Ran, to: &Release) -> Option<Fault> {
    let mut fault = ran.trouble.clone()?;
    fault.evidence.extend(ran.log.iter().cloned());
    fault.evidence.extend(ran.locks.iter().flatten().map(lock_in_words));
    Some(fault.hint(format!(
        "does the supplier of {to} know this? the upgrade itself would fail and be rolled back"
    )))
}

fn text(tried: &Tried<'_>) -> String {
    let Tried { from, to, made_from, made, ran, integrity, after } = tried;
    let before = &made.state;
    let mut table = show::table(["", "", ""]);
    let mut line = |name: &str, value: String, more: String| {
        table.add_row([name.to_owned(), value, more]);
    };
    let making = match made_from {
        MadeFrom::Backup(_) => "restore",
        MadeFrom::Live(_) => "copy",
    };
    line(making, quantity::duration(made.took), made.found.clone());
    line("migrations", quantity::duration(ran.took), applied_in_words(before, after));
    line("size", size_in_words(before, after), String::new());
    if let Some(found) = integrity {
        line("integrity", found.clone(), String::new());
    }
    if ran.locks.as_ref().is_some_and(Vec::is_empty) {
        line("locks", "none seen".to_owned(), format!("looked every {} ms", INTERVAL.as_millis()));
    }
    for lock in ran.locks.iter().flatten() {
        line("locks", lock.relation.clone(), times_in_words(lock));
    }
    for change in changes(&before.rows, &after.rows) {
        line("rows", change.table.clone(), change_in_words(&change));
    }
    let of = match made_from {
        MadeFrom::Backup(_) => "",
        MadeFrom::Live(_) => "a copy of ",
    };
    format!(
        "the migrations of {to} (from {from}) work on {of}{}\n{}\nnothing of the product was changed; everything that was \
         made for this is removed",
        made_from.path().display(),
        show::lines(&table).trim_start_matches('\n')
    )
}

fn data(tried: &Tried<'_>) -> Value {
    let Tried { from, to, made_from, made, ran, integrity, after } = tried;
    let before = &made.state;
    let (backup, copied) = match made_from {
        MadeFrom::Backup(path) => (Some(path), None),
        MadeFrom::Live(path) => (None, Some(path)),
    };
    json!({
        "rehearsed": true,
        "changed": false,
        "from": from,
        "to": to,
        "backup": backup,
        "copied": copied,
        "restore": {"ms": milliseconds(made.took), "found": made.found},
        "migrations": {"ms": milliseconds(ran.took), "applied": applied(before, after), "log": ran.log},
        "integrity": integrity,
        "locks": ran.locks.as_ref().map(|seen| json!({"looked_every_ms": milliseconds(INTERVAL), "seen": seen})),
        "size_bytes": {"before": before.size_bytes, "after": after.size_bytes},
        "rows": changes(&before.rows, &after.rows),
    })
}

fn applied(before: &State, after: &State) -> Vec<String> {
    after.migrations.iter().filter(|migration| !before.migrations.contains(migration)).cloned().collect()
}

fn applied_in_words(before: &State, after: &State) -> String {
    match applied(before, after).as_slice() {
        [] if after.migrations.is_empty() => String::new(),
        [] => "applied nothing new".to_owned(),
        applied => format!("applied {}", applied.join(", ")),
    }
}

fn size_in_words(before: &State, after: &State) -> String {
    let (was, is) = (before.size_bytes, after.size_bytes);
    let change = match is.checked_sub(was) {
        Some(grown) => format!("+{}", quantity::bytes(grown)),
        None => format!("-{}", quantity::bytes(was - is)),
    };
    format!("{} to {} ({change})", quantity::bytes(was), quantity::bytes(is))
}

fn lock_in_words(lock: &LockTime) -> String {
    format!("lock on {}: {}", lock.relation, times_in_words(lock))
}

fn times_in_words(lock: &LockTime) -> String {
    let time = |time: Duration| match time {
        Duration::ZERO => format!("less than {} ms", 2 * INTERVAL.as_millis()),
        time if time.as_secs() == 0 => format!("{} ms", time.as_millis()),
        time => quantity::duration(time),
    };
    let times = match (lock.held, lock.awaited) {
        (held, Duration::ZERO) => format!("for {}", time(held)),
        (Duration::ZERO, awaited) => format!("waited for {}", time(awaited)),
        (held, awaited) => format!("for {}, waited for {}", time(held), time(awaited)),
    };
    let (mode, others) = (lock.mode.sql_name(), lock.mode.keeps_others_from());
    format!("{mode} {times}: keeps others from {others}")
}

/// The tables whose rows are not as many as before.
fn changes(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<RowChange> {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .map(|table| RowChange {
            table: table.clone(),
            before: before.get(table).copied(),
            after: after.get(table).copied(),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

fn change_in_words(change: &RowChange) -> String {
    match (change.before, change.after) {
        (None, Some(after)) => format!("new, {}", quantity::count(after)),
        (Some(before), None) => format!("dropped, had {}", quantity::count(before)),
        (before, after) => {
            let count = |rows: Option<u64>| rows.map(quantity::count).unwrap_or_default();
            format!("{} before, {} after", count(before), count(after))
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::postgres::relation_locks::LockMode;

    #[test]
    fn tables_that_came_went_or_changed_are_told() {
        let tables = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect::<BTreeMap<_, _>>()
        };
        let changes =
            changes(&tables(&[("a", 1), ("b", 2), ("c", 3)]), &tables(&[("a", 1), ("b", 0), ("d", 5)]));
        let told: Vec<String> =
            changes.iter().map(|change| format!("{}: {}", change.table, change_in_words(change))).collect();
        assert_eq!(told, ["b: 2 before, 0 after", "c: dropped, had 3", "d: new, 5"]);
    }

    #[test]
    fn a_lock_says_what_others_cannot_do_meanwhile() {
        let lock = |mode, held, awaited| LockTime {
            relation: "public.a".to_owned(),
            mode,
            held: Duration::from_millis(held),
            awaited: Duration::from_millis(awaited),
        };
        assert_eq!(
            lock_in_words(&lock(LockMode::AccessExclusive, 0, 3200)),
            "lock on public.a: ACCESS EXCLUSIVE waited for 3.2 s: keeps others from reading and writing"
        );
        assert_eq!(
            lock_in_words(&lock(LockMode::Share, 120, 0)),
            "lock on public.a: SHARE for 120 ms: keeps others from writing"
        );
    }
}
