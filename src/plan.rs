//! Plans: lists of steps, made by pure functions, carried out by one runner.

pub mod by_hand;
pub mod perform;
pub mod refusals;
pub mod rotation;
pub mod runner;
pub mod step;

use serde::{Deserialize, Serialize};

use crate::model::database_name::DatabaseName;
use crate::model::operation::OperationKind;
use crate::plan::step::{Before, Step};

/// What an operation will do, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the operation is.
    pub kind: OperationKind,
    /// Its steps.
    pub steps: Vec<Step>,
    /// The index of the first step after which going back costs data: what fails from there on is not undone by itself.
    /// Absent when the whole plan can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<usize>,
    /// What undoing must end in.
    pub before: Before,
}

impl Plan {
    /// The steps that undo the first `touched` steps, the last of which may or may not have taken effect.
    ///
    /// Containers are removed, data and settings put back, then services started, and only then is anything dropped:
    /// nothing runs before its data and settings are back, and nothing is destroyed before the product serves again.
    /// A restore point is only gone back to where something ran that may have changed the data: until then it may not be
    /// there, or not be whole. A database that served is never dropped: clients may have written to it.
    pub fn reversing(&self, touched: usize) -> Vec<Step> {
        if let Some(steps) = rotation::reversing(self, touched) {
            return steps;
        }
        let touched = &self.steps[..touched];
        let mut steps: Vec<Step> = Vec::new();
        for step in touched.iter().rev().flat_map(|step| step.undo(&self.before)) {
            let needless = matches!(step, Step::ReturnToRestorePoint { .. })
                && !touched.iter().any(Step::may_change_data);
            let served = matches!(&step, Step::DropDatabase { database } if served(touched, database));
            if !needless && !served && !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps.sort_by_key(Step::place_in_reversal);
        steps
    }

    /// Whether all that the operation is for is done before this step, and the rest tidies up: a failure of that undoes nothing.
    pub fn is_tidying(&self, index: usize) -> bool {
        index > 0 && self.steps[index..].iter().all(Step::tidies)
    }

    /// Whether the step that cannot be undone is among the first `touched`.
    pub fn is_past_commit(&self, touched: usize) -> bool {
        self.commit.is_some_and(|commit| touched > commit)
    }

    /// Whether the first `touched` steps can be given up: neither is the commit point among them, nor all that counts.
    pub fn can_be_undone(&self, touched: usize) -> bool {
        !self.is_past_commit(touched) && !touched.checked_sub(1).is_some_and(|last| self.is_tidying(last))
    }

    /// What becomes of an operation that stopped, as far as a person can choose.
    pub fn ways_on(&self, touched: usize) -> &'static str {
        if self.can_be_undone(touched) {
            "`opsctl resume` goes on with it; `opsctl abort` undoes what it did"
        } else {
            "`opsctl resume` goes on with it: it can no longer be undone"
        }
    }

    /// Whether a failure behind the commit point leaves the operation to be gone on with, since nothing else would end it. Both
    /// values of a secret are taken meanwhile, so that nobody is kept waiting; and a new store has what clients wrote to it.
    pub fn only_goes_on(&self) -> bool {
        matches!(self.kind, OperationKind::Rotate | OperationKind::RotateStore)
    }

    /// The step before this one that took the reading which it compares with, if it does.
    pub fn reading_for(&self, index: usize) -> Option<usize> {
        let (before, later) = (self.steps.get(..index)?, self.steps.get(index)?);
        before.iter().rposition(|step| step.is_read_by(later))
    }

    /// What leads back from behind the commit point, for a person.
    pub fn way_back(&self) -> String {
        match &self.before.safety_backup {
            Some(archive) => {
                format!("`opsctl restore {}` puts back the data from before, and asks", archive.display())
            }
            None => "`opsctl rollback` goes back: it says first what that would lose, and asks".to_owned(),
        }
    }

    /// Whether undoing the first `touched` steps interrupts or changes what the product's clients see.
    pub fn disturbs(&self, touched: usize) -> bool {
        self.steps[..touched].iter().any(|step| matches!(step, Step::Quiesce { .. } | Step::Recreate { .. }))
    }
}

/// Whether services were started on a database after it had been swapped in.
fn served(touched: &[Step], database: &DatabaseName) -> bool {
    let swapped =
        touched.iter().position(|step| matches!(step, Step::Swap { incoming, .. } if incoming == database));
    swapped.is_some_and(|at| touched[at..].iter().any(|step| matches!(step, Step::Start { .. })))
}
