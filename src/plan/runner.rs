//! The runner: it owns every boundary between what is recorded and what is done.
//!
//! Forward and back alike, a step's intent is on the disk before its effect begins, and its result before the next intent.
//! A reporter cannot stop it; the journal can, and does.

mod outcome;
mod past_commit;
mod serving;

use std::time::{Duration, Instant};

use crate::error::{Exit, Failure, Fault};
use crate::interrupt::{Interrupt, Urgency};
use crate::journal::record::{Closing, GoingBack, Progress as Done, Record};
use crate::journal::{Journal, JournalError};
use crate::model::operation::OperationKind;
use crate::plan::Plan;
use crate::plan::by_hand::Handbook;
use crate::plan::perform::{Earlier, Note, perform};
use crate::plan::rotation::{Halt, PausePoint};
use crate::plan::step::Step;
use crate::ports::{Backups, Clock, Databases, Limits, Services, Settings, World};
use crate::report::{Event, Progress, Reporter};
use outcome::{given_up, goes_on_only, no_way_back, shown, unrecorded, waits_for_the_product, went_back};

/// How often a step is begun before a person has to look at it.
const ATTEMPTS: u32 = 3;

/// How long a failed step of going back waits before each further attempt: a server or an engine that somebody starts again
/// takes longer than a moment.
const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(12)];

/// Carries out plans on a world.
pub struct Runner<'a, S, D, B, E, C> {
    /// What the steps act on.
    pub world: &'a World<S, D, B, E, C>,
    /// What is durable of the operation.
    pub journal: &'a mut Journal,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Whether somebody asked to stop.
    pub interrupt: &'a Interrupt,
    /// How long things may take.
    pub limits: Limits,
    /// What a person types where nothing else is left.
    pub by_hand: &'a dyn Handbook,
}

/// How far a plan was carried out, where nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// To its end.
    Done,
    /// To a place where it was planned to wait.
    Paused(PausePoint, Halt),
}

/// Where an operation begins, or goes on.
struct From {
    /// The first step that is carried out.
    index: usize,
    /// How often that one was begun.
    attempts: u32,
    /// How many steps an opsctl that is gone may have begun.
    touched: usize,
    /// Whether all that the operation is for was done, so that the rest tidies up.
    only_tidies: bool,
}

/// How a step ended.
enum StepEnd {
    Done(Note),
    Failed(Fault),
    Interrupted,
}

