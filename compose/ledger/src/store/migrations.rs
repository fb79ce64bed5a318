//! The migrations that releases ship, and what a database says of those that were applied.

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, error::SqlState};

use super::{LOCK_MIGRATE, Store, StoreError};
use crate::release::{Fault, Release};

/// One forward-only change of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) id: i32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) atomicity: Atomicity,
}

/// Whether a migration is one transaction or commits after each statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Atomicity {
    Transaction,
    EachStatement,
}

/// A row of `_migrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

const SHIPPED: [Migration; 4] = [
    Migration::transaction(1, "initial", include_str!("../../migrations/0001_initial.sql")),
    Migration::transaction(2, "record_digests", include_str!("../../migrations/0002_record_digests.sql")),
    Migration::transaction(
        3,
        "vault_checkpoints",
        include_str!("../../migrations/0003_vault_checkpoints.sql"),
    ),
    Migration::transaction(4, "retention", include_str!("../../migrations/0004_retention.sql")),
];

/// The fourth migration as a release got it wrong: it works in place and does not see its own mistake.
const FAILS_HALF_WAY: Migration = Migration {
    sql: include_str!("../../migrations/0004_retention_broken.sql"),
    atomicity: Atomicity::EachStatement,
    ..SHIPPED[3]
};

impl Migration {
    pub(crate) const fn transaction(id: i32, name: &'static str, sql: &'static str) -> Self {
        Self { id, name, sql, atomicity: Atomicity::Transaction }
    }

    /// SHA-256 of the SQL text, hex.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }

    pub(crate) fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
    }
}

/// How many migrations this binary knows.
pub(crate) const fn known() -> u32 {
    4
}

/// The migrations that `release` ships, in the order of their ids.
pub(crate) fn shipped_by(release: &Release) -> Vec<Migration> {
    ships(release, &SHIPPED, FAILS_HALF_WAY)
}

/// What `release` ships of `known`; one whose migration fails half-way ships `broken` in the place of its good form.
pub(crate) fn ships(release: &Release, known: &[Migration], broken: Migration) -> Vec<Migration> {
    let shipped = known.iter().take(release.schema as usize);
    let in_release = |migration: &Migration| match release.fault {
        Some(Fault::MigrationFailsHalfWay) if migration.id == broken.id => broken,
        _ => *migration,
    };
    shipped.map(in_release).collect()
}

impl Store {
    /// What is recorded as applied; nothing where nothing was ever migrated.
    pub(crate) async fn applied_migrations(&self) -> Result<Vec<Applied>, StoreError> {
        Ok(applied(&**self.client().await?).await?)
    }
}

pub(crate) async fn applied(client: &Client) -> Result<Vec<Applied>, tokio_postgres::Error> {
    let rows = match client.query("SELECT id, name, checksum FROM _migrations ORDER BY id", &[]).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(Vec::new()),
        rows => rows?,
    };
    Ok(rows.iter().map(|row| Applied { id: row.get(0), name: row.get(1), checksum: row.get(2) }).collect())
}

/// Prepares the session: the server's own limits are meant for requests, not for migrations.
pub(crate) async fn set_limits(
    client: &Client,
    statement_timeout: &str,
    lock_timeout: &str,
) -> Result<(), tokio_postgres::Error> {
    let settings = [
        ("statement_timeout", statement_timeout),
        ("lock_timeout", lock_timeout),
        ("idle_in_transaction_session_timeout", "0"),
    ];
    for (name, value) in settings {
        client.execute("SELECT set_config($1, $2, false)", &[&name, &value]).await?;
    }
    Ok(())
}

/// Takes the lock that serialises migrators, if it is free. It is held until the session ends.
pub(crate) async fn try_lock(client: &Client) -> Result<bool, tokio_postgres::Error> {
    Ok(client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK_MIGRATE]).await?.get(0))
}

pub(crate) async fn ensure_table(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS _migrations (
                 id integer PRIMARY KEY,
                 name text NOT NULL,
                 checksum text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )",
        )
        .await
}

/// Applies one migration and records it.
pub(crate) async fn apply(client: &mut Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    match migration.atomicity {
        Atomicity::Transaction => {
            let transaction = client.transaction().await?;
            transaction.batch_execute(migration.sql).await?;
            transaction.execute(RECORD, &[&migration.id, &migration.name, &migration.checksum()]).await?;
            transaction.commit().await
        }
        Atomicity::EachStatement => {
            for statement in migration.statements() {
                client.batch_execute(statement).await?;
            }
            client.execute(RECORD, &[&migration.id, &migration.name, &migration.checksum()]).await.map(|_| ())
        }
    }
}

const RECORD: &str = "INSERT INTO _migrations (id, name, checksum) VALUES ($1, $2, $3)";

/// Holds a lock on `records` that every change of its columns conflicts with, until the client is dropped.
pub(crate) async fn hold_conflicting_lock(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("BEGIN; LOCK TABLE records IN ACCESS SHARE MODE").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_positions_and_all_are_known() {
        assert_eq!(SHIPPED.len(), known() as usize);
        let ids: Vec<_> = SHIPPED.iter().map(|migration| migration.id).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
    }

    #[test]
    fn a_release_ships_as_many_as_it_says() {
        assert_eq!(shipped_by(&Release::for_tests(2, None)), SHIPPED[..2]);
    }

    #[test]
    fn only_the_broken_release_ships_the_broken_migration_under_another_checksum() {
        let broken = shipped_by(&Release::for_tests(4, Some(Fault::MigrationFailsHalfWay)));
        assert_eq!(broken[..3], SHIPPED[..3]);
        assert_eq!(broken[3].atomicity, Atomicity::EachStatement);
        assert_ne!(broken[3].checksum(), SHIPPED[3].checksum());
        assert!(broken[3].statements().count() > 3);
    }
}
