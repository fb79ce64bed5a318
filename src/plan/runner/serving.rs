//! Where steps go on after a time in which nobody looked: what they had started may have ended, with nothing that starts it again.

use super::Runner;
use crate::gates::{self, Subject};
use crate::plan::step::Step;
use crate::ports::{Backups, Clock, Databases, Services, Settings};

impl<S, D, B, E, C> Runner<'_, S, D, B, E, C>
where
    S: Services,
    D: Databases,
    B: Backups,
    E: Settings,
    C: Clock,
{
    /// The step at which steps go on of which the first `finished` are done. What they had started is started again, and has
    /// to pass its gates again, before anything else is done: the machine may have been off since, somebody may have stopped
    /// it, and opsctl itself may have been killed after it had stopped it to find out whether anybody wrote. What had passed
    /// them and is well need not.
    pub(super) async fn goes_on_at(&self, steps: &[Step], finished: usize) -> usize {
        let started = steps[..finished].iter().rposition(|step| matches!(step, Step::Start { .. }));
        let Some(start) = started else { return finished };
        let Some(Step::PassGates { services, release }) = steps[..finished].get(start + 1) else {
            return start;
        };
        let subject = Subject::Services(services, release);
        match gates::glance(&self.world.services, subject).await {
            Ok(None) => finished,
            Ok(Some(_)) | Err(_) => start,
        }
    }
}
