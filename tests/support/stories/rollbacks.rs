//! Going back after an upgrade that worked.

use serde_json::Value;

use crate::stand::{Run, Stand, Writes as _, assert_holds_all, backups, does, exits};

pub(crate) fn going_back_is_possible_by_restore_point_by_version_and_by_backup<S: Stand>(stand: &S) {
    let writer = stand.writer();
    writer.goes_on();
    let old = writer.finish();
    let first = stand.essence();
    does(stand, &["upgrade", "1.1.0"]);
    let backup = backups(stand).remove(0);
    let then = stand.stored();
    let went_back = || {
        stand.assert_serves("1.0.0");
        stand.assert_tidy();
        assert_eq!((stand.essence(), stand.stored()), (first.clone(), then.clone()));
    };

    let writer = stand.writer();
    writer.goes_on();
    let new = writer.finish();
    let (before, now) = (stand.essence(), stand.stored());
    let plan = does(stand, &["rollback", "--plan"]);
    assert!(plan["plan"]["steps"].is_array(), "{plan}");
    let unasked = Run::start(stand.opsctl(&["--output", "json", "rollback"])).wait();
    assert_eq!(unasked.code, Some(2), "no terminal is never a yes: {}", unasked.told());
    assert_eq!((stand.essence(), stand.stored()), (before, now.clone()), "nothing was changed");
    // What is lost is a warning, which does not pass with `--strict`.
    let told = exits(stand, 8, &["--strict", "rollback"]);
    assert_eq!(rows_lost::<S>(&told.result()["result"]), new.len(), "{}", told.told());
    assert!(told.result()["warnings"].to_string().contains("is lost"), "{}", told.told());
    went_back();
    assert_holds_all(stand, &old);
    let failed = stand.kept("failed");
    assert_eq!(failed.len(), 1, "what was gone back from is kept");
    assert_eq!(stand.stored_in(&failed[0]), now);

    // The restore point is used up, and nobody writes: the way back is the newest backup of that release, and loses nothing.
    does(stand, &["upgrade", "1.1.0"]);
    stand.drop_kept("restore_point");
    let told = does(stand, &["rollback", "--version", "1.0.0"]);
    assert_eq!(rows_lost::<S>(&told), 0, "{told}");
    went_back();

    does(stand, &["upgrade", "1.1.0"]);
    does(stand, &["rollback", "--backup", &format!("backup/{backup}")]);
    went_back();
    let nowhere = exits(stand, 3, &["rollback", "--version", "0.9.0"]);
    assert!(nowhere.fault().contains("0.9.0"), "{}", nowhere.fault());
    went_back();

    // Behind two upgrades: a rollback goes back one, and further only if that is said. What that needs stays.
    does(stand, &["upgrade", "1.1.0"]);
    does(stand, &["upgrade", "1.2.0"]);
    does(stand, &["rollback"]);
    stand.assert_serves("1.1.0");
    let twice = exits(stand, 3, &["rollback"]);
    assert!(twice.fault().contains("1.1.0 runs already"), "{}", twice.fault());
    assert!(twice.told().contains("`opsctl rollback --version 1.0.0`"), "{}", twice.told());
    stand.assert_serves("1.1.0");
    does(stand, &["backup", "prune", "--keep", "1"]);
    does(stand, &["rollback", "--version", "1.0.0"]);
    went_back();
}

/// How many records a rollback says it lost.
pub(crate) fn rows_lost<S: Stand>(result: &Value) -> usize {
    let lost = result["loss"]["rows_lost"].as_array().unwrap_or_else(|| panic!("no loss: {result}"));
    let records = lost.iter().find(|entry| entry[0] == S::RECORDS);
    records.map_or(0, |entry| usize::try_from(entry[1].as_u64().unwrap()).unwrap())
}
