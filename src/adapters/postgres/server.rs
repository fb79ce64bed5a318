//! Facts about the server: what it is, who may do what, who is connected, which databases there are.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::error::PgError;
use super::session::Session;
use crate::model::conninfo::APPLICATION_NAME;
use crate::model::database_name::{DatabaseMark, DatabaseName};

/// What the server is and what this role may do on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version_num`: 150018 is 15.18.
    pub version_num: u32,
    /// `server_version`, for people.
    pub version: String,
    /// Whether this role is a superuser.
    pub superuser: bool,
    /// Whether this role may create databases.
    pub can_create_databases: bool,
    /// Whether this role may end the sessions of roles that it is no member of (but never a superuser's).
    pub can_terminate_others: bool,
    /// Whether the server is a standby, where nothing can be written.
    pub in_recovery: bool,
    /// `max_connections`.
    pub max_connections: i32,
    /// What is known of how fast a database can be copied.
    pub copy: CopyMethod,
}

/// How `CREATE DATABASE ... TEMPLATE` copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMethod {
    /// Before 15: always file by file.
    Files,
    /// 15 and later: file by file when asked for.
    FilesOnRequest,
    /// 18 and later with `file_copy_method=clone`: near constant time where the file system shares blocks.
    SharedBlocks,
}

impl ServerFacts {
    /// 15 in 15.18.
    pub fn major(&self) -> u32 {
        self.version_num / 10_000
    }
}

/// Asks the server.
///
/// # Errors
/// When the connection is lost.
pub async fn server_facts(session: &Session) -> Result<ServerFacts, PgError> {
    let row = session
        .row(
            "asking the server what it is",
            "SELECT current_setting('server_version'), r.rolsuper, r.rolsuper OR r.rolcreatedb, \
             r.rolsuper OR pg_has_role(current_user, 'pg_signal_backend', 'MEMBER'), pg_is_in_recovery(), \
             current_setting('max_connections')::int, current_setting('file_copy_method', true) \
             FROM pg_roles r WHERE r.rolname = current_user",
            &[],
        )
        .await?;
    let copy = match (session.version() / 10_000, row.get::<_, Option<String>>(6).as_deref()) {
        (_, Some("clone")) => CopyMethod::SharedBlocks,
        (..15, _) => CopyMethod::Files,
        _ => CopyMethod::FilesOnRequest,
    };
    Ok(ServerFacts {
        version_num: session.version(),
        version: row.get(0),
        superuser: row.get(1),
        can_create_databases: row.get(2),
        can_terminate_others: row.get(3),
        in_recovery: row.get(4),
        max_connections: row.get(5),
        copy,
    })
}

/// A database of the server, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDatabase {
    /// Its name.
    pub name: DatabaseName,
    /// Its size on disk, in bytes; `None` where this role may not see it.
    pub size_bytes: Option<u64>,
    /// What opsctl wrote about it when it had made it.
    pub mark: Option<DatabaseMark>,
}

/// The databases whose names begin with `prefix`, by name; templates are left out.
///
/// # Errors
/// When the connection is lost.
pub async fn databases(session: &Session, prefix: &str) -> Result<Vec<ListedDatabase>, PgError> {
    let rows = session
        .rows(
            "listing databases",
            "SELECT d.datname::text, \
             CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END, \
             shobj_description(d.oid, 'pg_database') \
             FROM pg_database d WHERE NOT d.datistemplate AND starts_with(d.datname::text, $1) ORDER BY 1",
            &[&prefix],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| ListedDatabase {
            name: DatabaseName::new(row.get::<_, String>(0)),
            size_bytes: row.get::<_, Option<i64>>(1).and_then(|size| u64::try_from(size).ok()),
            mark: row.get::<_, Option<&str>>(2).and_then(DatabaseMark::from_comment),
        })
        .collect())
}

/// Whether a database exists.
///
/// # Errors
/// When the connection is lost.
pub async fn database_exists(session: &Session, name: &DatabaseName) -> Result<bool, PgError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    Ok(session.row("looking for a database", sql, &[&name.as_str()]).await?.get(0))
}

/// Someone's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedClient {
    /// The server process.
    pub pid: i32,
    /// The role; empty for a background process.
    pub user: String,
    /// `application_name`, or the kind of background process.
    pub application: String,
    /// Where it comes from; `None` for a Unix socket or a background process.
    pub address: Option<String>,
    /// `active`, `idle`, `idle in transaction` and the like; `None` where this role may not see it.
    pub state: Option<String>,
    /// How long it has been in that state.
    pub since: Option<Duration>,
    /// The processes it waits for.
    pub blocked_by: Vec<i32>,
}

impl fmt::Display for ConnectedClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let application = if self.application.is_empty() { "unnamed" } else { &self.application };
        let address = self.address.as_deref().unwrap_or("local");
        write!(formatter, "{application} as {} from {address}, process {}", self.user, self.pid)?;
        if let Some(state) = &self.state {
            write!(formatter, ", {state}")?;
        }
        if let Some(since) = self.since {
            write!(formatter, " for {} s", since.as_secs())?;
        }
        Ok(())
    }
}

