//! The state of an install in memory, what happens in it by itself, and what must hold of it at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use opsctl::model::backup_id::BackupId;

use crate::fake::releases::{Image, Quality};
use crate::fake::values::{Password, Values};

/// The database that the product uses.
pub(crate) const LIVE: &str = "ledger";

/// How long a migration takes for one statement.
pub(crate) const STATEMENT: Duration = Duration::from_millis(300);

/// How long a worker that is going to die lives.
const SHORT_LIFE: Duration = Duration::from_millis(700);

/// Everything that outlives opsctl.
#[derive(Debug, Clone)]
pub(crate) struct Install {
    /// The time that has passed in this install.
    pub now: Duration,
    /// The line of data whose writes are lost when the operation goes back: what is dropped in place cannot be kept.
    pub cannot_keep: Option<&'static str>,
    /// `.env`.
    pub env: Env,
    /// `.env` as it was before the operation.
    pub env_before: Option<Env>,
    /// The version file.
    pub version_file: String,
    /// The version to go back to.
    pub previous_version: Option<String>,
    /// Whether keys are stored under the values of the secret.
    pub stores_keys: bool,
    /// The values of the secret that keys are stored under.
    pub keys: BTreeSet<u32>,
    /// The password that the secret is, where it is one: nobody takes two values of it then.
    pub password: Option<Password>,
    /// The values of the secret that the API ever put on record, and the one that it uses.
    pub on_record: (BTreeSet<u32>, u32),
    /// The containers of services, by service.
    pub services: BTreeMap<String, Container>,
    /// The containers that run once, by name.
    pub one_offs: BTreeMap<String, Container>,
    /// The images that the engine has.
    pub local_images: BTreeSet<String>,
    /// The images that nothing prunes.
    pub kept_images: BTreeSet<String>,
    /// The databases, by name.
    pub databases: BTreeMap<String, Database>,
    /// The backups that bear their own name.
    pub backups: BTreeMap<BackupId, Backup>,
    /// Backups that were begun.
    pub partial_backups: BTreeSet<BackupId>,
    /// The client.
    pub client: Client,
    /// What the client was told is kept: each write, and the line of data that it went to.
    pub acknowledged: Vec<(u32, &'static str)>,
    /// Whether anybody asked what was written since the new release was started.
    pub writes_were_asked_for: bool,
    /// What the write counters said when they were last read.
    pub counted: Option<usize>,
    /// What must never happen, and did.
    pub violations: Vec<String>,
}

/// The lines of `.env`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Env {
    /// The version variable.
    pub version: String,
    /// The pin, which wins over the version.
    pub pin: Option<String>,
    /// Whether a variable that later releases do not take is set.
    pub deprecated: bool,
    /// The values of the secret that is rotated.
    pub secret: Values,
    /// Everything else.
    pub other: &'static str,
}

/// A container.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// Its image.
    pub image: &'static Image,
    /// What it is for.
    pub role: Role,
    /// The values of the secret that it was made with.
    pub held: Values,
    /// How it stands.
    pub phase: Phase,
    /// How often it was started.
    pub starts: u32,
    /// The migration whose first statement this container committed.
    pub half_done: Option<&'static str>,
    /// How many statements it committed.
    pub statements: u32,
}

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It serves clients.
    Api,
    /// It works in the background.
    Worker,
    /// It migrates the database.
    Migration,
    /// It proves a release where no client reaches it.
    Canary,
    /// It moves all keys to the present value of the secret.
    Rehash,
    /// It is the database server.
    Server,
}

/// How a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Made and never started.
    Created,
    /// Running since then.
    Running(Duration),
    /// Ended with this status.
    Exited(i64),
}

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// What is in it.
    pub content: Content,
    /// Whether it was filled to its end.
    pub whole: bool,
    /// What it was copied from, once the copy is marked as whole.
    pub copy_of: Option<Content>,
}

/// What is in a database or a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Which line of data it belongs to: going back to a backup begins another one.
    pub line: &'static str,
    /// The migrations that are applied.
    pub migrations: Vec<&'static str>,
    /// A migration of which only the first statement was committed.
    pub half: Option<&'static str>,
    /// The client's writes.
    pub writes: Vec<u32>,
}

