//! How many requests the API refuses, as evidence within a rotation.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{ROTATE, client, secret_ids, steps};
use crate::http::Client;
use crate::stack::Stack;

/// Between two requests of a client that only reads.
const PAUSE: Duration = Duration::from_millis(60);

#[test]
fn wrong_keys_at_a_constant_rate_are_no_alarm() {
    let stack = Stack::up(18, "1.0.0");
    let (ids, writer) = (secret_ids(&stack), stack.writer());
    let wrong = Reader::start(client(&stack, "a-key-that-nobody-made"));
    let ended = stack.ops_exits(0, &ROTATE);
    let seen = compared(&ended.told());
    assert_eq!(seen.len(), 3, "before the re-hash, behind it, and at the end: {}", ended.told());
    for (now, before) in seen {
        assert!(now > 1.0 && before > 1.0, "the wrong keys were counted: {}", ended.told());
    }
    assert!(wrong.finish() > 100, "they were refused throughout");
    assert_ne!(secret_ids(&stack), ids);
    writer.finish_with_nothing_lost();

    // Where nobody says where requests are counted, or nothing is there, that is said and nothing else.
    let described = fs::read_to_string(stack.path("opsctl.toml")).unwrap();
    fs::write(stack.path("opsctl.toml"), described.replace("ledger_http", "other_http")).unwrap();
    let ended = stack.ops_exits(0, &ROTATE);
    assert_eq!(
        ended.told().matches("not compared: the API counts no requests").count(),
        1,
        "{}",
        ended.told()
    );
    fs::write(stack.path("opsctl.toml"), described).unwrap();
    without_requests(&stack);
    let planned = steps(&stack.ops_does(&["rotate", "api-key-secret", "--plan"]));
    assert!(!planned.iter().any(|step| step.contains("refuse")), "{planned:?}");
    stack.assert_tidy();
}

#[test]
fn keys_that_stop_working_are_seen_before_the_re_hash_and_behind_it() {
    let stack = Stack::up(15, "1.0.0");
    let (before, ids) = (stack.world(), secret_ids(&stack));
    let agent = Reader::start(stack.client());
    let revoked = |revoked: bool| {
        stack.query("ledger", &format!("UPDATE api_keys SET revoked = {revoked} WHERE role = 'agent'"));
    };

    let mut run = stack.begin(&ROTATE);
    run.reaches("\"recreate\"");
    revoked(true);
    let failed = run.wait();
    revoked(false);
    assert_eq!(failed.code, Some(4), "{}", failed.told());
    assert!(failed.fault().contains("refuses more keys than before (401, 403)"), "{}", failed.fault());
    assert!(failed.fault().contains("a second, and 0.0 before"), "{}", failed.fault());
    assert_eq!(stack.world().env, before.env.replace('\'', ""));
    assert_eq!(secret_ids(&stack), ids);
    stack.assert_tidy();

    stack.ops_does(&["rotate", "api-key-secret", "--pause-after", "dual", "--skip-backup"]);
    let mut run = stack.begin(&["resume"]);
    run.reaches("\"recreate\"");
    revoked(true);
    let failed = run.wait();
    assert_eq!(failed.code, Some(5), "{}", failed.told());
    assert!(failed.fault().contains("refuses more keys than before (401, 403)"), "{}", failed.fault());
    assert!(stack.world().env.contains("API_KEY_SECRET_PREVIOUS="), "the old value is still taken");
    stack.ops_exits(5, &["resume"]);
    revoked(false);

    // The cause is mended, so that it goes on: to where the old value has gone, and the same happens once more.
    let mut run = stack.begin(&["resume"]);
    run.reaches("\"recreate\"");
    revoked(true);
    let failed = run.wait();
    assert_eq!(failed.code, Some(5), "{}", failed.told());
    assert!(failed.fault().contains("refuses more keys than before (401, 403)"), "{}", failed.fault());
    // Who knows that it has nothing to do with the rotation can end it.
    without_requests(&stack);
    let ended = stack.ops_exits(0, &["resume"]);
    assert!(ended.told().contains("not compared: the description no longer says"), "{}", ended.told());
    revoked(false);
    assert!(!stack.world().env.contains("PREVIOUS"));
    assert_ne!(secret_ids(&stack), ids);
    assert_eq!(client(&stack, &stack.agent_key).get("/v1/records").unwrap().status, 200);
    agent.finish();
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

/// Takes out of the description where requests are counted.
fn without_requests(stack: &Stack) {
    let described = fs::read_to_string(stack.path("opsctl.toml")).unwrap();
    let (before, behind) = described.split_once("[requests]").unwrap();
    let behind = &behind[behind.find("\n[").unwrap()..];
    fs::write(stack.path("opsctl.toml"), format!("{before}{behind}")).unwrap();
}

/// The rates of refusals that were said, each with the one before.
fn compared(told: &str) -> Vec<(f64, f64)> {
    let rate = |text: &str| text.split_once(" refused").and_then(|(rate, _)| rate.parse().ok());
    let said = told.lines().filter(|line| line.contains("step-finished")).filter_map(|line| {
        let (now, before) = line.split_once("; before: ")?;
        Some((rate(now.rsplit_once('"')?.1)?, rate(before)?))
    });
    said.collect()
}

/// A client that reads with its key at a constant rate, whatever it is answered.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Reader {
    fn start(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut refused = 0;
            while !stopped.load(Ordering::SeqCst) {
                let answer = client.get("/v1/records?limit=1");
                refused += usize::from(answer.is_ok_and(|answer| answer.status == 401));
                std::thread::sleep(PAUSE);
            }
            refused
        });
        Self { stop, thread: Some(thread) }
    }

    /// How often it was refused.
    fn finish(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().expect("it does not panic")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
