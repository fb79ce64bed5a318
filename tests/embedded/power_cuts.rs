//! The power goes: opsctl and the product are gone at once, and nothing starts the product again.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::install::Install;
use crate::stand::{Stand as _, begin, exits};

/// Cuts it at a step that takes longer than it takes to see that it was begun.
fn cut(install: &Install, arguments: &[&str], step: &str) {
    begin(install, arguments).kill_at(step, Duration::ZERO);
    install.dies();
}

/// Cuts it after its last step, before that it is done is on record.
fn cut_at_the_end(install: &Install, arguments: &[&str]) {
    exits(install, 0, arguments);
    is_not_closed(install);
    install.dies();
}

fn is_not_closed(install: &Install) {
    let newest = install.names_in(".opsctl/operations", |_| true).pop().unwrap();
    let journal = install.path(".opsctl/operations").join(newest).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let (kept, closed) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(closed.contains("\"closed\""), "{closed}");
    fs::write(&journal, format!("{kept}\n")).unwrap();
}

/// Nothing else than going on helps, and that does.
fn goes_on(install: &Install, release: &str) {
    assert!(!install.is_healthy());
    let (status, text) = install.run("start");
    assert_eq!(status, 3, "{text}");
    let (status, text) = install.run("resume");
    assert_eq!(status, 0, "{text}");
    assert!(install.is_healthy(), "it is said to be done, and nothing serves: {text}");
    install.assert_serves(release);
    install.assert_tidy();
}

#[test]
fn a_rotation_whose_archive_was_cut_short_ends_with_the_product_serving() {
    let install = Install::started("1.0.0");
    install.send("a");
    // Large enough that it is seen being archived.
    install.execute("CREATE TABLE ballast AS SELECT randomblob(100000000) AS content");
    cut(&install, &["rotate", "store"], "take-backup");
    goes_on(&install, "1.0.0");
    assert_eq!(install.receipts(), Vec::<String>::new());
    assert_eq!(install.backups().len(), 1);
}

#[test]
fn a_product_that_went_with_opsctl_before_it_was_proven_is_started_again() {
    let install = Install::started("1.0.0");
    install.send("a");
    let archive = exits(&install, 0, &["backup"]).result()["result"]["path"].as_str().unwrap().to_owned();
    install.send("b");
    cut(&install, &["restore", &archive], "pass-gates");
    goes_on(&install, "1.0.0");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    cut(&install, &["rotate", "store"], "pass-gates");
    goes_on(&install, "1.0.0");
    assert_eq!(install.receipts(), Vec::<String>::new());
}

#[test]
fn what_was_cut_short_after_its_last_step_is_not_done_before_the_product_serves() {
    let install = Install::started("1.0.0");
    install.send("a");
    cut_at_the_end(&install, &["upgrade", "1.1.0"]);
    goes_on(&install, "1.1.0");
    cut_at_the_end(&install, &["rollback"]);
    goes_on(&install, "1.0.0");
    cut_at_the_end(&install, &["rotate", "store"]);
    goes_on(&install, "1.0.0");
}

#[test]
fn what_does_not_come_up_again_leaves_the_operation_to_be_gone_on_with() {
    let install = Install::started("1.0.0");
    install.send("a");
    exits(&install, 0, &["upgrade", "1.1.0"]);
    cut_at_the_end(&install, &["rollback"]);
    let taken = TcpListener::bind(("127.0.0.1", install.port)).unwrap();
    for _ in 0..2 {
        let (status, text) = install.run("resume");
        assert_eq!(status, 5, "{text}");
        assert!(text.contains("opsctl resume"), "{text}");
    }
    drop(taken);
    goes_on(&install, "1.0.0");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
}

#[test]
fn what_went_back_is_not_undone_before_the_product_serves() {
    let install = Install::started("1.1.0");
    install.send("a");
    exits(&install, 4, &["upgrade", "2.0.0-never-ready"]);
    is_not_closed(&install);
    install.dies();
    let (status, text) = install.run("resume");
    assert_eq!(status, 4, "{text}");
    assert!(install.is_healthy(), "it is said to serve again, and does not: {text}");
    install.assert_serves("1.1.0");
    install.assert_tidy();
}
