//! What others do to an install while opsctl works on it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::docker::docker;
use crate::operator::Run;
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::writer::records;

pub(crate) const SERVICES: [&str; 2] = ["ledger-api", "ledger-worker"];

/// Containers that the engine starts again whenever it is started itself, also if they were stopped.
const ALWAYS: &str = "services:\n  ledger-api: {restart: always}\n  ledger-worker: {restart: always}\n";

/// Time to do something while a release is proven.
const SLOW: Description = Description::Brisk {
    health: "watch_for = \"4s\"\nstable_for = \"4s\"\nstart_timeout = \"10s\"\n",
    migrate: "timeout = \"20s\"\n",
};

const IMPATIENT: Description = Description::Brisk {
    health: "watch_for = \"4s\"\nstable_for = \"2s\"\nstart_timeout = \"8s\"\n",
    migrate: "timeout = \"20s\"\n",
};

#[test]
fn what_is_stopped_stays_stopped_and_what_others_start_or_remove_is_noticed() {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(SLOW).overlaid(ALWAYS));
    let writer = stack.writer();
    assert_eq!(restart_policies(&stack), both("always"));

    // Somebody removes what opsctl itself has started, in releases that give time for it.
    for (step, role, release) in
        [("\"migrate\"", "migrate", "2.0.0-migration-hangs"), ("prove", "canary", "2.0.0-never-ready")]
    {
        let mut run = stack.begin(&["upgrade", release]);
        run.reaches(step);
        remove_one_off(&stack, role);
        let ended = run.wait();
        assert_eq!(ended.code, Some(4), "{step}: {}", ended.told());
        let fault = ended.fault();
        assert!(fault.contains("was removed while it ran") || fault.contains("no instance"), "{fault}");
        assert_eq!(restart_policies(&stack), both("always"), "{step}: as it was");
        stack.assert_serves("1.1.0");
        stack.assert_tidy();
        writer.goes_on();
    }

    // opsctl is killed while they are held: whoever ends the operation gives back what they were.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    run.kill_at("prove", Duration::ZERO);
    assert_eq!(restart_policies(&stack), both("unless-stopped"), "a restarted engine would leave them");
    stack.ops_does(&["abort"]);
    assert_eq!(restart_policies(&stack), both("always"));
    writer.goes_on();

    // Somebody starts the old release while the new one is proven, and clients write to it.
    let before = stack.world();
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    for service in SERVICES {
        docker(["start", &stack.container(service).unwrap()]);
    }
    writer.goes_on();
    let ended = run.wait();
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("somebody started ledger-"), "{}", ended.fault());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    let after = stack.world();
    assert_eq!((after.env, after.migrations), (before.env, before.migrations));
    let log = writer.finish();
    let missing = log.missing(&stack.client());
    let failed = stack.kept("failed").pop().expect("what was written meanwhile is kept");
    assert!(ended.fault().contains(&failed), "where it is kept is told: {}", ended.fault());
    let kept = stack.query(&failed, "SELECT id FROM records");
    let lost: Vec<_> = missing.iter().filter(|id| !kept.lines().any(|kept| kept == *id)).collect();
    assert!(!missing.is_empty() && lost.is_empty(), "{} are in neither database: {lost:?}", lost.len());

    // A service dies from outside after the commit point, and nobody has written.
    let there = records(&stack.client());
    let before = stack.world();
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("\"pass-gates\"");
    stack.add_line("LOG_LEVEL=debug   # while looking into it");
    let worker = stack.container("ledger-worker").unwrap();
    docker(["kill", &worker]);
    let ended = run.wait();
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("ledger-worker ended with status 137"), "{}", ended.fault());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(restart_policies(&stack), both("always"));
    assert_eq!(records(&stack.client()), there);
    assert_eq!(stack.world().env, format!("{}LOG_LEVEL=debug   # while looking into it\n", before.env));
    assert!(ended.told().contains("changed by somebody else"), "{}", ended.told());

    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("\"start\"");
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(restart_policies(&stack), both("always"), "also of containers that are new");
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
}

