//! Releases that fall over after clients could reach them: undone only where that loses nothing.

use crate::stand::{Stand, Writes as _, assert_holds_all, does, exits};
use crate::stories::rollbacks::rows_lost;

/// On an install of 1.2.0 that is watched for long enough to see what dies.
pub(crate) fn is_undone_while_nobody_writes_and_told_of_when_somebody_does<S: Stand>(
    stand: &S,
    release: &str,
    culprit: &str,
) {
    let writer = stand.writer();
    writer.goes_on();
    let first = writer.finish();
    let before = stand.essence();
    let ended = exits(stand, 4, &["upgrade", release]);
    assert!(ended.fault().contains(culprit), "{}", ended.fault());
    stand.assert_serves("1.2.0");
    stand.assert_tidy();
    assert_holds_all(stand, &first);
    assert_eq!(stand.essence(), before);

    let writer = stand.writer();
    let ended = exits(stand, 9, &["upgrade", release]);
    assert!(ended.fault().contains(culprit), "{}", ended.fault());
    assert!(ended.fault().contains("opsctl rollback"), "the way back is named: {}", ended.fault());
    assert!(ended.fault().contains("going back would lose"), "the loss is measured: {}", ended.fault());
    assert_ne!(stand.essence(), before, "the new release stays in place");
    let second = writer.finish();

    let restore_point = stand.kept("restore_point").pop().expect("the restore point is kept");
    let then = stand.stored_in(&restore_point);
    let result = does(stand, &["rollback"]);
    let failed = stand.kept("failed").pop().expect("what was gone back from is kept");
    let now = stand.stored_in(&failed);
    assert!(now.len() > then.len(), "the writer wrote to the new release");
    assert_eq!(rows_lost::<S>(&result), now.len() - then.len(), "the loss is what is really lost: {result}");
    stand.assert_serves("1.2.0");
    stand.assert_tidy();
    assert_eq!((stand.essence(), stand.stored()), (before, then));
    assert!(second.iter().all(|id| now.contains(id)), "what was lost is in what is kept");
    assert_holds_all(stand, &first);
    let list = does(stand, &["backup", "list"]);
    let pinned = |backup: &&serde_json::Value| !backup["pinned"].is_null();
    let pinned: Vec<_> = list["backups"].as_array().unwrap().iter().filter(pinned).collect();
    assert!(pinned.is_empty(), "what is gone back to needs no backup any more: {pinned:?}");
}
