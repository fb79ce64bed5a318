//! What operations need of the world, in the product's words.
//!
//! Each port has a real adapter and one stateful fake, so that whole operations can be run, and killed, in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::model::release::Version;
use crate::model::secret::Secret;
use crate::plan::refusals::Counts;
use crate::plan::rotation::{Among, DualSecret, Held, OnRecord, Replicas, Which, Window};
use crate::plan::step::{OneOff, Release};
use crate::profile::{HttpPath, ServiceName};
use crate::report::Progress;

/// Takes notice of how far a step is.
pub type ProgressSink<'a> = &'a (dyn Fn(Progress) + Sync);

/// The world that an operation acts on, by its parts.
#[derive(Debug)]
pub struct World<S, D, B, E, C> {
    /// The product's services and images.
    pub services: S,
    /// The product's database server.
    pub databases: D,
    /// The backups.
    pub backups: B,
    /// Version, pin and other settings of the install.
    pub settings: E,
    /// The clock on the wall.
    pub clock: C,
}

/// One running or stopped instance of a service: a container, or a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The runtime's identifier.
    pub id: String,
    /// Whether it runs.
    pub state: InstanceState,
    /// The image it was made from.
    pub image_id: String,
    /// How often the runtime started it again after it had ended by itself.
    pub restarts: u32,
    /// Whether the kernel ended it, the last time that it ended, because memory ran out.
    pub out_of_memory: bool,
    /// What the runtime's own health check says.
    pub health: Health,
    /// Tells its last run from every other one; absent for one that never ran.
    pub last_run: Option<String>,
}

/// Whether an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Made, and never started.
    Created,
    /// Running.
    Running,
    /// Being stopped, and not ended yet.
    Ending,
    /// Ended by itself and about to be started again.
    Restarting,
    /// Ended.
    Exited {
        /// Its exit status.
        status: i64,
    },
}

/// What a runtime's own health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The instance has no health check.
    Unchecked,
    /// It has not passed yet.
    Starting,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// What can be asked of an instance over its own interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Is it alive?
    Health,
    /// Can it serve?
    Ready,
    /// Which version does it say it is?
    Version,
}

/// What an instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes; for [`Question::Version`], the version.
    Yes(String),
    /// No, and why.
    No(String),
    /// The profile describes no way to ask this.
    NotAsked,
}

/// The product's services and images.
#[expect(async_fn_in_trait, reason = "used through generics within this crate")]
pub trait Services {
    /// All instances of a service that belong to the product, without containers that run once.
    async fn instances(&self, service: &ServiceName) -> Result<Vec<Instance>, Fault>;
    /// A container that runs once, by its name.
    async fn one_off(&self, name: &str) -> Result<Option<Instance>, Fault>;
    /// Fetches an image by digest, unless the engine has it; returns the engine's identifier of it.
    async fn pull(&self, release: &Release, progress: ProgressSink<'_>) -> Result<String, Fault>;
    /// The engine's identifier of a release's image; fails when the engine does not have it.
    async fn image_id(&self, release: &Release) -> Result<String, Fault>;
    /// Tags an image so that nothing prunes it.
    async fn keep(&self, release: &Release) -> Result<(), Fault>;
    /// Stops all instances of a service; those that stand still already are fine. Says what it had to do by force.
    async fn stop(&self, service: &ServiceName) -> Result<Option<String>, Fault>;
    /// Starts services, and nothing that they depend on, as their description and the selected release say.
    async fn start(&self, services: &[ServiceName], release: &Release) -> Result<(), Fault>;
    /// Makes and starts a container that runs once. It must not exist.
    async fn start_one_off(&self, one_off: &OneOff) -> Result<(), Fault>;
    /// Removes a container that runs once, running or not; that it does not exist is fine.
    async fn remove_one_off(&self, name: &str) -> Result<(), Fault>;
    /// Asks an instance of a service.
    async fn ask(&self, service: &ServiceName, instance: &Instance, question: Question) -> Answer;
    /// Runs the product's own preflight inside an instance; `None` when the profile describes none.
    async fn preflight(&self, instance: &Instance) -> Result<Option<String>, Fault>;
    /// The last lines that an instance wrote, for a person.
    async fn log_tail(&self, instance: &Instance, lines: usize) -> Vec<String>;
    /// Makes containers of services anew with the settings of now, as many as are asked for, and leaves all others.
    async fn recreate(&self, replicas: &[Replicas], release: &Release, which: Which) -> Result<(), Fault>;
    /// Which values of a secret each running instance of a service was made with, or one that is made now would have.
    async fn held(
        &self,
        service: &ServiceName,
        secret: &DualSecret,
        among: Among,
    ) -> Result<Vec<Held>, Fault>;
    /// Asks each instance of the API for a path with a key; fails where one does not let its bearer in.
    async fn try_key(&self, path: &HttpPath) -> Result<String, Fault>;
    /// What each running instance of the API has counted since it began, by its identifier; an error says why that cannot be told.
    async fn request_counts(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault>;
    /// Lets the product check its own data; `None` when the profile describes no way to.
    async fn scan(&self, progress: ProgressSink<'_>) -> Result<Option<String>, Fault>;
}

/// How a database's schema stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// The migrations that are applied, oldest first; empty where the profile does not say how to read them.
    pub migrations: Vec<String>,
}

/// Whether anything wrote to a database between two moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Nothing, shown by the server's own counters.
    Nothing,
    /// Something: what, in words, and measured.
    Something(String),
    /// It cannot be shown either way, and why.
    Unknown(String),
}

/// How many rows were inserted, updated and deleted since the server's counters began, for comparison with a later reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteMark(pub String);

/// Two passwords of a role, of which the server takes one.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// The one that it is to take.
    pub wanted: Secret,
    /// The other one.
    pub other: Secret,
}

