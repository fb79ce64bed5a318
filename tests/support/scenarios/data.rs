//! Operations on data: backups, restores, and a store that is archived.

use opsctl::journal::record::Closing;
use opsctl::operations::{backup, restore, rotate_store};

use super::{Scenario, archived, install, or_kept, outcome, own_backup, product, with_database};
use crate::fake::backups::archive;
use crate::fake::install::{Client, Content, Install, LIVE};
use crate::fake::{database, service};

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
