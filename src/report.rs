//! What happens while an operation runs, as events; a reporter renders them for a person or a machine.

pub mod human;
pub mod json;
pub mod quantity;
pub mod verbose;

use std::borrow::Cow;
use std::time::Duration;

use crate::error::Fault;
use crate::model::operation::OperationId;
use crate::plan::Plan;
use crate::plan::step::Step;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// An operation is about to begin.
    Planned {
        /// Which.
        operation: &'a OperationId,
        /// What it will do.
        plan: &'a Plan,
    },
    /// A step begins.
    StepStarted {
        /// Counting from 1.
        number: usize,
        /// How many steps there are.
        total: usize,
        /// The step.
        step: &'a Step,
    },
    /// A step is under way.
    Progress(Progress),
    /// A step took effect.
    StepFinished {
        /// The step.
        step: &'a Step,
        /// How long it took.
        took: Duration,
        /// What it found or made.
        note: Option<&'a str>,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: &'a Step,
        /// Why.
        fault: &'a Fault,
    },
    /// The operation waits, as it was planned to.
    Paused {
        /// The step's number, counting from 1.
        number: usize,
        /// How many steps there are.
        total: usize,
        /// The step.
        step: &'a Step,
    },
    /// The operation goes back.
    GoingBack {
        /// Why.
        fault: &'a Fault,
        /// In how many steps.
        steps: usize,
    },
    /// Something an operator should know that stops nothing.
    Warning(&'a str),
    /// Something an operator may want to know.
    Note(&'a str),
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, such as `downloading`.
    pub doing: Cow<'static, str>,
    /// How much is done.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// In what it is counted.
    pub unit: Unit,
}

/// In what progress is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds, of a time limit.
    Seconds,
    /// Things, such as tables.
    Items,
}

/// Renders events. It cannot fail: a closed terminal must not stop an operation half-way.
pub trait Reporter: Send + Sync {
    /// Takes notice of an event.
    fn report(&self, event: &Event<'_>);
}
