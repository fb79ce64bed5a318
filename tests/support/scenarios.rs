//! What is swept: operations on an install, each with what it must end in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opsctl::journal::record::Closing;
use opsctl::model::backup_id::BackupId;
use opsctl::operations::{
    DataCheck, MigrateBy, Product, Wellness, backup, restore, rollback, rotate, rotate_store, upgrade,
};
use opsctl::plan::Plan;
use opsctl::plan::rotation::{DualSecret, Halt, Login, OnRecord, PausePoint, Replicas};
use opsctl::plan::step::RestorePoint;
use opsctl::profile::{HttpPath, Made, VariableName};

use crate::fake::backups::archive;
use crate::fake::install::{Backup, Client, Container, Content, Database, Env, Install, LIVE, Phase, Role};
use crate::fake::releases::{Image, release};
use crate::fake::settings::fingerprint;
use crate::fake::values::{Password, Values};
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

/// A backup.
pub(crate) fn backup() -> Scenario {
    Scenario {
        superseded: Vec::new(),
        install: install("1.0.0", Client::Steady),
        plan: backup::plan(&product("1.0.0"), own_backup(), 7),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new: outcome("1.0.0", "live", &[LIVE]),
    }
}

/// A restore into a side database of a backup that `migrations` says may need migrating.
pub(crate) fn restore_by_swap(version: &'static str, migrations: restore::Migrations) -> Scenario {
    let before = with_database(
        install(version, Client::Steady),
        "ledger_replaced_before",
        Content::new("past", version, &[1]),
    );
    let request = restore::Request {
        archive: archive(archived()),
        way: restore::Way::Swap { side: database("ledger_side"), replaced: database("ledger_replaced") },
        migrations,
        migrate_name: "opsctl-migrate".to_owned(),
        superseded: vec![database("ledger_replaced_before")],
    };
    Scenario {
        superseded: vec!["ledger_replaced_before"],
        install: before,
        plan: restore::plan(&product(version), request),
        ends: Closing::Done,
        old: or_kept(outcome(version, "live", &[LIVE, "ledger_replaced_before"]), "ledger_side"),
        new: outcome(version, "archive", &[LIVE, "ledger_replaced"]),
    }
}

/// A restore that drops the live database behind a safety backup.
pub(crate) fn restore_in_place(version: &'static str, migrations: restore::Migrations) -> Scenario {
    let request = restore::Request {
        archive: archive(archived()),
        way: restore::Way::InPlace {
            safety: own_backup(),
            safety_archive: archive(own_backup()),
            side: database("ledger_side"),
        },
        migrations,
        migrate_name: "opsctl-migrate".to_owned(),
        superseded: Vec::new(),
    };
    Scenario {
        superseded: Vec::new(),
        install: Install { cannot_keep: Some("archive"), ..install(version, Client::Steady) },
        plan: restore::plan(&product(version), request),
        ends: Closing::Done,
        old: outcome(version, "live", &[LIVE]),
        new: outcome(version, "archive", &[LIVE]),
    }
}

/// A rotation of the store.
pub(crate) fn rotate_store() -> Scenario {
    let request = rotate_store::Request {
        archive: own_backup(),
        fresh: database("ledger_side"),
        retired: database("ledger_retired"),
        canary_service: service("api"),
        canary_name: "opsctl-canary".to_owned(),
        migrate_name: "opsctl-migrate".to_owned(),
    };
    Scenario {
        superseded: vec!["ledger_retired"],
        install: install("1.0.0", Client::Steady),
        plan: rotate_store::plan(&product("1.0.0"), request),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new: outcome("1.0.0", "fresh", &[LIVE]),
    }
}

/// The undoing of a restore.
pub(crate) fn undo_restore() -> Scenario {
    let replaced = Content::new("replaced", "1.0.0", &[1]);
    Scenario {
        superseded: Vec::new(),
        install: with_database(install("1.0.0", Client::Steady), "ledger_replaced", replaced),
        plan: restore::plan_undo(&product("1.0.0"), &database("ledger_replaced"), &database("ledger_undone")),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE, "ledger_replaced"]),
        new: outcome("1.0.0", "replaced", &[LIVE, "ledger_undone"]),
    }
}

/// What an upgrade goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A copy on the server.
    Clone,
    /// A backup.
    Backup,
}

/// The outcome, with a database that may be kept: clients may have written to what served for a moment.
fn or_kept(mut outcome: Outcome, database: &'static str) -> Outcome {
    outcome.may_be_kept.insert(database);
    outcome
}

/// An upgrade from 1.0.0.
pub(crate) fn upgrade(target: &'static str, point: Point, client: Client, ends: Closing) -> Scenario {
    let past = Content::new("past", "1.0.0", &[1]);
    let safety: BackupId = "2026-03-14-120001".parse().expect("an id");
    let restore_point = match point {
        Point::Clone => RestorePoint::Clone { database: database("ledger_point") },
        Point::Backup => RestorePoint::Backup { id: safety, side: database("ledger_side") },
    };
    let request = upgrade::Request {
        target: release(target),
        backup: Some(own_backup()),
        keep: 7,
        restore_point,
        failed: database("ledger_failed"),
        removed_variables: vec!["LICENSE_MODE".to_owned()],
        canary_service: service("api"),
        canary_name: "opsctl-canary".to_owned(),
        migrate_name: "opsctl-migrate".to_owned(),
        superseded: vec![database("ledger_point_before")],
    };
    let mut new = outcome(target, "live", &[LIVE]);
    if point == Point::Clone {
        new.databases.insert("ledger_point");
    }
    new.deprecated = false;
    new.previous_version = Some("1.0.0");
    let mut old = outcome("1.0.0", "live", &[LIVE, "ledger_point_before"]);
    old.may_be_kept.insert("ledger_failed");
    Scenario {
        superseded: vec!["ledger_point_before"],
        install: with_database(install("1.0.0", client), "ledger_point_before", past),
        plan: upgrade::plan(&product("1.0.0"), request).expect("an upgrade"),
        ends,
        old,
        new,
    }
}

