//! The server's condition, for preflight.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::error::PgError;
use super::lock;
use super::server::server_facts;
use super::session::Session;
use crate::model::database_name::DatabaseName;
use crate::preflight::database::{Condition, LONG_WAIT};

/// Tables that are named at most.
const NAMED: usize = 5;

/// Asks the server, from a session of the product's database.
///
/// # Errors
/// When the connection is lost.
pub async fn condition(session: &Session) -> Result<Condition, PgError> {
    let facts = server_facts(session).await?;
    let (clock_skew, clock_uncertain) = clock(session).await?;
    let row = session
        .row(
            "asking the server for its condition",
            "SELECT current_setting('default_transaction_read_only')::bool, current_user::text, \
             has_database_privilege(current_database(), 'CREATE'), \
             coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), \
             (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::bigint, \
             (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), \
             pg_database_size(current_database()), \
             (SELECT coalesce(max(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c \
              JOIN pg_namespace n ON n.oid = c.relnamespace \
              WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')), \
             current_setting('log_statement'), \
             (SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid)))::bigint FROM pg_database)",
            &[],
        )
        .await?;
    let count = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or_default();
    Ok(Condition {
        major: facts.major(),
        version: facts.version.clone(),
        in_recovery: facts.in_recovery,
        read_only: row.get(0),
        role: row.get(1),
        superuser: facts.superuser,
        creates_databases: facts.can_create_databases,
        ends_sessions: facts.can_terminate_others,
        creates_schemas: row.get(2),
        creates_tables: row.get(3),
        foreign_tables: foreign_tables(session).await?,
        connections: count(4),
        connections_used: count(5),
        size: count(6),
        largest_table: count(7),
        time_limits: time_limits(session).await?,
        log_statement: row.get(8),
        oldest_transaction: count(9),
        collation: collation(session).await?,
        clock_apart: Duration::from_millis(clock_skew.unsigned_abs()),
        clock_uncertain,
    })
}

/// The server's clock less this machine's, in milliseconds, and how long it took to ask: the answer is of some moment in
/// between.
///
/// # Errors
/// When the connection is lost.
pub async fn clock(session: &Session) -> Result<(i64, Duration), PgError> {
    let before = Timestamp::now();
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let theirs: i64 = session.row("asking for the time", sql, &[]).await?.get(0);
    let after = Timestamp::now();
    let (before, after) = (before.as_millisecond(), after.as_millisecond());
    Ok((theirs - i64::midpoint(before, after), Duration::from_millis((after - before).unsigned_abs())))
}

/// In the schemas that the role works in or owns: what others keep beside them is no business of the product's migrations.
async fn foreign_tables(session: &Session) -> Result<Vec<String>, PgError> {
    let rows = session
        .rows(
            "looking for the owners of tables",
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
             AND (n.nspname = current_schema() OR pg_has_role(current_user, n.nspowner, 'MEMBER')) \
             AND NOT pg_has_role(current_user, c.relowner, 'MEMBER') \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1",
            &[],
        )
        .await?;
    let mut named: Vec<String> = rows.iter().take(NAMED).map(|row| row.get(0)).collect();
    if rows.len() > NAMED {
        named.push(format!("{} more", rows.len() - NAMED));
    }
    Ok(named)
}

/// What a new session of this role is given; this one was told otherwise.
async fn time_limits(session: &Session) -> Result<BTreeMap<String, Duration>, PgError> {
    let rows = session
        .rows(
            "asking for time limits",
            "SELECT name, reset_val FROM pg_settings WHERE unit = 'ms' AND name IN ('statement_timeout', \
             'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')",
            &[],
        )
        .await?;
    let limit =
        |text: Option<String>| Duration::from_millis(text.and_then(|text| text.parse().ok()).unwrap_or(0));
    Ok(rows.iter().map(|row| (row.get(0), limit(row.get(1)))).collect())
}

async fn collation(session: &Session) -> Result<Option<(String, String)>, PgError> {
    if session.version() < 150_000 {
        return Ok(None);
    }
    let sql = "SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database \
               WHERE datname = current_database()";
    let row = session.row("asking for the collation", sql, &[]).await?;
    Ok(row.get::<_, Option<String>>(0).zip(row.get::<_, Option<String>>(1)))
}

/// Sessions of a database that have waited for others for long, in words.
///
/// # Errors
/// When the connection is lost.
pub async fn long_waits(session: &Session, database: &DatabaseName) -> Result<Vec<String>, PgError> {
    let clients = super::server::connected_clients(session, database).await?;
    let waits = clients.iter().filter(|client| {
        !client.blocked_by.is_empty() && client.since.is_some_and(|since| since >= LONG_WAIT)
    });
    Ok(waits
        .map(|client| {
            let holders: Vec<String> = client.blocked_by.iter().map(ToString::to_string).collect();
            format!("{client} waits for process {}", holders.join(", "))
        })
        .collect())
}

/// Who holds the lock on operations with a database, from a session of the maintenance database.
///
/// # Errors
/// When the connection is lost.
pub async fn operated_by(session: &Session, database: &DatabaseName) -> Result<Option<String>, PgError> {
    lock::held_by(session, database).await
}

/// The protocol and cipher of this session; none if it is not encrypted.
///
/// # Errors
/// When the connection is lost.
pub async fn encryption(session: &Session) -> Result<Option<String>, PgError> {
    let sql = "SELECT ssl, version || ' with ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let rows = session.rows("asking for the encryption", sql, &[]).await?;
    Ok(rows.first().filter(|row| row.get(0)).and_then(|row| row.get(1)))
}
