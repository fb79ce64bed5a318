//! Releases from a registry: by digest, with credentials, and without it where that is possible.

use expectrl::{Eof, Session};

use crate::docker::{attempt, docker, image_id};
use crate::registry::{PASSWORD, Registry, USER, with_noise};
use crate::settings::Settings;
use crate::stack::Stack;

#[test]
fn a_release_comes_by_digest_and_going_back_needs_no_registry() {
    let mut registry = Registry::start();
    let repository = registry.repository();
    let local = |release: &str| format!("{repository}:{release}");
    let first = registry.push("ledger/ledger:1.0.0", "1.0.0");
    let noisy = with_noise("ledger/ledger:1.1.0", &local("noisy"), 12);
    let second = registry.push(&local("noisy"), "1.1.0");
    for tag in ["noisy", "1.1.0"] {
        docker(["rmi", &local(tag)]);
    }
    assert!(!attempt(&["image", "inspect", &noisy]).status.success(), "it has to be fetched");

    let mut settings = Settings::new(18, "1.0.0").with("LEDGER_IMAGE_PIN", &format!("{repository}@{first}"));
    settings.image.clone_from(&repository);
    let stack = Stack::of(settings);
    let rows = stack.rows();
    let before = stack.world();

    let refused = stack.ops_exits(3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("docker login"), "what to do is said: {}", refused.fault());
    assert_eq!(stack.world(), before);
    let mut given = stack.opsctl(&["upgrade", "1.1.0", "--plan"]);
    given.env("OPSCTL_REGISTRY_USER", USER).env("OPSCTL_REGISTRY_PASSWORD", PASSWORD);
    let planned = given.output().unwrap();
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    assert_eq!(stack.world(), before);
    registry.log_in(stack.dir());
    let unknown = stack.ops_exits(3, &["upgrade", "1.1.1"]);
    assert!(unknown.fault().contains("1.1.1"), "{}", unknown.fault());
    assert_eq!(stack.world(), before);

    let ended = stack.ops_exits(0, &["upgrade", "1.1.0"]);
    let bytes = |event: &&serde_json::Value| event["event"] == "progress" && event["unit"] == "bytes";
    assert!(ended.events.iter().filter(bytes).count() > 1, "the download is shown: {}", ended.told());
    assert_eq!(ended.result()["result"]["to"]["digest"], second, "{}", ended.told());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.variable("LEDGER_IMAGE_PIN"), format!("{repository}@{second}"));
    assert_eq!(image_id(&local("1.1.0")), noisy);

    // Somebody moves the tag while the plan is being read.
    let meant = registry.push("ledger/ledger:1.2.0", "1.2.0");
    docker(["rmi", &local("1.2.0")]);
    let mut session = Session::spawn(stack.opsctl(&["upgrade", "1.2.0"])).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(std::time::Duration::from_mins(2)));
    session.expect("Upgrade Ledger").expect("a question");
    let moved = registry.push("ledger/ledger:1.0.0", "1.2.0");
    assert_ne!(meant, moved);
    docker(["rmi", &local("1.2.0")]);
    session.send("y\r").unwrap();
    session.expect(Eof).expect("it ends");
    assert_eq!(
        stack.running_image("ledger-api"),
        Some(image_id("ledger/ledger:1.2.0")),
        "what was resolved runs"
    );
    stack.assert_serves("1.2.0");
    stack.assert_tidy();

    registry.stop();
    stack.ops_does(&["rollback"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    let warned = stack.ops_exits(0, &["upgrade", "1.2.0"]);
    assert!(warned.result()["warnings"].to_string().contains("asked in vain"), "{}", warned.told());
    stack.assert_serves("1.2.0");
    assert_eq!(stack.rows(), rows);
    stack.ops_exits(3, &["upgrade", "1.3.0"]);
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
}
