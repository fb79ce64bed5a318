//! The vault's tables: entries, signing keys, and the walk over all of them.

use deadpool_postgres::Transaction;
use tokio_postgres::{IsolationLevel, Row};

use super::{CHANNEL_JOBS, LOCK_CHAIN, Store, StoreError, from_system_time, to_system_time};
use crate::vault::{
    chain::{Draft, Entry, Keys, Tip},
    scan::{Findings, Link, Walk},
    signing::{ALGORITHM, Signer, Verifier},
};

/// Entries read at a time: the server's statement timeout is meant for requests, and memory is bounded.
const PAGE: i64 = 2000;

const COLUMNS: &str =
    "record_id, position, event, body, previous_hash, hash, signature, key_id, v.created_at";

impl Store {
    /// Appends an entry to the chain of a record; `None` where there is no such record.
    pub(crate) async fn append_entry(
        &self,
        draft: Draft,
        signer: &Signer,
    ) -> Result<Option<Entry>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCK_CHAIN, &draft.record_id])
            .await?;
        let sql = "UPDATE records SET entries = entries + 1, verified_at = NULL WHERE id = $1";
        if transaction.execute(sql, &[&draft.record_id]).await? == 0 {
            return Ok(None);
        }
        let sql = "SELECT position, hash FROM vault_entries WHERE record_id = $1
                   ORDER BY position DESC LIMIT 1";
        let tip = transaction
            .query_opt(sql, &[&draft.record_id])
            .await?
            .map_or_else(Tip::origin, |row| Tip { position: row.get(0), hash: row.get(1) });
        let entry = Entry::seal(draft, &tip, signer);
        insert_entry(&transaction, &entry).await?;
        let sql = "INSERT INTO jobs (queue, record_id) VALUES ('records.verify', $1)";
        transaction.execute(sql, &[&entry.record_id]).await?;
        transaction.batch_execute(&format!("NOTIFY {CHANNEL_JOBS}")).await?;
        transaction.commit().await?;
        Ok(Some(entry))
    }

    /// The chain of one record, from its first entry.
    pub(crate) async fn chain(&self, record_id: &str) -> Result<Vec<Entry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM vault_entries v WHERE record_id = $1 ORDER BY position");
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await?;
        Ok(client.query(&statement, &[&record_id]).await?.iter().map(entry).collect())
    }

    /// All public keys that entries may be signed with.
    pub(crate) async fn vault_keys(&self) -> Result<Keys, StoreError> {
        let rows =
            self.client().await?.query("SELECT key_id, public_key FROM vault_signing_keys", &[]).await?;
        Ok(rows.iter().filter_map(|row| Some((row.get(0), Verifier::parse(row.get(1))?))).collect())
    }

    /// Makes the signer's key the active one, if it is not: the one before it is retired.
    pub(crate) async fn activate_signing_key(&self, signer: &Signer) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let sql = "SELECT 1 FROM vault_signing_keys WHERE key_id = $1 AND status = 'active'";
        if client.query_opt(sql, &[&signer.key_id]).await?.is_some() {
            return Ok(false);
        }
        let transaction = client.transaction().await?;
        transaction
            .execute(
                "UPDATE vault_signing_keys SET status = 'retired', retired_at = now()
                 WHERE status = 'active' AND key_id <> $1",
                &[&signer.key_id],
            )
            .await?;
        transaction
            .execute(
                "INSERT INTO vault_signing_keys (key_id, public_key, algorithm, status)
                 VALUES ($1, $2, $3, 'active')
                 ON CONFLICT (key_id) DO UPDATE SET status = 'active', retired_at = NULL",
                &[&signer.key_id, &signer.public_key(), &ALGORITHM],
            )
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Walks every chain in one snapshot, and calls `progress` after each page with what was found so far.
    pub(crate) async fn scan_vault(
        &self,
        mut progress: impl FnMut(Findings) + Send,
    ) -> Result<Findings, StoreError> {
        let mut walk = Walk::new(self.vault_keys().await?);
        let mut client = self.client().await?;
        let snapshot = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let sql = format!(
            "SELECT {COLUMNS}, r.entries,
                    v.position > 1 OR r.payload IS NOT DISTINCT FROM v.body::jsonb -> 'payload'
             FROM vault_entries v JOIN records r ON r.id = v.record_id
             WHERE (v.record_id, v.position) > ($1, $2)
             ORDER BY v.record_id, v.position LIMIT $3"
        );
        let statement = snapshot.prepare(&sql).await?;
        let mut behind = (String::new(), 0);
        loop {
            let rows = snapshot.query(&statement, &[&behind.0, &behind.1, &PAGE]).await?;
            let Some(last) = rows.last() else { break };
            behind = (last.get(0), last.get(1));
            for row in &rows {
                walk.visit(&Link { entry: entry(row), expected: row.get(9), payload_matches: row.get(10) });
            }
            progress(walk.so_far());
        }
        let sql = "SELECT id FROM records r
                   WHERE NOT EXISTS (SELECT 1 FROM vault_entries v WHERE v.record_id = r.id)";
        for row in snapshot.query(sql, &[]).await? {
            walk.visit_empty(row.get(0));
        }
        Ok(walk.finish())
    }
}

pub(super) async fn insert_entry(transaction: &Transaction<'_>, entry: &Entry) -> Result<(), StoreError> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO vault_entries
                 (record_id, position, event, body, previous_hash, hash, signature, key_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &entry.record_id,
                &entry.position,
                &entry.event,
                &entry.body,
                &entry.previous_hash,
                &entry.hash,
                &entry.signature,
                &entry.key_id,
                &to_system_time(entry.created_at),
            ],
        )
        .await?;
    Ok(())
}

fn entry(row: &Row) -> Entry {
    Entry {
        record_id: row.get(0),
        position: row.get(1),
        event: row.get(2),
        body: row.get(3),
        previous_hash: row.get(4),
        hash: row.get(5),
        signature: row.get(6),
        key_id: row.get(7),
        created_at: from_system_time(row.get(8)),
    }
}
