//! Putting one database in the place of another: both renames in one transaction, against clients that come back at once.
//!
//! The first rename takes the lock on the live database, and from then on newcomers wait for it; it also waits some
//! seconds for sessions that are there already. So it is started first, and only then are those sessions ended: ended
//! before, they would be back. Nothing has to be undone after a crash, since nothing is set that outlives the transaction.

use std::time::{Duration, Instant};

use super::connect::connect_maintenance;
use super::error::PgError;
use super::server::{database_exists, terminate_clients};
use super::session::Session;
use super::whole::{comment_sql, in_use};
use crate::model::conninfo::ConnInfo;
use crate::model::database_name::{DatabaseMark, DatabaseName};
use crate::model::sql::identifier;

const TRIES: u32 = 3;
/// How long the first rename needs to be sure to hold the lock.
const HEAD_START: Duration = Duration::from_millis(150);
/// Between two rounds of ending sessions.
const PAUSE: Duration = Duration::from_millis(200);
/// One rename waits up to five seconds for sessions to end; a try holds two of them.
const TRY_LIMIT: Duration = Duration::from_secs(12);
/// Longest wait for the database's lock itself, in PostgreSQL's notation.
const LOCK_LIMIT: &str = "5s";

/// What is to be renamed.
#[derive(Debug, Clone)]
pub struct Swap {
    /// The product's database: its name is the one to fill.
    pub live: DatabaseName,
    /// What takes its place, with the comment that it gets; `None` if nothing does.
    pub incoming: Option<(DatabaseName, Option<String>)>,
    /// The name that what is live now gets, and its mark.
    pub outgoing: (DatabaseName, DatabaseMark),
}

/// How a swap went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapReport {
    /// From the start of the first try to the commit: the longest that clients could not connect.
    pub locked: Duration,
    /// How many tries it took; 0 if it had been done before.
    pub tries: u32,
    /// How many sessions were ended.
    pub terminated: usize,
}

/// Renames as told, all or nothing. That it is done already is fine.
///
/// # Errors
/// [`PgError::InUse`] with who was connected, if sessions could not be ended in three tries of bounded length; else when
/// a name is taken, or the role is not the owner of both or may not create databases. After any error nothing is renamed, except
/// after [`PgError::Lost`] where the server could not be asked again.
pub async fn swap(info: &ConnInfo, swap: &Swap, application_name: &str) -> Result<SwapReport, PgError> {
    let helper = connect_maintenance(&info.with_database(swap.live.as_str()), application_name).await?;
    if is_done(&helper, swap).await? {
        return Ok(SwapReport { locked: Duration::ZERO, tries: 0, terminated: 0 });
    }
    let mut terminated = 0;
    let mut tries = 0;
    let begun = Instant::now();
    loop {
        tries += 1;
        match attempt(info, &helper, swap, application_name, &mut terminated).await {
            Ok(()) => return Ok(SwapReport { locked: begun.elapsed(), tries, terminated }),
            // Only the answer may have been lost.
            Err(error @ PgError::Lost { .. }) => {
                let fresh =
                    connect_maintenance(&info.with_database(swap.live.as_str()), application_name).await;
                return match fresh {
                    Ok(fresh) if is_done(&fresh, swap).await? => {
                        Ok(SwapReport { locked: begun.elapsed(), tries, terminated })
                    }
                    _ => Err(error),
                };
            }
            Err(error) if tries < TRIES && was_in_use(&error) => {}
            Err(error) if was_in_use(&error) => {
                return Err(in_use(&helper, &doing(swap), &involved(swap)).await);
            }
            Err(error) => return Err(error),
        }
    }
}

fn doing(swap: &Swap) -> String {
    match &swap.incoming {
        Some((incoming, _)) => format!("swapping {incoming} in as {}", swap.live),
        None => format!("renaming {} to {}", swap.live, swap.outgoing.0),
    }
}

fn involved(swap: &Swap) -> Vec<&DatabaseName> {
    std::iter::once(&swap.live).chain(swap.incoming.as_ref().map(|(name, _)| name)).collect()
}

async fn is_done(session: &Session, swap: &Swap) -> Result<bool, PgError> {
    if !database_exists(session, &swap.outgoing.0).await? {
        return Ok(false);
    }
    match &swap.incoming {
        Some((incoming, _)) => {
            Ok(!database_exists(session, incoming).await? && database_exists(session, &swap.live).await?)
        }
        None => Ok(!database_exists(session, &swap.live).await?),
    }
}

/// Sessions in the way (55006), or the lock not to be had in time (55P03).
fn was_in_use(error: &PgError) -> bool {
    matches!(error, PgError::InUse { .. }) || matches!(error.sqlstate(), Some("55006" | "55P03"))
}

/// One try. The commit is sent only after both renames have worked, so that giving up before it leaves nothing renamed.
async fn attempt(
    info: &ConnInfo,
    helper: &Session,
    swap: &Swap,
    application_name: &str,
    terminated: &mut usize,
) -> Result<(), PgError> {
    let doing = doing(swap);
    let renamer = connect_maintenance(&info.with_database(swap.live.as_str()), application_name).await?;
    let sql = renames(swap);
    let limit = tokio::time::sleep(TRY_LIMIT);
    tokio::pin!(limit);
    {
        let renaming = renamer.execute(&doing, &sql);
        tokio::pin!(renaming);
        let mut next_round = tokio::time::Instant::now() + HEAD_START;
        loop {
            tokio::select! {
                outcome = &mut renaming => break outcome?,
                () = &mut limit => {
                    let reason = "the renames did not end in time".to_owned();
                    return Err(PgError::InUse { doing: doing.clone(), reason });
                }
                () = tokio::time::sleep_until(next_round) => {
                    *terminated += terminate_clients(helper, &involved(swap)).await?;
                    next_round = tokio::time::Instant::now() + PAUSE;
                }
            }
        }
    }
    renamer.execute(&doing, "COMMIT").await
}

fn renames(swap: &Swap) -> String {
    let rename = |from: &DatabaseName, to: &DatabaseName| {
        format!("ALTER DATABASE {} RENAME TO {}; ", identifier(from.as_str()), identifier(to.as_str()))
    };
    let (outgoing, mark) = &swap.outgoing;
    let mut sql = format!("BEGIN; SET LOCAL lock_timeout = '{LOCK_LIMIT}'; {}", rename(&swap.live, outgoing));
    if let Some((incoming, _)) = &swap.incoming {
        sql.push_str(&rename(incoming, &swap.live));
    }
    sql.push_str(&comment_sql(outgoing, Some(&mark.to_comment())));
    if let Some((_, comment)) = &swap.incoming {
        sql.push_str("; ");
        sql.push_str(&comment_sql(&swap.live, comment.as_deref()));
    }
    sql
}
