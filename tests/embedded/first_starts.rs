//! Starts that fail, and starts that should not be made.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::install::{Install, write};
use crate::stand::{Stand as _, begin};

/// A description in which what never becomes well is waited for, for a long time.
pub(crate) fn patient(text: &str) -> String {
    text.replace("start_timeout = \"5s\"", "start_timeout = \"90s\"")
}

fn is_selected(install: &Install) -> bool {
    fs::symlink_metadata(install.path("current")).is_ok()
}

fn append(install: &Install, file: &str, line: &str) {
    let mut file = OpenOptions::new().append(true).open(install.path(file)).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Moves the store away, with all that is beside it, or back.
fn move_store(install: &Install, from: &str, to: &str) {
    fs::create_dir_all(install.path(to)).unwrap();
    for entry in fs::read_dir(install.path(from)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("collector.db") && !name.contains("opsctl") {
            fs::rename(&path, install.path(to).join(name)).unwrap();
        }
    }
}

#[test]
fn a_first_start_that_fails_is_taken_back_and_another_release_is_started() {
    for release in ["2.0.0-crash-loop", "2.0.0-wrong-version", "2.0.0-never-ready"] {
        let install = Install::laid_out();
        let (status, text) = install.run(&format!("start {release}"));
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("no release is selected"), "{text}");
        assert!(!is_selected(&install) && !install.store().exists(), "{release}: {text}");
        assert!(!install.is_healthy(), "{release} goes on");
        let (status, text) = install.run("start 1.0.0");
        assert_eq!(status, 0, "after {release}: {text}");
        install.assert_serves("1.0.0");
        assert_eq!(install.migrations(), ["1"]);
    }
}

#[test]
fn a_release_that_dies_after_it_was_watched_is_seen_as_long_as_a_canary_would_be() {
    // It takes ten seconds to die.
    let install = Install::described(|text| text.replace("stable_for = \"1500ms\"", "stable_for = \"14s\""));
    let (status, text) = install.run("start 2.0.0-dies-later");
    assert!(status == 1 && text.contains("collector ended"), "{text}");
    assert!(text.contains("retention engine failed"), "it was well at first, and died later: {text}");
    assert!(!is_selected(&install) && !install.store().exists(), "{text}");
    assert!(!install.is_healthy());
}

#[test]
fn a_start_that_fails_leaves_the_store_that_was_there() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("stop").0, 0);
    fs::remove_file(install.path(".opsctl/releases/1.0.0.json")).unwrap();
    let program = install.path("releases/1.0.0/run");
    let works = fs::read_to_string(&program).unwrap();
    write(&program, "#!/bin/sh\necho it cannot work\nexit 9\n", 0o755);
    let (status, text) = install.run("start");
    assert!(status == 1 && text.contains("it cannot work"), "{text}");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    write(&program, &works, 0o755);
    assert_eq!(install.run("start").0, 0);
    install.assert_serves("1.0.0");
}

#[test]
fn a_release_that_was_changed_since_it_was_brought_is_not_started() {
    let install = Install::started("1.1.0");
    assert_eq!(install.run("stop").0, 0);
    append(&install, "releases/1.1.0/run", "# a line more");
    let (status, text) = install.run("start");
    assert!(status == 3 && text.contains("not what they were when it was brought"), "{text}");
    let (status, text) = install.run("preflight --only release-whole");
    assert!(status != 0 && text.contains("are not what they were"), "{text}");
    assert!(!install.is_healthy());
    fs::rename(install.path("releases/1.1.0"), install.path("releases/1.1.0.changed")).unwrap();
    let (status, text) = install.run("start");
    assert_eq!(status, 0, "it is brought again: {text}");
    // What somebody means to change is theirs.
    append(&install, "releases/1.1.0/run", "# a line more");
    assert_eq!(install.run("stop").0, 0);
    assert_eq!(install.run("start").0, 3);
    fs::remove_file(install.path(".opsctl/releases/1.1.0.json")).unwrap();
    assert_eq!(install.run("start").0, 0);
}

#[test]
fn a_program_that_was_overwritten_while_it_runs_is_not_put_in_the_place_of_what_runs() {
    let install = Install::started("1.0.0");
    // Put there by hand: opsctl has no record of what is in it.
    fs::remove_file(install.path(".opsctl/releases/1.0.0.json")).unwrap();
    let process = || fs::read_to_string(install.path(".opsctl/run/collector.process")).unwrap();
    let serving = process();
    let program = install.path("releases/1.0.0/run");
    let good = fs::read_to_string(&program).unwrap();
    write(&program, "#!/bin/sh\nexit 7\n", 0o755);
    let (status, text) = install.run("start");
    assert_eq!(status, 3, "{text}");
    assert!(text.contains("`opsctl stop`, then `opsctl start`"), "{text}");
    assert!(install.is_healthy() && process() == serving, "it is left to run: {text}");
    write(&program, &good, 0o755);
    let (status, text) = install.run("start");
    assert!(status == 0 && process() == serving, "{text}");
    write(&program, &format!("{good}# patched\n"), 0o755);
    assert_eq!(install.run("stop").0, 0);
    let (status, text) = install.run("start");
    assert_eq!(status, 0, "{text}");
    install.assert_serves("1.0.0");
}

