use rstest::rstest;

use crate::sandbox::Sandbox;

const ID: &str = "20260314-120000-rotate";

/// A rotation that waits with both values taken. There is no Docker: what would go further fails for that.
fn paused() -> Sandbox {
    let sandbox = Sandbox::install();
    sandbox.operation(ID, "1-rotation-paused.jsonl");
    sandbox
}

#[test]
fn status_shows_that_it_waits_and_what_for() {
    insta::assert_snapshot!(paused().run("status"));
}

#[rstest]
#[case("restore latest")]
#[case("restore --undo")]
#[case("upgrade 1.3.0")]
#[case("rollback")]
#[case("rotate api-key-secret")]
fn what_would_change_what_it_goes_on_with_is_refused(#[case] line: &str) {
    let sandbox = paused();
    let run = sandbox.run(&format!("{line} --non-interactive"));
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stderr.starts_with(&format!("error: operation {ID} is paused")), "{run}");
    assert!(run.stderr.contains("`opsctl resume`"), "{run}");
}

#[rstest]
#[case("backup")]
#[case("backup prune")]
#[case("backup verify latest --restore")]
fn backups_are_not_held_up(#[case] line: &str) {
    let run = paused().run(&format!("{line} --non-interactive"));
    assert!(run.stderr.contains("docker is not running"), "{run}");
}

#[test]
fn where_no_rotation_waits_there_is_none_to_give_up() {
    insta::assert_snapshot!(Sandbox::install().run("rotate --abort"));
}
