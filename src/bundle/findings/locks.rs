//! Who holds up whom in the database.

use std::collections::{BTreeMap, BTreeSet};

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::{Activity, OpenTransaction, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// A wait of less than this is everyday life, in milliseconds.
const WAITING: u64 = 5_000;

/// A transaction that does nothing for longer than this was forgotten, in milliseconds.
const IDLE: u64 = 5 * 60_000;

/// From here on it is a danger to the whole database: nothing that was deleted since can be vacuumed.
const IDLE_LONG: u64 = 60 * 60_000;

/// Sessions that wait for others, and the one at the root of it.
pub(super) fn pile_up(bundle: &Bundle) -> Vec<Finding> {
    let Some(activity) = &bundle.facts().activity else { return Vec::new() };
    let longest = activity.blocked.iter().map(|blocked| blocked.waiting_ms).max().unwrap_or(0);
    if longest < WAITING && activity.blocked.len() < 3 {
        return Vec::new();
    }
    let roots = roots(activity);
    let Some((&root, &waiting)) = roots.iter().max_by_key(|(_, waiting)| **waiting) else {
        return Vec::new();
    };
    let open = activity.transactions.iter().find(|open| open.pid == root);
    let who = open
        .map_or(format!("session {root}"), |open| format!("session {root} of {}", named(&open.application)));
    let title = format!(
        "lock pile-up: {who} holds up {}, the longest for {}",
        quantity::counted(waiting as u64, "other", "others"),
        milliseconds(longest)
    );
    let line = |pid: i32| bundle.line_of(member::ACTIVITY, &["\"blocked\"", &format!("\"pid\": {pid},")]);
    let waits = activity.blocked.iter().take(5).map(|blocked| {
        let table = blocked.relation.as_deref().map_or(String::new(), |relation| format!(" on {relation}"));
        let by: Vec<String> = blocked.by.iter().map(ToString::to_string).collect();
        let text = format!(
            "session {} of {} waits for {}{table} that {} holds, for {}",
            blocked.pid,
            named(&blocked.application),
            blocked.lock,
            by.join(", "),
            milliseconds(blocked.waiting_ms)
        );
        Evidence::new(member::ACTIVITY, line(blocked.pid), text)
    });
    let finding = Finding::new("lock-pile-up", Critical, title)
        .seen(open.map(|open| transaction(bundle, open)))
        .seen(waits)
        .remedy(format!("see what session {root} does: SELECT * FROM pg_stat_activity WHERE pid = {root}"))
        .remedy(format!("end it, which rolls back its transaction: SELECT pg_terminate_backend({root})"))
        .explained("db-locks");
    vec![finding]
}

/// How many sessions wait, directly or not, for each of those that wait for nobody.
fn roots(activity: &Activity) -> BTreeMap<i32, usize> {
    let by: BTreeMap<i32, &[i32]> =
        activity.blocked.iter().map(|blocked| (blocked.pid, blocked.by.as_slice())).collect();
    let mut roots = BTreeMap::new();
    for blocked in &activity.blocked {
        let mut seen = BTreeSet::from([blocked.pid]);
        let mut next: Vec<i32> = blocked.by.clone();
        while let Some(pid) = next.pop() {
            if !seen.insert(pid) {
                continue;
            }
            match by.get(&pid) {
                Some(further) => next.extend(*further),
                None => *roots.entry(pid).or_insert(0) += 1,
            }
        }
    }
    roots
}

/// Transactions that were begun and forgotten.
pub(super) fn idle_transactions(bundle: &Bundle) -> Vec<Finding> {
    let activity = bundle.facts().activity.iter();
    let idle: Vec<&OpenTransaction> = activity
        .flat_map(|activity| &activity.transactions)
        .filter(|open| open.state.starts_with("idle in transaction") && open.open_ms >= IDLE)
        .collect();
    let Some(oldest) = idle.iter().max_by_key(|open| open.open_ms) else { return Vec::new() };
    let severity = if oldest.open_ms >= IDLE_LONG { Critical } else { Warning };
    let title = format!(
        "idle in transaction: session {} of {} has done nothing for up to {} and keeps its locks",
        oldest.pid,
        named(&oldest.application),
        milliseconds(oldest.open_ms)
    );
    let finding = Finding::new("idle-in-transaction", severity, title)
        .seen(idle.iter().take(5).map(|open| transaction(bundle, open)))
        .remedy(format!("end it, which rolls back what it did: SELECT pg_terminate_backend({})", oldest.pid))
        .remedy("set idle_in_transaction_session_timeout, so that the server ends such sessions by itself")
        .explained("db-transactions");
    vec![finding]
}

/// Transactions that were prepared and that nobody ended.
pub(super) fn prepared(bundle: &Bundle) -> Vec<Finding> {
    let prepared = bundle.facts().activity.as_ref().map_or(0, |activity| activity.prepared);
    if prepared == 0 {
        return Vec::new();
    }
    let text = quantity::counted(prepared.into(), "prepared transaction", "prepared transactions");
    let line = bundle.line_of(member::ACTIVITY, &["\"prepared\""]);
    let title = format!("prepared transactions: {text} keep locks, also over a restart of the server");
    let finding = Finding::new("prepared-transactions", Warning, title)
        .seen([Evidence::new(member::ACTIVITY, line, text)])
        .remedy("SELECT gid, prepared, owner FROM pg_prepared_xacts; then, for each that nobody needs: ROLLBACK PREPARED 'gid'")
        .explained("db-transactions");
    vec![finding]
}

fn transaction(bundle: &Bundle, open: &OpenTransaction) -> Evidence {
    let marks = ["\"transactions\"".to_owned(), format!("\"pid\": {},", open.pid)];
    let waits = open.waits_for.as_deref().map_or(String::new(), |what| format!(", waits for {what}"));
    let text = format!(
        "session {} of {}: {}, open for {}{waits}",
        open.pid,
        named(&open.application),
        open.state,
        milliseconds(open.open_ms)
    );
    Evidence::new(member::ACTIVITY, bundle.line_of(member::ACTIVITY, &[&marks[0], &marks[1]]), text)
}

fn named(application: &str) -> &str {
    if application.is_empty() { "an unnamed application" } else { application }
}

fn milliseconds(milliseconds: u64) -> String {
    quantity::duration(std::time::Duration::from_millis(milliseconds))
}
