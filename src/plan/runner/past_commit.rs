//! A step that failed behind the commit point: the operation goes back only where nothing can be lost.

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
    /// What going back after a failed step would lose, in words: before the commit point nothing, and behind it nothing
    /// if it can be shown that nobody wrote.
    pub(super) async fn loss(&self, plan: &Plan, index: usize) -> Option<String> {
        if plan.commit.is_none_or(|commit| index < commit) {
            return None;
        }
        match self.shown_to_be_unwritten(plan).await {
            Written::Nothing => {
                self.reporter.report(&Event::Note("nothing was written since the new release was started"));
                None
            }
            Written::Something(what) => Some(format!("going back would lose {what}")),
            Written::Unknown(why) => {
                Some(format!("it cannot be shown that going back would lose nothing: {why}"))
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

    /// A gate did not open behind the commit point.
    pub(super) fn past_commit(&mut self, plan: &Plan, fault: Fault, loss: String) -> Result<(), Failure> {
        self.close(Closing::PastCommit)?;
        let new = if plan.kind == OperationKind::Restore { "restored data" } else { "new release" };
        let mut fault = fault.within(format!("the {new} is in place, but the product is not well"));
        fault.causes.push(loss);
        Err(Failure::new(
            Exit::PastCommit,
            fault
                .hint(format!("`opsctl status` shows what runs; mend the cause and the {new} stays"))
                .hint(plan.way_back()),
        ))
    }

    /// A step behind the commit point was begun too often: nothing says that it will ever end, and going back is no way out.
    pub(super) fn stuck_ahead(&self, plan: &Plan, index: usize, fault: Fault, loss: String) -> Failure {
        let kind = plan.kind.in_words();
        let mut fault =
            fault.within(format!("the {kind} is past its commit point, and does not come to its end"));
        fault.causes.push(loss);
        self.left_to_a_person(fault, &plan.steps[index..])
    }
}
