//! The migrations of the target release on the scratch server, watched while they run.

use std::time::Duration;

use tokio::time::Instant;

use super::redirect::Redirected;
use super::scratch::{Names, Scratch};
use crate::adapters::compose_services::ComposeServices;
use crate::adapters::compose_services::rehearsal::Rehearsal;
use crate::adapters::postgres::relation_locks::relation_locks;
use crate::adapters::product_database;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::rehearse::lock_times::{INTERVAL, LockTimes};
use crate::commands::rehearse::report::Ran;
use crate::error::Fault;
use crate::gates::ended_badly;
use crate::operations::MigrateBy;
use crate::plan::step::{OneOff, Release};
use crate::ports::{Databases as _, Instance, InstanceState, Services as _};
use crate::report::{Event, Progress, Reporter as _, Unit};

/// How often the container is looked at: that is dearer.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

const LOG_LINES: usize = 20;

/// Everything that the migrations need.
pub(super) struct Migration<'a> {
    pub(super) context: &'a Context,
    pub(super) install: &'a Install,
    pub(super) services: &'a ComposeServices,
    pub(super) scratch: &'a Scratch,
    pub(super) names: &'a Names,
    pub(super) target: &'a Release,
    pub(super) by: &'a MigrateBy,
    pub(super) limit: Duration,
}

impl Migration<'_> {
    /// Runs them to their end, or to the end of the time that the product's description gives them.
    pub(super) async fn run(&self) -> Result<Ran, Fault> {
        let rehearsal = self.described().await?;
        self.services.start_rehearsal(&rehearsal).await?;
        let live = self.scratch.database.live();
        let session = self.scratch.database.session(&live).await?;
        let (began, mut looked) = (Instant::now(), Instant::now());
        let mut times = LockTimes::default();
        let trouble = loop {
            let locks = relation_locks(&session).await.map_err(|error| product_database::fault(&error))?;
            times.seen(began.elapsed(), locks);
            if looked.elapsed() >= LOOK_INTERVAL {
                looked = Instant::now();
                let instance = self.instance().await?;
                if let InstanceState::Exited { status } = instance.state {
                    break (status != 0).then(|| ended_badly("the migration", &instance, status));
                }
                if began.elapsed() >= self.limit {
                    let fault =
                        Fault::new(format!("the migrations did not end within {} s", self.limit.as_secs()));
                    let blockers = self.scratch.database.blockers(&live).await.unwrap_or_default();
                    break Some(fault.evidence(blockers));
                }
                self.tell(began.elapsed());
            }
            tokio::time::sleep(INTERVAL).await;
        };
        let log = self.services.log_tail(&self.instance().await?, LOG_LINES).await;
        let took = self.took().await.unwrap_or_else(|| began.elapsed());
        self.services.remove_one_off(&self.names.migration).await?;
        Ok(Ran { took, locks: Some(times.result()), log, trouble })
    }

    async fn described(&self) -> Result<Rehearsal, Fault> {
        let Redirected { environment, filled_in, roles } =
            Redirected::of(self.install, &self.by.service, &self.scratch.address(self.names))?;
        for role in &roles {
            self.scratch.admit(role).await?;
        }
        let service = self.install.model.services.get(self.by.service.as_str());
        Ok(Rehearsal {
            one_off: OneOff {
                name: self.names.migration.clone(),
                service: self.by.service.clone(),
                release: self.target.clone(),
                command: self.by.command.clone(),
                program: None,
            },
            network: self.names.network.clone(),
            environment,
            filled_in,
            mounts: service.map(|service| service.mounts.clone()).unwrap_or_default(),
        })
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        let name = &self.names.migration;
        let found = self.services.one_off(name).await?;
        found.ok_or_else(|| Fault::new(format!("the container {name} was removed while it ran")))
    }

    /// As the engine timed it: opsctl sees the end a moment late.
    async fn took(&self) -> Option<Duration> {
        let container = self.install.engine.container_named(&self.names.migration).await.ok()??;
        let took = container.finished_at?.duration_since(container.started_at?);
        Duration::try_from(took).ok()
    }

    fn tell(&self, elapsed: Duration) {
        let (done, total) = (elapsed.as_secs(), Some(self.limit.as_secs()));
        let progress = Progress { doing: "migrating the copy".into(), done, total, unit: Unit::Seconds };
        self.context.report(&Event::Progress(progress));
    }
}
