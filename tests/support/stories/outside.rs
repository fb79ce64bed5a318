//! What others do to an install, before opsctl works on it and meanwhile.

use crate::stand::{Stand, Writes as _, assert_holds_all, backups, begin, does, exits};

pub(crate) fn what_others_take_away_is_noticed_and_gone_back_from<S: Stand>(stand: &S) {
    let writer = stand.writer();
    writer.goes_on();
    let first = writer.finish();
    what_serves_dies_behind_the_commit_point(stand);
    assert_holds_all(stand, &first);
    the_restore_point_is_dropped(stand);
    assert_holds_all(stand, &first);
    what_does_not_run_can_be_backed_up_restored_and_upgraded(stand);
    assert_holds_all(stand, &first);
}

fn what_serves_dies_behind_the_commit_point<S: Stand>(stand: &S) {
    let (before, stored) = (stand.essence(), stand.stored());
    let mut run = begin(stand, &["upgrade", "1.2.0"]);
    run.reaches("\"pass-gates\"");
    stand.dies();
    let ended = run.wait();
    // Nobody wrote to the new release.
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("ended"), "{}", ended.fault());
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!((stand.essence(), stand.stored()), (before, stored));
}

fn the_restore_point_is_dropped<S: Stand>(stand: &S) {
    let (before, stored) = (stand.essence(), stand.stored());
    let mut run = begin(stand, &["upgrade", "2.0.0-wrong-version"]);
    run.reaches("prove");
    stand.drop_kept("restore_point");
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "the old release on the new data is no way back: {}", ended.told());
    assert!(ended.fault().contains("somebody removed it"), "{}", ended.fault());
    assert!(!stand.is_answered(), "what is neither old nor new serves");
    does(stand, &["abort", "--leave"]);
    does(stand, &["restore", "latest"]);
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!((stand.essence(), stand.stored()), (before, stored));
}

fn what_does_not_run_can_be_backed_up_restored_and_upgraded<S: Stand>(stand: &S) {
    let stored = stand.stored();
    stand.dies();
    assert!(!stand.is_answered());
    let kept = backups(stand).len();
    does(stand, &["backup"]);
    assert_eq!(backups(stand).len(), kept + 1);
    exits(stand, 3, &["verify"]);
    does(stand, &["restore", "latest"]);
    does(stand, &["upgrade", "1.2.0"]);
    stand.assert_tidy();
    assert_eq!(stand.stored(), stored);
}
