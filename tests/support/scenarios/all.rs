//! What is swept: operations on an install, each with what it must end in.

pub(crate) mod data;
pub(crate) mod releases;
pub(crate) mod rotations;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opsctl::journal::record::Closing;
use opsctl::model::backup_id::BackupId;
use opsctl::operations::{DataCheck, MigrateBy, Product, Wellness};
use opsctl::plan::Plan;

use crate::fake::install::{Backup, Client, Container, Content, Database, Env, Install, LIVE, Phase, Role};
use crate::fake::releases::{Image, release};
use crate::fake::values::Values;
use crate::fake::{database, service};

/// An operation on an install.
pub(crate) struct Scenario {
    /// The install before it.
    pub install: Install,
    /// What it does.
    pub plan: Plan,
    /// The databases that it takes the place of, and drops last.
    pub(crate) superseded: Vec<&'static str>,
    /// How it ends when nothing disturbs it.
    pub ends: Closing,
    /// The two outcomes that there may be.
    pub old: Outcome,
    /// See `old`.
    pub new: Outcome,
}

/// What an install must be afterwards.
pub(crate) struct Outcome {
    /// The release that runs and is selected.
    pub version: &'static str,
    /// The line of data that is live.
    pub line: &'static str,
    /// The databases that there are.
    pub databases: BTreeSet<&'static str>,
    /// Databases that may be there as well: what failed, kept for support.
    pub may_be_kept: BTreeSet<&'static str>,
    /// Whether the variable that later releases do not take is set.
    pub deprecated: bool,
    /// The noted version to go back to.
    pub previous_version: Option<&'static str>,
    /// The value of the secret.
    pub secret: u32,
}

/// The value of the secret before anything.
pub(crate) const OLD_SECRET: u32 = 1;

/// The backup that every install has from before.
pub(crate) fn archived() -> BackupId {
    "2026-03-01-000000".parse().expect("an id")
}

/// The backup that an operation takes.
pub(crate) fn own_backup() -> BackupId {
    "2026-03-14-120000".parse().expect("an id")
}

fn install(version: &'static str, client: Client) -> Install {
    let image = Image::of(version);
    let running = |role| Container {
        phase: Phase::Running(Duration::ZERO),
        starts: 1,
        ..Container::created(image, role, Values::only(OLD_SECRET))
    };
    let archive = Content::new("archive", "1.0.0", &[1, 2]);
    let archive = Backup { content: archive, recorded: true, pinned: false };
    Install {
        cannot_keep: None,
        now: Duration::from_secs(10),
        env: Env {
            version: version.to_owned(),
            pin: Some(image.digest()),
            deprecated: true,
            secret: Values::only(OLD_SECRET),
            other: "PASSWORD=a$b c",
        },
        env_before: None,
        version_file: version.to_owned(),
        previous_version: None,
        stores_keys: true,
        keys: BTreeSet::from([OLD_SECRET]),
        password: None,
        on_record: (BTreeSet::from([OLD_SECRET]), OLD_SECRET),
        services: BTreeMap::from([
            ("api".to_owned(), running(Role::Api)),
            ("worker".to_owned(), running(Role::Worker)),
        ]),
        one_offs: BTreeMap::new(),
        local_images: BTreeSet::from([image.id()]),
        kept_images: BTreeSet::new(),
        databases: BTreeMap::from([(
            LIVE.to_owned(),
            Database::whole(Content::new("live", version, &[1, 2, 3])),
        )]),
        backups: BTreeMap::from([(archived(), archive)]),
        partial_backups: BTreeSet::new(),
        client,
        acknowledged: vec![(1, "live"), (2, "live"), (3, "live")],
        writes_were_asked_for: false,
        counted: None,
        violations: Vec::new(),
    }
}

fn with_database(mut install: Install, name: &str, content: Content) -> Install {
    install.databases.insert(name.to_owned(), Database::whole(content));
    install
}

fn product(version: &str) -> Product {
    Product {
        release: release(version),
        services: vec![service("worker"), service("api")],
        running: vec![service("worker"), service("api")],
        well: Wellness::Well,
        live: database(LIVE),
        migrate: Some(MigrateBy { service: service("migrate"), command: None }),
        data_check: DataCheck::Described,
    }
}

fn outcome(version: &'static str, line: &'static str, databases: &[&'static str]) -> Outcome {
    Outcome {
        version,
        line,
        databases: databases.iter().copied().collect(),
        may_be_kept: BTreeSet::new(),
        deprecated: true,
        previous_version: None,
        secret: OLD_SECRET,
    }
}

/// The outcome, with a database that may be kept: clients may have written to what served for a moment.
fn or_kept(mut outcome: Outcome, database: &'static str) -> Outcome {
    outcome.may_be_kept.insert(database);
    outcome
}
