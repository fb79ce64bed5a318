//! Restore: load beside the live data, compare, swap; or, where there is no room for two, replace in place.

use std::path::PathBuf;

use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::operation::OperationKind;
use crate::operations::Product;
use crate::plan::Plan;
use crate::plan::step::{RestorePoint, Step};

/// What a restore is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The archive.
    pub archive: PathBuf,
    /// How the data comes into place.
    pub way: Way,
    /// Whether the restored data may need this release's migrations.
    pub migrations: Migrations,
    /// Name of the container that would run them.
    pub migrate_name: String,
    /// Databases that earlier restores left for an undo: this one's takes their place.
    pub superseded: Vec<DatabaseName>,
}

/// How restored data comes into the live data's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Loaded into a side database and swapped in: the product serves meanwhile, and the old data is kept.
    Swap {
        /// The side database.
        side: DatabaseName,
        /// The name under which the old data is kept.
        replaced: DatabaseName,
    },
    /// The live database is dropped and loaded again, behind a safety backup.
    InPlace {
        /// The safety backup.
        safety: BackupId,
        /// Its archive.
        safety_archive: PathBuf,
        /// The side database that it would be loaded into.
        side: DatabaseName,
    },
}

/// Whether restored data may need migrating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    /// It is of the very release that is selected.
    UpToDate,
    /// It is older, or its release is not known.
    MayBeOlder,
}

/// The plan of `opsctl restore FILE`.
pub fn plan(product: &Product, request: Request) -> Plan {
    let archive = request.archive.clone();
    let mut before = product.before();
    let mut steps = vec![Step::CheckBackup { archive: archive.clone() }];
    let live = product.live.clone();
    let quiesce = Step::Quiesce { services: product.services.clone() };
    match &request.way {
        Way::Swap { side, replaced } => steps.extend([
            Step::LoadBackup { archive: archive.clone(), into: side.clone() },
            Step::CompareLoaded { archive, database: side.clone() },
            quiesce,
            Step::Swap { live, incoming: side.clone(), outgoing: replaced.clone() },
        ]),
        Way::InPlace { safety, safety_archive, .. } => {
            before.safety_backup = Some(safety_archive.clone());
            steps.extend([
                quiesce,
                Step::MarkStopped { services: product.services.clone() },
                Step::TakeBackup { id: *safety, reason: Reason::Safety, of: None },
                Step::ConfirmQuiet { services: product.services.clone(), failed: None },
                Step::ReplaceInPlace { archive: archive.clone(), live: live.clone() },
                Step::CompareLoaded { archive, database: live },
            ]);
        }
    }
    steps.extend(migrate(product, &request));
    // What is swapped out is kept, with all that was written to it; what is dropped in place is not.
    let commit = matches!(request.way, Way::InPlace { .. }).then(|| {
        steps.push(Step::MarkWrites { live: product.live.clone() });
        steps.len()
    });
    let services = product.to_start();
    let release = product.release.clone();
    steps.push(Step::Start { services: services.clone(), release: release.clone() });
    steps.push(Step::PassGates { services, release });
    steps.extend(product.check_data());
    steps.extend(request.superseded.into_iter().map(|database| Step::DropDatabase { database }));
    Plan { kind: OperationKind::Restore, steps, commit, before }
}

fn migrate(product: &Product, request: &Request) -> Vec<Step> {
    if request.migrations == Migrations::UpToDate {
        return Vec::new();
    }
    let guard = match &request.way {
        Way::Swap { replaced, .. } => RestorePoint::Clone { database: replaced.clone() },
        Way::InPlace { safety, side, .. } => RestorePoint::Backup { id: *safety, side: side.clone() },
    };
    product.migrate(&product.release, request.migrate_name.clone(), guard)
}

/// The plan of `opsctl restore --undo`: the same swap, the other way round.
pub fn plan_undo(product: &Product, replaced: &DatabaseName, undone: &DatabaseName) -> Plan {
    let services = product.to_start();
    let release = product.release.clone();
    let mut steps = vec![
        Step::Quiesce { services: product.services.clone() },
        Step::Swap { live: product.live.clone(), incoming: replaced.clone(), outgoing: undone.clone() },
        Step::Start { services: services.clone(), release: release.clone() },
        Step::PassGates { services, release },
    ];
    steps.extend(product.check_data());
    Plan { kind: OperationKind::UndoRestore, steps, commit: None, before: product.before() }
}
