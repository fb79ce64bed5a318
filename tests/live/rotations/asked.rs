//! A person at a terminal who is asked at each stage, and a secret of the operator's own.

use std::fs;
use std::time::Duration;

use expectrl::{Eof, Session, WaitStatus};

use super::{containers, environment, secret_ids};
use crate::settings::{Description, Settings};
use crate::stack::Stack;

fn brisk() -> Settings {
    let health = "watch_for = \"1s\"\nstable_for = \"1s\"\n";
    Settings::new(18, "1.0.0").described(Description::Brisk { health, migrate: "" })
}

#[test]
fn a_person_is_asked_which_secret_and_before_each_stage() {
    let stack = Stack::of(brisk());
    let (ids, old, writer) = (secret_ids(&stack), stack.variable("API_KEY_SECRET"), stack.writer());
    let answers = [("Which secret", "\r"), ("cannot be undone", "y\r"), ("Re-hash all keys now", "n\r")];
    assert_eq!(answered(&stack, &["rotate"], &answers), Some(0));
    assert_eq!(secret_ids(&stack), ids, "a no leaves it waiting");
    assert_eq!(stack.ops_does(&["status"])["unfinished"]["paused"], true);

    assert_eq!(answered(&stack, &["resume"], &[("Re-hash all keys now", "n\r")]), Some(2));
    assert_eq!(stack.ops_does(&["status"])["unfinished"]["paused"], true);
    let answers = [("Re-hash all keys now", "y\r"), ("Let go of the old value", "y\r")];
    assert_eq!(answered(&stack, &["resume"], &answers), Some(0));
    assert_ne!(secret_ids(&stack), ids);
    assert!(stack.variable("API_KEY_SECRET") != old && !stack.world().env.contains("PREVIOUS"));
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

#[test]
fn a_secret_of_the_operator_s_own_gets_a_random_value_and_new_containers() {
    let stack = Stack::of(brisk().with("EXTRA_TOKEN", "not-a-real-token"));
    let described = fs::read_to_string(stack.path("opsctl.toml")).unwrap();
    let extra = "\n[[secrets]]\nname = \"EXTRA_TOKEN\"\nkind = \"token\"\n\n[secrets.rotation]\n\
                 method = \"replaced\"\nprevious = \"EXTRA_TOKEN_PREVIOUS\"\nbytes = 24\n";
    fs::write(stack.path("opsctl.toml"), described + extra).unwrap();
    let before = stack.world();
    stack.ops_does(&["rotate", "extra-token"]);
    let new = stack.variable("EXTRA_TOKEN");
    assert_eq!(new.len(), 48);
    assert_eq!(stack.world().env, before.env.replace("not-a-real-token", &new));
    for container in containers(&stack) {
        assert!(environment(&container).contains(&format!("EXTRA_TOKEN={new}")), "{container}");
    }
    let status = stack.ops_does(&["rotate", "--status"]);
    assert_eq!(status["secrets"].as_array().unwrap().len(), 4, "{status}");
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

/// Types an answer to each question, and gives what opsctl exits with.
fn answered(stack: &Stack, arguments: &[&str], answers: &[(&str, &str)]) -> Option<i32> {
    let mut session = Session::spawn(stack.opsctl(arguments)).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(Duration::from_mins(3)));
    for (question, answer) in answers {
        session.expect(question).unwrap_or_else(|error| panic!("{question}: {error}"));
        session.send(answer).unwrap();
    }
    session.expect(Eof).expect("it ends");
    match session.wait().unwrap() {
        WaitStatus::Exited(_, code) => Some(code),
        _ => None,
    }
}
