//! opsctl killed in the middle: afterwards the product is wholly old or wholly new, and nothing is left over.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stack::Stack;

/// Where opsctl is killed: at a step whose text holds the words, after so many milliseconds.
type Moment = (&'static str, u64);

/// Well below the time that a canary is waited for.
const AT_ONCE: Duration = Duration::from_mins(1);

#[test]
fn an_upgrade_that_is_killed_goes_on_or_goes_back() {
    // Early, while the database is copied, while it is migrated, while the new release is proven, and behind the commit.
    let moments: [Moment; 5] = [
        ("take backup", 150),
        ("restore point", 20),
        ("\"migrate\"", 150),
        ("prove", 700),
        ("\"pass-gates\"", 1500),
    ];
    let stack = Stack::up(18, "1.0.0");
    let writer = stack.writer();
    for moment in moments {
        let before = stack.world();
        kill(&stack, &["upgrade", "1.1.0"], moment);
        // As a kill in the middle of a write leaves it.
        for folder in [stack.dir(), &stack.backup_dir(), &stack.path(".opsctl")] {
            fs::write(folder.join(".opsctl-tmp-Ab12Cd"), "API_KEY_SECRET=").unwrap();
        }
        let unfinished = stack.ops_exits(3, &["backup"]);
        assert!(unfinished.fault().contains("opsctl resume"), "{moment:?}: {}", unfinished.fault());
        stack.ops_does(&["status"]);
        let aborted = stack.ops(&["abort"]);
        match aborted.code {
            Some(0) => {
                stack.assert_serves("1.0.0");
                stack.assert_tidy();
                let after = stack.world();
                assert_eq!((&after.env, &after.images), (&before.env, &before.images), "{moment:?}");
                assert_eq!(after.migrations, before.migrations, "{moment:?}");
                assert_eq!(stack.kept("restore_point"), Vec::<String>::new(), "{moment:?}");
                writer.goes_on();
            }
            // Behind the commit point there is only forward.
            Some(3) if moment.0 == "\"pass-gates\"" => {
                stack.ops_does(&["resume"]);
                stack.assert_serves("1.1.0");
                stack.assert_tidy();
            }
            _ => panic!("{moment:?}: {}", aborted.told()),
        }
    }
    let upgraded = stack.world();
    // The same on to the next release, going on each time.
    kill(&stack, &["upgrade", "1.2.0"], ("\"migrate\"", 100));
    // A resume can be killed too.
    kill(&stack, &["resume"], ("prove", 300));
    stack.ops_does(&["resume"]);
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations.len(), upgraded.migrations.len() + 1);
    let log = writer.finish_with_nothing_lost();
    println!("{} writes through seven kills, none lost", log.acknowledged.len());
    stack.ops_exits(2, &["resume"]);
}

#[test]
fn a_restore_that_is_killed_goes_on_or_goes_back() {
    let stack = Stack::up(15, "1.1.0");
    let kept = stack.writer().finish();
    stack.ops_does(&["backup"]);
    let rows = stack.rows();
    let later = stack.writer().finish();
    let now = stack.rows();
    for moment in [("\"load-backup\"", 150), ("\"quiesce\"", 100), ("\"swap\"", 50), ("\"start\"", 300)] {
        kill(&stack, &["restore", "latest"], moment);
        let aborted = stack.ops(&["abort"]);
        assert_eq!(aborted.code, Some(0), "{moment:?}: {}", aborted.told());
        stack.assert_serves("1.1.0");
        // What has served is kept: clients may have written to it. A kill in the swap may come when the start has begun.
        let may_have_served = ["\"swap\"", "\"start\""].contains(&moment.0);
        let served = if may_have_served { stack.kept("side") } else { Vec::new() };
        for database in &served {
            stack.query("postgres", &format!("DROP DATABASE \"{database}\""));
        }
        assert!(served.len() <= 1, "{served:?}");
        stack.assert_tidy();
        assert_eq!(stack.rows(), now, "{moment:?}: the data is as it was");
        assert_eq!(later.missing(&stack.client()), Vec::<String>::new(), "{moment:?}");
    }
    kill(&stack, &["restore", "latest"], ("\"swap\"", 30));
    stack.ops_does(&["resume"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(kept.missing(&stack.client()), Vec::<String>::new());
}

#[test]
fn a_restore_in_place_that_is_killed_brings_the_old_data_back() {
    let stack = Stack::up(15, "1.1.0");
    let old = stack.ops_does(&["backup"]);
    let old = old["path"].as_str().unwrap();
    let later = stack.writer().finish();
    let now = stack.rows();
    for after in [0, 100, 300] {
        kill(&stack, &["restore", "--in-place", old], ("\"replace-in-place\"", after));
        stack.ops_does(&["abort"]);
        stack.assert_serves("1.1.0");
        assert_eq!(stack.rows(), now, "the safety backup is what is loaded");
        assert_eq!(later.missing(&stack.client()), Vec::<String>::new());
        stack.assert_tidy();
    }
}

#[test]
fn an_upgrade_whose_canary_is_waited_for_goes_back_at_once() {
    let stack = Stack::up(18, "1.1.0");
    let writer = stack.writer();
    let mut run = stack.begin(&["upgrade", "2.0.0-never-ready"]);
    run.reaches("prove");
    sleep(Duration::from_secs(2));
    let began = Instant::now();
    run.signal(Signal::INT);
    let ended = run.wait();
    assert!(ended.code == Some(4) && began.elapsed() < AT_ONCE, "{:?}: {}", began.elapsed(), ended.told());
    assert!(ended.fault().contains("interrupted"), "{}", ended.fault());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    writer.finish();
}

#[test]
fn only_one_operates_an_install_at_a_time() {
    let stack = Stack::up(18, "1.0.0");
    let mut first = stack.begin(&["upgrade", "1.1.0"]);
    first.reaches("prove");
    for second in [&["backup"][..], &["upgrade", "1.1.0"], &["restore", "latest"], &["rollback"], &["abort"]]
    {
        let ended = stack.ops(second);
        assert_eq!(ended.code, Some(7), "{second:?}: {}", ended.told());
        assert!(ended.fault().contains("upgrade"), "who holds it is said: {}", ended.fault());
    }
    assert_eq!(stack.ops_does(&["status"])["running"]["doing"], "upgrade");
    // Its terminal is closed: it goes on, and what it says is kept.
    first.signal(Signal::HUP);
    assert_eq!(first.wait().code, Some(0));
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert!(last_output(&stack).contains("are healthy and stable"), "{}", last_output(&stack));

    let mut nobody_reads = stack.opsctl(&["backup"]);
    let mut child = nobody_reads.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().success(), "a pipe that nobody reads stopped a backup");
    assert!(last_output(&stack).contains("take backup"), "{}", last_output(&stack));
}

/// What the last operation said.
fn last_output(stack: &Stack) -> String {
    let operations = fs::read_dir(stack.path(".opsctl/operations")).unwrap();
    let last = operations.map(|entry| entry.unwrap().path()).max().expect("an operation");
    fs::read_to_string(last.join("output.log")).unwrap()
}

fn kill(stack: &Stack, arguments: &[&str], (step, after): Moment) {
    stack.begin(arguments).kill_at(step, Duration::from_millis(after));
}