/// A backup under its own name: it is whole.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    /// What is in it.
    pub content: Content,
    /// Whether the record of backups names it.
    pub recorded: bool,
    /// Whether retention must leave it.
    pub pinned: bool,
}

/// When the client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Whenever the API serves.
    Steady,
    /// Never to the release with this version.
    Avoids(&'static str),
    /// To the release with this version only once opsctl has asked whether anybody wrote to it.
    ComesLate(&'static str),
}

impl Content {
    /// The content of a line of data at a release.
    pub(crate) fn new(line: &'static str, version: &str, writes: &[u32]) -> Self {
        let migrations = Image::of(version).migrations.to_vec();
        Self { line, migrations, half: None, writes: writes.to_vec() }
    }

    /// A line of data that nothing was written to.
    pub(crate) fn nothing(line: &'static str) -> Self {
        Self { line, migrations: Vec::new(), half: None, writes: Vec::new() }
    }

    /// What the server counts: the client's writes, and each statement of a migration.
    pub(crate) fn counted(&self) -> usize {
        self.writes.len() + 2 * self.migrations.len() + usize::from(self.half.is_some())
    }
}

impl Database {
    /// A database that was filled to its end.
    pub(crate) fn whole(content: Content) -> Self {
        Self { content, whole: true, copy_of: None }
    }

    /// A database that was just made.
    pub(crate) fn empty() -> Self {
        Self { content: Content::nothing("empty"), whole: false, copy_of: None }
    }
}

impl Container {
    /// A container that was made.
    pub(crate) fn created(image: &'static Image, role: Role, held: Values) -> Self {
        Self { image, role, held, phase: Phase::Created, starts: 0, half_done: None, statements: 0 }
    }

    /// Starts it.
    pub(crate) fn start(&mut self, now: Duration) {
        self.phase = Phase::Running(now);
        self.starts += 1;
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.phase, Phase::Running(_))
    }
}

impl Install {
    /// Lets everything happen that happens by itself up to `now`: containers go on, and the client writes.
    pub(crate) fn live_on(&mut self, now: Duration) {
        self.now = now;
        self.migrations_go_on();
        self.keys_are_rehashed();
        self.keys_are_made();
        self.workers_die();
        self.client_writes();
    }

    fn migrations_go_on(&mut self) {
        let Some(database) = self.databases.get_mut(LIVE) else { return };
        for container in self.one_offs.values_mut().filter(|one_off| one_off.role == Role::Migration) {
            while let Phase::Running(since) = container.phase {
                if self.now < since + STATEMENT * (container.statements + 1) {
                    break;
                }
                container.statements += 1;
                commit_statement(container, &mut database.content);
            }
        }
    }

    fn workers_die(&mut self) {
        for container in self.services.values_mut() {
            let dies = container.role == Role::Worker && container.image.quality == Quality::WorkerDies;
            if let Phase::Running(since) = container.phase
                && dies
                && self.now >= since + SHORT_LIFE
            {
                container.phase = Phase::Exited(1);
            }
        }
    }

    fn client_writes(&mut self) {
        let Some(api) = self.services.get("api").filter(|api| api.runs()) else { return };
        let wants = match self.client {
            Client::Steady => true,
            Client::Avoids(version) => api.image.version != version,
            Client::ComesLate(version) => api.image.version != version || self.writes_were_asked_for,
        };
        if !wants || api.image.quality == Quality::NeverReady {
            return;
        }
        if self.next_write_tells_nothing_new() {
            return;
        }
        if let Some(database) = self.databases.get_mut(LIVE) {
            let write = 1000 + u32::try_from(self.acknowledged.len()).expect("few writes");
            database.content.writes.push(write);
            self.acknowledged.push((write, database.content.line));
        }
    }

    /// A write beside another that has been kept at the same places would only make the sweep longer.
    fn next_write_tells_nothing_new(&self) -> bool {
        let (Some((last, line)), Some(database)) = (self.acknowledged.last(), self.databases.get(LIVE))
        else {
            return false;
        };
        let counted = self.counted == Some(database.content.counted());
        let only_live = database.content.writes.contains(last) && self.places(*last).is_power_of_two();
        !counted && *line == database.content.line && only_live
    }

