//! Releases that somebody removed, and that are needed to go back.

use std::fs;
use std::time::Duration;

use crate::fetched::{archive_of, fetching, sha256};
use crate::install::{Install, files_of, write};
use crate::stand::{Stand as _, Writes as _, begin, does, exits};
use crate::web::{Served, Web};

fn remove(install: &Install, release: &str) {
    fs::remove_dir_all(install.path("releases").join(release)).unwrap();
}

#[test]
fn a_rollback_brings_the_release_from_its_folder_again_and_refuses_another_one() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
    remove(&install, "1.0.0");
    let other = install.path("source/1.0.0/more");
    write(&other, "another build", 0o644);
    let refused = exits(&install, 3, &["rollback"]);
    assert!(
        refused.fault().contains("is another one") && refused.fault().contains("put its files"),
        "{}",
        refused.told()
    );
    install.assert_serves("1.1.0");
    fs::remove_file(other).unwrap();
    does(&install, &["rollback"]);
    install.assert_serves("1.0.0");
    assert_eq!(install.migrations(), ["1"]);
}

#[test]
fn a_rollback_fetches_the_very_archive_again_and_refuses_early_where_it_cannot() {
    let web = Web::start();
    let install = Install::described(|text| {
        text.replace("source = \"source\"", &format!("source = \"{}/c-{{version}}.tar.gz\"", web.address()))
    });
    let archives = ["1.0.0", "1.1.0"].map(|release| (release, archive_of(release)));
    for (release, archive) in &archives {
        web.serve(&format!("/c-{release}.tar.gz"), Served::Whole(archive.clone()));
        let command = if *release == "1.0.0" { "start" } else { "upgrade" };
        assert_eq!(install.run(&format!("{command} {release} --sha256 {}", sha256(archive))).0, 0);
    }
    remove(&install, "1.0.0");
    web.serve("/c-1.0.0.tar.gz", Served::Whole(archive_of("1.2.0")));
    let failed = exits(&install, 1, &["rollback"]);
    assert!(failed.fault().contains("has the SHA-256"), "{}", failed.told());
    install.assert_serves("1.1.0");
    web.serve("/c-1.0.0.tar.gz", Served::Whole(archives[0].1.clone()));
    does(&install, &["rollback"]);
    install.assert_serves("1.0.0");
}

#[test]
fn a_release_that_was_never_fetched_has_to_be_put_back_by_hand() {
    let web = Web::start();
    let install = fetching(&web, "");
    let archive = archive_of("1.1.0");
    web.serve("/c-1.1.0.tar.gz", Served::Whole(archive.clone()));
    assert_eq!(install.run(&format!("upgrade 1.1.0 --sha256 {}", sha256(&archive))).0, 0);
    remove(&install, "1.0.0");
    let refused = exits(&install, 3, &["rollback"]);
    let fault = refused.fault();
    assert!(fault.contains("no longer here") && fault.contains("put its files into"), "{fault}");
    assert!(!fault.contains("--sha256"), "a rollback has no such option: {fault}");
    install.assert_serves("1.1.0");
    for (name, content, mode) in files_of("1.0.0") {
        fs::create_dir_all(install.path("releases/1.0.0")).unwrap();
        write(&install.path("releases/1.0.0").join(name), &content, mode);
    }
    does(&install, &["rollback"]);
    install.assert_serves("1.0.0");
}

#[test]
fn the_release_that_runs_is_brought_back_by_a_start_and_goes_on_meanwhile() {
    let install = Install::started("1.0.0");
    let writer = install.writer();
    writer.goes_on();
    remove(&install, "1.0.0");
    let refused = exits(&install, 3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("`opsctl start 1.0.0`"), "{}", refused.told());
    let (status, text) = install.run("preflight --only release-present");
    assert!(status == 3 && text.contains("again: `opsctl start 1.0.0`"), "{text}");
    let process = fs::read(install.path(".opsctl/run/collector.process")).unwrap();
    does(&install, &["start"]);
    assert_eq!(fs::read(install.path(".opsctl/run/collector.process")).unwrap(), process);
    writer.goes_on();
    does(&install, &["upgrade", "1.1.0"]);
    let (acknowledged, stored) = (writer.finish(), install.stored());
    assert!(acknowledged.iter().all(|id| stored.contains(id)));
    install.assert_serves("1.1.0");
}

#[test]
fn going_back_from_an_upgrade_brings_the_release_back() {
    let install = Install::started("1.0.0");
    install.send("a");
    begin(&install, &["upgrade", "1.1.0"]).kill_at("prove-canary", Duration::ZERO);
    remove(&install, "1.0.0");
    let source = install.path("source/1.0.0");
    fs::rename(&source, install.path("elsewhere")).unwrap();
    let stuck = exits(&install, 6, &["abort"]);
    assert!(stuck.fault().contains("cannot be brought back"), "{}", stuck.told());
    assert!(stuck.fault().contains("put its files into"), "{}", stuck.told());
    fs::rename(install.path("elsewhere"), &source).unwrap();
    let ended = begin(&install, &["resume"]).wait();
    assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.told());
    install.assert_serves("1.0.0");
    assert_eq!((install.migrations(), install.receipts().len()), (vec!["1".to_owned()], 1));

    // The same with a release that does not work.
    begin(&install, &["upgrade", "2.0.0-crash-loop"]).kill_at("prove-canary", Duration::ZERO);
    remove(&install, "1.0.0");
    does(&install, &["abort"]);
    install.assert_serves("1.0.0");
}
