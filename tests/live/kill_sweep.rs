//! opsctl killed at every step of upgrade, restore and rollback, on a real stack that a client writes to.
//!
//! The whole takes a quarter of an hour: `OPSCTL_SWEEP=whole cargo test --test live kill_sweep`. Without that, a few
//! moments of each operation are taken, others than those of the stories about interruptions.

use std::fs;

use crate::stack::Stack;
use crate::sweep::Sweep;

#[test]
fn an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["upgrade", "1.1.0"],
        releases: ("1.0.0", "1.1.0"),
        back: &["rollback"],
        representative: &[(4, 1), (12, 0)],
    };
    let stack = Stack::up(18, "1.0.0");
    watch_for_a_moment(&stack);
    sweep.run(&stack);
}

#[test]
fn a_rollback_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["rollback"],
        releases: ("1.1.0", "1.0.0"),
        back: &["upgrade", "1.1.0", "--skip-backup"],
        representative: &[(2, 1), (3, 0), (4, 0), (5, 1)],
    };
    let stack = Stack::up(15, "1.0.0");
    watch_for_a_moment(&stack);
    stack.ops_does(sweep.back);
    sweep.run(&stack);
}

#[test]
fn a_restore_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["restore", "latest"],
        releases: ("1.1.0", "1.1.0"),
        back: &["restore", "--undo"],
        representative: &[(3, 0), (7, 1)],
    };
    let stack = Stack::up(15, "1.1.0");
    stack.writer().finish();
    stack.ops_does(&["backup"]);
    watch_for_a_moment(&stack);
    sweep.run(&stack);
}

/// Describes the product with a shorter watch behind the start, which is the longest part of every operation.
fn watch_for_a_moment(stack: &Stack) {
    let described = stack.ops_does(&["init", "--stdout"])["template"].as_str().unwrap().to_owned();
    let text = format!("{described}\n[health]\nwatch_for = \"1s\"\n");
    fs::write(stack.path("opsctl.toml"), text).unwrap();
}
