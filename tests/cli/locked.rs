use opsctl::journal::lock::{Holder, InstallLock};
use opsctl::journal::state_dir::StateDir;
use opsctl::model::operation::{Actor, OperationKind};

use crate::sandbox::Sandbox;

/// Holds the install as another process would.
fn held(sandbox: &Sandbox) -> InstallLock {
    let state = StateDir::of(sandbox.path());
    state.create().expect("a state directory");
    let actor = Actor {
        user: "root".to_owned(),
        sudo_user: Some("ada".to_owned()),
        host: "db1".to_owned(),
        pid: 4711,
        ssh_client: Some("192.0.2.7".to_owned()),
        ci: None,
        terminal: true,
        tty: None,
    };
    let since = "2026-03-14T12:00:00Z".parse().expect("a time");
    InstallLock::take(&state.lock(), &Holder { actor, doing: OperationKind::Upgrade, since })
        .expect("the lock")
}

#[test]
fn it_says_who_what_and_since_when() {
    let sandbox = Sandbox::install();
    let _lock = held(&sandbox);
    insta::assert_snapshot!(sandbox.run("backup"));
}

#[test]
fn also_to_one_who_would_go_on_with_what_is_still_running() {
    let sandbox = Sandbox::install();
    let _lock = held(&sandbox);
    sandbox.operation("20260314-120000-upgrade", "1-upgrade-killed-while-migrating.jsonl");
    for line in ["resume", "abort", "restore latest", "rollback", "upgrade 1.3.0", "backup prune"] {
        let run = sandbox.run(&format!("{line} --non-interactive"));
        assert_eq!(run.status, 7, "{line}: {run}");
    }
    insta::assert_snapshot!(sandbox.run("status"));
}

#[test]
fn what_a_holder_left_behind_holds_nothing() {
    let sandbox = Sandbox::install();
    drop(held(&sandbox));
    let run = sandbox.run("backup");
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("docker is not running"), "{run}");
}
