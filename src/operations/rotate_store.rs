//! Rotation of the store: what is live is put aside and archived, and the product begins with nothing.
//!
//! The archive is made when the new store serves, so that the product stands still for no longer than it takes to start.

use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::operation::OperationKind;
use crate::operations::Product;
use crate::plan::Plan;
use crate::plan::step::{OneOff, RestorePoint, Step};
use crate::profile::ServiceName;

/// What a rotation of the store is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The backup that becomes the archive.
    pub archive: BackupId,
    /// The empty database, until it is swapped in.
    pub fresh: DatabaseName,
    /// The name under which the present data is kept until it is archived.
    pub retired: DatabaseName,
    /// The service whose canary proves the product on the new store.
    pub canary_service: ServiceName,
    /// Name of the canary.
    pub canary_name: String,
    /// Name of what would make the schema.
    pub migrate_name: String,
}

/// The plan of `opsctl rotate store`.
///
/// Behind the commit point, at which clients can write to the new store, it only goes on: there is nothing to go back to
/// that would not leave out what they wrote.
pub fn plan(product: &Product, request: Request) -> Plan {
    let Request { archive, fresh, retired, .. } = request;
    let release = product.release.clone();
    let services = product.to_start();
    let mut steps = vec![
        Step::CreateEmpty { database: fresh.clone() },
        Step::Quiesce { services: product.services.clone() },
        Step::MarkStopped { services: product.services.clone() },
        Step::Swap { live: product.live.clone(), incoming: fresh.clone(), outgoing: retired.clone() },
    ];
    let guard = RestorePoint::Clone { database: retired.clone() };
    steps.extend(product.migrate(&release, request.migrate_name, guard));
    let canary = OneOff {
        name: request.canary_name,
        service: request.canary_service,
        release: release.clone(),
        command: None,
        program: None,
    };
    steps.push(Step::ProveCanary { one_off: canary });
    steps.push(Step::ConfirmQuiet { services: product.services.clone(), failed: None });
    let commit = steps.len();
    steps.extend([
        Step::Start { services: services.clone(), release: release.clone() },
        Step::PassGates { services, release },
        Step::TakeBackup { id: archive, reason: Reason::Archive, of: Some(retired.clone()) },
        Step::DropDatabase { database: retired },
    ]);
    Plan { kind: OperationKind::RotateStore, steps, commit: Some(commit), before: product.before() }
}
