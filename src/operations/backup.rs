//! Backup: take one, read it back, and let retention have the oldest.

use crate::model::backup_id::BackupId;
use crate::model::manifest::Reason;
use crate::model::operation::OperationKind;
use crate::operations::Product;
use crate::plan::Plan;
use crate::plan::step::Step;

/// The plan of `opsctl backup`.
pub fn plan(product: &Product, id: BackupId, keep: u32) -> Plan {
    Plan {
        kind: OperationKind::Backup,
        steps: vec![Step::TakeBackup { id, reason: Reason::Manual, of: None }, Step::Prune { keep }],
        commit: None,
        before: product.before(),
    }
}

/// The plan of `opsctl backup prune`.
pub fn plan_prune(product: &Product, keep: u32) -> Plan {
    Plan {
        kind: OperationKind::Prune,
        steps: vec![Step::Prune { keep }],
        commit: None,
        before: product.before(),
    }
}
