//! The table of API keys; see [`crate::api_key`] for what it holds of them.

use serde::Serialize;

use super::{CHANNEL_API_KEYS, Store, StoreError};
use crate::api_key::{BrokenSeal, Secrets, StoredKey};

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything, the admin routes included.
    Platform,
    /// Write and read records.
    Enterprise,
    /// Write and read records.
    Agent,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Platform, Self::Enterprise, Self::Agent];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Enterprise => "enterprise",
            Self::Agent => "agent",
        }
    }
}

/// How many keys a rehash found and moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rehashed {
    pub(crate) total: u64,
    pub(crate) moved: u64,
    /// Those that were under the current secret before.
    pub(crate) already: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RehashError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "API key {id} is under a secret that is neither API_KEY_SECRET nor API_KEY_SECRET_PREVIOUS; nothing was changed"
    )]
    UnknownSecret { id: i64 },
    #[error("API key {id} cannot be moved; nothing was changed")]
    Broken { id: i64, source: BrokenSeal },
}

impl From<tokio_postgres::Error> for RehashError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The role of the key with one of these hashes, unless it is revoked.
    pub(crate) async fn role_of_key(&self, hashes: &[String]) -> Result<Option<Role>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT role FROM api_keys WHERE key_hash = ANY ($1) AND NOT revoked";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&hashes]).await?;
        Ok(row.and_then(|row| {
            let name: &str = row.get(0);
            Role::ALL.into_iter().find(|role| role.name() == name)
        }))
    }

    pub(crate) async fn insert_api_key(
        &self,
        role: Role,
        name: &str,
        key: &StoredKey,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO api_keys (name, role, key_hash, key_seal, secret_id)
                   VALUES ($1, $2, $3, $4, $5)";
        let client = self.client().await?;
        client.execute(sql, &[&name, &role.name(), &key.hash, &key.seal, &key.secret_id]).await?;
        Ok(())
    }

    /// Moves all keys to the current secret, in one transaction. Running it again changes nothing.
    pub(crate) async fn rehash_api_keys(&self, secrets: &Secrets) -> Result<Rehashed, RehashError> {
        let current = secrets.current.id();
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "SELECT id, key_hash, key_seal, secret_id FROM api_keys ORDER BY id FOR UPDATE";
        let mut counts = Rehashed::default();
        for row in transaction.query(sql, &[]).await? {
            let id: i64 = row.get(0);
            let stored = StoredKey { hash: row.get(1), seal: row.get(2), secret_id: row.get(3) };
            counts.total += 1;
            if stored.secret_id == current {
                counts.already += 1;
                continue;
            }
            let previous = secrets
                .previous
                .as_ref()
                .filter(|previous| previous.id() == stored.secret_id)
                .ok_or(RehashError::UnknownSecret { id })?;
            let fingerprint =
                previous.unseal(&stored).map_err(|source| RehashError::Broken { id, source })?;
            let anew = secrets.current.store(fingerprint).map_err(StoreError::from)?;
            let sql = "UPDATE api_keys SET key_hash = $2, key_seal = $3, secret_id = $4 WHERE id = $1";
            transaction.execute(sql, &[&id, &anew.hash, &anew.seal, &anew.secret_id]).await?;
            counts.moved += 1;
        }
        transaction.batch_execute(&format!("NOTIFY {CHANNEL_API_KEYS}")).await?;
        transaction.commit().await?;
        Ok(counts)
    }

    /// How many keys that are not revoked are under each secret, by the secret's id.
    pub(crate) async fn keys_by_secret(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT secret_id, count(*) FROM api_keys WHERE NOT revoked GROUP BY 1 ORDER BY 1";
        let rows = self.client().await?.query(sql, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}
