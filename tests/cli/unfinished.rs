use rstest::rstest;

use crate::sandbox::Sandbox;

const ID: &str = "20260314-120000-upgrade";

fn interrupted() -> Sandbox {
    let sandbox = Sandbox::install();
    sandbox.operation(ID, "1-upgrade-killed-while-migrating.jsonl");
    sandbox
}

#[test]
fn a_command_that_would_change_something_is_refused_and_told_what_to_do() {
    insta::assert_snapshot!(interrupted().run("backup"));
}

/// Also where Docker is down: what an operator has to know first is the operation.
#[rstest]
#[case("backup")]
#[case("backup prune")]
#[case("restore latest")]
#[case("restore --undo")]
#[case("upgrade 1.3.0")]
#[case("rollback")]
fn every_command_that_changes_something_is_refused(#[case] line: &str) {
    let sandbox = interrupted();
    let run = sandbox.run(&format!("{line} --non-interactive"));
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stderr.starts_with(&format!("error: operation {ID} did not end")), "{run}");
    assert!(run.stderr.contains("`opsctl resume`"), "{run}");
    assert_eq!(sandbox.operations().len(), 1, "another operation was begun");
}

#[test]
fn status_shows_how_far_it_came_also_without_docker() {
    insta::assert_snapshot!(interrupted().run("status"));
}

#[test]
fn machines_are_told_before_the_failure() {
    let lines = interrupted().run("--output json status").json_lines();
    let [known, result] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(known["result"]["unfinished"]["operation"], ID);
    assert_eq!((&result["ok"], &result["exit_code"]), (&false.into(), &1.into()));
}

#[test]
fn there_is_nothing_to_go_on_with() {
    let sandbox = Sandbox::install();
    sandbox.operation(ID, "1-upgrade-done.jsonl");
    let told = ["resume", "abort"].map(|line| sandbox.run(line).to_string());
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_journal_that_was_edited_stops_everything_but_looking() {
    let sandbox = Sandbox::install();
    sandbox
        .operation_altered(ID, "1-upgrade-done.jsonl", |text| text.replacen("\"finished\"", "\"fini\"", 1));
    let told = ["backup", "resume", "status"].map(|line| sandbox.run(line).to_string());
    insta::assert_snapshot!(told.join("\n"));
}
