//! What support needs to see of a server: its settings, what it is doing, what is in it. No text of a query is ever read, and no
//! column that can hold a secret.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::PgError;
use super::rows::find_table;
use super::server::server_facts;
use super::session::Session;
use crate::bundle::contents::{Activity, Blocked, OpenTransaction, QueueDepth, ServerFacts, TableFacts};
use crate::model::sql::qualified;
use crate::profile::QueueQuery;

/// Tables and sessions that are named at most.
const MOST_TABLES: i64 = 2_000;
const MOST_SESSIONS: i64 = 100;

/// How long one table may be counted.
const COUNT_LIMIT: Duration = Duration::from_secs(1);

/// Makes a session one that only looks, and that no question holds up for long.
///
/// # Errors
/// When the connection is lost.
pub async fn only_look(session: &Session) -> Result<(), PgError> {
    let sql = "SET default_transaction_read_only = on; SET statement_timeout = '5s'; SET lock_timeout = '1s'";
    session.execute("limiting the session", sql).await
}

/// The server, and the database that the session is connected to.
///
/// # Errors
/// When the connection is lost.
pub async fn server(session: &Session) -> Result<ServerFacts, PgError> {
    let facts = server_facts(session).await?;
    let row = session
        .row(
            "asking the server for its condition",
            "SELECT to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
             current_setting('superuser_reserved_connections')::int, current_database()::text, \
             pg_database_size(current_database()), \
             (SELECT max(age(datfrozenxid))::bigint FROM pg_database)",
            &[],
        )
        .await?;
    Ok(ServerFacts {
        version: facts.version,
        started: row.get(0),
        in_recovery: facts.in_recovery,
        max_connections: count(facts.max_connections.into()),
        reserved_connections: count(row.get::<_, i32>(1).into()),
        database: row.get(2),
        database_bytes: size(row.get(3)),
        databases: sizes(session).await?,
        transaction_age: size(row.get(4)),
        settings: settings(session).await?,
        extensions: pairs(
            session,
            "listing extensions",
            "SELECT extname::text, extversion FROM pg_extension",
        )
        .await?,
    })
}

async fn sizes(session: &Session) -> Result<BTreeMap<String, u64>, PgError> {
    let sql = "SELECT datname::text, pg_database_size(oid) FROM pg_database \
               WHERE NOT datistemplate AND has_database_privilege(oid, 'CONNECT') ORDER BY 1 LIMIT 200";
    let rows = session.rows("measuring databases", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), size(row.get(1)))).collect())
}

/// As a new session has them: this one was told otherwise. Commands and connection strings are left out: they are where passwords end up. So are those of extensions and of the
/// product, whose names have a dot, for nobody knows what is in them.
async fn settings(session: &Session) -> Result<BTreeMap<String, String>, PgError> {
    pairs(
        session,
        "reading settings",
        "SELECT name, reset_val || coalesce(' ' || unit, '') FROM pg_settings \
         WHERE reset_val IS DISTINCT FROM boot_val AND source NOT IN ('override', 'client') \
         AND name !~ '(_command|conninfo|passphrase|password|secret|key)' AND name !~ '[.]' ORDER BY 1",
    )
    .await
}

async fn pairs(session: &Session, doing: &str, sql: &str) -> Result<BTreeMap<String, String>, PgError> {
    let rows = session.rows(doing, sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| Some((row.get(0), row.get::<_, Option<String>>(1)?))).collect())
}

/// What the server is doing now.
///
/// # Errors
/// When the connection is lost.
pub async fn activity(session: &Session) -> Result<Activity, PgError> {
    let clients = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let by_state = format!("SELECT coalesce(state, 'unknown'), count(*) {clients} GROUP BY 1");
    let by_application = format!(
        "SELECT coalesce(nullif(application_name, ''), 'unnamed'), count(*) {clients} GROUP BY 1 LIMIT 200"
    );
    let row = session
        .row(
            "counting connections",
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), \
             (SELECT count(*) FROM pg_prepared_xacts)",
            &[],
        )
        .await?;
    Ok(Activity {
        sessions: counts(session, &by_state).await?,
        by_application: counts(session, &by_application).await?,
        connections: count(row.get(0)),
        transactions: transactions(session).await?,
        blocked: blocked(session).await?,
        prepared: count(row.get(1)),
    })
}

async fn counts(session: &Session, sql: &str) -> Result<BTreeMap<String, u32>, PgError> {
    let rows = session.rows("counting sessions", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), count(row.get(1)))).collect())
}

