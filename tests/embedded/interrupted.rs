//! Ctrl-C while something is waited for.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::first_starts::patient;
use crate::install::Install;
use crate::stand::{Stand as _, begin};

/// Well below what is waited for.
const AT_ONCE: Duration = Duration::from_secs(40);

#[test]
fn a_start_is_taken_back() {
    let install = Install::described(|text| patient(&text));
    let run = begin(&install, &["start", "2.0.0-never-ready"]);
    let began = Instant::now();
    while !install.path(".opsctl/run/collector.process").exists() {
        assert!(began.elapsed() < AT_ONCE, "nothing is started");
        sleep(Duration::from_millis(50));
    }
    sleep(Duration::from_secs(1));
    let began = Instant::now();
    run.signal(Signal::INT);
    let ended = run.wait();
    assert!(ended.code == Some(1) && began.elapsed() < AT_ONCE, "{}", ended.told());
    assert!(ended.stderr.contains("taking back"), "{}", ended.told());
    assert!(fs::symlink_metadata(install.path("current")).is_err() && !install.store().exists());
    assert!(!install.is_healthy());
    let (_, text) = install.run("history");
    assert!(text.contains("start"), "{text}");
    install.start("1.0.0");
    install.assert_serves("1.0.0");
}

#[test]
fn an_upgrade_whose_canary_is_waited_for_goes_back_at_once() {
    let install = Install::described(|text| patient(&text));
    install.start("1.1.0");
    install.send("a");
    let mut run = begin(&install, &["upgrade", "2.0.0-never-ready"]);
    run.reaches("\"prove-canary\"");
    sleep(Duration::from_secs(1));
    let began = Instant::now();
    run.signal(Signal::INT);
    let ended = run.wait();
    assert!(ended.code == Some(4) && began.elapsed() < AT_ONCE, "{}", ended.told());
    assert!(ended.fault().contains("interrupted"), "{}", ended.fault());
    install.assert_serves("1.1.0");
    install.assert_tidy();
    assert_eq!(install.receipts(), ["urn:receipt:a"]);
}

#[test]
fn a_canary_that_a_killed_operation_left_is_known_as_opsctls_own() {
    let install = Install::described(|text| patient(&text));
    install.start("1.1.0");
    begin(&install, &["upgrade", "2.0.0-never-ready"]).kill_at("\"prove-canary\"", Duration::from_secs(2));
    let (_, text) = install.run("status");
    assert!(text.contains("opsctl-canary-"), "{text}");
    let (status, text) = install.run("preflight --only store-open");
    assert!(status != 0 && text.contains("opsctl's own opsctl-canary-"), "{text}");
    let (status, text) = install.run("abort");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.run("preflight --only store-open").0, 0);
    install.assert_serves("1.1.0");
}
