//! What operators and support ask of the database.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Store, StoreError};

/// The state of the job queue.
pub(crate) struct QueueCounts {
    pub(crate) queued: i64,
    pub(crate) done: i64,
    pub(crate) failed: i64,
}

impl Store {
    /// How long the server takes to answer.
    pub(crate) async fn latency(&self) -> Result<Duration, StoreError> {
        let client = self.client().await?;
        let start = Instant::now();
        client.simple_query("SELECT 1").await?;
        Ok(start.elapsed())
    }

    pub(crate) async fn queue_counts(&self) -> Result<QueueCounts, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE status = 'queued'),
                          count(*) FILTER (WHERE status = 'done'),
                          count(*) FILTER (WHERE status = 'failed') FROM jobs";
        let row = self.client().await?.query_one(sql, &[]).await?;
        Ok(QueueCounts { queued: row.get(0), done: row.get(1), failed: row.get(2) })
    }

    /// The server's version as it says it itself.
    pub(crate) async fn server_version(&self) -> Result<String, StoreError> {
        Ok(self.client().await?.query_one("SHOW server_version", &[]).await?.get(0))
    }

    /// Size in bytes and estimated rows of each table.
    pub(crate) async fn table_sizes(&self) -> Result<Vec<Value>, StoreError> {
        let sql = "SELECT relname::text, pg_total_relation_size(relid), n_live_tup
                   FROM pg_stat_user_tables ORDER BY 1";
        let rows = self.client().await?.query(sql, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let (table, bytes, rows): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
                json!({"table": table, "bytes": bytes, "rowsEstimated": rows})
            })
            .collect())
    }
}
