//! opsctl is killed, and the Compose that it had started lives on: who comes next is not disturbed by what it still makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::outside::with_compose;
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stand::{Ended, Run};

const BRISK: Description = Description::Brisk {
    health: "watch_for = \"2s\"\nstable_for = \"1s\"\nstart_timeout = \"20s\"\n",
    migrate: "timeout = \"20s\"\n",
};

/// What is said while a Compose is waited for.
const WAITS: &str = "waiting for docker compose";

#[test]
fn what_a_killed_opsctl_has_left_at_work_is_waited_for() {
    let stack = Stack::of(Settings::new(18, "1.0.0").described(BRISK));
    let writer = stack.writer();
    let before = stack.world();

    // It is to migrate, and the operation is undone: nothing may migrate afterwards.
    let left = Left::of_killed(&stack, " run ", "\"migrate\"", &["upgrade", "1.1.0"]);
    let aborted = left.met_by(&stack, "abort");
    assert_eq!(aborted.code, Some(0), "{}", aborted.told());
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    let after = stack.world();
    assert_eq!((after.env, after.migrations), (before.env, before.migrations));
    writer.goes_on();

    // The operation is gone on with: the container that migrates is the one that was asked for first.
    let left = Left::of_killed(&stack, " run ", "\"migrate\"", &["upgrade", "1.1.0"]);
    let resumed = left.met_by(&stack, "resume");
    assert_eq!(resumed.code, Some(0), "{}", resumed.told());
    assert_eq!((asked_for(&stack, "migrate"), asked_for(&stack, "canary")), (0, 1));
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    writer.finish_with_nothing_lost();

    // It is to start the old release, at the end of a rollback.
    let left = Left::of_killed(&stack, " up ", "\"start\"", &["rollback"]);
    let resumed = left.met_by(&stack, "resume");
    assert_eq!(resumed.code, Some(0), "{}", resumed.told());
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

#[test]
fn a_container_that_an_unheard_request_has_made_is_told_apart_by_whose_it_is_and_whether_it_ran() {
    let stack = Stack::of(Settings::new(18, "1.0.0").described(BRISK));
    let writer = stack.writer();

    // As an opsctl and a Compose leave it that were killed together while the engine was making the container.
    let script = before_the_first_run(&stack, "create");
    let ended = with_compose(&stack, &script, &["upgrade", "1.1.0"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(asked_for(&stack, "migrate"), 2, "the one that never ran is not taken");
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();

    // The start was heard too: it migrates, and nothing else does.
    stack.ops_does(&["rollback"]);
    let script = before_the_first_run(&stack, "run");
    let ended = with_compose(&stack, &script, &["upgrade", "1.1.0"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(asked_for(&stack, "migrate"), 1);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    // A rollback takes back what was written since the upgrade.
    writer.finish();
}

/// A Compose that does what it was asked for only when it is told to.
struct Left {
    process: u32,
    go: PathBuf,
}

impl Left {
    /// What is left of an operation that was killed when Compose was asked for a command in a step.
    fn of_killed(stack: &Stack, command: &str, step: &str, operation: &[&str]) -> Self {
        let (began, go) = (stack.path("began"), stack.path("go"));
        let waits = format!(
            "echo $$ > {0}.new; mv {0}.new {0}; i=0; while [ ! -e {1} ] && [ $i -lt 900 ]; do sleep 0.1; i=$((i+1)); done",
            began.display(),
            go.display()
        );
        let script = format!("case \"$*\" in *'{command}'*) {waits};; esac; exec \"$REAL\" \"$@\"");
        let mut run = with_compose(stack, &script, operation);
        run.reaches(step);
        wait_until("Compose is asked", || began.exists());
        run.kill_at(step, Duration::ZERO);
        let process = fs::read_to_string(&began).unwrap().trim().parse().unwrap();
        fs::remove_file(began).unwrap();
        assert!(is_alive(process));
        Self { process, go }
    }

    /// Goes on or back, and lets Compose do what it was asked for as soon as it is waited for.
    fn met_by(self, stack: &Stack, command: &str) -> Ended {
        let mut run = with_compose(stack, &format!("{}; exec \"$REAL\" \"$@\"", noted(stack)), &[command]);
        wait_until("it waits, or has ended", || says(&run, WAITS) || run.child.try_wait().unwrap().is_some());
        let alive = is_alive(self.process);
        fs::write(&self.go, "").unwrap();
        let ended = run.wait();
        wait_until("Compose has ended", || !is_alive(self.process));
        fs::remove_file(&self.go).unwrap();
        assert!(alive, "it lived on until then");
        assert!(ended.told().contains(WAITS), "{}", ended.told());
        ended
    }
}

/// A Compose that, before it is asked for a container for the first time, hears of one that the engine makes with the same
/// name and labels: `create`s or, as itself, `run`s.
fn before_the_first_run(stack: &Stack, how: &str) -> String {
    let noted = noted(stack);
    let first = stack.path("first");
    let _none_before = fs::remove_file(&first);
    let first = first.display();
    let made = match how {
        "create" => format!(
            "name=; labels=; last=; for word in \"$@\"; do case $last in --name) name=$word;; --label) labels=\"$labels --label $word\";; esac; last=$word; done; \
             $REAL create --name $name $labels --label com.docker.compose.project={} ledger/ledger:1.1.0 >/dev/null",
            stack.project
        ),
        _ => "\"$REAL\" \"$@\" >/dev/null".to_owned(),
    };
    format!(
        "{noted}; case \"$*\" in *' run '*) if [ ! -e {first} ]; then : > {first}; {made}; fi;; esac; exec \"$REAL\" \"$@\""
    )
}

/// What a Compose does so that it is known afterwards what it was asked for.
fn noted(stack: &Stack) -> String {
    let asked = stack.path("asked");
    let _none_before = fs::remove_file(&asked);
    format!("echo \"$*\" >> {}", asked.display())
}

/// How often a Compose that noted it was asked for a container that runs once.
fn asked_for(stack: &Stack, role: &str) -> usize {
    let asked = fs::read_to_string(stack.path("asked")).unwrap_or_default();
    let name = format!(" --name {}-opsctl-{role}-", stack.project);
    asked.lines().filter(|line| line.contains(" run ") && line.contains(&name)).count()
}

fn says(run: &Run, text: &str) -> bool {
    fs::read_to_string(&run.stdout).unwrap_or_default().contains(text)
}

/// One that nobody has waited for yet is dead enough.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