/// The product's database server.
#[expect(async_fn_in_trait, reason = "used through generics within this crate")]
pub trait Databases {
    /// Whether a database exists.
    async fn exists(&self, database: &DatabaseName) -> Result<bool, Fault>;
    /// Copies a database that nobody writes to, and marks the copy as whole. A copy without the mark is made anew.
    async fn copy(&self, from: &DatabaseName, to: &DatabaseName) -> Result<(), Fault>;
    /// Makes a database that is like the live one, with nothing in it; one that is there already is made anew.
    async fn create_empty(&self, database: &DatabaseName) -> Result<(), Fault>;
    /// Puts `incoming` in the place of `live`, which becomes `outgoing`, in one transaction. That it is done already is fine.
    async fn swap(
        &self,
        live: &DatabaseName,
        incoming: &DatabaseName,
        outgoing: &DatabaseName,
    ) -> Result<(), Fault>;
    /// Whether `copy` was made whole, and `live` is still what it was when it was copied.
    async fn changed_since_copy(&self, live: &DatabaseName, copy: &DatabaseName) -> Result<CopyState, Fault>;
    /// Drops a database that opsctl made; that it does not exist is fine.
    async fn drop(&self, database: &DatabaseName) -> Result<(), Fault>;
    /// How the schema stands.
    async fn schema(&self, database: &DatabaseName) -> Result<Schema, Fault>;
    /// A reading of the write counters.
    async fn write_mark(&self, database: &DatabaseName) -> Result<WriteMark, Fault>;
    /// What was written since a reading.
    async fn written_since(&self, database: &DatabaseName, mark: &WriteMark) -> Result<Written, Fault>;
    /// How much is stored under each value of a secret, by the query that the profile has for it.
    async fn stored_under(&self, database: &DatabaseName, query: &str) -> Result<Vec<u64>, Fault>;
    /// What is on record of the values of a secret, by the query that the profile has for it.
    async fn on_record(&self, database: &DatabaseName, query: &str) -> Result<Vec<OnRecord>, Fault>;
    /// Makes the one of two passwords of a role the one that the server takes, and shows by logging in that it is, and that the
    /// other is not taken. The server is told a verifier. That it is so already is fine. A server that was just started is
    /// waited for.
    async fn set_password(&self, role: &str, passwords: &Passwords) -> Result<String, Fault>;
    /// Sessions that hold up others, in words: who blocks whom, since when.
    async fn blockers(&self, database: &DatabaseName) -> Result<Vec<String>, Fault>;
}

/// What a copy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// There is no whole copy.
    NoCopy,
    /// The live database is as it was.
    Unchanged,
    /// The live database was changed since.
    Changed,
}

/// The backups of an install.
#[expect(async_fn_in_trait, reason = "used through generics within this crate")]
pub trait Backups {
    /// Takes a backup of the live database, or of another, reads it back in full, publishes and records it. One that is
    /// published already is fine.
    async fn take(
        &self,
        id: &BackupId,
        reason: Reason,
        of: Option<&DatabaseName>,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault>;
    /// Lets retention have a backup.
    async fn unpin(&self, id: &BackupId) -> Result<(), Fault>;
    /// Removes what retention does not keep; says what.
    async fn prune(&self, keep: u32) -> Result<Option<String>, Fault>;
    /// Reads an archive in full and checks it.
    async fn check(&self, archive: &Path, progress: ProgressSink<'_>) -> Result<String, Fault>;
    /// Loads an archive into a database that it makes; one that is there from an interrupted attempt is made anew.
    async fn load(
        &self,
        archive: &Path,
        into: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault>;
    /// Compares a loaded database with the archive's manifest.
    async fn compare(&self, archive: &Path, database: &DatabaseName) -> Result<String, Fault>;
    /// Drops a database and loads an archive under its name.
    async fn replace_in_place(
        &self,
        archive: &Path,
        live: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault>;
    /// Where the archive of a backup is.
    fn archive_of(&self, id: &BackupId) -> std::path::PathBuf;
}

/// The settings of an install that select a release.
#[expect(async_fn_in_trait, reason = "used through generics within this crate")]
pub trait Settings {
    /// Writes version and pin in one step, and then the version file.
    async fn select(&self, release: &Release) -> Result<(), Fault>;
    /// Comments out variables; the file as it was is kept until the operation is closed.
    async fn remove_variables(&self, names: &[String]) -> Result<(), Fault>;
    /// Puts everything back to what it was before the operation. What a person changed meanwhile stays.
    async fn restore(&self, release: &Release) -> Result<Option<String>, Fault>;
    /// Makes of the settings of a secret what is asked for, in one step; that it is so already is fine. A new value is
    /// nowhere but in the settings.
    async fn set_window(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault>;
    /// The value of a secret in the settings, and the other one of its rotation.
    fn passwords(&self, secret: &DualSecret) -> Result<Passwords, Fault>;
    /// Notes the release to go back to.
    async fn note_previous(&self, version: &Version) -> Result<(), Fault>;
}

/// The clock on the wall, for records only: limits are measured by the monotonic clock.
pub trait Clock {
    /// What it shows.
    fn now(&self) -> jiff::Timestamp;
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a started service is healthy.
    pub start: Duration,
    /// How long it must stay so.
    pub stable: Duration,
    /// How long a canary must stay so, while clients wait.
    pub canary_stable: Duration,
    /// Until the migrations are through.
    pub migrate: Duration,
}
