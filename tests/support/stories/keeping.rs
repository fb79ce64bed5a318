//! Which backups are kept, what is listed of them, and which go.

use std::fs;
use std::time::Duration;

use crate::stand::{Ended, Stand, backups, begin, does, exits, operations};

pub(crate) fn backups_are_kept_listed_and_pruned_as_asked<S: Stand>(stand: &S) {
    let (one, two) = (take(stand, &[]), take(stand, &[]));
    assert_ne!(one, two, "two backups in the same second have names of their own");
    assert_eq!(backups(stand).len(), 2);
    assert_eq!(listed(stand), [one.clone(), two.clone()]);

    does(stand, &["backup", "pin", &one, "--why", "before the audit"]);
    let foreign = stand.path("backup/backup-2001-01-01-000000.tar.gz");
    fs::write(&foreign, "somebody else's").unwrap();
    let three = take(stand, &["--keep", "1"]);
    assert_eq!(listed(stand), [one.clone(), three.clone()], "the pinned one stays, and the newest");
    assert!(foreign.exists(), "a file that opsctl did not write is never removed");

    does(stand, &["backup", "unpin", &one]);
    let shown = does(stand, &["backup", "prune", "--keep", "1", "--dry-run"]);
    assert!(shown["backups"].to_string().contains("prune"), "{shown}");
    assert_eq!(listed(stand), [one, three.clone()], "a dry run removes nothing");
    does(stand, &["backup", "prune", "--keep", "1"]);
    assert_eq!(listed(stand), [three.as_str()]);
    exits(stand, 2, &["backup", "--keep", "0"]);
    assert_eq!(listed(stand), [three.as_str()]);

    does(stand, &["backup", "verify", &three]);
    let archive = stand.path(&format!("backup/backup-{three}.tar.gz"));
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let flipped: Ended = exits(stand, 3, &["backup", "verify", &three]);
    assert!(flipped.fault().contains("backup"), "one flipped bit is found: {}", flipped.fault());

    // One that was killed is no reason for the next one not to be taken, with nobody there.
    while !begin(stand, &["backup"]).kill_if_at("\"take-backup\"", Duration::ZERO) {}
    take(stand, &[]);
    let endings = operations(stand).into_iter().rev().map(|operation| operation["ending"].clone());
    assert_eq!(endings.take(2).collect::<Vec<_>>(), ["done", "aborted"]);
    stand.assert_tidy();

    let taken = take(stand, &["--backup-dir", "elsewhere"]);
    assert!(stand.path(&format!("elsewhere/backup-{taken}.tar.gz")).is_file());
    fs::remove_file(foreign).unwrap();
    stand.assert_serves("1.0.0");
    stand.assert_tidy();
}

/// Takes a backup and gives its identifier.
fn take<S: Stand>(stand: &S, options: &[&str]) -> String {
    does(stand, &[&["backup"], options].concat())["backup"].as_str().unwrap().to_owned()
}

fn listed<S: Stand>(stand: &S) -> Vec<String> {
    let list = does(stand, &["backup", "list"]);
    let present = list["backups"].as_array().unwrap().iter().filter(|backup| backup["file"] == "present");
    present.map(|backup| backup["id"].as_str().unwrap().to_owned()).collect()
}
