//! Migrating: in a container that runs once, watched to its end, and never run twice.

use std::time::Duration;

use super::{Earlier, LOG_LINES, Note};
use crate::error::Fault;
use crate::explain::Topic;
use crate::gates;
use crate::model::database_name::DatabaseName;
use crate::plan::step::OneOff;
use crate::ports::{Databases, Instance, InstanceState, Limits, ProgressSink, Services, WriteMark, Written};
use crate::report::{Progress, Unit};

/// How often it is looked whether somebody holds up a migration.
const LOOK_FOR_BLOCKERS: Duration = Duration::from_secs(3);

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
    match services.one_off(&one_off.name).await?.map(|instance| instance.state) {
        None if earlier.in_doubt => {
            at_the_start(databases, live, earlier).await?;
            services.start_one_off(one_off).await?;
        }
        None => services.start_one_off(one_off).await?,
        // An earlier opsctl was killed after it had made the container: nobody will ever start this one.
        Some(InstanceState::Created) => {
            services.remove_one_off(&one_off.name).await?;
            services.start_one_off(one_off).await?;
        }
        Some(_) => {}
    }
    let (instance, status) = ended((services, databases), migration, limits, progress).await?;
    if status != 0 {
        let log = services.log_tail(&instance, LOG_LINES).await;
        let fault = gates::ended_badly("the migration", &instance, status).evidence(log);
        return Err(fault.explained(Topic::MigrationFailed));
    }
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
    let mut fault = Fault::new("it cannot be told whether the migration ran: its container is gone");
    fault.causes.push(why);
    Err(fault.hint("leave containers alone that an unfinished operation has made, and try again"))
}

/// Waits until the container has ended, and gives it with its exit status.
async fn ended<S: Services, D: Databases>(
    (services, databases): (&S, &D),
    Migration { one_off, live }: Migration<'_>,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<(Instance, i64), Fault> {
    let began = tokio::time::Instant::now();
    let (mut looked, mut held_up) = (began, None);
    loop {
        let instance = services.one_off(&one_off.name).await?.ok_or_else(|| {
            Fault::new(format!("the migration's container {} was removed while it ran", one_off.name))
        })?;
        if let InstanceState::Exited { status } = instance.state {
            return Ok((instance, status));
        }
        if began.elapsed() >= limits.migrate {
            let log = services.log_tail(&instance, LOG_LINES).await;
            let blockers = databases.blockers(live).await.unwrap_or_default();
            services.remove_one_off(&one_off.name).await?;
            let fault =
                Fault::new(format!("the migration did not end within {} s", limits.migrate.as_secs()));
            return Err(fault.evidence(blockers).evidence(log).explained(Topic::MigrationSlow));
        }
        if looked.elapsed() >= LOOK_FOR_BLOCKERS {
            looked = tokio::time::Instant::now();
            held_up = databases.blockers(live).await.ok().and_then(|blockers| blockers.into_iter().next());
        }
        let doing = held_up.as_ref().map_or("migrating".into(), |who| format!("migrating; {who}").into());
        let (done, total) = (began.elapsed().as_secs(), Some(limits.migrate.as_secs()));
        progress(Progress { doing, done, total, unit: Unit::Seconds });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
