//! Records: written together with the first entry of their vault chain and a job for the worker.

use serde_json::Value;
use tokio_postgres::Row;

use super::{CHANNEL_JOBS, Store, StoreError, from_system_time, to_system_time, vault};
use crate::vault::{
    chain::{Draft, Entry, Tip},
    signing::Signer,
};

/// A record to be written.
pub(crate) struct NewRecord {
    pub(crate) kind: String,
    pub(crate) payload: Value,
    /// The client's own name for the record, by which a repeated request is recognised.
    pub(crate) client_id: Option<String>,
}

pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) payload: Value,
    pub(crate) client_id: Option<String>,
    pub(crate) entries: i32,
    /// Microseconds since the Unix epoch, as all times here.
    pub(crate) created_at: i64,
    pub(crate) verified_at: Option<i64>,
}

/// What became of a request to write a record.
pub(crate) enum Inserted {
    Created {
        id: String,
        seq: i64,
    },
    /// The client id is taken, by this record.
    Duplicate {
        id: String,
        seq: i64,
    },
}

const COLUMNS: &str = "id, seq, kind, payload, client_id, entries, created_at, verified_at";

const INSERT: &str = "INSERT INTO records (id, kind, payload, client_id, entries, created_at)
    VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (client_id) DO NOTHING RETURNING seq";

/// From the second migration on, records carry a digest of their payload.
const INSERT_WITH_DIGEST: &str =
    "INSERT INTO records (id, kind, payload, client_id, entries, created_at, payload_sha256)
    VALUES ($1, $2, $3::jsonb, $4, 1, $5, encode(sha256(convert_to(($3::jsonb)::text, 'UTF8')), 'hex'))
    ON CONFLICT (client_id) DO NOTHING RETURNING seq";

const INSERT_KIND: &str =
    "INSERT INTO kinds (kind, first_seen_at) VALUES ($1, $2) ON CONFLICT (kind) DO NOTHING";

impl Store {
    /// Writes the record, its first vault entry and its job in one transaction, and returns after the commit.
    pub(crate) async fn insert_record(
        &self,
        new: NewRecord,
        signer: &Signer,
    ) -> Result<Inserted, StoreError> {
        let id = random_id()?;
        let created_at = super::now();
        let time = to_system_time(created_at);
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let insert = if self.schema >= 2 { INSERT_WITH_DIGEST } else { INSERT };
        let insert = transaction.prepare_cached(insert).await?;
        let row =
            transaction.query_opt(&insert, &[&id, &new.kind, &new.payload, &new.client_id, &time]).await?;
        let Some(row) = row else {
            let sql = "SELECT id, seq FROM records WHERE client_id = $1";
            let row = transaction.query_one(sql, &[&new.client_id]).await?;
            return Ok(Inserted::Duplicate { id: row.get(0), seq: row.get(1) });
        };
        if self.schema >= 2 {
            let statement = transaction.prepare_cached(INSERT_KIND).await?;
            transaction.execute(&statement, &[&new.kind, &time]).await?;
        }
        let body = serde_json::json!({"kind": new.kind, "payload": new.payload}).to_string();
        let draft = Draft { record_id: id.clone(), event: "created".into(), body, created_at };
        // Nobody else can know the record yet, so its chain needs no lock.
        vault::insert_entry(&transaction, &Entry::seal(draft, &Tip::origin(), signer)).await?;
        let sql = "INSERT INTO jobs (queue, record_id) VALUES ('records.verify', $1)";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&id]).await?;
        transaction.batch_execute(&format!("NOTIFY {CHANNEL_JOBS}")).await?;
        transaction.commit().await?;
        Ok(Inserted::Created { id, seq: row.get(0) })
    }

    pub(crate) async fn record(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let client = self.client().await?;
        let statement =
            client.prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE id = $1")).await?;
        Ok(client.query_opt(&statement, &[&id]).await?.map(|row| Record::from(&row)))
    }

    /// Records behind `after` in the order they were written, at most `limit`.
    pub(crate) async fn records_after(&self, after: i64, limit: i64) -> Result<Vec<Record>, StoreError> {
        let client = self.client().await?;
        let sql = format!("SELECT {COLUMNS} FROM records WHERE seq > $1 ORDER BY seq LIMIT $2");
        let statement = client.prepare_cached(&sql).await?;
        Ok(client.query(&statement, &[&after, &limit]).await?.iter().map(Record::from).collect())
    }

    pub(crate) async fn count_records(&self) -> Result<i64, StoreError> {
        Ok(self.client().await?.query_one("SELECT count(*) FROM records", &[]).await?.get(0))
    }
}

impl From<&Row> for Record {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            seq: row.get(1),
            kind: row.get(2),
            payload: row.get(3),
            client_id: row.get(4),
            entries: row.get(5),
            created_at: from_system_time(row.get(6)),
            verified_at: row.get::<_, Option<_>>(7).map(from_system_time),
        }
    }
}

fn random_id() -> Result<String, getrandom::Error> {
    let mut random = [0; 12];
    getrandom::fill(&mut random)?;
    Ok(format!("rec_{}", hex::encode(random)))
}
