//! Upgrade: stop what writes, keep a way back, migrate, prove the new release, and only then let clients reach it.

use std::cmp::Ordering;

use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::operation::OperationKind;
use crate::operations::Product;
use crate::plan::Plan;
use crate::plan::step::{OneOff, Release, RestorePoint, Step};
use crate::profile::ServiceName;

/// What an upgrade is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The release to move to, resolved to a digest.
    pub target: Release,
    /// The backup to take first; absent when the operator skips it.
    pub backup: Option<BackupId>,
    /// How many backups to keep.
    pub keep: u32,
    /// The state to go back to.
    pub restore_point: RestorePoint,
    /// The name that a failed database would be kept under.
    pub failed: DatabaseName,
    /// Variables in `.env` that the product no longer takes.
    pub removed_variables: Vec<String>,
    /// The service that the canary follows.
    pub canary_service: ServiceName,
    /// Name of the canary's container.
    pub canary_name: String,
    /// Name of the container that migrates.
    pub migrate_name: String,
    /// Restore points of earlier upgrades: this one's takes their place.
    pub superseded: Vec<DatabaseName>,
}

/// The plan of `opsctl upgrade VERSION`, or why it is refused.
pub fn plan(product: &Product, request: Request) -> Result<Plan, Fault> {
    refuse_downgrade(&product.release, &request.target)?;
    let live = product.live.clone();
    let target = request.target.clone();
    let services = product.to_start();
    let mut steps =
        vec![Step::Pull { release: target.clone() }, Step::Keep { release: product.release.clone() }];
    steps.extend(request.backup.map(|id| Step::TakeBackup { id, reason: Reason::PreUpgrade, of: None }));
    steps.push(Step::Quiesce { services: product.services.clone() });
    steps.push(Step::MarkStopped { services: product.services.clone() });
    steps.push(Step::TakeRestorePoint {
        live: live.clone(),
        point: request.restore_point.clone(),
        failed: request.failed.clone(),
    });
    if !request.removed_variables.is_empty() {
        steps.push(Step::RemoveVariables { names: request.removed_variables.clone() });
    }
    steps.extend(product.migrate(&target, request.migrate_name.clone(), request.restore_point.clone()));
    let canary = OneOff {
        name: request.canary_name.clone(),
        service: request.canary_service.clone(),
        release: target.clone(),
        command: None,
        program: None,
    };
    steps.push(Step::ProveCanary { one_off: canary });
    steps.push(Step::ConfirmQuiet { services: product.services.clone(), failed: Some(request.failed) });
    steps.push(Step::MarkWrites { live });
    steps.push(Step::SelectRelease { release: target.clone() });
    let commit = steps.len();
    steps.push(Step::Start { services: services.clone(), release: target.clone() });
    steps.push(Step::PassGates { services, release: target });
    steps.push(Step::NotePreviousVersion { version: product.release.version.clone() });
    steps.extend(request.superseded.into_iter().map(|database| Step::DropDatabase { database }));
    steps.extend(request.backup.map(|id| Step::UnpinBackup { id }));
    if request.backup.is_some() {
        steps.push(Step::Prune { keep: request.keep });
    }
    Ok(Plan { kind: OperationKind::Upgrade, steps, commit: Some(commit), before: product.before() })
}

/// Migrations only go forward, so that a lower version is not an upgrade.
pub fn refuse_downgrade(present: &Release, target: &Release) -> Result<(), Fault> {
    let (from, to) = (&present.version, &target.version);
    match from.order(to) {
        Some(Ordering::Greater) => Err(Fault::new(format!("{to} is older than {from}, which runs"))
            .hint("migrations only go forward: `opsctl rollback` goes back to the state before the last upgrade")
            .hint(format!("`opsctl rollback --version {to} --backup FILE` goes back to a backup of that release"))),
        Some(Ordering::Less | Ordering::Equal) | None => Ok(()),
    }
}
