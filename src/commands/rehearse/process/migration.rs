//! The migrations of the target release on the copy, watched while they run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::adapters::process_services::ProcessServices;
use crate::commands::context::Context;
use crate::commands::rehearse::report::Ran;
use crate::error::Fault;
use crate::gates::ended_badly;
use crate::plan::step::OneOff;
use crate::ports::{Instance, InstanceState, Services as _};
use crate::report::{Event, Progress, Reporter as _, Unit};

/// How often it is looked whether they have ended.
const INTERVAL: Duration = Duration::from_millis(25);

const LOG_LINES: usize = 20;

/// Everything that the migrations need.
pub(super) struct Migration<'a> {
    pub(super) context: &'a Context,
    pub(super) services: &'a ProcessServices,
    pub(super) one_off: OneOff,
    pub(super) limit: Duration,
}

impl Migration<'_> {
    /// Runs them to their end, or to the end of the time that the product's description gives them.
    pub(super) async fn run(&self) -> Result<Ran, Fault> {
        self.services.start_one_off(&self.one_off).await?;
        let began = Instant::now();
        let trouble = loop {
            let instance = self.instance().await?;
            if let InstanceState::Exited { status } = instance.state {
                break (status != 0).then(|| ended_badly("the migration", &instance, status));
            }
            if began.elapsed() >= self.limit {
                let limit = self.limit.as_secs();
                break Some(Fault::new(format!("the migrations did not end within {limit} s")));
            }
            self.tell(began.elapsed());
            sleep(INTERVAL).await;
        };
        let took = began.elapsed();
        let log = self.services.log_tail(&self.instance().await?, LOG_LINES).await;
        self.services.remove_one_off(&self.one_off.name).await?;
        Ok(Ran { took, locks: None, log, trouble })
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        let name = &self.one_off.name;
        let found = self.services.one_off(name).await?;
        found.ok_or_else(|| Fault::new(format!("what was noted of {name} was removed while it ran")))
    }

    fn tell(&self, elapsed: Duration) {
        let (done, total) = (elapsed.as_secs(), Some(self.limit.as_secs()));
        let progress = Progress { doing: "migrating the copy".into(), done, total, unit: Unit::Seconds };
        self.context.report(&Event::Progress(progress));
    }
}
