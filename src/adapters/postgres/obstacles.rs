//! What stands in the way of a migration: transactions that stay open and keep the locks that they took, what an earlier
//! one left half-done, and what hangs on the database itself.

use std::fmt;
use std::time::Duration;

use super::error::PgError;
use super::session::Session;
use crate::model::database_name::DatabaseName;
use crate::report::quantity;

/// Something that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A transaction of a session, which has been open for a while. What it runs is not told: it may hold data.
    Session {
        /// The server process.
        pid: i32,
        /// The role.
        user: String,
        /// `application_name`; empty if it has none.
        application: String,
        /// Where it comes from; `None` for a Unix socket.
        address: Option<String>,
        /// Whether it waits for its client (`idle in transaction`) or works.
        idle: bool,
        /// How long its transaction has been open.
        open: Duration,
    },
    /// A transaction that was prepared and belongs to no session: it stays until somebody ends it.
    Prepared {
        /// Its identifier.
        id: String,
        /// The role.
        user: String,
        /// How long it has been there.
        open: Duration,
    },
    /// An index whose building failed: it is kept up with every write, and used by no query.
    InvalidIndex {
        /// Its name, with its schema where that is not on the search path.
        name: String,
    },
    /// A logical replication slot, which hangs on this very database and does not move to a copy.
    ReplicationSlot {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { pid, user, application, address, idle, open } => {
                let application = if application.is_empty() { "unnamed" } else { application };
                let address = address.as_deref().unwrap_or("local");
                let state = if *idle { "idle in a transaction" } else { "a transaction" };
                write!(
                    formatter,
                    "the migrations may have to wait for {state} that has been open for {}: {application} as {user} from {address}, process {pid}",
                    quantity::duration(*open)
                )
            }
            Self::Prepared { id, user, open } => write!(
                formatter,
                "the migrations may have to wait for the prepared transaction {id} of {user}, there for {}",
                quantity::duration(*open)
            ),
            Self::InvalidIndex { name } => write!(
                formatter,
                "the index {name} is invalid, since building it failed: a migration may trip over it"
            ),
            Self::ReplicationSlot { name } => write!(
                formatter,
                "the replication slot {name} hangs on this database: after going back, it is on the one that failed"
            ),
        }
    }
}

/// The transactions of a database that have been open for at least `age`, oldest first, a dump's and prepared ones at any
/// age; its logical replication slots.
///
/// Of other roles' sessions, only a superuser or a member of `pg_read_all_stats` is told: for anybody else they are missing.
///
/// # Errors
/// When the connection is lost.
pub async fn obstacles(
    session: &Session,
    database: &DatabaseName,
    age: Duration,
) -> Result<Vec<Obstacle>, PgError> {
    let doing = "looking for open transactions";
    let least = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let sessions = session
        .rows(
            doing,
            "SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), host(client_addr), \
             state LIKE 'idle in transaction%', ms FROM pg_stat_activity, \
             LATERAL (SELECT (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint) AS open(ms) \
             WHERE datname = $1 AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
             AND (ms >= $2 OR (ms >= 0 AND application_name = 'pg_dump')) \
             ORDER BY ms DESC",
            &[&database.as_str(), &least],
        )
        .await?;
    let prepared = session
        .rows(
            doing,
            "SELECT gid, owner::text, (extract(epoch FROM clock_timestamp() - prepared) * 1000)::bigint \
             FROM pg_prepared_xacts WHERE database = $1 ORDER BY prepared",
            &[&database.as_str()],
        )
        .await?;
    let sessions = sessions.iter().map(|row| Obstacle::Session {
        pid: row.get(0),
        user: row.get(1),
        application: row.get(2),
        address: row.get(3),
        idle: row.get::<_, Option<bool>>(4).unwrap_or_default(),
        open: milliseconds(row.get(5)),
    });
    let prepared = prepared.iter().map(|row| Obstacle::Prepared {
        id: row.get(0),
        user: row.get(1),
        open: milliseconds(row.get(2)),
    });
    let slots = session
        .rows(
            doing,
            "SELECT slot_name::text FROM pg_replication_slots WHERE database = $1 ORDER BY 1",
            &[&database.as_str()],
        )
        .await?;
    let slots = slots.iter().map(|row| Obstacle::ReplicationSlot { name: row.get(0) });
    Ok(sessions.chain(prepared).chain(slots).collect())
}

/// The invalid indexes of the database that the session is connected to.
///
/// # Errors
/// When the connection is lost.
pub async fn invalid_indexes(session: &Session) -> Result<Vec<Obstacle>, PgError> {
    let rows = session
        .rows(
            "looking for invalid indexes",
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| Obstacle::InvalidIndex { name: row.get(0) }).collect())
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or_default())
}
