//! The job queue. A job is taken by a *session* advisory lock, so a worker that dies lets go of it at once.
//! That needs a server connection of one's own: transaction poolers break it.

use tokio_postgres::{Client, Statement};

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
    waiting: Statement,
    lock: Statement,
    is_waiting: Statement,
    finish: Statement,
    fail: Statement,
    unlock: Statement,
}

const WAITING: &str = "SELECT id, queue, record_id FROM jobs WHERE status = 'queued' ORDER BY id LIMIT $1";
const IS_WAITING: &str = "SELECT 1 FROM jobs WHERE id = $1 AND status = 'queued'";
const FAIL: &str = "UPDATE jobs SET status = 'failed', error = $2, finished_at = now() WHERE id = $1";

/// Ends a job and notes what it proved. The casts give the parameters types also where nothing uses them.
const FINISH: &str = "WITH done AS (
         UPDATE jobs SET status = 'done', finished_at = now() WHERE id = $1),
     proven AS (SELECT $2::text AS record_id, $3::integer AS position, $4::text AS hash)
     UPDATE records r SET verified_at = now() FROM proven p
     WHERE r.id = p.record_id AND r.entries = p.position";

/// From the third migration on, the end of the proven chain is kept.
const FINISH_WITH_CHECKPOINT: &str = "WITH done AS (
         UPDATE jobs SET status = 'done', finished_at = now() WHERE id = $1),
     proven AS (SELECT $2::text AS record_id, $3::integer AS position, $4::text AS hash),
     checkpoint AS (
         INSERT INTO vault_checkpoints (record_id, position, hash) SELECT * FROM proven
         ON CONFLICT (record_id) DO UPDATE
             SET position = excluded.position, hash = excluded.hash, updated_at = now()
             WHERE vault_checkpoints.position <= excluded.position)
     UPDATE records r SET verified_at = now() FROM proven p
     WHERE r.id = p.record_id AND r.entries = p.position";

impl<'a> Queue<'a> {
    /// Prepares the statements of a release that ships `schema` migrations.
    pub(crate) async fn open(client: &'a Client, schema: u32) -> Result<Self, StoreError> {
        let finish = if schema >= 3 { FINISH_WITH_CHECKPOINT } else { FINISH };
        Ok(Self {
            client,
            waiting: client.prepare(WAITING).await?,
            lock: client.prepare("SELECT pg_try_advisory_lock($1)").await?,
            is_waiting: client.prepare(IS_WAITING).await?,
            finish: client.prepare(finish).await?,
            fail: client.prepare(FAIL).await?,
            unlock: client.prepare("SELECT pg_advisory_unlock($1)").await?,
        })
    }

    /// The oldest jobs that are waiting, taken by some other worker or not.
    pub(crate) async fn waiting(&self) -> Result<Vec<Job>, StoreError> {
        let rows = self.client.query(&self.waiting, &[&BATCH]).await?;
        Ok(rows.iter().map(|row| Job { id: row.get(0), queue: row.get(1), record_id: row.get(2) }).collect())
    }

    /// Takes a job, unless another worker has it or has just done it.
    pub(crate) async fn take(&self, job: &Job) -> Result<bool, StoreError> {
        if !self.client.query_one(&self.lock, &[&(LOCK_BASE + job.id)]).await?.get::<_, bool>(0) {
            return Ok(false);
        }
        let waiting = self.client.query_opt(&self.is_waiting, &[&job.id]).await?.is_some();
        if !waiting {
            self.release(job).await?;
        }
        Ok(waiting)
    }

    /// Records that the chain of the job's record is sound up to `tip`, and ends the job.
    pub(crate) async fn finish(&self, job: &Job, tip: &Tip) -> Result<(), StoreError> {
        self.client.execute(&self.finish, &[&job.id, &job.record_id, &tip.position, &tip.hash]).await?;
        self.release(job).await
    }

    /// Ends the job as failed; it is not tried again.
    pub(crate) async fn fail(&self, job: &Job, error: &str) -> Result<(), StoreError> {
        self.client.execute(&self.fail, &[&job.id, &error]).await?;
        self.release(job).await
    }

    async fn release(&self, job: &Job) -> Result<(), StoreError> {
        self.client.execute(&self.unlock, &[&(LOCK_BASE + job.id)]).await?;
        Ok(())
    }
}