#[test]
fn a_store_that_is_gone_is_not_begun_anew_without_a_word() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("stop").0, 0);
    move_store(&install, "data", "elsewhere");
    let (status, text) = install.run("start");
    assert!(status == 3 && text.contains("--empty-store") && !text.contains("restore latest"), "{text}");
    assert!(!install.store().exists() && !install.is_healthy(), "{text}");
    move_store(&install, "elsewhere", "data");
    assert_eq!(install.run("start").0, 0);
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    assert_eq!(install.run("backup").0, 0);
    assert_eq!(install.run("stop").0, 0);
    move_store(&install, "data", "elsewhere");
    let (status, text) = install.run("start");
    assert!(status == 3 && text.contains("restore latest"), "{text}");
    let (status, text) = install.run("restore latest");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    assert_eq!(install.run("stop").0, 0);
    move_store(&install, "data", "elsewhere");
    let (status, text) = install.run("start --empty-store");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.receipts(), Vec::<String>::new());
}

#[test]
fn the_log_of_a_store_that_is_gone_is_kept_whatever_is_done_about_it() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    install.send("b");
    install.dies();
    let (log, elsewhere) = (install.path("data/collector.db-wal"), install.path("elsewhere.db"));
    assert!(fs::metadata(&log).unwrap().len() > 0, "what was sent is in the log alone");
    fs::rename(install.store(), &elsewhere).unwrap();
    for start in ["start", "start --empty-store"] {
        let (status, text) = install.run(start);
        assert!(status == 3 && text.contains("collector.db-wal"), "{text}");
    }
    let before = fs::read(&log).unwrap();
    let (status, text) = install.run("restore latest");
    assert!(status == 0 && text.contains("-wal, for when the store is found"), "{text}");
    assert!(!text.contains("restore --undo"), "{text}");
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
    let kept = install.names_in("data", |name| name.contains("__opsctl_replaced_") && name.ends_with("-wal"));
    let kept = install.path("data").join(&kept[0]);
    assert_eq!(fs::read(&kept).unwrap(), before);
    // The store is found: with its log it is whole.
    fs::copy(&kept, install.path("elsewhere.db-wal")).unwrap();
    assert_eq!(crate::install::receipts_in(&elsewhere), ["urn:receipt:a", "urn:receipt:b"]);
}

#[test]
fn a_store_that_was_cut_is_gone_too_and_nothing_begins_anew_where_there_is_one() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("stop").0, 0);
    let (status, text) = install.run("start --empty-store");
    assert!(status == 2 && text.contains("there is a store"), "{text}");
    for name in install.names_in("data", |name| name.starts_with("collector.db-")) {
        fs::remove_file(install.path("data").join(name)).unwrap();
    }
    fs::write(install.store(), "").unwrap();
    let (status, text) = install.run("start");
    assert!(status == 3 && text.contains("is empty"), "{text}");
    assert_eq!(install.run("start --empty-store").0, 0);
    assert!(install.is_healthy());
}

#[test]
fn a_first_start_that_is_killed_does_not_decide_for_its_release() {
    let install = Install::described(|text| patient(&text));
    let run = begin(&install, &["start", "2.0.0-never-ready"]);
    let began = Instant::now();
    while !install.path(".opsctl/run/collector.process").exists() {
        assert!(began.elapsed() < Duration::from_secs(40), "nothing is started");
        sleep(Duration::from_millis(50));
    }
    run.signal(Signal::KILL);
    run.wait();
    assert!(is_selected(&install));
    assert_eq!(install.run("stop").0, 0);
    // What it made of the store, an older release cannot use.
    move_store(&install, "data", "elsewhere");
    let (status, text) = install.run("start 1.0.0");
    assert_eq!(status, 0, "{text}");
    install.assert_serves("1.0.0");
}

#[test]
fn a_way_back_that_somebody_changed_is_taken_with_a_warning() {
    let install = Install::started("1.0.0");
    append(&install, "releases/1.0.0/run", "# a line more");
    for command in ["upgrade 1.1.0", "rollback"] {
        let (status, text) = install.run(command);
        assert!(
            status == 0 && text.contains("the files of 1.0.0 are not what they were"),
            "{command}: {text}"
        );
    }
}

#[test]
fn a_start_that_fails_shows_its_own_log_and_who_has_its_port() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("stop").0, 0);
    append(&install, ".opsctl/run/collector.log", "said by an earlier run");
    let taken = TcpListener::bind(("127.0.0.1", install.port)).unwrap();
    let (status, text) = install.run("start");
    assert_eq!(status, 1, "{text}");
    assert!(text.to_lowercase().contains("address already in use"), "{text}");
    assert!(!text.contains("said by an earlier run"), "{text}");
    assert!(text.contains("opsctl preflight --only host-ports"), "{text}");
    drop(taken);
    assert_eq!(install.run("start").0, 0);
}

#[test]
fn a_release_that_is_not_to_be_had_names_where_it_was_looked_for() {
    let install = Install::started("1.0.0");
    let (status, text) = install.run("upgrade 9.9.9");
    let source = install.path("source");
    assert!(status == 3 && text.contains(&source.display().to_string()), "{text}");
    assert!(text.contains("there are 1.0.0, 1.1.0, "), "{text}");
    let (status, text) = install.run(&format!("upgrade 1.1.0 --sha256 {}", "0".repeat(64)));
    let folder = source.join("1.1.0");
    assert!(status == 3 && text.contains(&folder.display().to_string()), "{text}");
    assert!(!text.contains("mv "), "{text}");
}

#[test]
fn a_kind_that_is_mistyped_is_the_first_thing_that_is_said() {
    let install = Install::described(|text| text.replace("kind = \"process\"", "kind = \"proces\""));
    for command in ["start 1.0.0", "preflight", "status"] {
        let (status, text) = install.run(command);
        assert!(status != 0 && text.contains("did you mean `process`?"), "{command}: {text}");
    }
}
