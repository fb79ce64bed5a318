//! opsctl killed at the steps of a rotation, under a client that uses its key throughout.
//!
//! All steps, each at its beginning and in its midst: `OPSCTL_SWEEP=whole cargo test --test live rotations::killed`. Without
//! that, a few of them.

use std::fs;
use std::time::Duration;

use super::{ROTATE, client, made_by_the_api, secret_ids, steps};
use crate::settings::{Description, Settings};
use crate::stack::Stack;

/// The step, and how far into it, that are taken in each run.
const REPRESENTATIVE: [(&str, u64); 5] = [
    ("\"set-window\"", 0),
    ("\"recreate\"", 900),
    ("\"prove-window\"", 0),
    ("\"rehash\"", 250),
    ("\"number\":11,", 600),
];

/// Into a step that takes long, as containers that are made anew do.
const MIDST: u64 = 900;

#[test]
fn a_rotation_killed_at_any_step_ends_with_one_value_and_no_key_is_ever_refused() {
    let brisk = Description::Brisk { health: "watch_for = \"1s\"\nstable_for = \"1s\"\n", migrate: "" };
    let stack = Stack::of(Settings::new(18, "1.0.0").described(brisk));
    let plan = stack.ops_does(&["rotate", "api-key-secret", "--plan"]);
    let moments: Vec<(String, u64)> = if std::env::var("OPSCTL_SWEEP").is_ok_and(|which| which == "whole") {
        let numbers = 1..=steps(&plan).len();
        numbers.flat_map(|number| [0, MIDST].map(|into| (format!("\"number\":{number},"), into))).collect()
    } else {
        REPRESENTATIVE.map(|(step, into)| (step.to_owned(), into)).to_vec()
    };
    for (index, (step, into)) in moments.iter().enumerate() {
        let told = format!("{step}, {into} ms into it");
        let writer = stack.writer();
        let (env, ids) = (fs::read_to_string(stack.path(".env")).unwrap(), secret_ids(&stack));
        if !stack.begin(&ROTATE).kill_if_at(step, Duration::from_millis(*into)) {
            println!("{told}: it was through before");
            writer.finish_with_nothing_lost();
            continue;
        }
        let meanwhile = made_where_it_can_be(&stack);
        let went_on = leave(&stack, index, &told);
        println!("{told}: it went {}", if went_on { "on" } else { "back" });
        let now = fs::read_to_string(stack.path(".env")).unwrap();
        assert_eq!(now.replace('\'', "") == env.replace('\'', ""), !went_on, "{told}");
        assert!(!now.contains("PREVIOUS"), "{told}");
        let left = secret_ids(&stack);
        assert!(left.len() == 1 && (left == ids) != went_on, "{told}: {left:?}");
        for key in meanwhile.iter().chain([&stack.agent_key]) {
            assert_eq!(client(&stack, key).get("/v1/records").unwrap().status, 200, "{told}");
        }
        stack.assert_serves("1.0.0");
        stack.assert_tidy();
        let stray = fs::read_dir(stack.dir()).unwrap().flatten();
        let stray = stray.filter(|entry| entry.file_name().to_string_lossy().starts_with(".opsctl-tmp"));
        assert_eq!(stray.count(), 0, "{told}: a file with secrets is left over");
        writer.goes_on();
        writer.finish_with_nothing_lost();
    }
}

/// A key that is made after the kill, if the API runs.
fn made_where_it_can_be(stack: &Stack) -> Option<String> {
    stack.running_image("ledger-api").map(|_| made_by_the_api(stack))
}

/// Leads out of it, by each way in turn, and says whether it went on.
fn leave(stack: &Stack, index: usize, told: &str) -> bool {
    if index.is_multiple_of(2) {
        let aborted = stack.ops(&["abort"]);
        match aborted.code {
            Some(0) => return false,
            // Behind the re-hash there is only forward.
            Some(3) => {}
            _ => panic!("{told}: {}", aborted.told()),
        }
    } else {
        stack.begin(&["resume"]).kill_if_at("step-started", Duration::from_millis(300));
    }
    let resumed = stack.ops(&["resume"]);
    assert!(matches!(resumed.code, Some(0 | 2)), "{told}: {}", resumed.told());
    true
}
