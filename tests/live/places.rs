//! Where an install is: moved away in the middle of an operation, or on a disk that cannot be written to.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::operator::{Ended, Run};
use crate::stack::Stack;

#[test]
fn an_install_that_was_moved_or_cannot_be_written_to_loses_nothing() {
    let stack = Stack::up(18, "1.1.0");
    let writer = stack.writer();
    let before = stack.world();

    // Read-only from the beginning: it can be looked at, and nothing is begun.
    let held = ReadOnly::make(stack.dir());
    stack.ops_does(&["status"]);
    for arguments in [&["backup"][..], &["upgrade", "1.2.0"]] {
        let ended = stack.ops_exits(1, arguments);
        assert!(ended.fault().contains("Read-only file system"), "{}", ended.fault());
    }
    drop(held);
    assert_eq!(stack.world(), before);

    // Read-only in the middle, as a disk becomes that has errors.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    let held = ReadOnly::make(stack.dir());
    let ended = run.wait();
    // What was open for writing before stays so: the records go on, and what they say cannot be done is undone.
    assert!(matches!(ended.code, Some(4..=6)), "{}", ended.told());
    drop(held);
    if ended.code != Some(4) {
        let ended = stack.ops(&["abort"]);
        assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.told());
    }
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().env, before.env);
    writer.goes_on();

    // Moved while opsctl is gone: whoever goes on finds it where it is now.
    for (way, release) in [("abort", "1.1.0"), ("resume", "1.2.0")] {
        stack.begin(&["upgrade", "1.2.0"]).kill_at("prove", Duration::ZERO);
        let elsewhere = stack.dir().with_extension("moved");
        fs::rename(stack.dir(), &elsewhere).unwrap();
        let ended = at(&stack, &elsewhere, &[way]);
        let stray = stack.dir().exists();
        fs::rename(&elsewhere, stack.dir()).unwrap();
        assert_eq!(ended.code, Some(0), "{way}: {}", ended.told());
        assert!(!stray, "{way}: something was made where the install had been");
        stack.assert_serves(release);
        stack.assert_tidy();
        writer.goes_on();
    }
    let noted = fs::read_to_string(stack.backup_dir().join(".pre-upgrade-version")).unwrap();
    assert_eq!(noted.trim(), "1.1.0");
    writer.finish_with_nothing_lost();
}

/// Runs opsctl on the install where it is now.
fn at(stack: &Stack, place: &Path, arguments: &[&str]) -> Ended {
    let mut all = vec!["--output", "json", "--non-interactive"];
    all.extend(arguments);
    let mut command = stack.opsctl(&all);
    command.current_dir(place).env("HOME", place);
    Run::start(command).wait()
}

/// A directory that nobody can write to, until this is dropped.
struct ReadOnly(String);

impl ReadOnly {
    fn make(directory: &Path) -> Self {
        let place = directory.display().to_string();
        run(&["mount", "--bind", &place, &place]);
        let held = Self(place);
        run(&["mount", "-o", "remount,ro,bind", &held.0]);
        held
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
