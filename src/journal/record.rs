//! The records of a journal, and what they say of an operation as a whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::model::operation::{Actor, OperationId};
use crate::plan::Plan;
use crate::plan::step::Step;

/// The version of the journal's format. Older ones stay readable; a newer one is refused.
pub const SCHEMA: u32 = 1;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counting from 0: the order that counts, since clocks step.
    pub number: u64,
    /// When it was written, by the clock of the machine.
    pub at: jiff::Timestamp,
    /// What is recorded.
    #[serde(flatten)]
    pub record: Record,
}

/// What a line records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The operation is about to begin.
    Planned(Box<Planned>),
    /// A forward step is about to take effect.
    Started {
        /// Its index in the plan.
        step: usize,
        /// Counting from 1.
        attempt: u32,
    },
    /// A forward step took effect.
    Finished {
        /// Its index in the plan.
        step: usize,
        /// What it found or made, for a reader.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A forward step failed.
    Failed {
        /// Its index in the plan.
        step: usize,
        /// Why.
        fault: Fault,
    },
    /// The operation goes back; the records that follow are of these steps.
    GoingBack {
        /// Why.
        fault: Fault,
        /// What undoes it.
        steps: Vec<Step>,
        /// How the operation ends when that is done.
        closing: Closing,
    },
    /// A step of going back is about to take effect.
    UndoStarted {
        /// Its index in `GoingBack::steps`.
        step: usize,
        /// Counting from 1.
        attempt: u32,
    },
    /// A step of going back took effect.
    UndoFinished {
        /// Its index in `GoingBack::steps`.
        step: usize,
    },
    /// A step of going back failed.
    UndoFailed {
        /// Its index in `GoingBack::steps`.
        step: usize,
        /// Why.
        fault: Fault,
    },
    /// The operation waits where it was planned to: nothing is half-done, and it can wait for as long as somebody likes.
    Paused {
        /// The index in the plan of the step that it waits at.
        step: usize,
    },
    /// Somebody asked to stop; the operation can be resumed.
    Interrupted,
    /// Another process goes on with the operation.
    Resumed {
        /// Who.
        actor: Actor,
        /// The opsctl that goes on.
        opsctl: String,
    },
    /// The operation ended.
    Closed {
        /// How.
        ending: Closing,
    },
}

/// The first record of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The version of the journal's format.
    pub schema: u32,
    /// Which operation.
    pub operation: OperationId,
    /// The opsctl that planned it.
    pub opsctl: String,
    /// Who asked for it.
    pub actor: Actor,
    /// What was asked, as typed; secrets are never taken from arguments.
    pub arguments: Vec<String>,
    /// Where its backups are; absent in journals from before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_dir: Option<PathBuf>,
    /// What will be done.
    pub plan: Plan,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// Done and verified.
    Done,
    /// Failed before it disturbed anything, and what it had begun is gone.
    Failed,
    /// Failed, and the previous release and data serve again.
    RolledBack,
    /// Past the commit point a gate failed; the new release is in place.
    PastCommit,
    /// Somebody gave it up, and what it had begun is gone.
    Aborted,
    /// Somebody took over: what it had begun is as it stood, and opsctl has nothing more to do with it.
    Left,
}

/// What a journal says: how far the operation came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its first record.
    pub planned: Planned,
    /// When it began.
    pub began: jiff::Timestamp,
    /// When its last record was written.
    pub last: jiff::Timestamp,
    /// How many steps of the plan took effect for certain.
    pub finished: usize,
    /// How many steps of the plan may have taken effect: `finished`, or one more.
    pub touched: usize,
    /// How often the step in doubt was begun.
    pub attempts: u32,
    /// Whether the step in doubt came to its end, and failed.
    pub failed: bool,
    /// The step that it waits at, as it was planned to; absent while something is half-done.
    pub paused: Option<usize>,
    /// Going back, if it came to that.
    pub going_back: Option<GoingBack>,
    /// How it ended; absent while it is unfinished.
    pub ending: Option<Closing>,
}

/// How far going back came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoingBack {
    /// Why the operation goes back.
    pub fault: Fault,
    /// What undoes it.
    pub steps: Vec<Step>,
    /// How many of them took effect for certain.
    pub finished: usize,
    /// How often the next one was begun.
    pub attempts: u32,
    /// How the operation ends when all of them did.
    pub closing: Closing,
}

impl Progress {
    /// What becomes of it, as far as a person can choose.
    pub fn ways_on(&self) -> &'static str {
        match self.going_back {
            Some(_) => "`opsctl resume` goes on undoing it",
            None => self.planned.plan.ways_on(self.touched),
        }
    }

    /// Reads a journal's records; `None` when not even the first was written, so that nothing happened.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let first = entries.first()?;
        let Record::Planned(planned) = &first.record else { return None };
        let mut progress = Self {
            planned: (**planned).clone(),
            began: first.at,
            last: first.at,
            finished: 0,
            touched: 0,
            attempts: 0,
            failed: false,
            paused: None,
            going_back: None,
            ending: None,
        };
        for entry in &entries[1..] {
            progress.last = entry.at;
            progress.take(&entry.record);
        }
        Some(progress)
    }

    fn take(&mut self, record: &Record) {
        let up_to = |step: usize, steps: &[Step]| step.saturating_add(1).min(steps.len());
        // Who goes on with it, and that somebody asked to stop, says nothing of the step.
        self.failed &= matches!(record, Record::Resumed { .. } | Record::Interrupted);
        self.paused = None;
        match record {
            Record::Started { step, attempt } => {
                self.touched = self.touched.max(up_to(*step, &self.planned.plan.steps));
                self.attempts = *attempt;
            }
            Record::Finished { step, .. } => {
                // One that is only done again on the way takes nothing from what was done before.
                self.finished = self.finished.max(up_to(*step, &self.planned.plan.steps));
                self.touched = self.touched.max(self.finished);
                self.attempts = 0;
            }
            Record::GoingBack { fault, steps, closing } => {
                self.going_back = Some(GoingBack {
                    fault: fault.clone(),
                    steps: steps.clone(),
                    finished: 0,
                    attempts: 0,
                    closing: *closing,
                });
            }
            Record::UndoStarted { attempt, .. } => {
                if let Some(back) = &mut self.going_back {
                    back.attempts = *attempt;
                }
            }
            Record::UndoFinished { step } => {
                if let Some(back) = &mut self.going_back {
                    back.finished = up_to(*step, &back.steps);
                    back.attempts = 0;
                }
            }
            Record::Closed { ending } => self.ending = Some(*ending),
            Record::Paused { step } => {
                self.finished = up_to(*step, &self.planned.plan.steps);
                self.touched = self.touched.max(self.finished);
                self.attempts = 0;
                self.paused = Some(*step);
            }
            Record::Failed { .. } => self.failed = true,
            // A stop that was asked for says nothing against the step.
            Record::Interrupted => self.attempts = 0,
            Record::Planned(_) | Record::UndoFailed { .. } | Record::Resumed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
