//! What is in the tables: exact counts, newest rows, applied migrations.

use super::error::PgError;
use super::session::Session;
use crate::model::manifest::TableRows;
use crate::model::sql::{identifier, qualified};

/// Counts every table's rows: ordinary tables and leaves of partitioned ones, without system schemas and without
/// tables that belong to an extension, which a dump leaves out. Ordered by schema and name.
///
/// For counts that belong together, `session` must be in a transaction that is REPEATABLE READ.
///
/// # Errors
/// When a table may not be read, or row security hides rows from this role.
pub async fn row_counts(session: &Session) -> Result<Vec<TableRows>, PgError> {
    let tables = session
        .rows(
            "listing tables",
            "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
             AND d.deptype = 'e') ORDER BY 1, 2",
            &[],
        )
        .await?;
    let mut counts = Vec::with_capacity(tables.len());
    for table in &tables {
        let (schema, name): (String, String) = (table.get(0), table.get(1));
        let sql = format!("SELECT count(*) FROM {}", qualified(&schema, &name));
        let row = session.row(&format!("counting the rows of {schema}.{name}"), &sql, &[]).await?;
        let rows = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        counts.push(TableRows { schema, name, rows, newest_row: None });
    }
    Ok(counts)
}

/// The greatest value of a column, as text; `None` for an empty table and for one that does not exist.
///
/// `table` is written as in SQL, with or without its schema.
///
/// # Errors
/// When the column does not exist or may not be read.
pub async fn newest(session: &Session, table: &str, column: &str) -> Result<Option<String>, PgError> {
    let Some(table) = find_table(session, table).await? else { return Ok(None) };
    let sql = format!("SELECT max({})::text FROM {table}", identifier(column));
    Ok(session.row(&format!("looking for the newest row of {table}"), &sql, &[]).await?.get(0))
}

/// The migrations recorded in a table, in order of the column `order`; `None` if the table does not exist.
///
/// # Errors
/// When a column does not exist or may not be read.
pub async fn migrations(
    session: &Session,
    table: &str,
    column: &str,
    order: &str,
) -> Result<Option<Vec<String>>, PgError> {
    let Some(table) = find_table(session, table).await? else { return Ok(None) };
    let sql = format!("SELECT {}::text FROM {table} ORDER BY {}", identifier(column), identifier(order));
    let rows = session.rows(&format!("reading the migrations in {table}"), &sql, &[]).await?;
    Ok(Some(rows.iter().filter_map(|row| row.get(0)).collect()))
}

/// The first column of a query's result, as text.
///
/// # Errors
/// When the query fails, or its first column is not text.
pub async fn first_column(session: &Session, doing: &str, query: &str) -> Result<Vec<String>, PgError> {
    let sql =
        format!("SELECT (question.*)::text FROM (SELECT first FROM ({query}) AS answer(first)) AS question");
    let rows = session.rows(doing, &sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)).collect())
}

/// The counts in the second column of a query's result, which has two.
///
/// # Errors
/// When the query fails, or its second column is no number.
pub async fn counted(session: &Session, doing: &str, query: &str) -> Result<Vec<u64>, PgError> {
    let sql = format!("SELECT question.amount::bigint FROM ({query}) AS question(what, amount)");
    let rows = session.rows(doing, &sql, &[]).await?;
    Ok(rows.iter().map(|row| u64::try_from(row.get::<_, i64>(0)).unwrap_or_default()).collect())
}

/// A query's result of two columns: a name, and whether something holds of it.
///
/// # Errors
/// When the query fails, or its columns are of other types.
pub async fn named(session: &Session, doing: &str, query: &str) -> Result<Vec<(String, bool)>, PgError> {
    let sql = format!(
        "SELECT question.name::text, coalesce(question.holds, false)::boolean FROM ({query}) AS question(name, holds)"
    );
    let rows = session.rows(doing, &sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The table's name as the server writes it, quoted as needed.
pub(super) async fn find_table(session: &Session, table: &str) -> Result<Option<String>, PgError> {
    let doing = format!("looking for the table {table}");
    Ok(session.row(&doing, "SELECT to_regclass($1)::text", &[&table]).await?.get(0))
}
