//! Which of the releases that were brought are kept.

use std::fs;

use crate::install::{Install, write};
use crate::stand::Stand as _;

const FAILING: [&str; 3] = ["2.0.0-migration-fails", "2.0.0-crash-loop", "2.0.0-wrong-version"];

fn releases(install: &Install) -> Vec<String> {
    let entries = fs::read_dir(install.path("releases")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn fail_with(install: &Install, releases: &[&str]) {
    for release in releases {
        let (status, text) = install.run(&format!("upgrade {release}"));
        assert_eq!(status, 4, "{release}: {text}");
    }
}

#[test]
fn a_rollback_removes_what_failed_and_not_what_it_left() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
    fail_with(&install, &FAILING);
    let (status, text) = install.run("rollback");
    assert_eq!(status, 0, "{text}");
    install.assert_serves("1.0.0");
    assert_eq!(releases(&install), ["1.0.0", "1.1.0", "2.0.0-wrong-version"], "{text}");
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
}

#[test]
fn a_backup_that_fails_removes_no_release() {
    let install =
        Install::described(|text| text.replace("source = \"source\"", "source = \"source\"\nkeep = 1"));
    install.start("1.0.0");
    fail_with(&install, &FAILING[..2]);
    let before = releases(&install);
    assert_eq!(before.len(), 3);
    fs::rename(install.path("backup"), install.path("backups-before")).unwrap();
    write(&install.path("backup"), "in the way", 0o600);
    let (status, text) = install.run("backup");
    assert!(status != 0 && releases(&install) == before, "{text}");
    fs::remove_file(install.path("backup")).unwrap();
    let (status, text) = install.run("backup");
    assert_eq!(status, 0, "{text}");
    assert_eq!(releases(&install), ["1.0.0"], "{text}");
}
