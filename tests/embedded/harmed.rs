//! Stores that cannot be used, on a product that runs: each is refused with its own reason, and nothing is made worse.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::disk::Disk;
use crate::install::Install;
use crate::stand::{Stand as _, begin, does, exits};

/// Commands that read the store, and change data or release.
const COMMANDS: [&[&str]; 4] =
    [&["backup"], &["upgrade", "1.1.0"], &["upgrade", "1.1.0", "--rehearse"], &["rotate", "store"]];

/// What is done to a store.
type Harm = fn(&Path);

fn overwrite(store: &Path, from: u64, with: &[u8]) {
    File::options().write(true).open(store).unwrap().write_all_at(with, from).unwrap();
}

fn with_receipts(count: u32) -> Install {
    let install = Install::started("1.0.0");
    for number in 0..count {
        install.send(&format!("n{number}"));
    }
    install
}

/// That all these are refused for one of these reasons, and nothing is changed by it.
fn are_refused(install: &Install, commands: &[&[&str]], reasons: &[&str]) {
    let before = (fs::read(install.store()).ok(), fs::read_link(install.path("current")).unwrap());
    for command in commands {
        let began = Instant::now();
        let ended = begin(install, command).wait();
        assert!(matches!(ended.code, Some(1 | 3)), "{command:?} {reasons:?}: {}", ended.told());
        let is_told = reasons.iter().any(|reason| ended.fault().contains(reason));
        assert!(is_told, "{command:?} {reasons:?}: {}", ended.told());
        assert!(began.elapsed() < Duration::from_secs(30), "{command:?} {reasons:?}");
        let after = (fs::read(install.store()).ok(), fs::read_link(install.path("current")).unwrap());
        assert!(after == before, "{command:?} changed something");
    }
    assert_eq!(install.backups().len(), 1);
    install.assert_tidy();
}

/// That status says it, too.
fn is_shown(install: &Install, reason: &str) {
    let (status, text) = install.run("status");
    assert!(status == 0 && text.contains(reason), "{reason}: {text}");
}

fn comes_back(install: &Install, receipts: usize) {
    does(install, &["restore", "latest"]);
    install.assert_serves("1.0.0");
    assert_eq!(install.receipts().len(), receipts);
}

#[test]
fn what_is_no_store_any_more_is_told_by_its_own_reason_and_restored_over() {
    let harms: [(&str, Harm); 4] = [
        ("this is not a SQLite database, or it is encrypted", |store| overwrite(store, 0, &[0x3c; 4096])),
        ("the file is empty", |store| drop(File::create(store).unwrap())),
        ("it is damaged", |store| {
            let middle = fs::metadata(store).unwrap().len() / 2 / 4096 * 4096;
            overwrite(store, middle, &[0x5a; 8192]);
        }),
        ("this is not a SQLite database", |store| fs::write(store, "short").unwrap()),
    ];
    let install = with_receipts(300);
    does(&install, &["backup"]);
    for (reason, harm) in harms {
        assert_eq!(install.run("stop").0, 0);
        harm(&install.store());
        are_refused(&install, &COMMANDS, &[reason, "malformed"]);
        // To read a page in the middle is not what a look does.
        if reason != "it is damaged" {
            is_shown(&install, reason);
        }
        comes_back(&install, 300);
        install.drop_kept("replaced");
    }
}

#[test]
fn a_store_of_a_newer_format_is_left_to_who_knows_it() {
    let install = with_receipts(3);
    does(&install, &["backup"]);
    assert_eq!(install.run("stop").0, 0);
    let store = File::options().write(true).open(install.store()).unwrap();
    store.write_all_at(&[3, 3], 18).unwrap();
    drop(store);
    are_refused(&install, &COMMANDS, &["its file format is newer"]);
    is_shown(&install, "its file format is newer");
    let refused = exits(&install, 3, &["restore", "latest"]);
    assert!(refused.fault().contains("its file format is newer"), "{}", refused.told());
    File::options().write(true).open(install.store()).unwrap().write_all_at(&[2, 2], 18).unwrap();
    does(&install, &["start"]);
    assert_eq!(install.receipts().len(), 3);
}

