//! opsctl is gone while it migrates: whoever goes on learns from the container and from the database what became of it.

use std::fs;
use std::time::{Duration, Instant};

use crate::docker::docker;
use crate::outside::with_compose;
use crate::settings::{Description, Settings};
use crate::stack::Stack;

const BRISK: Description = Description::Brisk {
    health: "watch_for = \"2s\"\nstable_for = \"1s\"\nstart_timeout = \"20s\"\n",
    migrate: "timeout = \"20s\"\n",
};

#[test]
fn a_migration_whose_outcome_is_unknown_is_asked_for_and_never_run_twice() {
    let stack = Stack::of(Settings::new(18, "1.0.0").described(BRISK));
    let writer = stack.writer();
    let before = stack.world();

    // Its container is gone, and the database is not what it was: neither at the start nor known to be at the goal.
    let container = killed_while_migrating(&stack);
    assert_eq!(stack.world().migrations.len(), before.migrations.len() + 1);
    docker(["rm", &container]);
    let ended = stack.ops(&["resume"]);
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("it cannot be told whether the migration ran"), "{}", ended.fault());
    assert!(ended.fault().contains("was changed"), "how it is known is said: {}", ended.fault());
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations, before.migrations);
    writer.goes_on();

    // Its container is gone, or was never made, and the database is as it was: it is run.
    let began = stack.path("began");
    let script = format!(
        "case \"$*\" in *' run '*) : > {}; sleep 2; exit 1;; esac; exec \"$REAL\" \"$@\"",
        began.display()
    );
    let mut run = with_compose(&stack, &script, &["upgrade", "1.1.0"]);
    run.reaches("\"migrate\"");
    wait_until(|| began.exists());
    run.kill_at("\"migrate\"", Duration::ZERO);
    fs::remove_file(&began).unwrap();
    assert!(migrates(&stack).is_none());
    stack.ops_does(&["resume"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    stack.ops_does(&["rollback"]);

    // Its container has ended well: it is at the goal, and is not run again.
    let container = killed_while_migrating(&stack);
    let since = docker(["info", "--format", "{{.SystemTime}}"]);
    stack.ops_does(&["resume"]);
    let until = docker(["info", "--format", "{{.SystemTime}}"]);
    let made = ["--filter", "event=create", "--format", "{{.Actor.Attributes.name}}"];
    let range = ["events", "--since", &since, "--until", &until];
    let made = crate::docker::docker_with(&[&range[..], &made[..]].concat());
    let ours = |role: &str| made.contains(&format!("{}-opsctl-{role}", stack.project));
    assert!(ours("canary"), "the engine remembers what was made: {made}");
    assert!(!ours("migrate"), "{container} had ended: {made}");
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations.len(), before.migrations.len() + 1);
    // A rollback takes back what was written since the upgrade: only the last one counts.
    writer.finish();
}

/// Kills opsctl while it migrates, lets the migration come to its end, and gives the container.
fn killed_while_migrating(stack: &Stack) -> String {
    let mut run = stack.begin(&["upgrade", "1.1.0"]);
    run.reaches("\"migrate\"");
    wait_until(|| migrates(stack).is_some());
    run.kill_at("\"migrate\"", Duration::ZERO);
    let container = migrates(stack).unwrap();
    wait_until(|| docker(["inspect", "--format", "{{.State.Status}}", &container]) == "exited");
    assert_eq!(docker(["inspect", "--format", "{{.State.ExitCode}}", &container]), "0");
    container
}

/// The container that migrates.
fn migrates(stack: &Stack) -> Option<String> {
    let name = format!("name={}-opsctl-migrate", stack.project);
    docker(["ps", "-aq", "--filter", &name]).lines().next().map(str::to_owned)
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come to that");
        std::thread::sleep(Duration::from_millis(3));
    }
}
