//! Operations on a product that is one process and one SQLite file: the sample product, run for real, on this machine alone.
//!
//! It needs the sample product's binary: `cargo build -p ledger`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "it runs the program, and a failed step is a failed test"
)]

#[path = "../support/broken.rs"]
mod broken;
mod brought_back;
mod client;
#[path = "../live/disk.rs"]
#[allow(dead_code, reason = "what only the other suite asks for")]
mod disk;
mod fetched;
mod first_starts;
mod foreign;
mod full_disk;
mod harmed;
mod install;
mod interrupted;
mod journal;
mod kept_releases;
mod looking;
mod over_https;
mod piecewise;
mod recorded;
mod rehearsals;
#[path = "../support/stand.rs"]
#[allow(dead_code, reason = "what only the other suite asks for")]
mod stand;
mod stopped;
#[path = "../support/kill_sweep.rs"]
mod sweep;
mod terminal;
mod watched;
mod web;

use broken::{Broken, are_undone};
use install::Install;
use stand::{Stand as _, Writes as _};
use sweep::Sweep;

#[test]
fn a_writer_that_never_stops_loses_nothing_to_backups_and_upgrades() {
    let install = Install::started("1.0.0");
    let writer = install.writer();
    writer.goes_on();
    assert_eq!(install.run("backup").0, 0);
    assert_eq!(install.run("backup verify latest --restore").0, 0);
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    writer.goes_on();
    let (acknowledged, stored) = (writer.finish(), install.stored());
    assert!(acknowledged.iter().all(|id| stored.contains(id)), "{} of {}", stored.len(), acknowledged.len());
}

#[test]
fn a_release_that_does_not_work_is_undone() {
    let releases = [
        Broken { release: "2.0.0-migration-fails", because: "migrat" },
        Broken { release: "2.0.0-crash-loop", because: "ended" },
        Broken { release: "2.0.0-wrong-version", because: "version" },
        Broken { release: "2.0.0-never-ready", because: "healthy" },
    ];
    are_undone(&Install::started("1.1.0"), "1.1.0", &releases, |_, _| {});
}

#[test]
fn a_restore_can_be_undone_and_an_upgrade_rolled_back() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    install.send("b");
    let (status, text) = install.run("restore latest");
    assert_eq!(status, 0, "{text}");
    assert!(!text.contains("check its data"), "there is nothing to ask it: {text}");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    assert_eq!(install.run("restore --undo").0, 0);
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
    install.send("c");
    let (status, text) = install.run("rollback --plan");
    assert!(status == 0 && text.contains("1 in main.receipts"), "{text}");
    assert_eq!(install.run("rollback").0, 0);
    assert_eq!((install.receipts().len(), install.migrations()), (2, vec!["1".to_owned()]));
    assert!(install.is_healthy());
}

#[test]
fn an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["upgrade", "1.1.0"],
        releases: ("1.0.0", "1.1.0"),
        back: &["rollback"],
        representative: &[(3, 1), (4, 0), (6, 0), (8, 0), (10, 1), (12, 0), (13, 0), (15, 1)],
    };
    sweep.run(&Install::started("1.0.0"));
}

#[test]
fn a_rollback_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["rollback"],
        releases: ("1.1.0", "1.0.0"),
        back: &["upgrade", "1.1.0", "--skip-backup"],
        representative: &[(2, 1), (3, 0), (4, 0), (5, 1)],
    };
    let install = Install::started("1.0.0");
    assert_eq!(install.run("upgrade 1.1.0 --skip-backup").0, 0);
    sweep.run(&install);
}

#[test]
fn a_restore_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["restore", "latest"],
        releases: ("1.1.0", "1.1.0"),
        back: &["restore", "--undo"],
        representative: &[(2, 0), (3, 0), (4, 1), (5, 0), (7, 1)],
    };
    let install = Install::started("1.1.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    sweep.run(&install);
}

#[test]
fn a_rotation_of_the_store_killed_at_any_step_has_everything_in_the_store_or_in_an_archive() {
    let sweep = Sweep {
        operation: &["rotate", "store"],
        releases: ("1.1.0", "1.1.0"),
        back: &["status"],
        representative: &[(2, 0), (4, 0), (6, 1), (8, 1), (10, 0), (11, 1), (12, 0), (13, 0)],
    };
    sweep.run(&Install::started("1.1.0"));
}

#[test]
fn a_store_is_archived_under_a_writer_and_nothing_acknowledged_is_lost() {
    let install = Install::started("1.1.0");
    let writer = install.writer();
    writer.goes_on();
    let (status, text) = install.run("rotate store");
    assert_eq!(status, 0, "{text}");
    writer.goes_on();
    let acknowledged = writer.finish();
    let fresh = install.receipts();
    let (status, text) = install.run("backup verify latest --restore");
    assert_eq!(status, 0, "{text}");
    // Retention would keep one, and this is not the newest any more.
    assert_eq!(install.run("backup --keep 1").0, 0);
    let archives = install.backups();
    assert_eq!(archives.len(), 2, "{archives:?}");
    assert_eq!(install.run(&format!("restore {}", archives[0])).0, 0);
    let old = install.receipts();
    assert!(old.iter().all(|id| !fresh.contains(id)), "a receipt is in both");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !fresh.contains(id) && !old.contains(id)).collect();
    assert!(lost.is_empty(), "{lost:?} of {} and {}", old.len(), fresh.len());
    // The one that was live is kept by the restore, and comes back.
    assert_eq!(install.run("restore --undo").0, 0);
    assert_eq!(install.receipts(), fresh);
}

#[test]
fn a_product_is_stopped_and_started_again() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("stop").0, 0);
    assert!(!install.is_healthy());
    assert_eq!(install.run("start").0, 0);
    assert!(install.is_healthy());
}
