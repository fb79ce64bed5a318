//! Releases that fall over after clients could reach them: undone only where that loses nothing.

use serde_json::Value;

use crate::settings::{Description, Settings};
use crate::stack::Stack;

/// Long enough to see the services die, which takes them ten seconds.
const WATCHFUL: Description = Description::Brisk {
    health: "watch_for = \"14s\"\nstable_for = \"2s\"\nstart_timeout = \"20s\"\n",
    migrate: "",
};

#[test]
fn a_worker_that_dies_is_undone_while_nobody_writes_and_told_of_when_somebody_does() {
    story(18, "2.0.0-worker-dies", "ledger-worker");
}

#[test]
fn an_api_that_dies_later_is_undone_while_nobody_writes_and_told_of_when_somebody_does() {
    story(15, "2.0.0-dies-later", "ledger-api");
}

fn story(postgres: u32, release: &str, culprit: &str) {
    let stack = Stack::of(Settings::new(postgres, "1.2.0").described(WATCHFUL));
    let writer = stack.writer();
    let log = writer.finish();
    let before = stack.world();

    let ended = stack.ops_exits(4, &["upgrade", release]);
    assert!(ended.fault().contains(culprit), "{}", ended.fault());
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
    let after = stack.world();
    assert_eq!((after.env, after.migrations, after.images), (before.env, before.migrations, before.images));

    let writer = stack.writer();
    let ended = stack.ops_exits(9, &["upgrade", release]);
    assert!(ended.fault().contains(culprit), "{}", ended.fault());
    assert!(ended.fault().contains("opsctl rollback"), "the way back is named: {}", ended.fault());
    assert!(ended.fault().contains("going back would lose"), "the loss is measured: {}", ended.fault());
    assert_eq!(stack.variable("LEDGER_VERSION"), release, "the new release stays in place");
    let log_of_both = writer.finish();

    let count = |database: &str| stack.number(database, "SELECT count(*) FROM records");
    let restore_point = stack.kept("restore_point").pop().expect("the restore point is kept");
    let (now, then) = (count("ledger"), count(&restore_point));
    assert!(now > then, "the writer wrote to the new release");
    let result = stack.ops_does(&["rollback"]);
    let lost = rows_lost(&result, "public.records");
    assert_eq!(lost, now - then, "the loss is what is really lost: {result}");
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), then);
    let missing = log_of_both.missing(&stack.client());
    assert!(
        missing.len() as u64 <= lost,
        "{} acknowledged writes are gone, {lost} rows were told",
        missing.len()
    );
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
}

/// How many rows of a table a rollback says it lost.
pub(crate) fn rows_lost(result: &Value, table: &str) -> u64 {
    let lost = result["loss"]["rows_lost"].as_array().unwrap_or_else(|| panic!("no loss: {result}"));
    lost.iter().find(|entry| entry[0] == table).map_or(0, |entry| entry[1].as_u64().unwrap())
}
