//! Whether a pooler shares server processes between connections.
//!
//! What a single connection sees proves nothing: an idle pool hands it the same process again and again. Several that are
//! held open at once cannot all be served by fewer processes without showing it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connect::log_in;
use super::error::PgError;
use super::session::Bare;
use crate::model::conninfo::{APPLICATION_NAME, ConnInfo};
use crate::preflight::route::Pooling;

const CONNECTIONS: usize = 4;
const ROUNDS: usize = 3;
const NOTIFIED_WITHIN: Duration = Duration::from_secs(2);

/// Looks at what is between here and the server. What would leave traces in a pooled connection comes last.
///
/// # Errors
/// When it cannot be connected at all.
pub async fn probe(info: &ConnInfo) -> Result<Pooling, PgError> {
    let mut open = Vec::new();
    while open.len() < CONNECTIONS {
        match log_in(info, APPLICATION_NAME).await {
            Ok(bare) => open.push(bare),
            Err(PgError::Login { message, .. } | PgError::Statement { message, .. })
                if message.contains("unsupported startup parameter") =>
            {
                return Ok(Pooling::Refused(message));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(how) = shared(&open).await? {
        return Ok(Pooling::Shared(how));
    }
    let [listener, announcer, ..] = open.as_mut_slice() else { return Ok(Pooling::Direct) };
    is_notified(listener, announcer).await
}

async fn shared(open: &[Bare]) -> Result<Option<String>, PgError> {
    let mut processes: BTreeMap<usize, String> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (index, bare) in open.iter().enumerate() {
            let pid = bare.text("asking for the server process", "SELECT pg_backend_pid()").await?;
            let pid = pid.unwrap_or_default();
            match processes.get(&index) {
                Some(before) if *before != pid => {
                    return Ok(Some(format!(
                        "one connection was served by the processes {before} and {pid}"
                    )));
                }
                _ => {}
            }
            if processes.iter().any(|(other, process)| *other != index && *process == pid) {
                return Ok(Some(format!("two open connections were served by the process {pid}")));
            }
            processes.insert(index, pid);
        }
    }
    Ok(None)
}

async fn is_notified(listener: &mut Bare, announcer: &Bare) -> Result<Pooling, PgError> {
    let doing = "trying notifications";
    let channel = format!("opsctl_{}", std::process::id());
    listener.text(doing, &format!("LISTEN {channel}")).await?;
    announcer.text(doing, &format!("NOTIFY {channel}")).await?;
    let arrived = tokio::time::timeout(NOTIFIED_WITHIN, listener.notified.recv()).await;
    listener.text(doing, &format!("UNLISTEN {channel}")).await?;
    Ok(if matches!(arrived, Ok(Some(_))) { Pooling::Direct } else { Pooling::Deaf })
}
