//! What is said of a store: properties, tables, migrations.

use rusqlite::Connection;
use rusqlite::types::Value;
use sha2::{Digest as _, Sha256};

use crate::model::manifest::{Migration, Sqlite, TableRows};
use crate::profile::{AppliedMigrations, Freshness};

/// Reads everything that a manifest says of a store.
///
/// # Errors
/// Those of SQLite.
pub fn facts(
    store: &Connection,
    name: &str,
    applied: &AppliedMigrations,
    freshness: &[Freshness],
) -> Result<Sqlite, rusqlite::Error> {
    let number = |pragma: &str| store.query_one(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let (page_size, pages) = (number("page_size")?, number("page_count")?);
    let mut tables = tables(store)?;
    for column in freshness {
        let table = tables.iter_mut().find(|table| table.name == column.table.as_str());
        if let Some(table) = table {
            // A column that the description names may be missing in this release: then nothing is said of it.
            table.newest_row = newest(store, column).ok().flatten();
        }
    }
    let migrations = migrations(store, applied)?;
    Ok(Sqlite {
        name: name.to_owned(),
        sqlite_version: rusqlite::version().to_owned(),
        size_bytes: u64::try_from(page_size * pages).unwrap_or_default(),
        page_size: u32::try_from(page_size).unwrap_or_default(),
        journal_mode: store.query_one("PRAGMA journal_mode", [], |row| row.get(0))?,
        user_version: number("user_version")?,
        application_id: number("application_id")?,
        schema_hash: schema_hash(store)?,
        foreign_key_violations: violations(store)?,
        migrations: migrations.into_iter().map(|id| Migration { id, name: None }).collect(),
        tables,
    })
}

/// The names of the tables. What SQLite keeps for itself is none.
///
/// # Errors
/// Those of SQLite.
pub fn table_names(store: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let mut listed = store.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    listed.query_map([], |row| row.get(0))?.collect()
}

/// The tables with their rows, by name.
fn tables(store: &Connection) -> Result<Vec<TableRows>, rusqlite::Error> {
    let counted = |name: String| {
        let rows = rows(store, &name)?;
        Ok(TableRows { schema: "main".to_owned(), name, rows, newest_row: None })
    };
    table_names(store)?.into_iter().map(counted).collect()
}

/// How many rows a table has.
///
/// # Errors
/// Those of SQLite.
pub fn rows(store: &Connection, table: &str) -> Result<u64, rusqlite::Error> {
    let count = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
    let rows: i64 = store.query_one(&count, [], |row| row.get(0))?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

fn newest(store: &Connection, column: &Freshness) -> Result<Option<jiff::Timestamp>, rusqlite::Error> {
    let query = format!("SELECT max({}) FROM {}", column.column.quoted(), column.table.quoted());
    let text: Option<String> = store.query_one(&query, [], |row| row.get(0))?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// How many rows refer to rows that are not there.
///
/// # Errors
/// Those of SQLite.
pub fn violations(store: &Connection) -> Result<u64, rusqlite::Error> {
    let count: i64 =
        store.query_one("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The migrations that are applied, oldest first; empty where it is not known how to read them, or there are none yet.
///
/// # Errors
/// Those of SQLite.
pub fn migrations(store: &Connection, applied: &AppliedMigrations) -> Result<Vec<String>, rusqlite::Error> {
    let query = match applied {
        AppliedMigrations::Unknown => return Ok(Vec::new()),
        AppliedMigrations::Table { table, .. } if !store.table_exists(None, table.as_str())? => {
            return Ok(Vec::new());
        }
        AppliedMigrations::Table { table, id, .. } => {
            format!("SELECT {0} FROM {1} ORDER BY {0}", id.quoted(), table.quoted())
        }
        AppliedMigrations::Query(query) => query.clone(),
    };
    let mut rows = store.prepare(&query)?;
    let text = |value: Value| match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => hex::encode(bytes),
        Value::Null => String::new(),
    };
    let migrations = rows.query_map([], |row| row.get(0).map(text))?;
    migrations.collect()
}

/// A hash of the schema.
///
/// # Errors
/// Those of SQLite.
pub fn schema_hash(store: &Connection) -> Result<String, rusqlite::Error> {
    let mut rows =
        store.prepare("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY 1, 2")?;
    let mut hash = Sha256::new();
    let mut found = rows.query([])?;
    while let Some(row) = found.next()? {
        for column in 0..4 {
            hash.update(row.get::<_, String>(column)?);
            hash.update([0]);
        }
    }
    Ok(hex::encode(hash.finalize()))
}
