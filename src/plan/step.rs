//! Steps: each is one effect, as data, with what undoes it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::release::Version;
use crate::profile::ServiceName;

/// A release together with the exact image that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The release's name.
    pub version: Version,
    /// The image as Compose names it: `repository:tag`.
    pub image: String,
    /// The digest under which a registry serves it: `sha256:...`. Absent for an image that was never in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The engine's own identifier of the image: `sha256:...`. Absent until it is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// What the pin variable holds when this release is selected; absent when the install does not pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(formatter)
    }
}

/// The state that an upgrade can go back to before its commit point, and a rollback afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RestorePoint {
    /// A copy of the database on the same server, made while nothing wrote.
    Clone {
        /// The copy.
        database: DatabaseName,
    },
    /// A backup taken while nothing wrote.
    Backup {
        /// The backup.
        id: BackupId,
        /// The side database that it would be loaded into.
        side: DatabaseName,
    },
}

/// A container that runs once, by a name and a label under which it is found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneOff {
    /// The container's name.
    pub name: String,
    /// The service whose description it follows.
    pub service: ServiceName,
    /// The release whose image it runs.
    pub release: Release,
    /// The command in place of the service's own; `${VARIABLE}` is left for Compose to fill in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

/// One effect. A plan is a list of these: it can be printed, stored and tested without doing anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Fetches a release's image by digest.
    Pull {
        /// What to fetch.
        release: Release,
    },
    /// Tags a release's image so that going back to it needs no network.
    Keep {
        /// What to keep.
        release: Release,
    },
    /// Takes, reads back and records a backup.
    TakeBackup {
        /// Its identifier.
        id: BackupId,
        /// What it is for.
        reason: Reason,
    },
    /// Lets retention have a backup that was pinned for this operation.
    UnpinBackup {
        /// Its identifier.
        id: BackupId,
    },
    /// Removes backups that retention does not keep.
    Prune {
        /// How many of the newest backups to keep.
        keep: u32,
    },
    /// Reads a backup in full and checks it, before anything is touched.
    CheckBackup {
        /// The archive.
        archive: PathBuf,
    },
    /// Loads a backup into a database beside the live one.
    LoadBackup {
        /// The archive.
        archive: PathBuf,
        /// The database to make.
        into: DatabaseName,
    },
    /// Compares a loaded database with the backup's manifest.
    CompareLoaded {
        /// The archive.
        archive: PathBuf,
        /// The database that was loaded.
        database: DatabaseName,
    },
    /// Stops what writes.
    Quiesce {
        /// In the order in which they are stopped.
        services: Vec<ServiceName>,
    },
    /// Makes the state that the operation can go back to, while nothing writes.
    TakeRestorePoint {
        /// The live database.
        live: DatabaseName,
        /// What to make.
        point: RestorePoint,
        /// The name that a failed database would be kept under.
        failed: DatabaseName,
    },
    /// Comments out variables that the product no longer takes.
    RemoveVariables {
        /// Their names.
        names: Vec<String>,
    },
    /// Runs the new release's migrations.
    Migrate {
        /// The container that runs them.
        one_off: OneOff,
        /// The live database.
        live: DatabaseName,
        /// What the database can go back to: without it a migration cannot be planned.
        guard: RestorePoint,
    },
    /// Starts the new release where no client can reach it, and proves it.
    ProveCanary {
        /// The container.
        one_off: OneOff,
    },
    /// Removes a container that ran once.
    RemoveOneOff {
        /// Its name.
        name: String,
    },
    /// Reads the write counters, to tell afterwards whether anything was written past the commit point.
    MarkWrites {
        /// The live database.
        live: DatabaseName,
    },
    /// Writes version, pin and version file.
    SelectRelease {
        /// The release that the install is to run.
        release: Release,
    },
    /// Puts version, pin, version file and variables back to what they were before the operation.
    RestoreSettings {
        /// The release that was selected before.
        release: Release,
    },
    /// Puts one database in the place of another: `live` becomes `outgoing`, `incoming` becomes `live`.
    Swap {
        /// The name that the product uses.
        live: DatabaseName,
        /// What takes its place.
        incoming: DatabaseName,
        /// Where the live data goes.
        outgoing: DatabaseName,
    },
    /// Goes back to a restore point if the migration changed anything, keeping the failed database.
    ReturnToRestorePoint {
        /// The name that the product uses.
        live: DatabaseName,
        /// What to go back to.
        point: RestorePoint,
        /// Where the failed data goes.
        failed: DatabaseName,
    },
    /// Drops the live database and loads a backup in its place.
    ReplaceInPlace {
        /// The archive.
        archive: PathBuf,
        /// The database to drop and make anew.
        live: DatabaseName,
    },
    /// Starts services on a release.
    Start {
        /// The services.
        services: Vec<ServiceName>,
        /// What they must run.
        release: Release,
    },
    /// Waits until services are healthy, stable and on the right image.
    PassGates {
        /// The services.
        services: Vec<ServiceName>,
        /// What they must run.
        release: Release,
    },
    /// Lets the product check its own data.
    ScanData,
    /// Drops a database that opsctl made.
    DropDatabase {
        /// Its name.
        database: DatabaseName,
    },
    /// Notes the release to go back to, where the operations guide's scripts look for it.
    NotePreviousVersion {
        /// The release before the upgrade.
        version: Version,
    },
}

