//! Operations on a product that is one process and one SQLite file: the sample product, run for real, on this machine alone.
//!
//! It needs the sample product's binary: `cargo build -p ledger`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "it runs the program, and a failed step is a failed test"
)]

mod fetched;
mod install;
mod watched;
mod web;

use std::time::Duration;

use install::{Install, Writer};

#[test]
fn a_writer_that_never_stops_loses_nothing_to_backups_upgrades_and_broken_releases() {
    let install = Install::started("1.0.0");
    let writer = Writer::start(install.port);
    writer.await_more();
    assert_eq!(install.run("backup").0, 0);
    assert_eq!(install.run("backup verify latest --restore").0, 0);
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    writer.await_more();
    for broken in ["2.0.0-migration-fails", "2.0.0-crash-loop", "2.0.0-wrong-version", "2.0.0-never-ready"] {
        let (status, text) = install.run(&format!("upgrade {broken}"));
        assert_eq!(status, 4, "{broken}: {text}");
        assert_eq!(install.migrations(), ["1", "2"], "{broken}");
        writer.await_more();
    }
    let acknowledged = writer.stop();
    let stored = install.receipts();
    assert!(acknowledged.iter().all(|id| stored.contains(id)), "{} of {}", stored.len(), acknowledged.len());
}

#[test]
fn a_restore_can_be_undone_and_an_upgrade_rolled_back() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    install.send("b");
    let (status, text) = install.run("restore latest");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    assert_eq!(install.run("restore --undo").0, 0);
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
    assert_eq!(install.run("rollback").0, 0);
    assert_eq!((install.receipts().len(), install.migrations()), (2, vec!["1".to_owned()]));
    assert!(install.is_healthy());
}

#[test]
fn an_upgrade_that_was_killed_anywhere_is_gone_on_with_or_undone() {
    let install = Install::started("1.0.0");
    install.send("a");
    for tenths in [1, 4, 8, 14, 22, 30] {
        install.kill_after("upgrade 1.1.0", Duration::from_millis(tenths * 100));
        let (status, text) = install.run("abort");
        // Killed before anything was recorded, or past the commit point, there is nothing that could be undone.
        if status == 0 {
            assert_eq!(install.migrations(), ["1"], "{text}");
        }
        let (_, text) = install.run("resume");
        assert!(install.is_healthy(), "{text}");
        assert!(install.receipts().contains(&"urn:receipt:a".to_owned()));
        if install.migrations().len() == 2 {
            assert_eq!(install.run("rollback").0, 0);
        }
    }
    install.kill_after("upgrade 1.1.0", Duration::from_millis(1200));
    let (status, text) = install.run("resume");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.migrations(), ["1", "2"]);
}

#[test]
fn a_store_is_archived_under_a_writer_and_nothing_acknowledged_is_lost() {
    let install = Install::started("1.1.0");
    let writer = Writer::start(install.port);
    writer.await_more();
    let (status, text) = install.run("rotate store");
    assert_eq!(status, 0, "{text}");
    writer.await_more();
    let acknowledged = writer.stop();
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
fn a_rotation_of_the_store_that_was_killed_anywhere_has_one_store_and_an_archive_or_none_at_all() {
    let install = Install::started("1.1.0");
    for (round, tenths) in [1, 4, 8, 14, 22, 40].into_iter().enumerate() {
        let id = format!("round-{round}");
        install.send(&id);
        let before = install.backups().len();
        install.kill_after("rotate store", Duration::from_millis(tenths * 100));
        let (status, told) = install.run("abort");
        let undone = status == 0;
        let (_, text) = install.run("resume");
        assert!(install.is_healthy(), "{told}\n{text}");
        let is_live = install.receipts().contains(&format!("urn:receipt:{id}"));
        let archived = install.backups().len() > before;
        assert_eq!(is_live, !archived, "{tenths}: {told}\n{text}");
        assert!(!(undone && archived), "{told}");
        assert_eq!(install.kept(), Vec::<String>::new(), "{told}\n{text}");
    }
}

#[test]
fn what_is_not_there_yet_is_refused_and_says_so() {
    let install = Install::started("1.0.0");
    for command in ["verify", "preflight --only env", "upgrade 1.1.0 --rehearse"] {
        let (status, text) = install.run(command);
        assert!(status == 3 || text.contains("not there yet"), "{command}: {status} {text}");
    }
    assert_eq!(install.run("stop").0, 0);
    assert!(!install.is_healthy());
    assert_eq!(install.run("start").0, 0);
    assert!(install.is_healthy());
}
