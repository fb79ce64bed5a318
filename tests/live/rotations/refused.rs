//! What stands against a rotation, each made for real: it is named, and nothing is changed.

use std::fs;

use super::ROTATE;
use crate::operator::Run;
use crate::settings::Settings;
use crate::stack::Stack;

#[test]
fn what_stands_against_a_rotation_is_named_and_nothing_is_changed() {
    let stack = Stack::of(Settings::new(18, "1.0.0"));
    let clean = fs::read_to_string(stack.path(".env")).unwrap();
    let described = fs::read_to_string(stack.path("opsctl.toml")).unwrap();
    let old = stack.variable("API_KEY_SECRET");
    let other = "6e".repeat(32);
    let is_refused = |expected: &str| {
        let before = stack.world();
        let refused = stack.ops_exits(3, &ROTATE);
        assert!(refused.told().contains(expected), "{expected}: {}", refused.told());
        assert_eq!(stack.world(), before, "{expected}");
        assert!(!refused.told().contains(&old) && !refused.told().contains(&other), "a value was said");
    };
    let edited = |text: String| fs::write(stack.path(".env"), text).unwrap();

    edited(format!("{clean}API_KEY_SECRET_PREVIOUS={other}\n"));
    is_refused("a rotation is under way, or was never ended");
    edited(clean.replace(&old, &other));
    is_refused("replica 1 of ledger-api has another value of API_KEY_SECRET than the settings");
    edited(format!("{clean}API_KEY_SECRET_FILE=/run/secrets/x\n"));
    is_refused("API_KEY_SECRET_FILE is set");
    edited(format!("API_KEY_SECRET={other}\n{clean}"));
    is_refused("API_KEY_SECRET is assigned 2 times");
    edited(format!("{clean}DERIVED=x${{API_KEY_SECRET}}\n"));
    is_refused("DERIVED refers to API_KEY_SECRET");
    edited(clean.clone());

    let derived = "canary = \"/v1/admin/system-health\"\n\
                   derived = [{ name = \"WEBHOOK_ENCRYPTION_KEY\", loses = \"the secrets of webhooks\" }]\n";
    let with_derived = described.replace("canary = \"/v1/admin/system-health\"\n", derived);
    assert_ne!(with_derived, described);
    fs::write(stack.path("opsctl.toml"), with_derived).unwrap();
    is_refused("WEBHOOK_ENCRYPTION_KEY is not set, and so it is derived from API_KEY_SECRET");
    stack.ops_exits(2, &["rotate", "api-key-secret", "--accept", "WEBHOOK_KEY"]);
    stack.ops_does(&["rotate", "api-key-secret", "--accept", "WEBHOOK_ENCRYPTION_KEY", "--plan"]);
    fs::write(stack.path("opsctl.toml"), described).unwrap();

    // A key that is stored under a value which nobody has any more.
    stack.query(
        "ledger",
        "UPDATE api_keys SET secret_id = 'of-long-ago' WHERE name = 'live' AND role = 'agent'",
    );
    is_refused("keys are stored under 2 different values of API_KEY_SECRET");
    stack.query(
        "ledger",
        "UPDATE api_keys SET secret_id = (SELECT max(secret_id) FROM api_keys WHERE role = 'platform')",
    );

    let before = stack.world();
    let run = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = stack.opsctl(&[&["--output", "json", "-y"][..], &ROTATE].concat());
        change(&mut command);
        Run::start(command).wait()
    };
    let set = run(&|command| _ = command.env("API_KEY_SECRET", &other));
    assert!(set.code == Some(3) && set.told().contains("environment of this command"), "{}", set.told());
    let keyless = run(&|command| _ = command.env_remove("OPSCTL_PLATFORM_KEY"));
    assert!(keyless.code == Some(3) && keyless.told().contains("OPSCTL_PLATFORM_KEY"), "{}", keyless.told());
    let wrong = run(&|command| _ = command.env("OPSCTL_PLATFORM_KEY", &stack.agent_key));
    assert!(wrong.code == Some(3) && wrong.told().contains("refuses the platform key"), "{}", wrong.told());
    let unknown = stack.ops_exits(2, &["rotate", "postgres-secret"]);
    assert!(unknown.told().contains("api-key-secret"), "{}", unknown.told());
    let bare = stack.ops_exits(3, &["rotate", "api-key-secret", "--skip-backup"]);
    assert!(bare.told().contains("no verified backup"), "{}", bare.told());
    let silent = Run::start(stack.opsctl(&[&["--output", "json"][..], &ROTATE].concat())).wait();
    assert_eq!(silent.code, Some(2), "no terminal is never a yes: {}", silent.told());
    assert_eq!(stack.world(), before);

    stack.compose(&["stop", "ledger-worker"]);
    is_refused("the product is not well");
    stack.compose(&["start", "ledger-worker"]);
}