    /// Notes what must never happen.
    pub(crate) fn check(&mut self) {
        let mut found = Vec::new();
        let running: Vec<&Container> = self
            .services
            .values()
            .chain(self.one_offs.values())
            .filter(|container| container.runs())
            .collect();
        let migrating = running.iter().filter(|container| container.role == Role::Migration).count();
        if migrating > 1 || (migrating == 1 && running.len() > 1) {
            found.push("a migration runs beside something else that uses the database".to_owned());
        }
        for container in running.iter().filter(|container| container.role != Role::Migration) {
            let fits = self.databases.get(LIVE).is_some_and(|live| {
                live.whole
                    && live.content.half.is_none()
                    && live.content.migrations == container.image.migrations
            });
            if !fits {
                let (role, version) = (container.role, container.image.version);
                found.push(format!("{role:?} of {version} runs on a schema that is not its own"));
            }
        }
        let serving = running.iter().filter(|container| container.role == Role::Api);
        let refused = serving
            .flat_map(|api| self.keys.iter().filter(|value| !api.held.take(**value)))
            .map(|value| format!("keys that are stored under the value {value} are refused"));
        found.extend(refused);
        if !self.somebody_can_log_in() {
            found.push("nobody knows the password that the server takes".to_owned());
        }
        let held = |write: u32, line: &str| Some(line) == self.cannot_keep || self.places(write) > 0;
        let lost = self.acknowledged.iter().find(|(write, line)| !held(*write, line));
        if let Some((write, _)) = lost {
            found.push(format!("write {write} is in no database and in no backup"));
        }
        self.violations.extend(found);
    }

    /// Which databases and backups hold a write: a bit for each, in the order of their names, databases first.
    fn places(&self, write: u32) -> u64 {
        let databases = self
            .databases
            .values()
            .map(|database| database.whole && database.content.writes.contains(&write));
        let backups = self.backups.values().map(|backup| backup.content.writes.contains(&write));
        databases
            .chain(backups)
            .enumerate()
            .fold(0, |places, (bit, holds)| places | (u64::from(holds) << bit))
    }

    /// A number for all that tells two installs apart, without times, and without telling apart writes that are kept at the
    /// same places.
    pub(crate) fn essence(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let places: BTreeSet<(u64, &str)> =
            self.acknowledged.iter().map(|(write, line)| (self.places(*write), *line)).collect();
        places.hash(&mut hasher);
        (&self.env, &self.env_before, &self.version_file, &self.previous_version).hash(&mut hasher);
        (&self.local_images, &self.kept_images, &self.partial_backups, &self.keys).hash(&mut hasher);
        (self.writes_were_asked_for, &self.on_record, self.password).hash(&mut hasher);
        for (name, container) in self.services.iter().chain(&self.one_offs) {
            let phase = match container.phase {
                Phase::Running(_) => Phase::Running(Duration::ZERO),
                phase => phase,
            };
            (name, container.image.version, phase, container.statements, container.held).hash(&mut hasher);
        }
        let live = self.databases.get(LIVE);
        for (name, database) in &self.databases {
            let unchanged =
                database.copy_of.as_ref().map(|mark| live.is_some_and(|live| live.content == *mark));
            let content = &database.content;
            (name, database.whole, unchanged).hash(&mut hasher);
            (content.line, &content.migrations, content.half).hash(&mut hasher);
        }
        for (id, backup) in &self.backups {
            (id, backup.recorded, backup.pinned, &backup.content.migrations).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Commits the next statement of a migration, each by itself: a migration is not a transaction.
fn commit_statement(container: &mut Container, content: &mut Content) {
    if let Some(migration) = container.half_done.take() {
        let is_last = container.image.migrations.last() == Some(&migration);
        if is_last && container.image.quality == Quality::MigrationFails {
            container.phase = Phase::Exited(1);
        } else {
            content.half = None;
            content.migrations.push(migration);
        }
        return;
    }
    let pending = container.image.migrations.iter().find(|migration| !content.migrations.contains(migration));
    match pending {
        None => container.phase = Phase::Exited(0),
        Some(_) if content.half.is_some() => container.phase = Phase::Exited(2),
        Some(&migration) => {
            content.half = Some(migration);
            container.half_done = Some(migration);
        }
    }
}
