//! Whether anything was written between two moments, measured without reading the tables.
//!
//! What can be relied on:
//! - the next transaction id is handed out only to transactions that write, in any database of the server: as long as it
//!   is the same, nothing was committed anywhere;
//! - the counters of inserted, updated and deleted rows, system catalogues included (so that DDL and TRUNCATE show):
//!   sessions report them at their end, or up to ten seconds after a transaction. They are complete when nobody is
//!   connected any more. A reset loses them, and so does a crash: also one of a single process, after which the server
//!   goes on under its old start time, and only the counters of the server as a whole tell that they began anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::PgError;
use super::session::Session;

/// How the counters of a database stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteCounters {
    /// The transaction id that comes next, server-wide.
    next_transaction: String,
    /// When the server started: counters do not survive a crash.
    server_start: String,
    /// Since when the server's own counters count; absent in readings from before this was noted.
    #[serde(default)]
    counted_since: Option<String>,
    /// When the database's counters were last reset.
    reset: Option<String>,
    /// Sessions on the database, other than the one that asked.
    sessions: i64,
    /// Rows inserted, updated and deleted in each table since the counters began.
    tables: BTreeMap<String, [i64; 3]>,
}

/// What two readings tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Nothing was committed.
    Nothing,
    /// These tables were written to: rows inserted, updated and deleted.
    Tables(BTreeMap<String, [i64; 3]>),
    /// It cannot be told.
    Unknown(Doubt),
}

/// Why it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The server was restarted between the readings.
    #[error("the database server was restarted in between, which may have lost its counters")]
    Restarted,
    /// Somebody reset the counters.
    #[error("the counters of the database were reset in between")]
    Reset,
    /// Someone who may have written is still connected.
    #[error("sessions are connected that may not have reported yet what they wrote")]
    Connected,
}

/// Reads the counters of the database this session is connected to.
///
/// # Errors
/// When the connection is lost.
pub async fn write_counters(session: &Session) -> Result<WriteCounters, PgError> {
    let doing = "reading the write counters";
    let head = session
        .row(
            doing,
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, pg_postmaster_start_time()::text, \
             (SELECT stats_reset::text FROM pg_stat_database WHERE datname = current_database()), \
             (SELECT stats_reset::text FROM pg_stat_bgwriter), (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND backend_type = 'client backend')",
            &[],
        )
        .await?;
    // ANALYZE writes the statistics' own catalogues, and shared ones belong to no database.
    let rows = session
        .rows(
            doing,
            "SELECT s.schemaname || '.' || s.relname, s.n_tup_ins, s.n_tup_upd, s.n_tup_del \
             FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid \
             WHERE NOT c.relisshared AND s.schemaname NOT LIKE 'pg\\_toast%' \
             AND s.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data') \
             AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0",
            &[],
        )
        .await?;
    let tables = rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3)])).collect();
    Ok(WriteCounters {
        next_transaction: head.get(0),
        server_start: head.get(1),
        reset: head.get(2),
        counted_since: head.get(3),
        sessions: head.get(4),
        tables,
    })
}

/// What was written to the database between two readings.
pub fn written_between(before: &WriteCounters, after: &WriteCounters) -> Written {
    if before.next_transaction == after.next_transaction {
        return Written::Nothing;
    }
    let tables: BTreeMap<_, _> = after
        .tables
        .iter()
        .filter_map(|(table, now)| {
            let then = before.tables.get(table).copied().unwrap_or_default();
            let grown = [now[0] - then[0], now[1] - then[1], now[2] - then[2]];
            grown.iter().any(|&rows| rows > 0).then(|| (table.clone(), grown.map(|rows| rows.max(0))))
        })
        .collect();
    if before.reset != after.reset {
        return Written::Unknown(Doubt::Reset);
    }
    // What was counted since is not all that was written.
    if began_anew(before, after) {
        return Written::Unknown(Doubt::Restarted);
    }
    if !tables.is_empty() {
        return Written::Tables(tables);
    }
    if before.server_start != after.server_start {
        return Written::Unknown(Doubt::Restarted);
    }
    if after.sessions > 0 {
        return Written::Unknown(Doubt::Connected);
    }
    Written::Nothing
}

/// Whether the counters were lost in between: they began later, or one of them is less than it was.
fn began_anew(before: &WriteCounters, after: &WriteCounters) -> bool {
    let shrank = |table: &String, then: &[i64; 3]| {
        let now = after.tables.get(table).copied().unwrap_or_default();
        now.iter().zip(then).any(|(now, then)| now < then)
    };
    let later = before.counted_since.is_some() && before.counted_since != after.counted_since;
    later || before.tables.iter().any(|(table, then)| shrank(table, then))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(transaction: &str, sessions: i64, inserted: i64) -> WriteCounters {
        WriteCounters {
            next_transaction: transaction.to_owned(),
            server_start: "noon".to_owned(),
            counted_since: Some("noon".to_owned()),
            reset: None,
            sessions,
            tables: BTreeMap::from([("public.records".to_owned(), [inserted, 0, 0])]),
        }
    }

    #[test]
    fn the_same_transaction_id_is_proof() {
        assert_eq!(written_between(&reading("7", 0, 5), &reading("7", 9, 5)), Written::Nothing);
    }

    #[test]
    fn grown_counters_are_measured() {
        let grown = BTreeMap::from([("public.records".to_owned(), [3, 0, 0])]);
        assert_eq!(written_between(&reading("7", 0, 5), &reading("9", 4, 8)), Written::Tables(grown));
    }

    #[test]
    fn unchanged_counters_count_only_when_nobody_may_still_report() {
        assert_eq!(written_between(&reading("7", 0, 5), &reading("9", 0, 5)), Written::Nothing);
        assert_eq!(
            written_between(&reading("7", 0, 5), &reading("9", 1, 5)),
            Written::Unknown(Doubt::Connected)
        );
        let restarted = WriteCounters { server_start: "one".to_owned(), ..reading("9", 0, 5) };
        assert_eq!(written_between(&reading("7", 0, 5), &restarted), Written::Unknown(Doubt::Restarted));
        let crashed = WriteCounters { counted_since: Some("one".to_owned()), ..reading("9", 0, 5) };
        assert_eq!(written_between(&reading("7", 0, 5), &crashed), Written::Unknown(Doubt::Restarted));
        assert_eq!(
            written_between(&reading("7", 0, 5), &reading("9", 0, 4)),
            Written::Unknown(Doubt::Restarted)
        );
        let more = WriteCounters { counted_since: Some("one".to_owned()), ..reading("9", 0, 8) };
        assert_eq!(written_between(&reading("7", 0, 5), &more), Written::Unknown(Doubt::Restarted));
        let reset = WriteCounters { reset: Some("one".to_owned()), ..reading("9", 0, 0) };
        assert_eq!(written_between(&reading("7", 0, 5), &reset), Written::Unknown(Doubt::Reset));
    }
}
