//! Going back after an upgrade that worked, where nothing is as opsctl would have left it.

use std::fs;

use crate::docker::docker;
use crate::settings::{Description, Settings};
use crate::stack::Stack;

#[test]
fn an_image_that_nothing_names_any_more_and_what_the_scripts_left_are_gone_back_to() {
    // A repository of its own, so that its tags can be taken away.
    let repository = format!("opsctl-live-{}/ledger", std::process::id());
    let image = |release: &str| format!("{repository}:{release}");
    for release in ["1.0.0", "1.1.0"] {
        docker(["tag", &format!("ledger/ledger:{release}"), &image(release)]);
    }
    let mut settings = Settings::new(18, "1.0.0").described(Description::MOMENT);
    settings.image.clone_from(&repository);
    let stack = Stack::of(settings);
    let rows = stack.rows();
    stack.ops_does(&["upgrade", "1.1.0"]);
    docker(["rmi", &image("1.0.0")]);
    stack.ops_does(&["rollback"]);
    went_back(&stack, rows);

    let log = stack.writer().finish();
    let archive = stack.backup_by_script("2026-03-14-120000");
    let rows = stack.rows();
    // An upgrade as the guide's script does it.
    fs::write(stack.backup_dir().join(".pre-upgrade-version"), "1.0.0\n").unwrap();
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), env.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=1.1.0")).unwrap();
    fs::write(stack.path("VERSION"), "1.1.0\n").unwrap();
    stack.compose(&["up", "-d", "--wait"]);
    stack.assert_serves("1.1.0");
    stack.ops_does(&["rollback", "--backup", &archive.display().to_string()]);
    went_back(&stack, rows);
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
    drop(stack);
    for tag in docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &repository]).lines() {
        docker(["rmi", tag]);
    }
}

/// That the first release serves again on its own data.
fn went_back(stack: &Stack, rows: u64) {
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(stack.world().migrations.len(), 1);
}
