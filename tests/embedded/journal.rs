//! A product that is a unit of systemd, whose log is in the journal: here scripts in the place of both.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::install::{Install, members, program, write};

/// A value that must never be seen outside of the environment file.
const SECRET: &str = "not-a-real-secret-0123456789abcdef";

const SYSTEMCTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")/.." || exit 9
alive() { [ -s unit.pid ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$(cat unit.pid)/status" 2>/dev/null; }
echo "$*" >>systemctl.calls
shift 2
case $1 in
show)
    if alive; then state=active; else state=${1:+inactive}; fi
    printf 'LoadState=loaded\nActiveState=%s\nSubState=-\nNRestarts=0\nResult=%s\nExecMainCode=%s\nExecMainStatus=%s\n' \
        "$state" "$(cat unit.result 2>/dev/null)" "$(alive && echo 0 || echo 1)" 7
    ;;
start)
    rm -f unit.result
    setsid sh -c 'echo $$ >unit.pid; exec ./current/run api --addr "127.0.0.1:$0" --db data/collector.db' "$(cat port)" \
        >>journal 2>&1 </dev/null &
    until [ -s unit.pid ]; do sleep 0.02; done
    ;;
stop)
    kill -- "-$(cat unit.pid)" 2>/dev/null
    while alive; do sleep 0.02; done
    ;;
esac
"#;

/// As it prints entries: the newest first. The last entry of all is systemd's.
const JOURNALCTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")/.." || exit 9
echo "$*" >>journalctl.calls
entry() { printf '{"__REALTIME_TIMESTAMP":"%s000000","MESSAGE":"%s","SYSLOG_IDENTIFIER":"%s","_SYSTEMD_UNIT":"%s"}\n' "$@"; }
case $(cat journalctl.mood 2>/dev/null) in
denied) echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1 ;;
others) echo 'Hint: You are currently not seeing messages from other users and the system.' >&2; exit 0 ;;
endless) while :; do entry 1 "$(cat filler)" x collector.service; done ;;
slow) entry 1 'the only one that came' x collector.service; exec sleep 60 ;;
esac
entry 1 'Main process exited, code=killed, status=9/KILL' systemd init.scope
now=$(date +%s)
tac journal | sed 's/\\/\\\\/g; s/"/\\"/g' | while IFS= read -r line; do entry "$now" "$line" run collector.service; done
"#;

fn of_a_unit(release: &str) -> Install {
    let mut install = Install::described(|text| {
        let text =
            text.replace("health = \"/healthz\"", "health = \"/healthz\"\nunit = \"collector.service\"");
        text + "[[logs.metrics]]\nname = \"ingest\"\ntitle = \"receipts\"\nmessage = \"receipt accepted\"\n"
    });
    fs::create_dir(install.path("bin")).unwrap();
    write(&install.path("bin/systemctl"), SYSTEMCTL, 0o755);
    write(&install.path("bin/journalctl"), JOURNALCTL, 0o755);
    write(&install.path("port"), &install.port.to_string(), 0o644);
    install.find_first_in("bin");
    install.run_behind_shell(&program().display().to_string());
    if !release.is_empty() {
        install.start(release);
    }
    install
}

fn calls(install: &Install, program: &str) -> String {
    fs::read_to_string(install.path(&format!("{program}.calls"))).unwrap_or_default()
}

fn mood(install: &Install, mood: &str) {
    write(&install.path("journalctl.mood"), mood, 0o644);
}

