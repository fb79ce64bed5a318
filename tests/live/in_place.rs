//! A restore that drops the live data first: killed in the middle, and of a backup that is damaged.

use std::fs;
use std::time::Duration;

use crate::settings::{Description, Settings};
use crate::stack::Stack;

#[test]
fn what_is_killed_brings_the_old_data_back_and_what_is_damaged_touches_nothing() {
    let stack = Stack::of(Settings::new(15, "1.1.0").described(Description::MOMENT));
    let old = stack.ops_does(&["backup"]);
    let old = old["path"].as_str().unwrap();
    let later = stack.writer().finish();
    let now = stack.rows();
    for after in [0, 100, 300] {
        let step = "\"replace-in-place\"";
        stack.begin(&["restore", "--in-place", old]).kill_at(step, Duration::from_millis(after));
        stack.ops_does(&["abort"]);
        stack.assert_serves("1.1.0");
        assert_eq!(stack.rows(), now, "the safety backup is what is loaded");
        assert_eq!(later.missing(&stack.client()), Vec::<String>::new());
        stack.assert_tidy();
    }

    // What is not sound does not come that far.
    let mut bytes = fs::read(old).unwrap();
    let third = bytes.len() / 3;
    bytes[third] ^= 0x10;
    fs::write(old, bytes).unwrap();
    let before = stack.world();
    let refused = stack.ops(&["restore", "--in-place", old]);
    assert!(matches!(refused.code, Some(1 | 3)), "{}", refused.told());
    assert_eq!((stack.world(), stack.rows()), (before, now));
    stack.assert_serves("1.1.0");
}
