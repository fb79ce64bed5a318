//! A product that something else watches over: here a script in the place of systemd.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::install::{Install, program, sample, write};
use crate::stand::{Stand as _, Writes as _, assert_holds_all, does};
use crate::stories::broken::{self, Broken};

const COMMANDS: &str = r#"
start = ["${INSTALL}/super", "start", "${PORT}"]
stop = ["${INSTALL}/super", "stop"]
alive = ["${INSTALL}/super", "alive"]
"#;

/// It starts what `current` selects, as systemd would.
const SUPERVISOR: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 9
alive() { [ -s super.pid ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$(cat super.pid)/status" 2>/dev/null; }
case $1 in
start)
    setsid sh -c 'echo $$ >super.pid; exec ./current/run api --addr "127.0.0.1:$0" --db data/collector.db' "$2" \
        >>.opsctl/run/collector.log 2>&1 </dev/null &
    until alive; do sleep 0.02; done
    ;;
stop)
    kill "$(cat super.pid)"
    while alive; do sleep 0.02; done
    ;;
alive) alive ;;
esac
"#;

fn laid_out() -> Install {
    let install = Install::described(|text| {
        text.replace("health = \"/healthz\"", &format!("health = \"/healthz\"{COMMANDS}"))
    });
    write(&install.path("super"), SUPERVISOR, 0o755);
    install
}

fn watched() -> Install {
    let install = laid_out();
    install.start("1.0.0");
    install
}

/// The process that the supervisor started last.
fn pid(install: &Install) -> String {
    fs::read_to_string(install.path("super.pid")).unwrap().trim().to_owned()
}

#[test]
fn the_profiles_commands_start_and_stop_it_and_the_gates_are_the_same() {
    let install = watched();
    let releases = [
        Broken { release: "2.0.0-crash-loop", because: "ended", wrote: true },
        Broken { release: "2.0.0-never-ready", because: "healthy", wrote: true },
    ];
    broken::are_undone(&install, "1.0.0", &releases, |_, _| {});
    let first = pid(&install);
    let writer = install.writer();
    writer.goes_on();
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    assert_ne!(pid(&install), first);
    writer.goes_on();
    assert_holds_all(&install, &writer.finish());
    // The process itself was given the name of a file, which is no secret.
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
    let (status, text) = install.run("rollback");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.migrations(), ["1"]);
    assert!(install.is_healthy());
    assert_eq!(install.run("stop").0, 0);
    assert!(!install.is_healthy());
}

#[test]
fn a_release_that_runs_although_another_is_selected_is_not_taken_for_that_one() {
    let install = laid_out();
    for release in ["1.0.0", "1.1.0"] {
        let folder = install.path("source").join(release);
        fs::copy(program(), folder.join("ledger")).unwrap();
        fs::copy(sample().join("play.sh"), folder.join("run")).unwrap();
    }
    install.start("1.0.0");
    let by_hand = |line: &str| {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        assert!(command.args(words).current_dir(install.path(".")).status().unwrap().success(), "{line}");
    };
    by_hand("cp -r source/1.1.0 releases/1.1.0");
    by_hand("ln -sfn releases/1.1.0 current");
    let release = &does(&install, &["status"])["release"];
    assert_eq!(release["runs"]["version"], "1.0.0", "{release}");
    assert!(release["drift"].to_string().contains("1.1.0"), "{release}");
    let (status, text) = install.run("start 1.1.0");
    assert_eq!(status, 3, "what runs is another release: {text}");
    assert!(install.is_healthy(), "nothing was stopped");
    by_hand("ln -sfn releases/1.0.0 current");
    install.assert_serves("1.0.0");
}

#[test]
fn one_that_was_started_by_what_watches_over_it_is_known() {
    let install = watched();
    assert_eq!(install.run("stop").0, 0);
    let script = install.path("super");
    let port = install.port.to_string();
    assert!(Command::new(script).args(["start", &port]).status().unwrap().success());
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !install.is_healthy() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let running = pid(&install);
    let (status, text) = install.run("start");
    assert_eq!((status, pid(&install)), (0, running), "it is left to run: {text}");
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
}

#[test]
fn a_start_that_leaves_its_streams_to_the_product_is_over_when_the_command_is() {
    let start = r#"["sh", "-c", "./current/run api --addr 127.0.0.1:${PORT} --db data/collector.db & echo $! >super.pid"]"#;
    let described = COMMANDS.replace(r#"["${INSTALL}/super", "start", "${PORT}"]"#, start);
    assert!(described.contains(start), "{described}");
    let install = Install::described(|text| {
        text.replace("health = \"/healthz\"", &format!("health = \"/healthz\"{described}"))
    });
    write(&install.path("super"), SUPERVISOR, 0o755);
    install.start("1.0.0");
    let first = pid(&install);
    install.send("a");
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    install.send("b");
    install.assert_serves("1.1.0");
    assert_ne!(pid(&install), first);
    assert_eq!(install.run("stop").0, 0);
    assert!(!install.is_healthy());
}

#[test]
fn a_command_that_fails_says_so_and_nothing_is_changed() {
    let install = watched();
    let broken = SUPERVISOR.replace("kill \"$(cat super.pid)\"", "echo not today >&2; exit 5");
    write(&install.path("super"), &broken, 0o755);
    let (status, text) = install.run("upgrade 1.1.0");
    write(&install.path("super"), SUPERVISOR, 0o755);
    assert!(status == 1 || status == 4, "{status}: {text}");
    assert!(text.contains("ended with exit code 5") && text.contains("not today"), "{text}");
    assert!(install.is_healthy() && install.migrations() == ["1"], "{text}");
}

#[test]
fn a_first_start_that_fails_is_taken_back() {
    let install = laid_out();
    let (status, text) = install.run("start 2.0.0-wrong-version");
    assert!(status == 1 && text.contains("no release is selected"), "{text}");
    assert!(!install.is_healthy() && !install.store().exists(), "{text}");
    install.start("1.0.0");
    install.assert_serves("1.0.0");
}
