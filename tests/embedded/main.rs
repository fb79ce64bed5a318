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

mod brought_back;
mod by_hand;
#[path = "../support/disk.rs"]
#[allow(dead_code, reason = "what only the other suite asks for")]
mod disk;
mod fetched;
mod first_starts;
mod foreign;
mod full_disk;
mod gone_backups;
mod harmed;
mod install;
mod interrupted;
mod journal;
mod kept_releases;
mod long_logs;
mod looking;
mod over_https;
mod piecewise;
mod power_cuts;
mod recorded;
mod rehearsals;
#[path = "../support/stand.rs"]
#[allow(dead_code, reason = "what only the other suite asks for")]
mod stand;
mod stopped;
#[path = "../support/stories/all.rs"]
mod stories;
mod terminal;
mod watched;
mod web;
mod writer;

use install::Install;
use stand::{Stand as _, Writes as _};
use stories::broken::{self, Broken};
use stories::dies_later;
use stories::killed::Sweep;

stories::every_story!(Install);

#[test]
fn a_release_that_does_not_work_is_undone() {
    let releases = [
        Broken { release: "2.0.0-migration-fails", because: "migrat", wrote: true },
        Broken { release: "2.0.0-migration-hangs", because: "did not end within", wrote: false },
        Broken { release: "2.0.0-crash-loop", because: "ended", wrote: true },
        Broken { release: "2.0.0-wrong-version", because: "version", wrote: true },
        Broken { release: "2.0.0-never-ready", because: "healthy", wrote: true },
    ];
    let install = Install::described(|text| text.replace("timeout = \"20s\"", "timeout = \"3s\""));
    install.start("1.1.0");
    broken::are_undone(&install, "1.1.0", &releases, |_, _| {});
}

#[test]
fn a_restore_asks_nothing_that_is_not_described_and_a_planned_rollback_measures_the_loss() {
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
    let (status, text) = install.run("upgrade 1.1.0 --plan");
    assert!(status == 0 && text.contains("select 1.1.0\n"), "{text}");
    let of_compose = ["pull", "image", "container", "docker", "compose", "postgres", "settings"];
    let misleading: Vec<_> = of_compose.iter().filter(|word| text.to_lowercase().contains(*word)).collect();
    assert!(misleading.is_empty(), "{misleading:?} in {text}");
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
    install.send("c");
    let (status, text) = install.run("rollback --plan");
    assert!(status == 0 && text.contains("1 in main.receipts"), "{text}");
    assert_eq!(install.run("rollback").0, 0);
    assert_eq!((install.receipts().len(), install.migrations()), (2, vec!["1".to_owned()]));
    assert!(install.is_healthy());
}

#[test]
fn a_release_that_dies_later_is_undone_while_nobody_writes_and_told_of_when_somebody_does() {
    // Long enough to see it die, which takes it ten seconds.
    let install = Install::described(|text| text.replace("watch_for = \"1s\"", "watch_for = \"14s\""));
    install.start("1.2.0");
    dies_later::is_undone_while_nobody_writes_and_told_of_when_somebody_does(
        &install,
        "2.0.0-dies-later",
        "collector",
    );
}

#[test]
fn a_rotation_of_the_store_killed_at_any_step_has_everything_in_the_store_or_in_an_archive() {
    let sweep = Sweep {
        operation: &["rotate", "store"],
        releases: ("1.1.0", "1.1.0"),
        back: &["status"],
        representative: &[
            ("create-empty", 0),
            ("quiesce", 0),
            ("swap", 1),
            ("prove-canary", 1),
            ("start", 0),
            ("pass-gates", 1),
            ("take-backup", 0),
            ("drop-database", 0),
        ],
    };
    sweep.run(&Install::serving("1.1.0"));
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
