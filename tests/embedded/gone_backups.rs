//! Backups whose files are gone: no older one is taken in their place without a word.

use std::fs;

use crate::install::Install;
use crate::stand::{Stand as _, does, exits};

/// An install with two backups, and their identifiers: "a" is in both, "b" in the second.
fn with_two() -> (Install, [String; 2]) {
    let install = Install::started("1.0.0");
    let take = |receipt: &str| {
        install.send(receipt);
        does(&install, &["backup"])["backup"].as_str().unwrap().to_owned()
    };
    let ids = [take("a"), take("b")];
    (install, ids)
}

fn move_away(install: &Install, id: &str) {
    let name = format!("backup-{id}.tar.gz");
    fs::create_dir_all(install.path("elsewhere")).unwrap();
    fs::rename(install.path("backup").join(&name), install.path("elsewhere").join(&name)).unwrap();
}

#[test]
fn where_the_newest_is_gone_an_older_one_has_to_be_named() {
    let (install, [older, newest]) = with_two();
    move_away(&install, &newest);
    let commands: [&[&str]; 4] = [
        &["restore", "latest"],
        &["backup", "verify", "latest"],
        &["upgrade", "1.1.0", "--rehearse=latest"],
        &["rollback", "--backup", "latest"],
    ];
    for command in commands {
        let refused = exits(&install, 3, command);
        let fault = refused.fault();
        assert!(
            fault.contains(&format!("the newest backup, {newest}, cannot be read")),
            "{}",
            refused.told()
        );
        let place = install.path("backup").join(format!("backup-{newest}.tar.gz"));
        assert!(fault.contains(place.to_str().unwrap()), "{}", refused.told());
        assert!(fault.contains(&format!("name it: {older}")), "{}", refused.told());
    }
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
    install.assert_serves("1.0.0");
    let named = exits(&install, 2, &["restore", &newest]);
    assert!(named.fault().contains(&format!("the file of backup {newest} is not there")), "{}", named.told());
    let folder = exits(&install, 2, &["restore", "elsewhere"]);
    assert!(folder.fault().contains("elsewhere is no backup: it is no file"), "{}", folder.told());
    does(&install, &["restore", &older]);
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    // It is found elsewhere.
    does(&install, &["restore", "latest", "--backup-dir", "elsewhere"]);
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
}

#[test]
fn that_none_was_ever_taken_is_told_apart_from_that_their_files_are_gone() {
    let install = Install::started("1.0.0");
    let none = exits(&install, 2, &["restore", "latest"]);
    assert!(none.fault().contains("there is no backup yet"), "{}", none.told());

    let (install, ids) = with_two();
    for id in &ids {
        move_away(&install, id);
    }
    let gone = exits(&install, 3, &["restore", "latest"]);
    let fault = gone.fault();
    assert!(fault.contains("2 backups are on record, and no file of any is there"), "{}", gone.told());
    assert!(fault.contains(&ids[0]) && fault.contains(&ids[1]), "{}", gone.told());
    // The record of them is gone, too.
    fs::remove_file(install.path(".opsctl/backups.json")).unwrap();
    let gone = exits(&install, 3, &["restore", "latest"]);
    let last = format!("by `opsctl history` the last one taken was {}", ids[1]);
    assert!(gone.fault().contains(&last), "{}", gone.told());
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
}

#[test]
fn without_a_record_the_files_tell_which_is_the_newest_and_one_that_cannot_be_read_is_named() {
    let (install, [older, newest]) = with_two();
    install.send("c");
    let record = install.path(".opsctl/backups.json");
    fs::remove_file(&record).unwrap();
    does(&install, &["restore", "latest"]);
    assert_eq!(install.receipts(), ["urn:receipt:a", "urn:receipt:b"]);
    let _ = fs::remove_file(&record);
    let archive = install.path("backup").join(format!("backup-{newest}.tar.gz"));
    fs::write(&archive, "not one any more").unwrap();
    let refused = exits(&install, 3, &["restore", "latest"]);
    assert!(refused.fault().contains(&format!("the newest backup, {newest}")), "{}", refused.told());
    does(&install, &["restore", &older]);
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
}

#[test]
fn a_rollback_to_a_release_takes_its_newest_backup_or_says_that_it_is_gone() {
    let (install, [older, newest]) = with_two();
    does(&install, &["upgrade", "1.1.0"]);
    does(&install, &["upgrade", "1.2.0"]);
    // Two upgrades ago: there is no restore point for it. The newest of 1.0.0 is what the first of them took.
    let of_upgrade = install.backups().into_iter().nth(2).unwrap();
    for id in [of_upgrade.trim_start_matches("backup-").trim_end_matches(".tar.gz"), &newest] {
        move_away(&install, id);
    }
    let refused = exits(&install, 3, &["rollback", "--version", "1.0.0"]);
    let fault = refused.fault();
    assert!(fault.contains(&format!("2 backups newer than {older} cannot be read")), "{}", refused.told());
    install.assert_serves("1.2.0");
    does(&install, &["rollback", "--version", "1.0.0", "--backup", &older]);
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    install.assert_serves("1.0.0");
}
