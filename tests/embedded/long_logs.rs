//! The log of a product that opsctl starts by itself, when it has grown long.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::install::{Install, members};
use crate::stand::{Stand as _, does};

/// More than a start lets a log go on with.
const LONG: u64 = 17 << 20;

/// Writes lines as the product does until the log is long; the last one is marked.
fn lengthen(log: &Path) {
    let mut lines = BufWriter::new(OpenOptions::new().append(true).open(log).unwrap());
    let padding = "x".repeat(4096);
    let mut line = |text: &str| {
        let line = format!("{{\"time\":\"2026-03-14T11:00:00Z\",\"level\":\"info\",\"msg\":\"{text}\"}}\n");
        lines.write_all(line.as_bytes()).unwrap();
        line.len() as u64
    };
    let mut written = 0;
    while written < LONG {
        written += line(&padding);
    }
    line("the last one of before");
}

#[test]
fn a_start_puts_a_long_log_aside_and_both_are_read() {
    let install = Install::started("1.0.0");
    let (log, aside) =
        (install.path(".opsctl/run/collector.log"), install.path(".opsctl/run/collector.log.1"));
    let counted = || does(&install, &["logs", "stats"])["lines"]["counted"].as_u64().unwrap();
    assert_eq!(install.run("stop").0, 0);
    assert_eq!(install.run("start").0, 0);
    assert!(!aside.exists(), "a short one goes on");
    assert_eq!(install.run("stop").0, 0);
    lengthen(&log);
    let (before, lines) = (fs::read(&log).unwrap(), counted());
    assert_eq!(install.run("start").0, 0);
    install.assert_serves("1.0.0");
    assert!(fs::read(&aside).unwrap() == before, "nothing of it is lost");
    assert!(fs::metadata(&log).unwrap().len() < 1 << 20);
    assert!(counted() >= lines, "{} of {lines}", counted());
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
    let members = members(&install.only("support-bundle-"));
    let (_, of_bundle) = members.iter().find(|(name, _)| name == "logs/collector.log").unwrap();
    assert!(of_bundle.contains("the last one of before"), "the end of what was put aside is in it");
    // An upgrade starts it, too, and the new log is short.
    does(&install, &["upgrade", "1.1.0"]);
    assert!(fs::read(&aside).unwrap() == before);
}
