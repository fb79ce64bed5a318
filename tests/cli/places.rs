//! An install whose Compose files are in a folder below it: wherever opsctl is called from, it is one.

use std::fs;

use crate::sandbox::{Run, Sandbox};

const ID: &str = "20260314-120000-upgrade";
const FROM: [&str; 4] = ["", "--dir .", "--dir compose", "--dir compose/"];

/// With the records in one of its two folders.
fn with_records_in(folder: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("compose/docker-compose.yml", "services:\n  api:\n    image: example/product:1.0.0\n");
    sandbox.operation(ID, "1-upgrade-done.jsonl");
    if folder != "." {
        fs::rename(sandbox.path().join(".opsctl"), sandbox.path().join(folder).join(".opsctl"))
            .expect("a rename");
    }
    sandbox
}

fn from_below(sandbox: &Sandbox, line: &str) -> Run {
    sandbox
        .finish(sandbox.command().current_dir(sandbox.path().join("compose")).args(line.split_whitespace()))
}

#[test]
fn its_records_are_found_from_everywhere() {
    for folder in [".", "compose"] {
        let sandbox = with_records_in(folder);
        for from in FROM {
            let run = sandbox.run(&format!("{from} history"));
            assert!(run.status == 0 && run.stdout.contains(ID), "records in {folder}, {from}: {run}");
        }
        let below = from_below(&sandbox, "history");
        assert!(below.status == 0 && below.stdout.contains(ID), "records in {folder}, from below: {below}");
        // What is begun now is recorded there too.
        for run in [sandbox.run("backup --non-interactive"), from_below(&sandbox, "backup --non-interactive")]
        {
            assert_eq!(run.status, 1, "{run}");
        }
        let other = if folder == "." { "compose/.opsctl" } else { ".opsctl" };
        assert!(!sandbox.path().join(other).exists(), "records in {folder}");
    }
}

#[test]
fn records_in_two_places_are_not_chosen_from() {
    let sandbox = with_records_in("compose");
    sandbox.write(".opsctl/backups.json", "{}");
    for from in FROM {
        let run = sandbox.run(&format!("{from} history"));
        assert_eq!(run.status, 3, "{run}");
    }
    assert_eq!(from_below(&sandbox, "abort").status, 3);
    insta::assert_snapshot!(sandbox.run("status"));
}

#[test]
fn a_description_is_written_where_the_records_are() {
    let sandbox = with_records_in("compose");
    let run = sandbox.run("init");
    assert_eq!(run.status, 0, "{run}");
    assert!(sandbox.path().join("compose/opsctl.toml").exists(), "{run}");
    // One that somebody wrote elsewhere is not passed over in silence.
    let sandbox = with_records_in("compose");
    sandbox.write("opsctl.toml", "[product]\nname = \"x\"\n");
    let run = sandbox.run("history");
    assert!(run.status == 3 && run.stderr.contains("opsctl.toml"), "{run}");
}