impl Step {
    /// What undoes this step, given what the operation found when it began.
    pub fn undo(&self, before: &Before) -> Vec<Self> {
        match self {
            Self::TakeBackup { id, reason: Reason::PreUpgrade } => {
                vec![Self::UnpinBackup { id: *id }]
            }
            Self::LoadBackup { into, .. } => vec![Self::DropDatabase { database: into.clone() }],
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
            Self::Start { services, .. } => vec![Self::Quiesce { services: services.clone() }],
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
            | Self::RemoveOneOff { .. }
            | Self::MarkWrites { .. }
            | Self::RestoreSettings { .. }
            | Self::ReturnToRestorePoint { .. }
            | Self::PassGates { .. }
            | Self::ScanData
            | Self::DropDatabase { .. }
            | Self::NotePreviousVersion { .. } => Vec::new(),
        }
    }
}

impl Step {
    /// Whether the step can be dropped half-way when somebody asks to stop: it takes long, and what it leaves is removed.
    pub(crate) fn may_be_cut_short(&self) -> bool {
        matches!(
            self,
            Self::Pull { .. }
                | Self::TakeBackup { .. }
                | Self::CheckBackup { .. }
                | Self::LoadBackup { .. }
                | Self::CompareLoaded { .. }
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

/// What an operation found: what undoing it must end in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The release that ran.
    pub release: Release,
    /// The services that ran, in the order in which they are started.
    pub running: Vec<ServiceName>,
    /// Whether they were well: going back can promise no more than what was there.
    pub well: bool,
    /// The archive that holds the data from before, where it is dropped in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<PathBuf>,
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

impl fmt::Display for Step {
    /// What the step does, as a line of a plan: an imperative fragment.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { release } => match &release.digest {
                Some(digest) => write!(formatter, "pull {} ({})", release.image, short(digest)),
                None => write!(formatter, "use the local image {}", release.image),
            },
            Self::Keep { release } => write!(formatter, "keep the image of {release} for going back"),
            Self::TakeBackup { id, .. } => write!(formatter, "take backup {id} and read it back"),
            Self::UnpinBackup { id } => write!(formatter, "unpin backup {id}"),
            Self::Prune { keep } => write!(formatter, "prune backups, keeping the newest {keep}"),
            Self::CheckBackup { archive } => {
                write!(formatter, "read {} in full and check it", archive.display())
            }
            Self::LoadBackup { into, .. } => {
                write!(formatter, "load the backup into the side database {into}")
            }
            Self::CompareLoaded { database, .. } => write!(formatter, "compare {database} with the backup"),
            Self::Quiesce { services } => write!(formatter, "stop {}", list(services)),
            Self::TakeRestorePoint { live, point, .. } => match point {
                RestorePoint::Clone { database } => {
                    write!(formatter, "take the restore point: copy {live} to {database}")
                }
                RestorePoint::Backup { id, .. } => write!(formatter, "take the restore point: backup {id}"),
            },
            Self::MarkWrites { .. } => formatter.write_str("read the database's write counters"),
            Self::RemoveVariables { names } => write!(formatter, "comment out {} in .env", names.join(", ")),
            Self::Migrate { one_off, live, .. } => {
                write!(formatter, "migrate {live} with {}", one_off.release)
            }
            Self::ProveCanary { one_off } => {
                write!(formatter, "prove {} on a canary that no client can reach", one_off.release)
            }
            Self::RemoveOneOff { name } => write!(formatter, "remove the container {name}"),
            Self::SelectRelease { release } => {
                write!(formatter, "select {release} (version, pin, version file)")
            }
            Self::RestoreSettings { release } => {
                write!(formatter, "select {release} again and put .env back")
            }
            Self::Swap { live, incoming, outgoing } => {
                write!(formatter, "swap {incoming} in as {live}, keeping the present one as {outgoing}")
            }
            Self::ReturnToRestorePoint { live, failed, .. } => {
                write!(formatter, "return {live} to the restore point, keeping what failed as {failed}")
            }
            Self::ReplaceInPlace { archive, live } => {
                write!(formatter, "drop {live} and load {} in its place", archive.display())
            }
            Self::Start { services, release } => write!(formatter, "start {} on {release}", list(services)),
            Self::PassGates { services, .. } => {
                write!(formatter, "wait until {} are healthy and stable", list(services))
            }
            Self::ScanData => formatter.write_str("let the product check its data"),
            Self::DropDatabase { database } => write!(formatter, "drop {database}"),
            Self::NotePreviousVersion { version } => {
                write!(formatter, "note {version} as the release to go back to")
            }
        }
    }
}

fn list(services: &[ServiceName]) -> String {
    services.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
