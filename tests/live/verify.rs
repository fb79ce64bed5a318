//! `opsctl verify`: what is sound is proven, and what is not is found.

use std::fs;

use serde_json::Value;

use crate::operator::{Ended, Run};
use crate::settings::{DATABASE_PASSWORD, Settings};
use crate::stack::Stack;

fn proof<'a>(ended: &'a Ended, id: &str) -> &'a Value {
    let checks = ended.events.iter().rev().find_map(|event| event["result"]["checks"].as_array());
    let checks = checks.unwrap_or_else(|| panic!("no proofs: {}", ended.told()));
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {}", ended.told()))
}

fn expect(ended: &Ended, id: &str, status: &str, evidence: &str) {
    let found = proof(ended, id);
    let said = found["evidence"].as_str().unwrap();
    assert!(found["status"] == status && said.contains(evidence), "{id}, not {status}: {found:#}");
}

#[test]
fn a_sound_install_is_proven_and_a_broken_one_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let overlay = format!(
        "services:\n  ledger-api:\n    environment:\n      LEDGER_PROVISIONING_DIR: /provisioning\n    volumes:\n      \
         - {}:/provisioning:ro\n",
        folder.path().display()
    );
    let settings =
        Settings::new(15, "1.1.0").overlaid(&overlay).with("LEDGER_PROVISIONING_DIR", "/provisioning");
    fs::write(folder.path().join("team.json"), "{\"limit\": 5}").unwrap();
    let stack = Stack::of(settings);
    stack.writer().finish_with_nothing_lost();
    stack.ops_does(&["backup"]);

    let rows = stack.rows();
    let sound = stack.ops_exits(0, &["verify"]);
    expect(&sound, "verify-health", "pass", "1.1.0 is healthy and ready");
    expect(&sound, "verify-rows", "pass", " rows in ");
    expect(&sound, "verify-data", "pass", "nothing broken");
    expect(&sound, "verify-provisioning", "pass", "reloaded");
    expect(&sound, "verify-smoke", "skipped", "--smoke");
    assert_eq!(stack.rows(), rows, "a proof that was not asked for wrote something");
    let walked = stack.ops_exits(0, &["verify", "--smoke", "--only", "verify-smoke"]);
    expect(&walked, "verify-smoke", "pass", "what stays is a record of the kind opsctl-smoke");
    assert_eq!(stack.number("ledger", "SELECT count(*) FROM records WHERE kind = 'opsctl-smoke'"), 1);

    // What is asked of whom can be watched, and shows no secret.
    let output = stack.opsctl(&["-v", "status"]).output().unwrap();
    let watched = String::from_utf8(output.stderr).unwrap();
    for asked in [
        "run: docker compose ",
        "docker: list containers",
        "postgresql: asking the server what it is",
        "http: Get ",
    ] {
        assert!(watched.contains(asked), "{asked}: {watched}");
    }
    for secret in [DATABASE_PASSWORD, &stack.platform_key, &stack.variable("API_KEY_SECRET")] {
        assert!(!watched.contains(secret), "a secret is shown: {watched}");
    }

    // The key: none, that of an agent, and the right one from a file.
    let with_key = |key: Option<&str>, arguments: &[&str]| {
        let mut command =
            stack.opsctl(&[&["--output", "json", "--non-interactive", "verify"], arguments].concat());
        match key {
            Some(key) => command.env("OPSCTL_PLATFORM_KEY", key),
            None => command.env_remove("OPSCTL_PLATFORM_KEY"),
        };
        Run::start(command).wait()
    };
    let keyless = with_key(None, &[]);
    assert_eq!(keyless.code, Some(3), "{}", keyless.told());
    expect(&keyless, "verify-data", "fail", "there is no platform key");
    assert_eq!(with_key(None, &["--skip", "verify-data,verify-provisioning"]).code, Some(0));
    let refused = with_key(Some(&stack.agent_key), &["--only", "verify-data"]);
    expect(&refused, "verify-data", "fail", "the platform key is refused (403)");
    assert!(!refused.told().contains(&stack.agent_key), "the key is shown");
    let file = folder.path().join("key");
    fs::write(&file, format!("{}\n", stack.platform_key)).unwrap();
    let from_file = with_key(None, &["--platform-key-file", &file.display().to_string()]);
    assert_eq!(from_file.code, Some(0), "{}", from_file.told());

    // A link of a chain is altered, rows go away, a table goes away; and then all is put back.
    let first = "(SELECT min(record_id) FROM vault_entries)";
    stack.query(
        "ledger",
        &format!("UPDATE vault_entries SET hash = 'f00d' WHERE position = 1 AND record_id = {first}"),
    );
    let broken = stack.ops_exits(3, &["verify"]);
    expect(&broken, "verify-data", "fail", "the product's own scan found broken data");
    expect(
        &broken,
        "verify-data",
        "fail",
        &stack.query("ledger", "SELECT min(record_id) FROM vault_entries"),
    );
    expect(&broken, "verify-rows", "pass", "");
    stack.query("ledger", "DELETE FROM jobs; DROP TABLE record_labels");
    let lost = stack.ops_exits(3, &["verify", "--only", "verify-rows"]);
    expect(&lost, "verify-rows", "fail", "are missing: public.record_labels");
    stack.query("ledger", "CREATE TABLE record_labels (record_id text, label text)");
    let fewer = stack.ops_exits(8, &["--strict", "verify", "--only", "verify-rows"]);
    expect(&fewer, "verify-rows", "warn", "public.jobs 0 instead of");
    stack.query("ledger", "DELETE FROM provisioned_items");
    stack.ops_does(&["restore", "latest"]);
    assert_eq!(stack.number("ledger", "SELECT count(*) FROM provisioned_items"), 1);
    stack.ops_exits(0, &["--strict", "verify"]);
    let server = stack.container("postgres").unwrap();
    crate::docker::docker(["stop", &server]);
    let unseen = stack.ops(&["verify", "--only", "verify-rows,verify-migrations"]);
    assert_eq!(unseen.code, Some(3), "what could not be looked at is not sound: {}", unseen.told());
    expect(&unseen, "verify-rows", "fail", "");
    expect(&unseen, "verify-migrations", "fail", "");
    crate::docker::docker(["start", &server]);
    stack.server_gets_well();

    let worker = stack.container("ledger-worker").unwrap();
    crate::docker::docker(["stop", &worker]);
    let down = stack.ops_exits(3, &["verify", "--only", "verify-health"]);
    expect(&down, "verify-health", "fail", "ledger-worker");
}
