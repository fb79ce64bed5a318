//! One operation at a time, also from two machines: a lock that the server holds for as long as a session lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::connect::connect_maintenance;
use super::error::PgError;
use super::session::Session;
use crate::model::conninfo::ConnInfo;
use crate::model::database_name::DatabaseName;

/// Between two looks at a lock that is taken.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a lock that was lost is waited for: the server may not have noticed yet that the session which held it has ended.
const RENEWAL_LIMIT: Duration = Duration::from_secs(10);

/// The lock of one operation, through all its sessions. A server that was started again has forgotten it: it is taken anew
/// before the server is asked for anything else.
#[derive(Clone, Default)]
pub struct LastingLock(Arc<Mutex<Option<Taken>>>);

/// A lock, and what it takes to take it anew.
struct Taken {
    lock: OperationLock,
    database: DatabaseName,
    holder: String,
}

impl LastingLock {
    /// Takes the lock of a product's database, if it is free. Who has it already, because an operation goes on after a
    /// question, keeps it.
    ///
    /// # Errors
    /// As [`take_lock`].
    pub async fn take(&self, info: &ConnInfo, database: &DatabaseName, holder: &str) -> Result<(), PgError> {
        let mut taken = self.0.lock().await;
        if taken.as_ref().is_some_and(|taken| !taken.lock.session.is_closed()) {
            return Ok(());
        }
        let lock = take_lock(info, database, holder, Duration::ZERO).await?;
        *taken = Some(Taken { lock, database: database.clone(), holder: holder.to_owned() });
        Ok(())
    }

    /// Takes it anew if it was taken, and the session that held it has ended.
    ///
    /// # Errors
    /// As [`take_lock`]: somebody else may have taken it meanwhile.
    pub async fn renew(&self, info: &ConnInfo) -> Result<(), PgError> {
        let mut taken = self.0.lock().await;
        if let Some(taken) = taken.as_mut().filter(|taken| taken.lock.session.is_closed()) {
            taken.lock = take_lock(info, &taken.database, &taken.holder, RENEWAL_LIMIT).await?;
        }
        Ok(())
    }
}

/// The lock, held until this is dropped or its session ends.
pub struct OperationLock {
    session: Session,
}

impl OperationLock {
    /// The session that holds the lock. Once it has ended, the lock is gone.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// Takes the lock of a product's database, waiting for it at most so long.
///
/// It is taken in the maintenance database: advisory locks are kept per database, and the product's own is renamed.
/// `holder` is shown to whoever finds the lock taken; by convention `opsctl:<operation>@<host>`.
///
/// # Errors
/// [`PgError::InUse`] with the holder, if it is still taken at the end of the wait.
pub async fn take_lock(
    info: &ConnInfo,
    database: &DatabaseName,
    holder: &str,
    wait: Duration,
) -> Result<OperationLock, PgError> {
    let session = connect_maintenance(&info.with_database(database.as_str()), holder).await?;
    let doing = format!("taking the lock on operations with {database}");
    let key = lock_key(database);
    let begun = Instant::now();
    loop {
        // One that blocks would hold a snapshot while it waits.
        if session.row(&doing, "SELECT pg_try_advisory_lock($1)", &[&key]).await?.get(0) {
            return Ok(OperationLock { session });
        }
        if begun.elapsed() >= wait {
            let held = held_by(&session, database).await?;
            let reason = held.unwrap_or_else(|| "it was held until just now".to_owned());
            return Err(PgError::InUse { doing, reason });
        }
        tokio::time::sleep(PAUSE.min(wait)).await;
    }
}

/// Derived from the name alone, so that everyone who means this database computes the same.
fn lock_key(database: &DatabaseName) -> i64 {
    let digest = Sha256::digest(format!("opsctl operation on {database}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}

/// Who holds the lock of a database; asked for in the maintenance database.
///
/// # Errors
/// When the connection is lost.
pub(super) async fn held_by(session: &Session, database: &DatabaseName) -> Result<Option<String>, PgError> {
    let key = lock_key(database);
    let rows = session
        .rows(
            "asking who holds the lock",
            "SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'a local socket'), \
             a.backend_start::text FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (l.classid::bigint << 32 | l.objid::bigint) = $1",
            &[&key],
        )
        .await?;
    Ok(rows.first().map(|row| {
        let (holder, address, since): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        format!("{holder} from {address} holds it since {since}")
    }))
}
