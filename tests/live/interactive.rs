//! A person at a terminal.

use std::time::Duration;

use expectrl::{Eof, Session, WaitStatus};

use crate::stack::Stack;

#[test]
fn a_person_is_asked_and_only_a_yes_is_a_yes() {
    let stack = Stack::up(18, "1.0.0");
    let before = stack.world();
    for answer in ["n\r", "\r", "\u{1b}", "\u{3}"] {
        let status = answered(&stack, &["upgrade", "1.1.0"], answer);
        assert_ne!(status, Some(0), "{answer:?} is no yes");
        assert!(answer == "\u{3}" || status == Some(2), "{answer:?} ends with {status:?}");
        assert_eq!(stack.world(), before, "{answer:?} changed something");
    }
    assert_eq!(answered(&stack, &["upgrade", "1.1.0"], "y\r"), Some(0));
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
}

/// Types an answer to the question, and gives what opsctl exits with.
fn answered(stack: &Stack, arguments: &[&str], answer: &str) -> Option<i32> {
    let mut session = Session::spawn(stack.opsctl(arguments)).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(Duration::from_mins(2)));
    session.expect("?").expect("a question");
    session.send(answer).unwrap();
    session.expect(Eof).expect("it ends");
    match session.wait().unwrap() {
        WaitStatus::Exited(_, code) => Some(code),
        _ => None,
    }
}
