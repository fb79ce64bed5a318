//! The job queue. A job is taken by a *session* advisory lock, so a worker that dies lets go of it at once.
//! That needs a server connection of one's own: transaction poolers break it.

use tokio_postgres::Client;

use super::StoreError;
use crate::vault::chain::Tip;

/// Jobs are locked by their id, moved out of the way of other one-argument locks.
const LOCK_BASE: i64 = 7203 << 40;

/// Jobs looked at in one round.
const BATCH: i64 = 50;

pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) queue: String,
    pub(crate) record_id: String,
}

/// The queue as seen by one session.
pub(crate) struct Queue<'a> {
    client: &'a Client,
    /// How many migrations this release ships.
    schema: u32,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(client: &'a Client, schema: u32) -> Self {
        Self { client, schema }
    }

    /// The oldest jobs that are waiting, taken by some other worker or not.
    pub(crate) async fn waiting(&self) -> Result<Vec<Job>, StoreError> {
        let sql = "SELECT id, queue, record_id FROM jobs WHERE status = 'queued' ORDER BY id LIMIT $1";
        let rows = self.client.query(sql, &[&BATCH]).await?;
        Ok(rows.iter().map(|row| Job { id: row.get(0), queue: row.get(1), record_id: row.get(2) }).collect())
    }

    /// Takes a job, unless another worker has it or has just done it.
    pub(crate) async fn take(&self, job: &Job) -> Result<bool, StoreError> {
        let sql = "SELECT pg_try_advisory_lock($1)";
        if !self.client.query_one(sql, &[&(LOCK_BASE + job.id)]).await?.get::<_, bool>(0) {
            return Ok(false);
        }
        let sql = "SELECT 1 FROM jobs WHERE id = $1 AND status = 'queued'";
        let waiting = self.client.query_opt(sql, &[&job.id]).await?.is_some();
        if !waiting {
            self.release(job).await?;
        }
        Ok(waiting)
    }

    /// Records that the chain of the job's record is sound up to `tip`, and ends the job.
    pub(crate) async fn finish(&self, job: &Job, tip: &Tip) -> Result<(), StoreError> {
        let checkpoint = if self.schema >= 3 {
            "checkpoint AS (
                 INSERT INTO vault_checkpoints (record_id, position, hash) SELECT $2::text, $3::integer, $4::text FROM done
                 ON CONFLICT (record_id) DO UPDATE
                     SET position = excluded.position, hash = excluded.hash, updated_at = now()
                     WHERE vault_checkpoints.position <= excluded.position)"
        } else {
            // The parameters must have types also where nothing uses them.
            "checkpoint AS (SELECT $2::text, $3::integer, $4::text)"
        };
        let sql = format!(
            "WITH done AS (
                 UPDATE jobs SET status = 'done', finished_at = now() WHERE id = $1 RETURNING id),
             {checkpoint}
             UPDATE records SET verified_at = now() WHERE id = $2 AND entries = $3"
        );
        self.client.execute(&sql, &[&job.id, &job.record_id, &tip.position, &tip.hash]).await?;
        self.release(job).await
    }

    /// Ends the job as failed; it is not tried again.
    pub(crate) async fn fail(&self, job: &Job, error: &str) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET status = 'failed', error = $2, finished_at = now() WHERE id = $1";
        self.client.execute(sql, &[&job.id, &error]).await?;
        self.release(job).await
    }

    async fn release(&self, job: &Job) -> Result<(), StoreError> {
        self.client.execute("SELECT pg_advisory_unlock($1)", &[&(LOCK_BASE + job.id)]).await?;
        Ok(())
    }
}