async fn transactions(session: &Session) -> Result<Vec<OpenTransaction>, PgError> {
    let rows = session
        .rows(
            "listing open transactions",
            "SELECT pid, coalesce(application_name, ''), coalesce(state, ''), \
             (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint, wait_event_type || ': ' || wait_event \
             FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend' \
             AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT $1",
            &[&MOST_SESSIONS],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| OpenTransaction {
            pid: row.get(0),
            application: row.get(1),
            state: row.get(2),
            open_ms: size(row.get(3)),
            waits_for: row.get(4),
        })
        .collect())
}

async fn blocked(session: &Session) -> Result<Vec<Blocked>, PgError> {
    let rows = session
        .rows(
            "looking for who waits for whom",
            "SELECT a.pid, coalesce(a.application_name, ''), pg_blocking_pids(a.pid), \
             (extract(epoch FROM clock_timestamp() - coalesce(a.query_start, a.state_change)) * 1000)::bigint, \
             coalesce(l.mode, ''), n.nspname || '.' || c.relname \
             FROM pg_stat_activity a LEFT JOIN LATERAL \
             (SELECT mode, relation, database FROM pg_locks WHERE pid = a.pid AND NOT granted LIMIT 1) l ON true \
             LEFT JOIN pg_database d ON d.oid = l.database \
             LEFT JOIN pg_class c ON c.oid = l.relation AND d.datname = current_database() LEFT JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE cardinality(pg_blocking_pids(a.pid)) > 0 ORDER BY 4 DESC LIMIT $1",
            &[&MOST_SESSIONS],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Blocked {
            pid: row.get(0),
            application: row.get(1),
            by: row.get(2),
            waiting_ms: size(row.get(3)),
            lock: row.get(4),
            relation: row.get(5),
        })
        .collect())
}

/// The tables of the database, the largest first, each with its exact number of rows as far as they could be counted within
/// `limit`, the smallest ones first.
///
/// # Errors
/// When the connection is lost.
pub async fn tables(session: &Session, limit: Duration) -> Result<Vec<TableFacts>, PgError> {
    let began = Instant::now();
    let rows = session
        .rows(
            "listing tables",
            "SELECT n.nspname::text, c.relname::text, pg_table_size(c.oid), pg_indexes_size(c.oid), \
             coalesce(s.n_dead_tup, 0), to_char(greatest(s.last_vacuum, s.last_autovacuum) AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), to_char(greatest(s.last_analyze, s.last_autoanalyze) AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid \
             WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
             ORDER BY 3 DESC, 1, 2 LIMIT $1",
            &[&MOST_TABLES],
        )
        .await?;
    let fact = |row: &tokio_postgres::Row| TableFacts {
        schema: row.get(0),
        name: row.get(1),
        rows: None,
        // One that is dropped meanwhile has no size.
        table_bytes: size(row.get::<_, Option<i64>>(2).unwrap_or(0)),
        index_bytes: size(row.get::<_, Option<i64>>(3).unwrap_or(0)),
        dead_rows: size(row.get(4)),
        vacuumed: row.get(5),
        analysed: row.get(6),
    };
    let mut tables: Vec<TableFacts> = rows.iter().map(fact).collect();
    let sql = format!("SET statement_timeout = {}", COUNT_LIMIT.as_millis());
    session.execute("limiting the counts", &sql).await?;
    for table in tables.iter_mut().rev() {
        if began.elapsed() + COUNT_LIMIT > limit {
            break;
        }
        let sql = format!("SELECT count(*) FROM {}", qualified(&table.schema, &table.name));
        let doing = format!("counting the rows of {}.{}", table.schema, table.name);
        // One that takes too long, is locked, or may not be read is left without a number.
        match session.row(&doing, &sql, &[]).await {
            Ok(row) => table.rows = Some(size(row.get(0))),
            Err(error) if session.is_closed() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(tables)
}

/// How much waits in a queue; nothing where its table is missing.
///
/// # Errors
/// When the query fails or takes too long, or its columns are of other types.
pub async fn queue(session: &Session, asked: &QueueQuery) -> Result<Vec<QueueDepth>, PgError> {
    if find_table(session, asked.table.as_str()).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT question.queue::text, question.state::text, question.jobs::bigint, \
         (extract(epoch FROM question.oldest) * 1000)::bigint FROM ({}) AS question(queue, state, jobs, oldest) \
         ORDER BY 1, 2 LIMIT 1000",
        asked.query
    );
    let rows = session.rows(&format!("asking how much waits in {}", asked.table), &sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| QueueDepth {
            queue: row.get::<_, Option<String>>(0).unwrap_or_default(),
            state: row.get::<_, Option<String>>(1).unwrap_or_default(),
            jobs: size(row.get::<_, Option<i64>>(2).unwrap_or(0)),
            oldest_ms: row.get::<_, Option<i64>>(3).map(size),
        })
        .collect())
}

fn size(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
