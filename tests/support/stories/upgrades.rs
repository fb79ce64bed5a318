//! Upgrades that work, one after the other, under a client that writes throughout.

use std::fs;

use crate::stand::{Run, Stand, Writes as _, assert_holds_all, backups, does, exits, operations};

pub(crate) fn upgrades_lose_nothing_and_what_cannot_be_is_refused<S: Stand>(stand: &S) {
    let writer = stand.writer();
    looking_and_being_refused_change_nothing(stand);
    an_upgrade_is_told_of_and_can_be_gone_back_from(stand, &writer);
    there_is_nothing_to_do_and_no_way_down(stand);
    without_a_backup_it_says_so(stand, &writer);
    let acknowledged = writer.finish();
    assert_holds_all(stand, &acknowledged);
    println!("two upgrades: {} writes, none lost", acknowledged.len());
}

fn looking_and_being_refused_change_nothing<S: Stand>(stand: &S) {
    let before = stand.essence();
    let plan = does(stand, &["upgrade", "1.1.0", "--plan"]);
    assert!(plan["plan"]["steps"].as_array().unwrap().len() > 8, "{plan}");
    let unknown = exits(stand, 3, &["upgrade", "9.9.9"]);
    assert!(unknown.fault().contains("9.9.9"), "{}", unknown.fault());
    let unasked = Run::start(stand.opsctl(&["--output", "json", "upgrade", "1.1.0"])).wait();
    assert_eq!(unasked.code, Some(2), "no terminal is never a yes: {}", unasked.told());
    assert!(unasked.fault().contains("--non-interactive"), "{}", unasked.told());
    assert_eq!(stand.essence(), before);
    assert_eq!((backups(stand).len(), operations(stand).len()), (0, 0));
    stand.assert_serves("1.0.0");
}

fn an_upgrade_is_told_of_and_can_be_gone_back_from<S: Stand>(stand: &S, writer: &S::Writer) {
    does(stand, &["upgrade", "1.1.0"]);
    writer.goes_on();
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!((backups(stand).len(), stand.kept("restore_point").len()), (1, 1));
    let noted = fs::read_to_string(stand.path("backup/.pre-upgrade-version")).unwrap();
    assert_eq!(noted.trim(), "1.0.0");
    let told = operations(stand).pop().expect("an operation");
    assert_eq!((&told["kind"], &told["ending"]), (&"upgrade".into(), &"done".into()), "{told}");
    does(stand, &["history", "show", told["operation"].as_str().unwrap()]);
    does(stand, &["backup", "verify", "latest", "--restore"]);
    does(stand, &["verify"]);
    stand.assert_tidy();
}

fn there_is_nothing_to_do_and_no_way_down<S: Stand>(stand: &S) {
    let (before, done) = (stand.essence(), operations(stand).len());
    assert_eq!(does(stand, &["upgrade", "1.1.0"])["changed"], false);
    let downgrade = exits(stand, 3, &["upgrade", "1.0.0"]);
    assert!(downgrade.fault().contains("opsctl rollback"), "{}", downgrade.fault());
    assert_eq!((stand.essence(), operations(stand).len()), (before, done), "neither is an operation");
}

fn without_a_backup_it_says_so<S: Stand>(stand: &S, writer: &S::Writer) {
    let ended = exits(stand, 0, &["upgrade", "1.2.0", "--skip-backup"]);
    let skipped = ended.result();
    assert!(skipped["warnings"].to_string().contains("--skip-backup"), "said loudly: {skipped}");
    assert_eq!(skipped["result"]["backup_skipped"], true);
    writer.goes_on();
    stand.assert_serves("1.2.0");
    stand.assert_tidy();
    assert_eq!(backups(stand).len(), 1, "no backup was taken");
    assert_eq!(stand.kept("restore_point").len(), 1, "the newer restore point took the older one's place");
}