#[test]
fn what_was_started_and_has_ended_again_is_noticed_and_settings_that_a_person_edits_are_kept() {
    let stack = Stack::of(Settings::new(15, "1.0.0").described(SLOW));
    let writer = stack.writer();
    let before = stack.world();
    let mut run = stack.begin(&["upgrade", "1.1.0"]);
    run.reaches("prove");
    let worker = stack.container("ledger-worker").unwrap();
    docker(["start", &worker]);
    docker(["stop", "-t", "5", &worker]);
    let ended = run.wait();
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("somebody started ledger-worker"), "{}", ended.fault());
    let failed = stack.kept("failed").pop().expect("what was written meanwhile is kept");
    assert!(ended.fault().contains(&failed), "where it is kept is told: {}", ended.fault());
    writer.goes_on();
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    let after = stack.world();
    assert_eq!((&after.env, after.migrations), (&before.env, before.migrations));

    let mut run = stack.begin(&["upgrade", "2.0.0-never-ready"]);
    run.reaches("prove");
    stack.add_line("LOG_LEVEL=debug   # while looking into it");
    let ended = run.wait();
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    let after = stack.world();
    assert_eq!(after.env, format!("{}LOG_LEVEL=debug   # while looking into it\n", before.env));
    assert_eq!(after.env_mode, before.env_mode);

    let mut run = stack.begin(&["upgrade", "1.1.0"]);
    run.reaches("prove");
    stack.add_line("LEDGER_API_CPUS=0.9");
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    for (name, value) in [("LOG_LEVEL", "debug"), ("LEDGER_API_CPUS", "0.9")] {
        assert_eq!(stack.variable(name), value);
    }
    writer.finish_with_nothing_lost();
}

#[test]
fn a_compose_that_is_missing_old_or_fails_is_told_and_gone_back_from() {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(IMPATIENT));
    let writer = stack.writer();
    let before = stack.world();
    for script in ["echo \"'compose' is not a docker command.\" >&2; exit 1", "echo 1.29.2", "echo 2.10.0"] {
        let ended = with_compose(&stack, script, &["upgrade", "1.2.0"]).wait();
        assert_eq!(ended.code, Some(3), "{script}: {}", ended.told());
        assert!(ended.fault().contains("docker-compose-plugin"), "what to install: {}", ended.fault());
        assert_eq!(stack.world(), before);
    }

    // It works until the new release is to be started, and then no more: neither forward nor back.
    let broken = stack.path("broken");
    let fails = format!(
        "case \"$*\" in *' up '*) if [ -e {0} ]; then echo 'no such thing' >&2; exit 17; fi;; esac; exec \"$REAL\" \"$@\"",
        broken.display()
    );
    let mut run = with_compose(&stack, &fails, &["upgrade", "1.2.0"]);
    run.reaches("prove");
    fs::write(&broken, "").unwrap();
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "{}", ended.told());
    assert!(ended.fault().contains("no such thing"), "{}", ended.fault());
    assert!(ended.fault().contains("up --detach --no-deps"), "{}", ended.fault());
    fs::remove_file(&broken).unwrap();
    let resumed = stack.ops(&["resume"]);
    assert_eq!(resumed.code, Some(4), "{}", resumed.told());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    writer.finish_with_nothing_lost();
}

/// Runs opsctl where `docker compose` is this script; `docker` itself is the machine's.
pub(crate) fn with_compose(stack: &Stack, script: &str, arguments: &[&str]) -> Run {
    let found = std::process::Command::new("sh").args(["-c", "command -v docker"]).output().unwrap();
    let real = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    let folder = stack.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "#!/bin/sh\nREAL={real}\nif [ \"$1\" = compose ]; then {script}; else exec {real} \"$@\"; fi\n"
    );
    fs::write(folder.join("docker"), text).unwrap();
    fs::set_permissions(folder.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut all = vec!["--output", "json", "--non-interactive"];
    all.extend(arguments);
    let mut command = stack.opsctl(&all);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.display()));
    Run::start(command)
}

pub(crate) fn both(policy: &str) -> BTreeMap<&'static str, String> {
    SERVICES.into_iter().map(|service| (service, policy.to_owned())).collect()
}

pub(crate) fn restart_policies(stack: &Stack) -> BTreeMap<&'static str, String> {
    let policy = |service: &str| {
        let container = stack.container(service).expect("it is there");
        docker(["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", &container])
    };
    SERVICES.into_iter().map(|service| (service, policy(service))).collect()
}

/// Removes a container that opsctl started, as soon as it is there.
fn remove_one_off(stack: &Stack, role: &str) {
    let began = Instant::now();
    let name = format!("name={}-opsctl-{role}", stack.project);
    loop {
        let found = docker(["ps", "-q", "--filter", &name]);
        if !found.is_empty() {
            docker(["rm", "-f", &found]);
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "there is no {role}");
    }
}
