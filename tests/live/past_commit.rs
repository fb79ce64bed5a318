//! A worker that falls over after clients could reach the new release: no canary proves workers beforehand.

use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stories::dies_later;

/// Long enough to see the worker die, which takes it ten seconds.
const WATCHFUL: Description = Description::Brisk {
    health: "watch_for = \"14s\"\nstable_for = \"1s\"\nstart_timeout = \"20s\"\n",
    migrate: "",
};

#[test]
fn a_worker_that_dies_is_undone_while_nobody_writes_and_told_of_when_somebody_does() {
    let stack = Stack::of(Settings::new(18, "1.2.0").described(WATCHFUL));
    dies_later::is_undone_while_nobody_writes_and_told_of_when_somebody_does(
        &stack,
        "2.0.0-worker-dies",
        "ledger-worker",
    );
}