#[test]
fn a_store_that_vanished_under_the_running_product_is_noticed() {
    let install = with_receipts(3);
    does(&install, &["backup"]);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(install.path(&format!("data/collector.db{suffix}")));
    }
    are_refused(&install, &COMMANDS, &["No such file", "collector.db is not there"]);
    is_shown(&install, "collector.db is not there");
    comes_back(&install, 3);
}

#[test]
fn a_store_that_somebody_holds_is_waited_for_and_then_said() {
    let install = with_receipts(3);
    let holder = Connection::open(install.store()).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // It keeps the product from writing, and nobody from reading.
    does(&install, &["backup"]);
    let refused = exits(&install, 3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("store-open: open in embedded-"), "{}", refused.told());
    drop(holder);
    assert_eq!(install.run("stop").0, 0);
    let holder = Connection::open(install.store()).unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    holder.execute_batch("CREATE TABLE held (id INTEGER)").unwrap();
    let ended = begin(&install, &["backup"]).wait();
    assert!(matches!(ended.code, Some(1 | 3)), "{}", ended.told());
    assert!(ended.fault().contains("another process holds it"), "{}", ended.told());
    assert!(ended.fault().contains("fuser"), "{}", ended.told());
    for command in [&["upgrade", "1.1.0"][..], &["restore", "latest"], &["rotate", "store"]] {
        let refused = exits(&install, 3, command);
        assert!(refused.fault().contains("store-open"), "{}", refused.told());
    }
    // It lets go in time.
    let waiting = begin(&install, &["backup"]);
    std::thread::sleep(Duration::from_secs(2));
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    let ended = waiting.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    does(&install, &["start"]);
    assert_eq!(install.receipts().len(), 3);
}

#[test]
fn a_log_that_was_left_without_its_index_is_part_of_the_store() {
    let install = with_receipts(50);
    install.kill_product();
    std::thread::sleep(Duration::from_millis(300));
    assert!(install.path("data/collector.db-wal").metadata().unwrap().len() > 0);
    fs::remove_file(install.path("data/collector.db-shm")).unwrap();
    does(&install, &["backup"]);
    install.execute("DELETE FROM receipts");
    comes_back(&install, 50);
    install.kill_product();
    std::thread::sleep(Duration::from_millis(300));
    let _ = fs::remove_file(install.path("data/collector.db-shm"));
    does(&install, &["upgrade", "1.1.0"]);
    install.assert_serves("1.1.0");
    assert_eq!(install.receipts().len(), 50);
}

#[test]
fn a_store_on_a_disk_that_can_only_be_read_is_said() {
    let folder = tempfile::Builder::new().prefix("opsctl-disk-").tempdir().unwrap();
    let place = folder.path().join("disk");
    let _disk = Disk::mounted_at(&place, 120);
    let install = Install::laid_out();
    fs::remove_dir(install.path("data")).unwrap();
    std::os::unix::fs::symlink(&place, install.path("data")).unwrap();
    install.start("1.0.0");
    install.send("a");
    assert_eq!(install.run("stop").0, 0);
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(&place).status().unwrap();
        assert!(status.success(), "{how}");
    };
    remount("remount,ro");
    does(&install, &["backup"]);
    does(&install, &["upgrade", "1.1.0", "--rehearse"]);
    are_refused(&install, &[&["upgrade", "1.1.0"], &["rotate", "store"]], &["read-only", "Read-only"]);
    let refused = begin(&install, &["restore", "latest"]).wait();
    assert!(matches!(refused.code, Some(1 | 3)), "{}", refused.told());
    assert!(refused.fault().to_lowercase().contains("read-only"), "{}", refused.told());
    remount("remount,rw");
    does(&install, &["start"]);
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    does(&install, &["upgrade", "1.1.0"]);
    install.assert_serves("1.1.0");
}
