//! Steps: each is one effect, as data, with what undoes it.

mod describe;
mod undo;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::release::Version;
use crate::plan::rotation::{Among, DualSecret, Halt, OnRecord, PausePoint, Replicas, Which, Window};
use crate::profile::{HttpPath, ServiceName};

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
    /// Program and arguments in place of the image's entry point and the service's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Vec<String>>,
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
        /// The database that it is of; absent for the live one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<DatabaseName>,
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
    /// Makes an empty database, to be swapped in.
    CreateEmpty {
        /// Its name.
        database: DatabaseName,
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
    /// Makes sure that what was stopped still stands, so that nothing can have been written behind the restore point.
    ConfirmQuiet {
        /// The services that were stopped.
        services: Vec<ServiceName>,
        /// The name that a failed database would be kept under; absent where nothing was changed so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<DatabaseName>,
    },
    /// Notes when what was stopped last ran, to tell afterwards whether somebody started it meanwhile.
    MarkStopped {
        /// The services that were stopped.
        services: Vec<ServiceName>,
    },
    /// Reads the write counters, to tell afterwards whether anything was written since: by migrations whose outcome is
    /// unknown, or past the commit point.
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
    /// Makes of the settings of a secret what a stage of its rotation asks for.
    SetWindow {
        /// The secret.
        secret: DualSecret,
        /// What its settings become.
        window: Window,
    },
    /// Makes containers anew, so that they have the settings of now. A mere restart does not read them again.
    Recreate {
        /// The services, in the order in which they are started, and how many instances each keeps.
        replicas: Vec<Replicas>,
        /// What they must run.
        release: Release,
        /// Which of their containers.
        which: Which,
    },
    /// Makes sure that services have the values of a secret that they are meant to have.
    ProveWindow {
        /// The secret.
        secret: DualSecret,
        /// What its settings are.
        window: Window,
        /// The services.
        services: Vec<ServiceName>,
        /// Where it is looked.
        among: Among,
    },
    /// Lets the database server take the value of a secret that the settings have now as the password of its role, and
    /// nothing else.
    SetPassword {
        /// The secret. The server is told a verifier of it, never the value.
        secret: DualSecret,
    },
    /// Asks each instance of the API with a key, which must let its bearer in.
    TryKey {
        /// The path that is asked for.
        path: HttpPath,
    },
    /// Takes a reading of how many requests the API refuses.
    MarkRefusals,
    /// Makes sure that the API does not refuse more requests than when that was read.
    CompareRefusals,
    /// Lets the product move all that is stored under one value of a secret to the other.
    Rehash {
        /// The container that does it.
        one_off: OneOff,
        /// The live database.
        live: DatabaseName,
        /// The query that counts what is stored under which value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<String>,
        /// The backup that stands behind it: without one it cannot be planned.
        guard: BackupId,
    },
    /// Makes sure that what was on record of a secret still is, and that another value is in use.
    ProveOnRecord {
        /// The live database.
        live: DatabaseName,
        /// The query for it.
        query: String,
        /// What was on record before.
        before: Vec<OnRecord>,
    },
    /// A place where the operation can wait for days, with nothing half-done.
    Pause {
        /// Where.
        at: PausePoint,
        /// Whether it stops there.
        halt: Halt,
    },
    /// Notes the release to go back to, where the operations guide's scripts look for it.
    NotePreviousVersion {
        /// The release before the upgrade.
        version: Version,
    },
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
