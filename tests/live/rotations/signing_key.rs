//! A signing key that gets another value: what was signed stays signed, and new entries are signed with the new key.

use std::fs;
use std::time::Duration;

use super::{Arguments, containers, environment, files_with, unpacked};
use crate::stack::Stack;

const ROTATE: [&str; 2] = ["rotate", "vault-signing-key"];

#[test]
fn old_entries_still_verify_and_new_ones_are_signed_with_the_new_key() {
    let stack = Stack::up(15, "1.0.0");
    let (before, old) = (stack.world(), stack.variable("VAULT_SIGNING_KEY"));
    let old = old.trim_matches('"').to_owned();
    let (writer, arguments) = (stack.writer(), Arguments::watch());
    let old_id = active(&stack);

    let ended = stack.ops_exits(0, &ROTATE);
    let arguments = arguments.finish();
    assert!(ended.told().contains("the product's own scan found nothing broken"), "{}", ended.told());
    let new = stack.variable("VAULT_SIGNING_KEY");
    assert_ne!(new, old);
    let expected = before.env.replace(&format!("\"{old}\""), &new);
    let env = stack.world().env;
    assert_eq!(env.replace('\'', ""), expected.replace('\'', ""), "no other line was touched");
    for container in containers(&stack) {
        let environment = environment(&container);
        assert!(!environment.iter().any(|line| line.contains(&old)), "{container} still has the old key");
    }

    let new_id = active(&stack);
    assert_ne!(new_id, old_id);
    let retired = stack.query("ledger", "SELECT key_id FROM vault_signing_keys WHERE status = 'retired'");
    assert_eq!(retired, old_id, "the old public key stays on record");
    let newest =
        || stack.query("ledger", "SELECT key_id FROM vault_entries ORDER BY created_at DESC LIMIT 1");
    writer.goes_on();
    assert_eq!(newest(), new_id, "new entries are signed with the new key");
    let by_old = format!("SELECT count(*) FROM vault_entries WHERE key_id = '{old_id}'");
    assert!(stack.number("ledger", &by_old) > 0, "old entries keep their signatures");
    writer.finish_with_nothing_lost();
    stack.ops_does(&["backup"]);
    let kept = files_with(&unpacked(&stack), &old_id);
    assert!(kept.iter().any(|path| path.ends_with("vault-public-keys.csv")), "{kept:?}");

    let mut said = ended.told();
    said.push_str(&stack.ops_exits(0, &["rotate", "--status"]).told());
    for value in [&old, &new] {
        assert!(!said.contains(value.as_str()), "a value was said");
        assert_eq!(files_with(stack.path(".opsctl").as_path(), value), Vec::<String>::new());
        assert_eq!(files_with(&unpacked(&stack), value), Vec::<String>::new());
        assert!(!arguments.iter().any(|line| line.contains(value.as_str())), "a value was an argument");
    }
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    stack.ops_exits(2, &["rotate", "vault-signing-key", "--pause-after", "dual"]);
}

#[test]
fn a_signing_key_goes_back_until_the_new_one_is_proven_and_on_from_there() {
    let stack = Stack::up(18, "1.0.0");
    let (before, old_id, writer) = (stack.world(), active(&stack), stack.writer());
    let as_before = |env: &str| env.replace(['\'', '"'], "") == before.env.replace(['\'', '"'], "");
    for (step, after) in [("\"set-window\"", 0), ("\"recreate\"", 900), ("\"scan-data\"", 0)] {
        stack.begin(&ROTATE).kill_at(step, Duration::from_millis(after));
        stack.ops_does(&["abort"]);
        assert!(as_before(&fs::read_to_string(stack.path(".env")).unwrap()), "{step}");
        assert_eq!(active(&stack), old_id, "{step}");
        stack.assert_serves("1.0.0");
        stack.assert_tidy();
    }
    stack.begin(&ROTATE).kill_at("has the new value of VAULT_SIGNING_KEY alone", Duration::ZERO);
    stack.ops_exits(3, &["abort"]);
    stack.ops_does(&["resume"]);
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    assert!(!as_before(&env) && !env.contains("PREVIOUS"));
    assert_ne!(active(&stack), old_id);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

/// What tells the key in use from others.
fn active(stack: &Stack) -> String {
    stack.query("ledger", "SELECT key_id FROM vault_signing_keys WHERE status = 'active'")
}
