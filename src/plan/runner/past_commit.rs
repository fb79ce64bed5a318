//! A failed step: before the commit point the operation goes back, behind it only where nothing can be lost.

use super::Runner;
use crate::error::{Exit, Failure, Fault};
use crate::journal::record::Closing;
use crate::model::operation::OperationKind;
use crate::plan::Plan;
use crate::plan::perform::{Earlier, perform};
use crate::plan::step::Step;
use crate::ports::{Backups, Clock, Databases, Services, Settings, WriteMark, Written};
use crate::report::Event;

impl<S, D, B, E, C> Runner<'_, S, D, B, E, C>
where
    S: Services,
    D: Databases,
    B: Backups,
    E: Settings,
    C: Clock,
{
    /// What a failed step leads to: before the commit point back, after it only where nothing can be lost.
    pub(super) async fn fail(&mut self, plan: &Plan, index: usize, fault: Fault) -> Result<(), Failure> {
        if plan.commit.is_none_or(|commit| index < commit) {
            return self.go_back(plan, index + 1, fault, Closing::RolledBack).await;
        }
        match self.shown_to_be_unwritten(plan).await {
            Written::Nothing => {
                self.reporter.report(&Event::Note("nothing was written since the new release was started"));
                self.go_back(plan, index + 1, fault, Closing::RolledBack).await
            }
            Written::Something(what) => {
                self.past_commit(plan, fault, &format!("going back would lose {what}"))
            }
            Written::Unknown(why) => {
                let loss = format!("it cannot be shown that going back would lose nothing: {why}");
                self.past_commit(plan, fault, &loss)
            }
        }
    }

    /// Whether anything was written since the commit point, asked once more while nothing serves: a client may write
    /// between an answer and what is done about it.
    async fn shown_to_be_unwritten(&self, plan: &Plan) -> Written {
        let first = self.written_since_commit(plan).await;
        let start = plan.steps.iter().find(|step| matches!(step, Step::Start { .. }));
        // What cannot be told while sessions are open can often be told once they are closed.
        let (Written::Nothing | Written::Unknown(_), Some(Step::Start { services, .. })) = (&first, start)
        else {
            return first;
        };
        for service in services {
            if let Err(fault) = self.world.services.stop(service).await {
                return Written::Unknown(fault.to_string());
            }
        }
        let second = self.written_since_commit(plan).await;
        if second != Written::Nothing
            && let Some(step) = start
            && let Err(fault) = perform(self.world, step, &Earlier::default(), &self.limits, &|_| {}).await
        {
            return Written::Unknown(format!(
                "the services were stopped to find out, and did not start: {fault}"
            ));
        }
        second
    }

    async fn written_since_commit(&self, plan: &Plan) -> Written {
        let marked = plan.commit.and_then(|commit| plan.reading_for(commit));
        let Some((Step::MarkWrites { live }, index)) = marked.map(|index| (&plan.steps[index], index)) else {
            return Written::Unknown("the write counters were not read before".to_owned());
        };
        match self.journal.note_of(index) {
            Ok(Some(mark)) => self
                .world
                .databases
                .written_since(live, &WriteMark(mark))
                .await
                .unwrap_or_else(|fault| Written::Unknown(fault.to_string())),
            Ok(None) => Written::Unknown("the write counters were not read before".to_owned()),
            Err(error) => Written::Unknown(error.to_string()),
        }
    }

    fn past_commit(&mut self, plan: &Plan, fault: Fault, loss: &str) -> Result<(), Failure> {
        self.close(Closing::PastCommit)?;
        let new = if plan.kind == OperationKind::Restore { "restored data" } else { "new release" };
        let mut fault = fault.within(format!("the {new} is in place, but the product is not well"));
        fault.causes.push(loss.to_owned());
        Err(Failure::new(
            Exit::PastCommit,
            fault
                .hint(format!("`opsctl status` shows what runs; mend the cause and the {new} stays"))
                .hint(plan.way_back()),
        ))
    }
}
