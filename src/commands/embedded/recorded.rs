//! A start or a stop on record: who asked for it, when, and how it ended.
//!
//! It is no operation that is gone on with or undone: of one that was cut short, whoever sees it starts or stops once more. That
//! it cannot be recorded keeps nobody from it: a product has to be stopped on a full disk too.

use jiff::Timestamp;

use crate::commands::context::Context;
use crate::commands::operate::Turn;
use crate::commands::place::Place;
use crate::error::Failure;
use crate::journal::record::{Closing, Planned, Record, SCHEMA};
use crate::journal::{Journal, JournalError};
use crate::plan::Plan;

/// The record of one.
pub(super) struct Recorded<'a> {
    context: &'a Context,
    /// None once something could not be recorded.
    journal: Option<Journal>,
}

impl<'a> Recorded<'a> {
    /// Records that it begins.
    pub(super) fn begin(context: &'a Context, place: &Place, turn: &Turn, plan: Plan) -> Self {
        let operation = &turn.operation;
        let mut recorded = Self { context, journal: None };
        match place.state.begin(operation) {
            Ok(journal) => recorded.journal = Some(journal),
            Err(error) => recorded.warn(&error),
        }
        recorded.append(Record::Planned(Box::new(Planned {
            schema: SCHEMA,
            operation: operation.clone(),
            opsctl: env!("CARGO_PKG_VERSION").to_owned(),
            actor: context.surroundings.actor.clone(),
            arguments: context.surroundings.arguments.clone(),
            backup_dir: None,
            plan,
        })));
        if recorded.journal.is_some() {
            context.log_to(&place.state.output(operation));
        }
        recorded
    }

    /// Takes one of its steps. One that fails is the last.
    pub(super) async fn step<T, F: Into<Failure>>(
        &mut self,
        step: usize,
        work: impl Future<Output = Result<T, F>>,
    ) -> Result<T, Failure> {
        self.append(Record::Started { step, attempt: 1 });
        match work.await.map_err(Into::into) {
            Ok(done) => {
                self.append(Record::Finished { step, note: None });
                Ok(done)
            }
            Err(failure) => {
                self.append(Record::Failed { step, fault: failure.fault.clone() });
                Err(failure)
            }
        }
    }

    /// Records how it ended.
    pub(super) fn end(mut self, ending: Closing) {
        self.append(Record::Closed { ending });
    }

    fn append(&mut self, record: Record) {
        let Some(journal) = &mut self.journal else { return };
        if let Err(error) = journal.append(Timestamp::now(), record) {
            self.journal = None;
            self.warn(&error);
        }
    }

    fn warn(&self, error: &JournalError) {
        self.context.warn(format!("this is not recorded, and not in `opsctl history`: {error}"));
    }
}
