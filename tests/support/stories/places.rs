//! Where an install is: moved away in the middle of an operation, or on a disk that cannot be written to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::stand::{Run, Stand, Writes as _, assert_holds_all, begin, does, exits};

const UPGRADE: [&str; 2] = ["upgrade", "1.2.0"];

pub(crate) fn an_install_that_was_moved_or_cannot_be_written_to_loses_nothing<S: Stand>(stand: &S) {
    let writer = stand.writer();
    let before = stand.essence();
    let install = fs::canonicalize(stand.path(".")).unwrap();

    // Read-only from the beginning: it can be looked at, and nothing is begun.
    let held = ReadOnly::make(&install);
    does(stand, &["status"]);
    for arguments in [&["backup"][..], &UPGRADE] {
        let ended = exits(stand, 1, arguments);
        assert!(ended.fault().contains("Read-only file system"), "{}", ended.fault());
    }
    drop(held);
    assert_eq!(stand.essence(), before);

    // Read-only in the middle, as a disk becomes that has errors.
    let mut run = begin(stand, &UPGRADE);
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
    begin(stand, &UPGRADE).kill_at("prove", Duration::ZERO);
    let moved = Moved::away(&install);
    let aborted = moved.begin(stand, &["abort"]).wait();
    assert_eq!(aborted.code, Some(0), "{}", aborted.told());
    assert!(!install.exists(), "something was made where the install had been");
    writer.goes_on();
    // And back again, when the product does not run either.
    moved.begin(stand, &UPGRADE).kill_at("prove", Duration::ZERO);
    let elsewhere = moved.to.clone();
    drop(moved);
    does(stand, &["resume"]);
    assert!(!elsewhere.exists(), "something was made where the install had been");
    stand.assert_serves("1.2.0");
    stand.assert_tidy();
    writer.goes_on();
    let noted = fs::read_to_string(stand.path("backup/.pre-upgrade-version")).unwrap();
    assert_eq!(noted.trim(), "1.1.0");
    assert_holds_all(stand, &writer.finish());
}

/// An install that is in another place, until this is dropped.
struct Moved {
    from: PathBuf,
    to: PathBuf,
}

impl Moved {
    fn away(from: &Path) -> Self {
        let moved = Self { from: from.to_owned(), to: from.with_extension("moved") };
        fs::rename(&moved.from, &moved.to).unwrap();
        moved
    }

    /// Starts opsctl there.
    fn begin<S: Stand>(&self, stand: &S, arguments: &[&str]) -> Run {
        let mut command = stand.opsctl(&[&["--output", "json", "--non-interactive"], arguments].concat());
        command.current_dir(&self.to).env("HOME", &self.to);
        Run::start(command)
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        fs::rename(&self.to, &self.from).unwrap();
    }
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
