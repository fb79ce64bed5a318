//! Watching a container that runs once to its end.

use std::time::Duration;

use super::LOG_LINES;
use crate::error::Fault;
use crate::explain::Topic;
use crate::gates;
use crate::model::database_name::DatabaseName;
use crate::plan::step::OneOff;
use crate::ports::{Databases, Instance, InstanceState, Limits, ProgressSink, Services};
use crate::report::{Progress, Unit};

/// How often it is looked whether somebody holds it up.
const LOOK_FOR_BLOCKERS: Duration = Duration::from_secs(3);

/// What is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched<'a> {
    /// The container.
    pub(super) one_off: &'a OneOff,
    /// The database that it works on.
    pub(super) live: &'a DatabaseName,
    /// What it is, in a sentence.
    pub(super) what: &'static str,
    /// What it does.
    pub(super) doing: &'static str,
    /// What tells more when it fails.
    pub(super) failed: Option<Topic>,
    /// What tells more when it takes too long.
    pub(super) slow: Option<Topic>,
}

/// Starts the container, unless an earlier opsctl did.
pub(super) async fn begin<S: Services>(
    services: &S,
    one_off: &OneOff,
    present: Option<&Instance>,
) -> Result<(), Fault> {
    match present.map(|instance| instance.state) {
        None => services.start_one_off(one_off).await,
        // An earlier opsctl was killed after it had made the container: nobody will ever start this one.
        Some(InstanceState::Created) => {
            services.remove_one_off(&one_off.name).await?;
            services.start_one_off(one_off).await
        }
        Some(_) => Ok(()),
    }
}

/// Waits until the container has ended; fails unless it ended well, and in time.
pub(super) async fn to_its_end<S: Services, D: Databases>(
    (services, databases): (&S, &D),
    Watched { one_off, live, what, doing, failed, slow }: Watched<'_>,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<(), Fault> {
    let began = tokio::time::Instant::now();
    let (mut looked, mut held_up) = (began, None);
    loop {
        let instance = services.one_off(&one_off.name).await?.ok_or_else(|| {
            Fault::new(format!("{what} was removed while it ran: {} is gone", one_off.name))
        })?;
        match instance.state {
            InstanceState::Exited { status: 0 } => return Ok(()),
            InstanceState::Exited { status } => {
                let log = services.log_tail(&instance, LOG_LINES).await;
                let fault = gates::ended_badly(what, &instance, status).evidence(log);
                return Err(failed.into_iter().fold(fault, Fault::explained));
            }
            _ => {}
        }
        if began.elapsed() >= limits.migrate {
            let log = services.log_tail(&instance, LOG_LINES).await;
            let blockers = databases.blockers(live).await.unwrap_or_default();
            services.remove_one_off(&one_off.name).await?;
            let fault = Fault::new(format!("{what} did not end within {} s", limits.migrate.as_secs()));
            return Err(slow.into_iter().fold(fault.evidence(blockers).evidence(log), Fault::explained));
        }
        if looked.elapsed() >= LOOK_FOR_BLOCKERS {
            looked = tokio::time::Instant::now();
            held_up = databases.blockers(live).await.ok().and_then(|blockers| blockers.into_iter().next());
        }
        let doing = held_up.as_ref().map_or(doing.into(), |who| format!("{doing}; {who}").into());
        let (done, total) = (began.elapsed().as_secs(), Some(limits.migrate.as_secs()));
        progress(Progress { doing, done, total, unit: Unit::Seconds });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
