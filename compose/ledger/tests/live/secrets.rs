//! Rotations, and refusals to start.

use serde_json::{Value, json};

use crate::{eventually, postgres::Postgres, product::Install};

fn last_line(output: &[u8]) -> Value {
    let text = String::from_utf8_lossy(output);
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default()
}

#[test]
fn keys_survive_a_rotation_of_their_secret() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.migrate();
    let keys = [install.create_key("agent"), install.create_key("platform")];
    let works = |install: &Install| {
        let api = install.start_ready("api");
        keys.each_ref().map(|key| api.get("/v1/records/count", Some(key)).status)
    };
    install.set("API_KEY_SECRET_PREVIOUS", crate::product::SECRET);
    install.set("API_KEY_SECRET", "the-secret-of-tomorrow");
    assert_eq!(works(&install), [200, 200]);

    install.unset("API_KEY_SECRET_PREVIOUS");
    assert_eq!(works(&install), [401, 401]);
    assert_eq!(install.run(&["preflight"]).status.code(), Some(1));
    let before = postgres.sql("SELECT * FROM api_keys ORDER BY id");
    assert_eq!(install.run(&["rehash-api-keys"]).status.code(), Some(1));
    assert_eq!(postgres.sql("SELECT * FROM api_keys ORDER BY id"), before);

    install.set("API_KEY_SECRET_PREVIOUS", crate::product::SECRET);
    let counts = |output: &Value| [&output["total"], &output["moved"], &output["already"]].map(Value::clone);
    let first = install.run(&["rehash-api-keys"]);
    assert_eq!(counts(&last_line(&first.stdout)), [json!(2), json!(2), json!(0)]);
    let again = install.run(&["rehash-api-keys"]);
    assert_eq!(counts(&last_line(&again.stdout)), [json!(2), json!(0), json!(2)]);
    install.unset("API_KEY_SECRET_PREVIOUS");
    assert_eq!(works(&install), [200, 200]);
    assert!(install.run(&["preflight"]).status.success());
}

#[test]
fn a_new_signing_key_retires_the_old_one_and_old_chains_stay_sound() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    let api = install.start_ready("api");
    let id = api.write(&key, &json!(1));
    drop(api);
    let new = install.run(&["generate-signing-key"]);
    install.set("VAULT_SIGNING_KEY", String::from_utf8_lossy(&new.stdout).trim());
    let api = install.start_ready("api");
    let event = json!({"event": "seen", "body": null});
    assert_eq!(api.post(&format!("/v1/records/{id}/events"), &key, &event).status, 201);
    let statuses = "SELECT string_agg(status, ',' ORDER BY status) FROM vault_signing_keys";
    assert_eq!(postgres.sql(statuses), "active,retired");
    assert!(install.run(&["verify-vault"]).status.success());
}

#[test]
fn a_revoked_key_is_forgotten_when_the_instances_are_told() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    let api = install.start_ready("api");
    let status = || api.get("/v1/records/count", Some(&key)).status;
    assert_eq!([status(), status()], [200, 200]);
    postgres.sql("UPDATE api_keys SET revoked = true; NOTIFY ledger_api_keys");
    eventually("a refusal", || (status() == 401).then_some(()));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_a_clear_log() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.unset("API_KEY_SECRET");
    let refused = install.run(&["api"]);
    assert_eq!(refused.status.code(), Some(1));
    let line = last_line(&refused.stdout);
    assert_eq!(line["level"], "fatal");
    assert!(line["msg"].as_str().unwrap().contains("API_KEY_SECRET"), "{line}");
    install.set("API_KEY_SECRET", crate::product::SECRET);
    install.set("LEDGER_LICENSE_MODE", "strict");
    for command in ["api", "worker"] {
        let refused = install.run(&[command]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(last_line(&refused.stdout)["msg"].as_str().unwrap().contains("LEDGER_LICENSE_MODE"));
    }
}
