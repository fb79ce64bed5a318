//! Rollback: the old data and the old release together, never the new release on the old data.

use std::path::PathBuf;

use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::operation::OperationKind;
use crate::operations::Product;
use crate::plan::Plan;
use crate::plan::step::{Release, Step};

/// What a rollback is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The release to go back to.
    pub target: Release,
    /// Whether its image has to be fetched, since the engine no longer has it.
    pub image: ImageSource,
    /// Where its data is.
    pub data: Data,
    /// The name under which the present data is kept.
    pub replaced: DatabaseName,
    /// Databases that earlier operations left for going back.
    pub superseded: Vec<DatabaseName>,
    /// The backup that an operation pinned for going back to this state.
    pub guard: Option<BackupId>,
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSource {
    /// The engine has it.
    Local,
    /// It has to be fetched.
    Registry,
}

/// Where the data of a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// The restore point of the last upgrade, on the same server.
    RestorePoint(DatabaseName),
    /// A backup, to be loaded into a side database.
    Backup {
        /// The archive.
        archive: PathBuf,
        /// The side database.
        side: DatabaseName,
    },
}

/// The plan of `opsctl rollback`.
pub fn plan(product: &Product, request: Request) -> Plan {
    let target = request.target;
    let live = product.live.clone();
    let mut steps = Vec::new();
    if request.image == ImageSource::Registry {
        steps.push(Step::Pull { release: target.clone() });
    }
    steps.push(Step::Keep { release: product.release.clone() });
    let incoming = match request.data {
        Data::RestorePoint(database) => database,
        Data::Backup { archive, side } => {
            steps.push(Step::CheckBackup { archive: archive.clone() });
            steps.push(Step::LoadBackup { archive: archive.clone(), into: side.clone() });
            steps.push(Step::CompareLoaded { archive, database: side.clone() });
            side
        }
    };
    let services = product.to_start();
    steps.extend([
        Step::Quiesce { services: product.services.clone() },
        Step::Swap { live, incoming, outgoing: request.replaced },
        Step::SelectRelease { release: target.clone() },
        Step::Start { services: services.clone(), release: target.clone() },
        Step::PassGates { services, release: target },
    ]);
    steps.extend(product.check_data());
    steps.extend(request.guard.map(|id| Step::UnpinBackup { id }));
    steps.extend(request.superseded.into_iter().map(|database| Step::DropDatabase { database }));
    Plan { kind: OperationKind::Rollback, steps, commit: None, before: product.before() }
}
