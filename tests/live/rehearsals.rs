//! Migrations tried on a copy: the product serves and is written to meanwhile, and nothing of it is changed.

use std::time::Duration;

use crate::docker::docker;
use crate::stack::Stack;

#[test]
fn migrations_are_tried_on_a_copy_while_the_product_serves() {
    let stack = Stack::up(18, "1.0.0");
    let refused = stack.ops_exits(3, &["upgrade", "1.1.0", "--rehearse"]);
    assert!(refused.fault().contains("there is no backup"), "{}", refused.told());
    stack.writer().finish();
    stack.ops_does(&["backup"]);
    let writer = stack.writer();
    let before = stack.world();

    let tried = stack.ops_does(&["upgrade", "1.1.0", "--rehearse"]);
    let applied = tried["migrations"]["applied"].as_array();
    assert!(applied.is_some_and(|applied| !applied.is_empty()), "{tried}");

    let fails = stack.ops_exits(3, &["upgrade", "2.0.0-migration-fails", "--rehearse"]);
    assert!(fails.fault().contains("the rehearsal failed"), "{}", fails.told());

    writer.goes_on();
    let log = writer.finish_with_nothing_lost();
    assert!(log.longest_gap() < Duration::from_secs(3), "clients noticed: {:?}", log.longest_gap());
    assert_eq!(stack.world(), before);
    stack.assert_tidy();
    let networks = docker(["network", "ls", "--format", "{{.Name}}", "--filter", "label=opsctl.operation"]);
    assert!(!networks.contains("rehearsal"), "{networks}");
}
