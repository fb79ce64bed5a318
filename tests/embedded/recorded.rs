//! Starts and stops are on record, and never in anybody's way.

use std::fs;

use serde_json::Value;

use crate::install::{Install, write};
use crate::stand::{Stand as _, does};

fn history(install: &Install) -> Vec<Value> {
    does(install, &["history"])["operations"].as_array().unwrap().clone()
}

fn told(operations: &[Value]) -> Vec<(String, String)> {
    let word = |operation: &Value, name: &str| operation[name].as_str().unwrap_or("none").to_owned();
    operations.iter().map(|operation| (word(operation, "kind"), word(operation, "ending"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, ending)| ((*kind).to_owned(), (*ending).to_owned())).collect()
}

#[test]
fn who_started_and_stopped_it_and_how_that_ended_is_in_the_history() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("stop").0, 0);
    let program = install.path("releases/1.0.0/run");
    let works = fs::read_to_string(&program).unwrap();
    fs::remove_file(install.path(".opsctl/releases/1.0.0.json")).unwrap();
    write(&program, "#!/bin/sh\necho it cannot work\nexit 9\n", 0o755);
    assert_ne!(install.run("start").0, 0);
    write(&program, &works, 0o755);
    assert_eq!(install.run("start").0, 0);
    let operations = history(&install);
    let expected = pairs(&[("start", "done"), ("stop", "done"), ("start", "failed"), ("start", "done")]);
    assert_eq!(told(&operations), expected);
    let user = operations[1]["actor"]["user"].as_str().unwrap();
    let (status, text) =
        install.run(&format!("history show {}", operations[1]["operation"].as_str().unwrap()));
    assert!(status == 0 && text.contains("stop") && text.contains(&format!("by {user}")), "{text}");
    let (_, text) = install.run(&format!("history show {}", operations[2]["operation"].as_str().unwrap()));
    assert!(text.contains("step 4 failed") && text.contains("status 9"), "{text}");
    assert!(!text.contains("nothing changed"), "{text}");
    install.assert_serves("1.0.0");
}

#[test]
fn one_that_was_cut_short_is_on_record_and_nothing_waits_for_it() {
    let install = Install::started("1.0.0");
    assert_eq!(install.run("stop").0, 0);
    let operations = history(&install);
    let journal = install
        .path(".opsctl/operations")
        .join(operations[1]["operation"].as_str().unwrap())
        .join("journal.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    let begun: Vec<&str> = lines.lines().take(2).collect();
    write(&journal, &format!("{}\n", begun.join("\n")), 0o600);
    assert_eq!(told(&history(&install)), pairs(&[("start", "done"), ("stop", "none")]));
    let (_, text) = install.run("history");
    assert!(text.contains("cut short"), "{text}");
    assert_eq!(install.run("start").0, 0);
    assert!(does(&install, &["status"])["unfinished"].is_null());
    assert_eq!(install.run("resume").0, 2, "there is nothing to go on with");
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
}
