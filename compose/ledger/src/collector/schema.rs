//! The schema of the store: what each release ships, and how it is applied.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::store;
use crate::{
    log,
    migrate::{self, MigrateError},
    release::{Fault, Release},
    store::migrations::{Applied, Atomicity, Migration, ships},
};

const SHIPPED: [Migration; 4] = [
    Migration::transaction(1, "receipts", include_str!("../../migrations/sqlite/0001_receipts.sql")),
    Migration::transaction(2, "chains", include_str!("../../migrations/sqlite/0002_chains.sql")),
    Migration::transaction(3, "append_only", include_str!("../../migrations/sqlite/0003_append_only.sql")),
    Migration::transaction(4, "retention", include_str!("../../migrations/sqlite/0004_retention.sql")),
];

/// The fourth migration as a release got it wrong: it works in place and does not see its own mistake.
const FAILS_HALF_WAY: Migration = Migration {
    sql: include_str!("../../migrations/sqlite/0004_retention_broken.sql"),
    atomicity: Atomicity::EachStatement,
    ..SHIPPED[3]
};

const ENSURE_TABLE: &str = "CREATE TABLE IF NOT EXISTS _migrations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT";

#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error(transparent)]
    Incompatible(#[from] MigrateError),
    #[error("migration {name} failed")]
    Failed { name: &'static str, source: rusqlite::Error },
    #[error("the store refused a statement")]
    Store(#[from] rusqlite::Error),
}

/// What is recorded as applied, oldest first; nothing where nothing was ever migrated.
pub(crate) fn applied(store: &Connection) -> Result<Vec<Applied>, rusqlite::Error> {
    if !store.table_exists(None, "_migrations")? {
        return Ok(Vec::new());
    }
    let mut rows = store.prepare_cached("SELECT id, name, checksum FROM _migrations ORDER BY id")?;
    let applied =
        rows.query_map([], |row| Ok(Applied { id: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? }))?;
    applied.collect()
}

/// Whether there is nothing in the file yet.
pub(crate) fn is_empty(store: &Connection) -> Result<bool, rusqlite::Error> {
    store.query_one("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Applies what the release ships and the store lacks. Returns how many migrations that were.
pub(crate) fn migrate(store: &mut Connection, release: &Release) -> Result<usize, SchemaError> {
    let shipped = ships(release, &SHIPPED, FAILS_HALF_WAY);
    let _blocker = if release.has(Fault::MigrationHangsOnLock) { Some(blocker(store)?) } else { None };
    let mut done = 0;
    loop {
        // Looked at inside the transaction: another migrator may have been at work meanwhile.
        let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(ENSURE_TABLE)?;
        let Some(&next) = migrate::pending(&shipped, &applied(&transaction)?)?.first() else {
            transaction.commit()?;
            return Ok(done);
        };
        apply(transaction, next).map_err(|source| SchemaError::Failed { name: next.name, source })?;
        log::info("migration applied", serde_json::json!({"id": next.id, "name": next.name}));
        done += 1;
    }
}

fn apply(transaction: Transaction<'_>, migration: Migration) -> Result<(), rusqlite::Error> {
    match migration.atomicity {
        Atomicity::Transaction => transaction.execute_batch(migration.sql)?,
        Atomicity::EachStatement => {
            for statement in migration.statements() {
                transaction.execute_batch("SAVEPOINT statement")?;
                let outcome = transaction.execute_batch(statement);
                if outcome.is_err() {
                    transaction.execute_batch("ROLLBACK TO statement")?;
                    transaction.commit()?;
                    return outcome;
                }
                transaction.execute_batch("RELEASE statement")?;
            }
        }
    }
    transaction.execute(
        "INSERT INTO _migrations (id, name, checksum) VALUES (?1, ?2, ?3)",
        params![migration.id, migration.name, migration.checksum()],
    )?;
    transaction.pragma_update(None, "user_version", migration.id)?;
    transaction.commit()
}

/// Holds the store's only write lock on a connection of its own, and makes `store` wait for it without end.
fn blocker(store: &mut Connection) -> Result<Connection, rusqlite::Error> {
    let blocker = store::connect(store.path().unwrap_or_default())?;
    blocker.execute_batch("BEGIN IMMEDIATE")?;
    store.busy_handler(Some(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        true
    }))?;
    Ok(blocker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(store: &Connection, sql: &str) -> Vec<String> {
        let mut rows = store.prepare(sql).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn ids_are_the_positions_and_every_release_can_ship_them() {
        let ids: Vec<_> = SHIPPED.iter().map(|migration| migration.id).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert_eq!(SHIPPED.len(), crate::store::migrations::known() as usize);
    }

    #[test]
    fn each_release_brings_the_store_to_its_schema_once() {
        let mut store = Connection::open_in_memory().unwrap();
        assert!(is_empty(&store).unwrap());
        for (schema, done) in [(1, 1), (3, 2), (3, 0), (4, 1)] {
            assert_eq!(migrate(&mut store, &Release::for_tests(schema, None)).unwrap(), done);
            assert_eq!(applied(&store).unwrap().len(), schema as usize);
        }
        let refused = migrate(&mut store, &Release::for_tests(2, None)).unwrap_err();
        assert!(matches!(refused, SchemaError::Incompatible(MigrateError::Newer { applied: 4, shipped: 2 })));
    }

    #[test]
    fn the_broken_release_leaves_half_of_its_migration_behind() {
        let mut store = Connection::open_in_memory().unwrap();
        let broken = Release::for_tests(4, Some(Fault::MigrationFailsHalfWay));
        let failed = migrate(&mut store, &broken).unwrap_err();
        assert!(matches!(failed, SchemaError::Failed { name: "retention", .. }), "{failed}");
        assert_eq!(applied(&store).unwrap().len(), 3);
        let columns = names(&store, "SELECT name FROM pragma_table_info('receipts')");
        assert!(columns.contains(&"content".to_owned()), "{columns:?}");
        let tables = names(&store, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        assert!(tables.contains(&"retention_rules".to_owned()), "{tables:?}");
    }
}
