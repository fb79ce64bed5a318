//! Statistics for the planner, which a dump does not bring.

use std::cell::RefCell;

use futures_util::future::join_all;

use super::error::PgError;
use super::session::Session;
use crate::model::sql::qualified;

/// Collects the statistics of every table of the database that these sessions are connected to, as a plain `ANALYZE`
/// does, but as many tables at once as there are sessions, the largest first.
///
/// # Errors
/// When a connection is lost, or a table is dropped meanwhile. A table that this role may not analyse is left out.
pub async fn collect(sessions: &[Session]) -> Result<(), PgError> {
    let Some(first) = sessions.first() else { return Ok(()) };
    let mut tables = tables_by_size(first).await?;
    tables.reverse();
    let tables = RefCell::new(tables);
    let next = || tables.borrow_mut().pop();
    // All are waited for, even if one fails: nobody else may have work going on in the database then.
    let ended = join_all(sessions.iter().map(|session| collect_while(session, &next))).await;
    ended.into_iter().collect()
}

async fn collect_while(session: &Session, next: &impl Fn() -> Option<String>) -> Result<(), PgError> {
    let doing = "collecting statistics";
    // Each table is a transaction of its own. What a crash of the server takes along is collected again by itself.
    session.execute(doing, "SET synchronous_commit = off").await?;
    while let Some(table) = next() {
        session.execute(doing, &format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

/// Tables, the system's among them, and materialised views. Partitions are analysed together with what they belong to.
async fn tables_by_size(session: &Session) -> Result<Vec<String>, PgError> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' \
               ORDER BY CASE c.relkind WHEN 'p' \
               THEN (SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t) \
               ELSE pg_relation_size(c.oid) END DESC NULLS LAST";
    let rows = session.rows("listing tables", sql, &[]).await?;
    Ok(rows.iter().map(|row| qualified(row.get(0), row.get(1))).collect())
}
