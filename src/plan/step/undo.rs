//! What undoes a step, and where a step stands while an operation goes on or back.

use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::plan::step::{Before, RestorePoint, Step};

impl Step {
    /// What undoes this step, given what the operation found when it began.
    pub fn undo(&self, before: &Before) -> Vec<Self> {
        match self {
            Self::TakeBackup { id, reason: Reason::PreUpgrade | Reason::PreRotation, .. } => {
                vec![Self::UnpinBackup { id: *id }]
            }
            Self::LoadBackup { into: database, .. } | Self::CreateEmpty { database } => {
                vec![Self::DropDatabase { database: database.clone() }]
            }
            Self::Quiesce { .. } => before.start(),
            Self::TakeRestorePoint { live, point, failed } => undo_since_restore_point(live, point, failed),
            Self::RemoveVariables { .. } | Self::SelectRelease { .. } => {
                vec![Self::RestoreSettings { release: before.release.clone() }]
            }
            Self::Migrate { one_off, .. } | Self::ProveCanary { one_off } => {
                vec![Self::RemoveOneOff { name: one_off.name.clone() }]
            }
            Self::Swap { live, incoming, outgoing } => vec![Self::Swap {
                live: live.clone(),
                incoming: outgoing.clone(),
                outgoing: incoming.clone(),
            }],
            Self::Start { services, .. } => {
                vec![Self::Quiesce { services: services.iter().rev().cloned().collect() }]
            }
            Self::ReplaceInPlace { live, .. } => match &before.safety_backup {
                Some(archive) => {
                    vec![Self::ReplaceInPlace { archive: archive.clone(), live: live.clone() }]
                }
                None => Vec::new(),
            },
            Self::Pull { .. }
            | Self::Keep { .. }
            | Self::TakeBackup { .. }
            | Self::UnpinBackup { .. }
            | Self::Prune { .. }
            | Self::CheckBackup { .. }
            | Self::CompareLoaded { .. }
            | Self::ConfirmQuiet { .. }
            | Self::RemoveOneOff { .. }
            | Self::MarkStopped { .. }
            | Self::MarkWrites { .. }
            | Self::RestoreSettings { .. }
            | Self::ReturnToRestorePoint { .. }
            | Self::PassGates { .. }
            | Self::ScanData
            | Self::DropDatabase { .. }
            // A rotation is undone as a whole: the window is gone through the other way round.
            | Self::SetWindow { .. }
            | Self::Recreate { .. }
            | Self::ProveWindow { .. }
            | Self::SetPassword { .. }
            | Self::TryKey { .. }
            | Self::MarkRefusals
            | Self::CompareRefusals
            | Self::Rehash { .. }
            | Self::ProveOnRecord { .. }
            | Self::Pause { .. }
            | Self::NotePreviousVersion { .. } => Vec::new(),
        }
    }

    /// Whether the step can be dropped half-way when somebody asks to stop: it takes long, and what it leaves is removed.
    pub(crate) fn may_be_cut_short(&self) -> bool {
        matches!(
            self,
            Self::Pull { .. }
                | Self::TakeBackup { .. }
                | Self::CheckBackup { .. }
                | Self::LoadBackup { .. }
                | Self::CompareLoaded { .. }
        ) || self.waits()
    }

    /// Whether the step mostly waits for the product: whoever stops that has seen enough.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::ProveCanary { .. } | Self::PassGates { .. })
    }

    /// Whether the step changes nothing, so that it may be begun as often as somebody likes.
    pub(crate) fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::CheckBackup { .. }
                | Self::CompareLoaded { .. }
                | Self::ConfirmQuiet { .. }
                | Self::MarkStopped { .. }
                | Self::MarkWrites { .. }
                | Self::PassGates { .. }
                | Self::ScanData
                | Self::ProveWindow { .. }
                | Self::TryKey { .. }
                | Self::MarkRefusals
                | Self::CompareRefusals
                | Self::ProveOnRecord { .. }
        )
    }

    /// Whether what the step notes is a reading for `later`, and not for a reader.
    pub(crate) fn is_read_by(&self, later: &Self) -> bool {
        matches!(
            (self, later),
            (Self::MarkWrites { .. }, Self::Migrate { .. } | Self::Start { .. })
                | (Self::MarkStopped { .. }, Self::ConfirmQuiet { .. })
                | (Self::MarkRefusals, Self::CompareRefusals)
        )
    }

    /// Whether the step lets code of the product run on the data.
    pub(crate) fn may_change_data(&self) -> bool {
        matches!(self, Self::Migrate { .. } | Self::ProveCanary { .. } | Self::Start { .. })
    }

    /// Whether the step only removes what is no longer needed, or notes something for later.
    pub(crate) fn tidies(&self) -> bool {
        matches!(
            self,
            Self::UnpinBackup { .. }
                | Self::Prune { .. }
                | Self::DropDatabase { .. }
                | Self::NotePreviousVersion { .. }
        )
    }

    /// Where a step stands among those that undo an operation; steps of one place keep their order.
    pub(crate) fn place_in_reversal(&self) -> u8 {
        match self {
            Self::RemoveOneOff { .. } => 0,
            Self::Start { .. } => 2,
            Self::PassGates { .. } => 3,
            Self::DropDatabase { .. } | Self::UnpinBackup { .. } => 4,
            _ => 1,
        }
    }
}

fn undo_since_restore_point(live: &DatabaseName, point: &RestorePoint, failed: &DatabaseName) -> Vec<Step> {
    let mut steps =
        vec![Step::ReturnToRestorePoint { live: live.clone(), point: point.clone(), failed: failed.clone() }];
    if let RestorePoint::Clone { database } = point {
        steps.push(Step::DropDatabase { database: database.clone() });
    }
    steps
}

impl Before {
    /// Starts what ran, on what it ran on, and waits until it serves.
    fn start(&self) -> Vec<Step> {
        if self.running.is_empty() {
            return Vec::new();
        }
        let mut steps = vec![Step::Start { services: self.running.clone(), release: self.release.clone() }];
        if self.well {
            steps.push(Step::PassGates { services: self.running.clone(), release: self.release.clone() });
        }
        steps
    }
}
