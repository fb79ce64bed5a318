//! Which tables are locked, at one moment, in ways that make others wait.

use super::error::PgError;
use super::session::Session;

/// A lock on a table that existed before the transaction which holds it or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationLock {
    /// Schema and name of the table.
    pub relation: String,
    /// How it is locked.
    pub mode: LockMode,
    /// Whether the lock is held, or waited for.
    pub granted: Granted,
}

/// Whether a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granted {
    /// It is held.
    Held,
    /// Something else holds it back.
    Awaited,
}

/// The modes that keep a product from writing, weakest first:
/// <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// `CREATE INDEX`: nobody else writes.
    Share,
    /// `ADD FOREIGN KEY`, `CREATE TRIGGER`: nobody else writes.
    ShareRowExclusive,
    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY`: nobody else writes.
    Exclusive,
    /// Most of `ALTER TABLE`, `DROP`, `TRUNCATE`: nobody else reads or writes.
    AccessExclusive,
}

impl LockMode {
    const ALL: [Self; 4] = [Self::Share, Self::ShareRowExclusive, Self::Exclusive, Self::AccessExclusive];

    /// The name in `pg_locks`.
    fn catalogue_name(self) -> &'static str {
        match self {
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// The name in SQL.
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What others cannot do meanwhile.
    pub fn keeps_others_from(self) -> &'static str {
        match self {
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => "writing",
            Self::AccessExclusive => "reading and writing",
        }
    }
}

/// The locks of client sessions on tables of the database that this session is connected to. A table that a running
/// transaction has made itself is in nobody's way, and cannot be seen from here.
///
/// # Errors
/// When the connection is lost.
pub async fn relation_locks(session: &Session) -> Result<Vec<RelationLock>, PgError> {
    let names: Vec<&str> = LockMode::ALL.iter().map(|mode| mode.catalogue_name()).collect();
    let rows = session
        .rows(
            "looking at the locks",
            "SELECT DISTINCT n.nspname || '.' || c.relname, l.mode, l.granted FROM pg_locks l \
             JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.mode = ANY($1) AND c.relkind IN ('r', 'p', 'm') \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND n.nspname NOT LIKE 'pg\\_%' AND a.backend_type = 'client backend' AND l.pid <> pg_backend_pid()",
            &[&names],
        )
        .await?;
    let mut locks: Vec<RelationLock> = rows
        .iter()
        .filter_map(|row| {
            let name: &str = row.get(1);
            let mode = LockMode::ALL.into_iter().find(|mode| mode.catalogue_name() == name)?;
            let granted = if row.get(2) { Granted::Held } else { Granted::Awaited };
            Some(RelationLock { relation: row.get(0), mode, granted })
        })
        .collect();
    locks.sort();
    Ok(locks)
}