/// A rollback from 1.1.0 to 1.0.0.
pub(crate) fn roll_back(data: rollback::Data) -> Scenario {
    let point = Content::new("point", "1.0.0", &[1, 2]);
    let mut before = with_database(install("1.1.0", Client::Steady), "ledger_point", point);
    let (superseded, line, left, image) = match data {
        rollback::Data::RestorePoint(_) => (Vec::new(), "point", None, rollback::ImageSource::Local),
        rollback::Data::Backup { .. } => {
            (vec![database("ledger_point")], "archive", Some("ledger_point"), rollback::ImageSource::Registry)
        }
    };
    if image == rollback::ImageSource::Local {
        before.local_images.insert(Image::of("1.0.0").id());
    }
    let request = rollback::Request {
        target: release("1.0.0"),
        image,
        data,
        replaced: database("ledger_replaced"),
        superseded,
    };
    let mut old = or_kept(outcome("1.1.0", "live", &[LIVE, "ledger_point"]), "ledger_side");
    old.databases.extend(left);
    Scenario {
        superseded: left.into_iter().collect(),
        install: before,
        plan: rollback::plan(&product("1.1.0"), request),
        ends: Closing::Done,
        old,
        new: outcome("1.0.0", line, &[LIVE, "ledger_replaced"]),
    }
}

/// A rotation through a window in which both values count, that waits at these places.
pub(crate) fn rotate(pauses: &[PausePoint]) -> Scenario {
    let rehash = rotate::Rehashing {
        service: service("api"),
        program: vec!["rehash".to_owned()],
        name: "opsctl-rehash".to_owned(),
        count: Some("SELECT value, count(*) FROM keys GROUP BY 1".to_owned()),
    };
    rotation(rotate::Way::DualWindow { rehash, pauses: pauses.iter().map(|at| (*at, Halt::Stop)).collect() })
}

/// A rotation of a value under which nothing is stored.
pub(crate) fn replace_secret() -> Scenario {
    let before = vec![OnRecord { id: OLD_SECRET.to_string(), in_use: true }];
    let on_record = Some(("SELECT value, in_use FROM values".to_owned(), before));
    let mut scenario = rotation(rotate::Way::Replaced { on_record });
    scenario.install.stores_keys = false;
    scenario.install.keys.clear();
    scenario
}

/// A rotation of the password of the database server, whose container is made with it too.
pub(crate) fn change_password() -> Scenario {
    let name = |text| VariableName::try_from(text).expect("a variable");
    let replicas = |name| Replicas { service: service(name), count: 1 };
    let request = rotate::LoginRequest {
        secret: DualSecret {
            name: name("PASSWORD"),
            previous: None,
            made: Made::Random { bytes: 32 },
            login: Some(Login { role: "ledger".to_owned(), urls: vec![name("DATABASE_URL")] }),
        },
        old: fingerprint(OLD_SECRET),
        server: Some(service("server")),
        replicas: vec![replicas("api"), replicas("worker")],
        canary: None,
    };
    let mut before = install("1.0.0", Client::Steady);
    let server = Container { role: Role::Server, ..before.services["api"].clone() };
    before.services.insert("server".to_owned(), server);
    before.password = Some(Password { taken: OLD_SECRET, kept: None });
    before.stores_keys = false;
    before.keys.clear();
    let mut new = outcome("1.0.0", "live", &[LIVE]);
    new.secret = OLD_SECRET + 1;
    Scenario {
        superseded: Vec::new(),
        install: before,
        plan: rotate::plan_login(&product("1.0.0"), &request),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new,
    }
}

fn rotation(way: rotate::Way) -> Scenario {
    let name = |text| VariableName::try_from(text).expect("a variable");
    let replicas = |name| Replicas { service: service(name), count: 1 };
    let request = rotate::Request {
        secret: DualSecret {
            name: name("SECRET"),
            previous: Some(name("SECRET_PREVIOUS")),
            made: Made::Random { bytes: 32 },
            login: None,
        },
        old: fingerprint(OLD_SECRET),
        guard: rotate::Guard::Taken { id: own_backup(), keep: 7 },
        replicas: vec![replicas("api"), replicas("worker")],
        way,
        canary: Some(HttpPath::try_from("/admin").expect("a path")),
        refusals: rotate::Refusals::Counted,
    };
    let mut new = outcome("1.0.0", "live", &[LIVE]);
    new.secret = OLD_SECRET + 1;
    Scenario {
        superseded: Vec::new(),
        install: install("1.0.0", Client::Steady),
        plan: rotate::plan(&product("1.0.0"), &request),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new,
    }
}
