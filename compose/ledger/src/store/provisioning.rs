//! Items that are provisioned from files: the table follows what the files say.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{LOCK_PROVISIONING, Store, StoreError};

/// One file's content under its name without the ending.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) body: Value,
}

/// What a reload did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reloaded {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) removed: u64,
}

impl Store {
    /// Makes the table hold exactly `items`; `None` if another instance is at it.
    pub(crate) async fn reload_provisioning(&self, items: &[Item]) -> Result<Option<Reloaded>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        // Bound to the transaction, so that a pooled session cannot keep it.
        let sql = "SELECT pg_try_advisory_xact_lock($1, 0)";
        if !transaction.query_one(sql, &[&LOCK_PROVISIONING]).await?.get::<_, bool>(0) {
            return Ok(None);
        }
        let mut counts = Reloaded::default();
        for item in items {
            let checksum = hex::encode(Sha256::digest(item.body.to_string()));
            let sql = "SELECT checksum FROM provisioned_items WHERE name = $1";
            let before = transaction.query_opt(sql, &[&item.name]).await?;
            match before.map(|row| row.get::<_, String>(0) == checksum) {
                Some(true) => counts.unchanged += 1,
                Some(false) => counts.updated += 1,
                None => counts.created += 1,
            }
            let sql = "INSERT INTO provisioned_items (name, body, checksum) VALUES ($1, $2, $3)
                       ON CONFLICT (name) DO UPDATE
                           SET body = excluded.body, checksum = excluded.checksum, updated_at = now()
                           WHERE provisioned_items.checksum <> excluded.checksum";
            transaction.execute(sql, &[&item.name, &item.body, &checksum]).await?;
        }
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        let sql = "DELETE FROM provisioned_items WHERE name <> ALL ($1)";
        counts.removed = transaction.execute(sql, &[&names]).await?;
        transaction.commit().await?;
        Ok(Some(counts))
    }
}
