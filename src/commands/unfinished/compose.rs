//! What is of its own in going on with an operation on a Compose product with PostgreSQL.

use std::time::Duration;

use crate::adapters::files::FileError;
use crate::adapters::postgres::server::busy_sessions;
use crate::adapters::product_database;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::live::{self, LiveWorld};
use crate::commands::operate::Turn;
use crate::error::{Failure, Fault};
use crate::journal::record::Progress;
use crate::operations::rotate::server_in_doubt;
use crate::plan::rotation::{Replicas, Which};
use crate::plan::step::Release;
use crate::ports::Services as _;

use super::{Ends, world_of};

/// How long the server may go on with what an earlier run asked it for: copying a large database takes minutes.
const STATEMENTS_LIMIT: Duration = Duration::from_mins(10);
const STATEMENTS_PAUSE: Duration = Duration::from_millis(200);

/// How long a server that was just started may take to answer: it may have to recover first.
const SERVER_LIMIT: Duration = Duration::from_mins(1);

impl Ends for Install {
    async fn reach(&self, context: &Context, turn: &Turn, progress: &Progress) -> Result<LiveWorld, Failure> {
        let plan = &progress.planned.plan;
        let failed =
            match (world_of(context, self, turn, progress).await, server_in_doubt(plan, progress.touched)) {
                (Err(_), Some(server)) => server,
                (ended, _) => return ended,
            };
        raise(context, self, turn, (failed, &plan.before.release)).await?;
        let began = tokio::time::Instant::now();
        loop {
            match world_of(context, self, turn, progress).await {
                Err(_) if began.elapsed() < SERVER_LIMIT => tokio::time::sleep(STATEMENTS_PAUSE).await,
                ended => return ended,
            }
        }
    }

    fn can_try_keys(world: &LiveWorld) -> bool {
        world.services.platform_key.is_some()
    }

    async fn settle(&self, world: &LiveWorld) -> Result<(), Fault> {
        wait_for_statements(world).await?;
        let unremoved = |error: FileError| {
            Fault::caused_by("what a write that was cut short left behind cannot be removed", &error)
        };
        world.settings.discard_temporaries().map_err(unremoved)?;
        world.backups.discard_unpacked().map_err(|error| {
            Fault::caused_by("what was unpacked of a backup before cannot be removed", &error)
        })
    }
}

/// The operation makes the database server's container anew, and was cut short in that: without it there is nobody to ask.
async fn raise(
    context: &Context,
    install: &Install,
    turn: &Turn,
    (server, release): (&[Replicas], &Release),
) -> Result<(), Fault> {
    let services = live::services(context, install, &turn.operation)?;
    services.recreate(server, release, Which::Changed).await
}

/// Waits until the server has done what an opsctl that was killed asked it for: a database that is still being created
/// cannot be dropped, and would be there afterwards.
async fn wait_for_statements(world: &LiveWorld) -> Result<(), Fault> {
    let session = world.databases.maintenance().await?;
    let application = world.databases.application();
    let began = tokio::time::Instant::now();
    loop {
        let busy = busy_sessions(&session, &application).await;
        match busy.map_err(|error| product_database::fault(&error))? {
            0 => return Ok(()),
            _ if began.elapsed() < STATEMENTS_LIMIT => tokio::time::sleep(STATEMENTS_PAUSE).await,
            busy => {
                return Err(Fault::new(format!(
                    "the database server still works on {busy} statements that this operation sent before"
                ))
                .hint("look at pg_stat_activity; try again when they have ended"));
            }
        }
    }
}