impl<S, D, B, E, C> Runner<'_, S, D, B, E, C>
where
    S: Services,
    D: Databases,
    B: Backups,
    E: Settings,
    C: Clock,
{
    /// Carries out a plan from its first step.
    pub async fn run(&mut self, plan: &Plan) -> Result<Ended, Failure> {
        self.forward(plan, From { index: 0, attempts: 0, touched: 0, only_tidies: false }).await
    }

    /// Goes on with an operation that did not end, in the direction in which it was going.
    pub async fn resume(&mut self, done: &Done) -> Result<Ended, Failure> {
        if let Some(back) = &done.going_back {
            let undone = self.back(&done.planned.plan, back.clone(), done.touched).await;
            return if back.closing == Closing::Aborted { given_up(undone) } else { undone }
                .map(|()| Ended::Done);
        }
        let plan = &done.planned.plan;
        let index = self.goes_on_at(&plan.steps, done.finished).await;
        // They were attempts at the step in doubt, not at one that is only done again on the way to it. Who was told that
        // there were too many, and resumes all the same, has mended the cause; and one that failed came to its end.
        let past_commit = plan.is_past_commit(done.touched);
        let told = done.failed || (past_commit && done.attempts > ATTEMPTS);
        let attempts = if index == done.finished && !told { done.attempts } else { 0 };
        let only_tidies = plan.is_tidying(done.finished);
        self.forward(plan, From { index, attempts, touched: done.touched, only_tidies }).await
    }

    /// Gives up an operation that did not end and undoes what it did.
    pub async fn abort(&mut self, done: &Done) -> Result<(), Failure> {
        let plan = &done.planned.plan;
        if let Some(back) = &done.going_back {
            return given_up(self.back(plan, back.clone(), done.touched).await);
        }
        if plan.is_past_commit(done.touched) {
            return Err(no_way_back(plan));
        }
        if !plan.can_be_undone(done.touched) {
            return Err(Failure::refused(
                Fault::new("all that the operation is for is done: what is left only tidies up")
                    .hint("`opsctl resume` finishes it"),
            ));
        }
        let fault = Fault::new("somebody gave it up");
        given_up(self.go_back(plan, done.touched, fault, Closing::Aborted).await)
    }

    async fn forward(&mut self, plan: &Plan, from: From) -> Result<Ended, Failure> {
        let mut attempts = from.attempts;
        for (index, step) in plan.steps.iter().enumerate().skip(from.index) {
            if self.interrupt.urgency() != Urgency::None {
                return self.stop(plan, from.touched.max(index)).await.map(|()| Ended::Done);
            }
            if let Step::Pause { at, halt } = step {
                self.record(Record::Paused { step: index })?;
                self.reporter.report(&Event::Paused { number: index + 1, total: plan.steps.len(), step });
                return Ok(Ended::Paused(*at, *halt));
            }
            attempts += 1;
            let touched = from.touched.max(index + 1);
            self.record(Record::Started { step: index, attempt: attempts })?;
            self.reporter.report(&Event::StepStarted { number: index + 1, total: plan.steps.len(), step });
            let too_often = attempts > ATTEMPTS && !step.only_looks();
            let ended = if too_often {
                StepEnd::Failed(Fault::new(format!(
                    "it was begun {ATTEMPTS} times, and each time opsctl was gone before it had ended"
                )))
            } else {
                match self.earlier(plan, index, index < from.touched) {
                    Ok(earlier) => self.effect(step, &earlier).await,
                    Err(error) => return Err(unrecorded(&error)),
                }
            };
            match ended {
                StepEnd::Done(note) => self.record(Record::Finished { step: index, note })?,
                // The product may be down meanwhile: nobody should have to ask twice for it to be back. Only a rollback left
                // what nobody wants to have back.
                StepEnd::Interrupted
                    if step.waits()
                        && plan.can_be_undone(touched)
                        && !from.only_tidies
                        && plan.kind != OperationKind::Rollback =>
                {
                    self.record(Record::Interrupted)?;
                    let fault = Fault::new(format!("interrupted while it was to {step}"));
                    let undone = self.go_back(plan, touched, fault, Closing::Aborted).await;
                    return undone.map(|()| Ended::Done);
                }
                StepEnd::Interrupted => {
                    return self.stop(plan, touched).await.map(|()| Ended::Done);
                }
                StepEnd::Failed(fault) => {
                    self.record(Record::Failed { step: index, fault: fault.clone() })?;
                    if plan.is_tidying(index) {
                        self.reporter.report(&Event::Warning(&format!("failed to {step}: {fault}")));
                        attempts = 0;
                        continue;
                    }
                    let fault = fault.within(format!("failed to {step}"));
                    if plan.only_goes_on() && plan.commit.is_some_and(|commit| index >= commit) {
                        return Err(goes_on_only(plan, fault));
                    }
                    if from.only_tidies && plan.commit.is_none() {
                        return Err(waits_for_the_product(plan, fault));
                    }
                    let ended = match self.loss(plan, index).await {
                        None => self.go_back(plan, touched, fault, Closing::RolledBack).await,
                        Some(loss) if too_often => Err(self.stuck_ahead(plan, index, fault, loss)),
                        Some(loss) => self.past_commit(plan, fault, loss),
                    };
                    return ended.map(|()| Ended::Done);
                }
            }
            attempts = 0;
        }
        self.close(Closing::Done)?;
        Ok(Ended::Done)
    }

    async fn go_back(
        &mut self,
        plan: &Plan,
        touched: usize,
        fault: Fault,
        closing: Closing,
    ) -> Result<(), Failure> {
        let steps = plan.reversing(touched);
        self.record(Record::GoingBack { fault: fault.clone(), steps: steps.clone(), closing })?;
        if !steps.is_empty() {
            self.reporter.report(&Event::GoingBack { fault: &fault, steps: steps.len() });
        }
        self.back(plan, GoingBack { fault, steps, finished: 0, attempts: 0, closing }, touched).await
    }

    async fn back(&mut self, plan: &Plan, back: GoingBack, touched: usize) -> Result<(), Failure> {
        if let Some(stuck) = self.undo(&back).await? {
            return Err(stuck);
        }
        let (closing, exit, what) = went_back(plan, touched, back.closing);
        self.close(closing)?;
        Err(Failure::new(exit, back.fault.within(what)))
    }

    /// Carries out the steps of going back. A step that fails is tried again; then a person has to act.
    async fn undo(&mut self, back: &GoingBack) -> Result<Option<Failure>, Failure> {
        let mut attempts = if back.attempts >= ATTEMPTS { 0 } else { back.attempts };
        let first = self.goes_on_at(&back.steps, back.finished).await;
        for (index, step) in back.steps.iter().enumerate().skip(first) {
            loop {
                attempts += 1;
                self.record(Record::UndoStarted { step: index, attempt: attempts })?;
                self.reporter.report(&Event::StepStarted {
                    number: index + 1,
                    total: back.steps.len(),
                    step,
                });
                let began = Instant::now();
                match self.take_back(back, index, attempts > 1).await {
                    Ok(note) => {
                        let took = began.elapsed();
                        self.reporter.report(&Event::StepFinished { step, took, note: note.as_deref() });
                        self.record(Record::UndoFinished { step: index })?;
                        break;
                    }
                    Err(fault) => {
                        self.reporter.report(&Event::StepFailed { step, fault: &fault });
                        self.record(Record::UndoFailed { step: index, fault: fault.clone() })?;
                        match PAUSES.get(attempts as usize - 1) {
                            Some(pause) => tokio::time::sleep(*pause).await,
                            None => return Ok(Some(self.stuck(back, index, fault))),
                        }
                    }
                }
            }
            attempts = 0;
        }
        Ok(None)
    }

    /// One step of going back. What the step before it started may have ended since then: it is started again before it is
    /// looked at again.
    async fn take_back(&self, back: &GoingBack, index: usize, again: bool) -> Result<Note, Fault> {
        let progress = |progress: Progress| self.reporter.report(&Event::Progress(progress));
        let (step, before) = (&back.steps[index], index.checked_sub(1).map(|before| &back.steps[before]));
        if let (true, Step::PassGates { .. }, Some(start @ Step::Start { .. })) = (again, step, before) {
            perform(self.world, start, &Earlier::default(), &self.limits, &progress).await?;
        }
        perform(self.world, step, &Earlier::default(), &self.limits, &progress).await
    }

    /// What the journal knows that the world does not show.
    fn earlier(&self, plan: &Plan, index: usize, in_doubt: bool) -> Result<Earlier, JournalError> {
        let reading = plan.reading_for(index).map(|at| self.journal.note_of(at)).transpose()?.flatten();
        Ok(Earlier { in_doubt, reading })
    }

    async fn effect(&self, step: &Step, earlier: &Earlier) -> StepEnd {
        let began = Instant::now();
        let progress = |progress: Progress| self.reporter.report(&Event::Progress(progress));
        let effect = perform(self.world, step, earlier, &self.limits, &progress);
        let ended = if step.may_be_cut_short() {
            tokio::select! {
                biased;
                () = self.interrupt.asked() => return StepEnd::Interrupted,
                ended = effect => ended,
            }
        } else {
            effect.await
        };
        match ended {
            Ok(note) => {
                self.reporter.report(&Event::StepFinished {
                    step,
                    took: began.elapsed(),
                    note: shown(step, note.as_deref()),
                });
                StepEnd::Done(note)
            }
            Err(fault) => {
                self.reporter.report(&Event::StepFailed { step, fault: &fault });
                StepEnd::Failed(fault)
            }
        }
    }

    /// Somebody asked to stop. An operation that disturbs nothing is simply dropped; any other waits for a decision.
    async fn stop(&mut self, plan: &Plan, touched: usize) -> Result<(), Failure> {
        self.record(Record::Interrupted)?;
        if !plan.disturbs(plan.steps.len()) {
            return self.go_back(plan, touched, Fault::new("interrupted"), Closing::Aborted).await;
        }
        Err(Failure::new(
            Exit::Interrupted,
            Fault::new("interrupted between two steps; nothing is half-done").hint(plan.ways_on(touched)),
        ))
    }

    /// Neither forward nor back: what is left to do, and how to do it by hand.
    fn stuck(&self, back: &GoingBack, index: usize, fault: Fault) -> Failure {
        let fault = fault
            .within(format!("going back stopped at: {}", back.steps[index]))
            .within(format!("the operation failed ({}) and could not be undone", back.fault));
        let fault = back.fault.hints.iter().cloned().fold(fault, Fault::hint);
        self.left_to_a_person(fault, &back.steps[index..])
    }

    fn left_to_a_person(&self, fault: Fault, left: &[Step]) -> Failure {
        let left = left.iter().flat_map(|step| {
            let commands =
                self.by_hand.commands_among(step, left).into_iter().map(|command| format!("    {command}"));
            std::iter::once(format!("left to do: {step}")).chain(commands).collect::<Vec<_>>()
        });
        let fault = fault
            .evidence(left)
            .hint("mend the cause and run `opsctl resume`: it goes on where it stopped")
            .hint("or do by hand what is left, and then run `opsctl abort --leave`");
        Failure::new(Exit::Inconsistent, fault)
    }

    fn close(&mut self, ending: Closing) -> Result<(), Failure> {
        self.record(Record::Closed { ending })
    }

    fn record(&mut self, record: Record) -> Result<(), Failure> {
        self.journal.append(self.world.clock.now(), record).map_err(|error| unrecorded(&error))
    }
}
