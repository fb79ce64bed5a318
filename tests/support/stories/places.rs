//! Where an install is: moved away in the middle of an operation, or on a disk that cannot be written to.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::stand::{Ended, Run, Stand, Writes as _, assert_holds_all, begin, does, exits};

pub(crate) fn an_install_that_was_moved_or_cannot_be_written_to_loses_nothing<S: Stand>(stand: &S) {
    let writer = stand.writer();
    let before = stand.essence();
    let install = fs::canonicalize(stand.path(".")).unwrap();

    // Read-only from the beginning: it can be looked at, and nothing is begun.
    let held = ReadOnly::make(&install);
    does(stand, &["status"]);
    for arguments in [&["backup"][..], &["upgrade", "1.2.0"]] {
        let ended = exits(stand, 1, arguments);
        assert!(ended.fault().contains("Read-only file system"), "{}", ended.fault());
    }
    drop(held);
    assert_eq!(stand.essence(), before);

    // Read-only in the middle, as a disk becomes that has errors.
    let mut run = begin(stand, &["upgrade", "1.2.0"]);
    run.reaches("prove");
    let held = ReadOnly::make(&install);
    let ended = run.wait();
    // What was open for writing before stays so: the records go on, and what they say cannot be done is undone.
    assert!(matches!(ended.code, Some(4..=6)), "{}", ended.told());
    drop(held);
    if ended.code != Some(4) {
        let ended = begin(stand, &["abort"]).wait();
        assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.told());
    }
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!(stand.essence(), before);
    writer.goes_on();

    // Moved while opsctl is gone: whoever goes on finds it where it is now.
    for (way, release) in [("abort", "1.1.0"), ("resume", "1.2.0")] {
        begin(stand, &["upgrade", "1.2.0"]).kill_at("prove", Duration::ZERO);
        let elsewhere = install.with_extension("moved");
        fs::rename(&install, &elsewhere).unwrap();
        let ended = at(stand, &elsewhere, &[way]);
        let stray = install.exists();
        fs::rename(&elsewhere, &install).unwrap();
        assert_eq!(ended.code, Some(0), "{way}: {}", ended.told());
        assert!(!stray, "{way}: something was made where the install had been");
        stand.assert_serves(release);
        stand.assert_tidy();
        writer.goes_on();
    }
    let noted = fs::read_to_string(stand.path("backup/.pre-upgrade-version")).unwrap();
    assert_eq!(noted.trim(), "1.1.0");
    assert_holds_all(stand, &writer.finish());
}

/// Runs opsctl on the install where it is now.
fn at<S: Stand>(stand: &S, place: &Path, arguments: &[&str]) -> Ended {
    let mut all = vec!["--output", "json", "--non-interactive"];
    all.extend(arguments);
    let mut command = stand.opsctl(&all);
    command.current_dir(place).env("HOME", place);
    Run::start(command).wait()
}

/// A directory that nobody can write to, until this is dropped.
struct ReadOnly(String);

impl ReadOnly {
    fn make(directory: &Path) -> Self {
        let place = directory.display().to_string();
        let aside = tempfile::tempdir().unwrap();
        let nobody_comes_here = aside.path().display().to_string();
        run(&["mount", "--bind", &place, &nobody_comes_here]);
        run(&["mount", "-o", "remount,ro,bind", &nobody_comes_here]);
        run(&["mount", "--bind", &nobody_comes_here, &place]);
        run(&["umount", &nobody_comes_here]);
        Self(place)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _seen_by_the_next_write = Command::new("umount").args(["-l", &self.0]).status();
    }
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
