//! What each operation does: pure functions from facts to a plan, or to a refusal with nothing changed.

pub mod backup;
pub mod restore;
pub mod rollback;
pub mod rotate;
pub mod rotate_store;
pub mod upgrade;

use crate::model::database_name::DatabaseName;
use crate::plan::step::{Before, OneOff, Release, RestorePoint, Step};
use crate::profile::ServiceName;

/// The product as it was found, as far as every operation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The release that runs, or that is selected where nothing runs.
    pub release: Release,
    /// The services that write and serve, in the order in which they are stopped: the worker before the API.
    pub services: Vec<ServiceName>,
    /// Those of them that ran when the operation was planned, in the same order.
    pub running: Vec<ServiceName>,
    /// Whether they passed the gates then: going back can promise no more than what was there.
    pub well: Wellness,
    /// The database that the product uses.
    pub live: DatabaseName,
    /// How the product migrates its database, where opsctl is to run that.
    pub migrate: Option<MigrateBy>,
    /// Whether the product can be asked to check its data.
    pub data_check: DataCheck,
}

/// Whether the product can be asked to check its own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataCheck {
    /// Its description says how.
    Described,
    /// There is nothing to ask.
    None,
}

/// Whether the product was well when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wellness {
    /// Healthy, ready, on the selected release.
    Well,
    /// Anything less.
    Unwell,
}

/// How the product migrates its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateBy {
    /// The service whose description the container follows.
    pub service: ServiceName,
    /// The command, where it is not the service's own.
    pub command: Option<Vec<String>>,
}

impl Product {
    /// The order in which services are started: the reverse of that in which they are stopped.
    fn to_start(&self) -> Vec<ServiceName> {
        self.services.iter().rev().cloned().collect()
    }

    fn before(&self) -> Before {
        Before {
            release: self.release.clone(),
            running: self.running.iter().rev().cloned().collect(),
            well: self.well == Wellness::Well,
            safety_backup: None,
        }
    }

    /// Lets the product check its data, where it can be asked to.
    fn check_data(&self) -> Option<Step> {
        (self.data_check == DataCheck::Described).then_some(Step::ScanData)
    }

    /// Migrates with a release, where opsctl is to do that. The container stays until it is recorded how it ended: whoever
    /// goes on after a kill learns that from it.
    fn migrate(&self, release: &Release, name: String, guard: RestorePoint) -> Vec<Step> {
        let Some(by) = &self.migrate else { return Vec::new() };
        let one_off = OneOff {
            name: name.clone(),
            service: by.service.clone(),
            release: release.clone(),
            command: by.command.clone(),
            program: None,
        };
        let live = self.live.clone();
        vec![
            Step::MarkWrites { live: live.clone() },
            Step::Migrate { one_off, live, guard },
            Step::RemoveOneOff { name },
        ]
    }
}

#[cfg(test)]
mod tests;
