//! `migrate`: applies what the release ships and the database lacks, one migrator at a time.

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::{
    cli::Failure,
    config::{Environment, MigrateSettings},
    lifecycle, log,
    release::{Fault, Release},
    store::{
        connect::Connector,
        migrations::{self, Applied, Migration},
    },
};

/// How long a server that is still starting is waited for.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MigrateError {
    #[error(
        "the database has {applied} migrations, this release ships {shipped}; migrations are forward-only: run a newer release or restore an older backup"
    )]
    Newer { applied: usize, shipped: usize },
    #[error(
        "migration {id} was applied as \"{applied}\" with another content than this release ships as \"{shipped}\""
    )]
    Diverged { id: i32, applied: String, shipped: String },
}

pub(crate) async fn run(environment: &Environment, release: &Release) -> Result<ExitCode, Failure> {
    let settings = MigrateSettings::from(environment)?;
    let connector = Connector::new(&settings.database)?;
    let stop = lifecycle::stop_signal()?;
    let client = tokio::select! {
        client = connect(&connector) => client?,
        signal = stop => return Err(format!("stopped by {signal} before anything was migrated").into()),
    };
    let session = client.cancel_token();
    let stop = lifecycle::stop_signal()?;
    tokio::select! {
        outcome = migrate(client, &settings, &connector, release) => outcome,
        signal = stop => {
            connector.cancel(&session).await;
            Err(format!("stopped by {signal}; the migration under way was cancelled").into())
        }
    }
}

async fn migrate(
    mut client: Client,
    settings: &MigrateSettings,
    connector: &Connector,
    release: &Release,
) -> Result<ExitCode, Failure> {
    migrations::set_limits(&client, &settings.statement_timeout, &settings.lock_timeout).await?;
    lock(&client).await?;
    migrations::ensure_table(&client).await?;
    let shipped = migrations::shipped_by(release);
    let applied = migrations::applied(&client).await?;
    let pending = pending(&shipped, &applied)?;
    for migration in pending {
        let _blocker = if release.has(Fault::MigrationHangsOnLock) && migration.id > 1 {
            let blocker = connector.connect().await?;
            migrations::hold_conflicting_lock(&blocker).await?;
            Some(blocker)
        } else {
            None
        };
        log::info("applying migration", json!({"id": migration.id, "name": migration.name}));
        let start = Instant::now();
        migrations::apply(&mut client, migration)
            .await
            .map_err(|error| format!("migration {} failed: {}", migration.name, log::causes(&error)))?;
        let duration_ms = start.elapsed().as_millis();
        let fields = json!({"id": migration.id, "name": migration.name, "durationMs": duration_ms});
        log::info("migration applied", fields);
    }
    log::result("schema is up to date", json!({"schema": shipped.len(), "applied": pending.len()}));
    Ok(ExitCode::SUCCESS)
}

/// Connects; a server that is starting or restarting is waited for.
async fn connect(connector: &Connector) -> Result<Client, Failure> {
    let start = Instant::now();
    loop {
        match connector.connect().await {
            Err(error) if error.is_transient() && start.elapsed() < SERVER_PATIENCE => {
                log::warn("waiting for the database", json!({"error": log::causes(&error)}));
                sleep(Duration::from_secs(1)).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// Polls for the lock: a session that waits for it holds a snapshot, which can block what it waits for.
async fn lock(client: &Client) -> Result<(), tokio_postgres::Error> {
    let mut told = false;
    while !migrations::try_lock(client).await? {
        if !told {
            log::info("waiting for another migrator", json!({}));
            told = true;
        }
        sleep(RETRY_INTERVAL).await;
    }
    Ok(())
}

/// The migrations still to apply, once the applied ones are known to be the ones shipped.
pub(crate) fn pending<'a>(
    shipped: &'a [Migration],
    applied: &[Applied],
) -> Result<&'a [Migration], MigrateError> {
    for (known, found) in shipped.iter().zip(applied) {
        if found.id != known.id || found.checksum != known.checksum() {
            return Err(MigrateError::Diverged {
                id: found.id,
                applied: found.name.clone(),
                shipped: known.name.into(),
            });
        }
    }
    shipped.get(applied.len()..).ok_or(MigrateError::Newer { applied: applied.len(), shipped: shipped.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(count: u32) -> Vec<Applied> {
        migrations::shipped_by(&Release::for_tests(count, None))
            .iter()
            .map(|m| Applied { id: m.id, name: m.name.into(), checksum: m.checksum() })
            .collect()
    }

    #[test]
    fn only_what_is_missing_is_pending() {
        let shipped = migrations::shipped_by(&Release::for_tests(3, None));
        assert_eq!(pending(&shipped, &applied(1)).expect("compatible"), &shipped[1..]);
        assert!(pending(&shipped, &applied(3)).expect("compatible").is_empty());
    }

    #[test]
    fn a_newer_or_diverged_database_is_refused() {
        let shipped = migrations::shipped_by(&Release::for_tests(2, None));
        assert_eq!(pending(&shipped, &applied(3)), Err(MigrateError::Newer { applied: 3, shipped: 2 }));
        let mut other = applied(2);
        other[1].checksum = "0".repeat(64);
        assert!(matches!(pending(&shipped, &other), Err(MigrateError::Diverged { id: 2, .. })));
    }
}
