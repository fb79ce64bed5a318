//! What the records of operations tell of going back: to which release, with which data, and which backups that needs.

use crate::error::{Failure, Fault};
use crate::journal::record::{Closing, Progress};
use crate::journal::state_dir::StateDir;
use crate::model::backup_id::BackupId;
use crate::model::operation::{OperationId, OperationKind};
use crate::model::release::Version;
use crate::operations::rotate;
use crate::plan::Plan;
use crate::plan::step::{Release, RestorePoint, Step};

/// The last upgrade, as long as it can be gone back from.
#[derive(Debug, Clone)]
pub(super) struct LastUpgrade {
    /// Which operation it was.
    pub operation: OperationId,
    /// When it was closed.
    pub at: jiff::Timestamp,
    /// The release before it.
    pub from: Release,
    /// The state before it, on the server.
    pub restore_point: RestorePoint,
    /// The backup that it took first.
    pub backup: Option<BackupId>,
}

/// What the records of operations tell of going back.
#[derive(Debug, Default)]
pub(super) struct WaysBack {
    /// The last upgrade that was not gone back from since.
    pub last: Option<LastUpgrade>,
    /// The rollback behind which there was no upgrade, and the release that it went back to.
    pub went_back: Option<(OperationId, Version)>,
}

/// Finds out which upgrades can be gone back from: a rollback takes away the one that it undoes, and those behind it.
pub(super) fn ways_back(state: &StateDir) -> Result<WaysBack, Failure> {
    let (mut upgrades, mut went_back) = (Vec::<LastUpgrade>::new(), None);
    for progress in state.past()?.into_iter().filter_map(|past| past.progress.ok()) {
        match (progress.planned.plan.kind, progress.ending) {
            (OperationKind::Rollback, Some(Closing::Done)) => {
                let undone =
                    upgrades.iter().rposition(|upgrade| upgrade.is_undone_by(&progress.planned.plan));
                upgrades.truncate(undone.unwrap_or(0));
                went_back = selected(&progress.planned.plan).map(|to| (progress.planned.operation, to));
            }
            (OperationKind::Upgrade, Some(Closing::Done | Closing::PastCommit)) => {
                went_back = None;
                match upgrade_in(progress) {
                    Some(upgrade) => upgrades.push(upgrade),
                    None => upgrades.clear(),
                }
            }
            _ => {}
        }
    }
    Ok(WaysBack { last: upgrades.pop(), went_back })
}

impl LastUpgrade {
    /// Whether a rollback put the data from before this upgrade in the place of the live data.
    fn is_undone_by(&self, rollback: &Plan) -> bool {
        let backups: Vec<String> = self.backups().map(BackupId::file_name).collect();
        rollback.steps.iter().any(|step| match step {
            Step::Swap { incoming, .. } => {
                matches!(&self.restore_point, RestorePoint::Clone { database } if *database == *incoming)
            }
            Step::LoadBackup { archive, .. } => {
                archive.file_name().is_some_and(|name| backups.iter().any(|backup| name == backup.as_str()))
            }
            _ => false,
        })
    }

    /// The backups that have the data from before it.
    pub(super) fn backups(&self) -> impl Iterator<Item = BackupId> {
        let point = match self.restore_point {
            RestorePoint::Backup { id, .. } => Some(id),
            RestorePoint::Clone { .. } => None,
        };
        self.backup.into_iter().chain(point)
    }
}

/// What became of the releases that operations moved to.
#[derive(Debug, Default)]
pub(super) struct ReleaseHistory {
    /// The one before the last upgrade, as long as that can be gone back from.
    pub before_last_upgrade: Option<Version>,
    /// The one that the last upgrade or rollback left.
    pub left_last: Option<Version>,
    /// Those that the last attempt to move to failed with.
    pub failed: Vec<Version>,
}

/// Reads from the records of operations what became of the releases that they moved to.
pub(super) fn release_history(state: &StateDir) -> Result<ReleaseHistory, Fault> {
    let operations = state.past()?;
    let last = ways_back(state).map_err(|failure| failure.fault)?.last;
    let mut history = ReleaseHistory {
        before_last_upgrade: last.map(|last| last.from.version),
        ..ReleaseHistory::default()
    };
    for progress in operations.into_iter().filter_map(|past| past.progress.ok()) {
        let plan = &progress.planned.plan;
        let target = selected(plan);
        let (Some(target), Some(ending)) = (target, progress.ending) else { continue };
        history.failed.retain(|failed| *failed != target);
        match ending {
            Closing::Done | Closing::PastCommit if plan.before.release.version != target => {
                history.left_last = Some(plan.before.release.version.clone());
            }
            Closing::Failed | Closing::RolledBack => history.failed.push(target),
            _ => {}
        }
    }
    Ok(history)
}

/// The release that a plan selects.
fn selected(plan: &Plan) -> Option<Version> {
    plan.steps.iter().find_map(|step| match step {
        Step::SelectRelease { release } => Some(release.version.clone()),
        _ => None,
    })
}

fn upgrade_in(progress: Progress) -> Option<LastUpgrade> {
    let plan = progress.planned.plan;
    let restore_point = plan.steps.iter().find_map(|step| match step {
        Step::TakeRestorePoint { point, .. } => Some(point.clone()),
        _ => None,
    })?;
    let backup = plan.steps.iter().find_map(|step| match step {
        Step::TakeBackup { id, .. } => Some(*id),
        _ => None,
    });
    let operation = progress.planned.operation;
    Some(LastUpgrade { operation, at: progress.last, from: plan.before.release, restore_point, backup })
}

/// Backups that an operation could still go back to, or that stand behind one that waits: retention leaves them.
pub(super) fn needed_backups(state: &StateDir) -> Result<Vec<(BackupId, OperationId)>, Failure> {
    let mut needed: Vec<_> = behind_unfinished(state)?.into_iter().collect();
    needed.extend(behind_last_upgrade(state)?);
    Ok(needed)
}

fn behind_unfinished(state: &StateDir) -> Result<Vec<(BackupId, OperationId)>, Failure> {
    let operations = state.past()?;
    let unfinished =
        operations.into_iter().filter_map(|past| past.progress.ok()).filter(|past| past.ending.is_none());
    Ok(unfinished
        .filter_map(|past| Some((rotate::guard_of(&past.planned.plan)?, past.planned.operation)))
        .collect())
}

fn behind_last_upgrade(state: &StateDir) -> Result<Vec<(BackupId, OperationId)>, Failure> {
    let last = ways_back(state)?.last;
    Ok(last.iter().flat_map(|last| last.backups().map(|id| (id, last.operation.clone()))).collect())
}