fn stats(install: &Install, more: &str) -> Value {
    let (status, text) = install.run(&format!("--output json logs stats{more}"));
    assert_eq!(status, 0, "{text}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn member<'a>(members: &'a [(String, String)], path: &str) -> &'a str {
    members.iter().find(|(name, _)| name == path).map_or_else(|| panic!("no {path}"), |(_, content)| content)
}

#[test]
fn the_journal_is_counted_bundled_and_named_and_secrets_stay_in_it() {
    let install = of_a_unit("1.0.0");
    install.assign(&format!("API_TOKEN={SECRET}\nLEVEL=info\n"), 0o600);
    for id in ["a", "b", SECRET] {
        install.send(id);
    }
    let counted = stats(&install, " --since 1h");
    assert_eq!(counted["result"]["metrics"][0]["count"], 3, "{counted}");
    assert_eq!(
        counted["result"]["lines"]["not_json"], 0,
        "what systemd says is no line of the product's: {counted}"
    );
    let last = calls(&install, "journalctl").lines().last().unwrap().to_owned();
    assert!(last.contains("--unit=collector.service") && last.contains("--since=@"), "{last}");
    let (status, text) = install.run("status");
    assert!(status == 0 && text.contains("log journal of collector.service"), "{text}");
    let (status, text) = install.run("support-bundle");
    assert!(status == 0 && !text.contains("not all of it is there"), "{text}");
    let members = members(&install.only("support-bundle-"));
    let log = member(&members, "logs/collector.log");
    assert!(log.contains("receipt accepted"), "{log}");
    assert!(
        log.contains("1970-01-01T00:00:01Z systemd: Main process exited, code=killed, status=9/KILL"),
        "{log}"
    );
    let metrics: Value = serde_json::from_str(member(&members, "product/log-metrics.json")).unwrap();
    assert_eq!(metrics["metrics"][0]["count"], 3);
    assert!(members.iter().all(|(_, content)| !content.contains(SECRET)), "a secret is in the bundle");
    fs::remove_file(install.only("support-bundle-")).unwrap();
    let (status, text) = install.run("support-bundle --tail 2 --since 1h --until 1m");
    assert_eq!(status, 0, "{text}");
    let members = crate::install::members(&install.only("support-bundle-"));
    assert_eq!(member(&members, "logs/collector.log").lines().count(), 2);
    let calls = calls(&install, "journalctl");
    assert!(calls.contains("--since=@") && calls.contains("--until=@"), "{calls}");
}

#[test]
fn what_a_release_that_fails_said_last_is_shown_from_the_journal() {
    let install = of_a_unit("");
    let (status, text) = install.run("start 2.0.0-crash-loop");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("collector ended with status 7"), "{text}");
    assert!(text.contains("systemd: Main process exited"), "{text}");
    let calls = calls(&install, "systemctl");
    let before = calls.find("reset-failed -- collector.service").expect("what was counted is forgotten");
    assert!(before < calls.find("start -- collector.service").unwrap(), "{calls}");
}

#[test]
fn that_systemd_had_to_kill_it_is_said() {
    let install = of_a_unit("1.0.0");
    write(&install.path("unit.result"), "timeout", 0o644);
    let (status, text) = install.run("stop");
    assert!(status == 0 && text.contains("and was killed"), "{text}");
    // It stands still: nothing was killed, whatever came of its last run.
    let (status, text) = install.run("stop");
    assert!(status == 0 && !text.contains("and was killed"), "{text}");
}

#[test]
fn a_journal_that_cannot_be_read_is_told_with_what_to_do() {
    let mut install = of_a_unit("1.0.0");
    install.send("a");
    for denied in ["denied", "others"] {
        mood(&install, denied);
        let (status, text) = install.run("logs stats");
        assert!(status == 1 && text.contains("this user may not"), "{text}");
        assert!(text.contains("usermod -aG systemd-journal"), "{text}");
        let (status, text) = install.run("status");
        assert!(status == 0 && text.contains("this user may not"), "{text}");
        let (status, text) = install.run("support-bundle");
        assert!(status == 0 && text.contains("logs-collector"), "{text}");
        fs::remove_file(install.only("support-bundle-")).unwrap();
    }
    let programs = std::mem::replace(&mut install.programs, "/nonexistent".to_owned());
    let (status, text) = install.run("logs stats");
    assert!(status == 1 && text.contains("failed to start journalctl"), "{text}");
    assert!(text.contains("does systemd run this machine?"), "{text}");
    install.programs = programs;
}

#[test]
fn a_journal_without_an_end_is_read_as_far_as_there_is_room_and_time() {
    let install = of_a_unit("1.0.0");
    write(&install.path("filler"), &"x".repeat(60_000), 0o644);
    mood(&install, "endless");
    let began = Instant::now();
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    let members = members(&install.only("support-bundle-"));
    assert!(member(&members, "logs/collector.log").len() < 9 << 20);
    let calls = calls(&install, "journalctl");
    mood(&install, "slow");
    let (status, text) = install.run("logs stats");
    assert!(status == 1 && text.contains("1 line is no JSON"), "{text}");
    assert!(still_running(&install.path("bin/journalctl")).is_empty(), "{calls}");
}

/// The processes that run a script.
fn still_running(script: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.contains(&script.display().to_string())).collect()
}
