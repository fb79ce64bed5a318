//! What an examination begins with, whatever runs the product: who asks, where, and the environment file.

use std::path::PathBuf;

use crate::adapters::env_store::{EnvStore, EnvStoreError, Snapshot};
use crate::commands::context::Context;
use crate::commands::place::Place;
use crate::env_file::EnvFile;
use crate::error::Fault;
use crate::journal::lock::current_holder;
use crate::model::operation::{OperationId, OperationKind};
use crate::preflight::Judgement;
use crate::preflight::environment::Settings;

/// Something that a check needs and that could not be found out: the check is skipped, as another one says why.
pub(in crate::commands) type Known<'a, T> = Result<&'a T, Judgement>;

/// Why nobody asks the product's database while an operation runs.
pub(in crate::commands) const ALONE: &str =
    "an operation is running, which has to be alone with the database";

/// The place of an install under examination.
pub(in crate::commands) struct Outlook<'a> {
    pub(in crate::commands) context: &'a Context,
    pub(in crate::commands) place: Place,
    /// For what is labelled or named after an operation; none is recorded.
    pub(in crate::commands) operation: OperationId,
    /// Whether an operation runs that somebody else began: it copies and renames the database, and has to be alone with it
    /// then. The product's database is not opened.
    pub(in crate::commands) beside_operation: bool,
}

impl<'a> Outlook<'a> {
    pub(in crate::commands) fn new(context: &'a Context, place: Place) -> Self {
        let operation = OperationId::new(jiff::Timestamp::now(), OperationKind::Backup);
        Self { context, place, operation, beside_operation: false }
    }

    /// As one finds it: an operation that runs on it is somebody else's.
    pub(in crate::commands) fn beside(context: &'a Context, place: Place) -> Self {
        let beside_operation = current_holder(&place.state.lock()).is_some();
        Self { beside_operation, ..Self::new(context, place) }
    }

    pub(in crate::commands) fn env_file(&self) -> PathBuf {
        self.place.env_file()
    }

    pub(in crate::commands) fn read_env(&self) -> Result<Snapshot, EnvStoreError> {
        EnvStore::at(self.env_file()).read()
    }

    /// What the environment file assigns, without the process environment.
    pub(in crate::commands) fn settings(&self) -> Result<Settings, Judgement> {
        let read = self
            .read_env()
            .map_err(|error| Judgement::skipped(format!("the file cannot be read: {error}")))?;
        self.values(read.file())
    }

    /// Where backups are, also where the environment file cannot be read: then as if it did not name another place.
    pub(in crate::commands) fn backup_dir(&self) -> PathBuf {
        let mut settings = self.settings().unwrap_or_default();
        if let Some(named) = self.context.surroundings.variable("BACKUP_DIR") {
            settings.insert("BACKUP_DIR".to_owned(), named.to_owned());
        }
        self.place.backup_dir(None, &settings)
    }

    /// What an environment file assigns.
    pub(in crate::commands) fn values(&self, file: &EnvFile) -> Result<Settings, Judgement> {
        let lookup = |name: &str| self.context.surroundings.variable(name).map(str::to_owned);
        file.values(&lookup).map_err(|error| Judgement::skipped(format!("the file cannot be read: {error}")))
    }
}

/// Why a check that needs something is skipped where that could not be found out.
pub(in crate::commands) fn without(what: &str, fault: &Fault) -> Judgement {
    Judgement::skipped(format!("{what}: {}", fault.what))
}
