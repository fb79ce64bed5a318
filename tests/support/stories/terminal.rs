//! A person at a terminal.

use std::fs;
use std::process::Command;
use std::time::Duration;

use expectrl::{Eof, Session, WaitStatus};

use crate::stand::Stand;

pub(crate) fn a_person_is_asked_and_only_a_yes_is_a_yes<S: Stand>(stand: &S) {
    let before = stand.essence();
    for answer in ["n\r", "\r", "yn\r", "\u{4}", "\u{3}"] {
        let status = answered(stand, &["upgrade", "1.2.0"], &[("[y/N]", answer)]);
        assert_ne!(status, Some(0), "{answer:?} is no yes");
        assert!(answer == "\u{3}" || status == Some(2), "{answer:?} ends with {status:?}");
        assert_eq!(stand.essence(), before, "{answer:?} changed something");
    }
    // To whom an operation failed is offered a bundle.
    for (wanted, bundles) in [("n\r", 0), ("y\r", 1)] {
        let answers = [("Upgrade ", "y\r"), ("Make a support bundle now?", wanted)];
        assert_eq!(answered(stand, &["upgrade", "2.0.0-migration-fails"], &answers), Some(4), "{wanted:?}");
        assert_eq!(self::bundles(stand), bundles, "{wanted:?}");
        stand.assert_serves("1.1.0");
    }
    assert_eq!(answered(stand, &["upgrade", "1.2.0"], &[("[y/N]", "y\r")]), Some(0));
    stand.assert_serves("1.2.0");
    stand.assert_tidy();
}

/// Types an answer to each question, and gives what opsctl exits with.
fn answered<S: Stand>(stand: &S, arguments: &[&str], answers: &[(&str, &str)]) -> Option<i32> {
    let mut session = Session::spawn(minding_signals(&stand.opsctl(arguments))).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    for (question, answer) in answers {
        session.expect(*question).expect("a question");
        session.send(answer).unwrap();
    }
    session.expect(Eof).unwrap_or_else(|error| panic!("it does not end after {answers:?}: {error}"));
    match session.wait().unwrap() {
        WaitStatus::Exited(_, code) => Some(code),
        _ => None,
    }
}

/// The same, with Ctrl-C doing what it does at a terminal: a shell lets what it starts in the background ignore it, and all that
/// is started by that.
fn minding_signals(opsctl: &Command) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.env_clear().arg("--default-signal=INT").arg(opsctl.get_program()).args(opsctl.get_args());
    command.envs(opsctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(opsctl.get_current_dir().expect("the install"));
    command
}

fn bundles<S: Stand>(stand: &S) -> usize {
    let entries = fs::read_dir(stand.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter(|name| name.to_string_lossy().starts_with("support-bundle-")).count()
}
