//! A backup and its restore, under a client that writes throughout.

use std::collections::BTreeSet;

use crate::stand::{Run, Stand, Writes as _, assert_holds_all, backups, does, operations};

pub(crate) fn a_restore_can_be_undone_twice_and_nothing_is_lost<S: Stand>(stand: &S) {
    let writer = stand.writer();
    let backup = does(stand, &["backup"]);
    assert_eq!(backups(stand).len(), 1, "{backup}");
    writer.goes_on();
    does(stand, &["backup", "verify", "latest", "--restore"]);
    stand.assert_tidy();
    let essence = stand.essence();
    let unasked = Run::start(stand.opsctl(&["--output", "json", "restore", "latest"])).wait();
    assert_eq!(unasked.code, Some(2), "no terminal is never a yes: {}", unasked.told());

    does(stand, &["restore", "latest"]);
    writer.goes_on();
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    let replaced = stand.kept("replaced");
    assert_eq!(replaced.len(), 1, "what was live is kept");
    let replaced = stand.stored_in(&replaced[0]);
    let acknowledged = writer.finish();
    // Whatever is missing was written after the backup, and is in the replaced data.
    let missing = missing(stand, &acknowledged);
    assert!(!missing.is_empty(), "the data is as of the backup");
    assert!(missing.is_subset(&replaced), "what the restore replaced is not lost");
    assert_eq!(stand.essence(), essence);

    let restored = stand.stored();
    let writer = stand.writer();
    does(stand, &["restore", "--undo"]);
    writer.goes_on();
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    let later = writer.finish();
    assert!(stand.stored().is_superset(&replaced), "what was acknowledged after the backup is back");
    let undone = stand.kept("replaced");
    assert_eq!(undone.len(), 1, "what the undo replaced is kept too");
    let undone = stand.stored_in(&undone[0]);
    assert!(undone.is_superset(&restored));
    assert!(
        self::missing(stand, &later).is_subset(&undone),
        "nor is what was written since the restore lost"
    );

    does(stand, &["restore", "--undo"]);
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!(stand.stored(), undone, "an undo can be undone");
    assert_eq!(stand.kept("replaced").len(), 1);

    let writer = stand.writer();
    writer.goes_on();
    assert_holds_all(stand, &writer.finish());
    let told = operations(stand);
    let kinds: Vec<&str> = told.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["backup", "restore", "undo-restore", "undo-restore"]);
    assert!(told.iter().all(|one| one["ending"] == "done"), "{told:?}");
}

/// Those of the acknowledged records that are not there.
fn missing<S: Stand>(stand: &S, acknowledged: &[String]) -> BTreeSet<String> {
    let stored = stand.stored();
    acknowledged.iter().filter(|id| !stored.contains(*id)).cloned().collect()
}
