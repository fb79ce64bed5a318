//! Migrating: in a container that runs once, watched to its end, and never run twice.

use super::run_once::{Watched, begin, to_its_end};
use super::{Earlier, Note};
use crate::error::Fault;
use crate::explain::Topic;
use crate::model::database_name::DatabaseName;
use crate::plan::step::OneOff;
use crate::ports::{Databases, Limits, ProgressSink, Services, WriteMark, Written};

/// What migrates, and what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration<'a> {
    pub(super) one_off: &'a OneOff,
    pub(super) live: &'a DatabaseName,
}

/// Runs the migrations, or waits for a run that outlived an earlier opsctl. The container is left for who records its end.
pub(super) async fn migrate<S: Services, D: Databases>(
    (services, databases): (&S, &D),
    migration: Migration<'_>,
    earlier: &Earlier,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault> {
    let Migration { one_off, live } = migration;
    let before = databases.schema(live).await?;
    let present = services.one_off(&one_off.name).await?;
    if present.is_none() && earlier.in_doubt {
        at_the_start(databases, live, earlier).await?;
    }
    begin(services, one_off, present.as_ref()).await?;
    let watched = Watched {
        one_off,
        live,
        what: "the migration",
        doing: "migrating",
        failed: Some(Topic::MigrationFailed),
        slow: Some(Topic::MigrationSlow),
    };
    to_its_end((services, databases), watched, limits, progress).await?;
    let after = databases.schema(live).await?;
    let applied: Vec<String> =
        after.migrations.into_iter().filter(|migration| !before.migrations.contains(migration)).collect();
    Ok(Some(match applied.len() {
        0 => "no new migrations".to_owned(),
        _ => format!("applied {}", applied.join(", ")),
    }))
}

/// That migrations of which no container is left did not run: the database is as it was before them. Nothing else will
/// do. That some are applied does not say that all are, and what is half applied cannot be applied again.
async fn at_the_start<D: Databases>(
    databases: &D,
    live: &DatabaseName,
    earlier: &Earlier,
) -> Result<(), Fault> {
    let written = match &earlier.reading {
        Some(mark) => databases.written_since(live, &WriteMark(mark.clone())).await?,
        None => Written::Unknown("the write counters were not read before".to_owned()),
    };
    let why = match written {
        Written::Nothing => return Ok(()),
        Written::Something(what) => format!("since before it {live} was changed: {what}"),
        Written::Unknown(why) => why,
    };
    let mut fault = Fault::new("it cannot be told whether the migration ran: nothing is left of what ran it");
    fault.causes.push(why);
    Err(fault.hint("leave alone what an unfinished operation has started, and try again"))
}