/// Who is connected to a database, other than this session.
///
/// # Errors
/// When the connection is lost.
pub async fn connected_clients(
    session: &Session,
    name: &DatabaseName,
) -> Result<Vec<ConnectedClient>, PgError> {
    let rows = session
        .rows(
            "listing who is connected",
            "SELECT pid, coalesce(usename::text, ''), \
             coalesce(nullif(application_name, ''), nullif(backend_type, 'client backend'), ''), host(client_addr), \
             state, (extract(epoch FROM clock_timestamp() - state_change) * 1000)::bigint, pg_blocking_pids(pid) \
             FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() ORDER BY pid",
            &[&name.as_str()],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| ConnectedClient {
            pid: row.get(0),
            user: row.get(1),
            application: row.get(2),
            address: row.get(3),
            state: row.get(4),
            since: row
                .get::<_, Option<i64>>(5)
                .and_then(|ms| u64::try_from(ms).ok())
                .map(Duration::from_millis),
            blocked_by: row.get(6),
        })
        .collect())
}

/// Ends all other sessions on these databases that this role may end; says how many were told to.
///
/// # Errors
/// When the connection is lost. A session that may not be ended is no error: it will be found connected.
pub async fn terminate_clients(session: &Session, names: &[&DatabaseName]) -> Result<usize, PgError> {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid()";
    terminate(session, sql, &[&names]).await
}

/// Ends the sessions on a database of every opsctl but the one that calls itself `own`; says how many were told to.
///
/// Who holds the lock on the database is the only one to operate it, so that any other opsctl there only looks, and can
/// look again later.
///
/// # Errors
/// As [`terminate_clients`].
pub async fn terminate_onlookers(
    session: &Session,
    name: &DatabaseName,
    own: &str,
) -> Result<usize, PgError> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() \
               AND (application_name = $2 OR starts_with(application_name, $2 || ':')) AND application_name <> $3";
    terminate(session, sql, &[&name.as_str(), &APPLICATION_NAME, &own]).await
}

async fn terminate(
    session: &Session,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<usize, PgError> {
    let doing = "ending sessions";
    let rows = session.rows(doing, sql, parameters).await?;
    let mut told = 0;
    for row in &rows {
        // One statement each: a session of a superuser's must not save the others.
        match session.row(doing, "SELECT pg_terminate_backend($1)", &[&row.get::<_, i32>(0)]).await {
            Ok(row) => told += usize::from(row.get::<_, bool>(0)),
            Err(error) if error.sqlstate() == Some("42501") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// What elsewhere refers to a database by its name, and is cut off by a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameDependent {
    /// A replication slot, and whether something uses it now.
    ReplicationSlot {
        /// Its name.
        name: String,
        /// Whether something is connected to it.
        active: bool,
    },
    /// A subscription of this database to another server.
    Subscription {
        /// Its name.
        name: String,
    },
}

/// Replication slots and subscriptions that hang on a database.
///
/// # Errors
/// When the connection is lost.
pub async fn name_dependents(session: &Session, name: &DatabaseName) -> Result<Vec<NameDependent>, PgError> {
    let doing = "looking for replication";
    let sql = "SELECT slot_name::text, active FROM pg_replication_slots WHERE database = $1 ORDER BY 1";
    let slots = session.rows(doing, sql, &[&name.as_str()]).await?;
    // Every column but the connection string may be read by everyone.
    let sql = "SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
               WHERE d.datname = $1 ORDER BY 1";
    let subscriptions = session.rows(doing, sql, &[&name.as_str()]).await?;
    let slots =
        slots.iter().map(|row| NameDependent::ReplicationSlot { name: row.get(0), active: row.get(1) });
    let subscriptions = subscriptions.iter().map(|row| NameDependent::Subscription { name: row.get(0) });
    Ok(slots.chain(subscriptions).collect())
}

/// All roles of the server.
///
/// # Errors
/// When the connection is lost.
pub async fn roles(session: &Session) -> Result<BTreeSet<String>, PgError> {
    let rows = session.rows("listing roles", "SELECT rolname::text FROM pg_roles", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The extensions that could be installed, with the versions there are.
///
/// # Errors
/// When the connection is lost.
pub async fn available_extensions(session: &Session) -> Result<BTreeSet<(String, String)>, PgError> {
    let sql = "SELECT name::text, version FROM pg_available_extension_versions";
    let rows = session.rows("listing extensions", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How many sessions of an application, this one apart, have work in hand. A statement goes on in the server when the
/// client that sent it is killed.
///
/// # Errors
/// When the connection is lost.
pub async fn busy_sessions(session: &Session, application: &str) -> Result<i64, PgError> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() \
               AND state <> 'idle'";
    Ok(session.row("looking for unfinished work", sql, &[&application]).await?.get(0))
}
