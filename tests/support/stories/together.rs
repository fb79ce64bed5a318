//! Two operators at once, a terminal that is closed, and somebody who stops what runs.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;

use crate::stand::{Stand, Writes as _, assert_holds_all, begin, does, exits, operations};

pub(crate) fn only_one_operates_an_install_at_a_time<S: Stand>(stand: &S) {
    let mut first = begin(stand, &["upgrade", "1.1.0"]);
    first.reaches("prove");
    // For as long as the others take.
    first.signal(Signal::STOP);
    for second in [&["backup"][..], &["upgrade", "1.1.0"], &["restore", "latest"], &["rollback"], &["abort"]]
    {
        let ended = exits(stand, 7, second);
        assert!(ended.fault().contains("upgrade"), "who holds it is said: {}", ended.fault());
    }
    assert_eq!(does(stand, &["status"])["running"]["doing"], "upgrade");
    first.signal(Signal::CONT);
    // Its terminal is closed: it goes on, and what it says is kept.
    first.signal(Signal::HUP);
    let ended = first.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert!(last_output(stand).contains("healthy and stable"), "{}", last_output(stand));

    let mut nobody_reads = stand.opsctl(&["backup"]);
    let mut child = nobody_reads.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().success(), "a pipe that nobody reads stopped a backup");
    assert!(last_output(stand).contains("take backup"), "{}", last_output(stand));
}

pub(crate) fn an_operation_that_is_stopped_waits_where_nothing_is_half_done<S: Stand>(stand: &S) {
    let writer = stand.writer();
    let before = stand.essence();
    for (step, way, release) in [("take-backup", "abort", "1.0.0"), ("take-restore-point", "resume", "1.1.0")]
    {
        let mut run = begin(stand, &["upgrade", "1.1.0"]);
        run.reaches(step);
        run.signal(Signal::INT);
        let stopped = run.wait();
        assert_eq!(stopped.code, Some(5), "{step}: {}", stopped.told());
        assert!(stopped.fault().contains("opsctl resume"), "{step}: {}", stopped.fault());
        let told = operations(stand).pop().expect("an operation");
        assert!(told["ending"].is_null(), "{step}: {told}");
        let refused = exits(stand, 3, &["backup"]);
        assert!(refused.fault().contains("opsctl abort"), "{step}: {}", refused.fault());
        does(stand, &[way]);
        writer.goes_on();
        stand.assert_serves(release);
        stand.assert_tidy();
        if way == "abort" {
            assert_eq!(stand.essence(), before);
        }
    }
    exits(stand, 2, &["resume"]);
    exits(stand, 2, &["abort"]);
    assert_holds_all(stand, &writer.finish());
}

/// What the last operation said.
fn last_output<S: Stand>(stand: &S) -> String {
    let operations = fs::read_dir(stand.path(".opsctl/operations")).unwrap();
    let last = operations.map(|entry| entry.unwrap().path()).max().expect("an operation");
    fs::read_to_string(last.join("output.log")).unwrap()
}
