//! Too little memory: for a new release, and for opsctl itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::docker::{attempt, docker, require};
use crate::memory_group::MemoryGroup;
use crate::operator::{Ended, Run};
use crate::settings::{Description, Settings};
use crate::stack::Stack;

/// Long enough to see a worker fall over that nobody has proven before.
const WATCHFUL: Description = Description::Brisk {
    health: "watch_for = \"6s\"\nstable_for = \"2s\"\nstart_timeout = \"20s\"\n",
    migrate: "timeout = \"30s\"\n",
};

/// What opsctl and the programs that it starts may have, in megabytes.
const LITTLE: u64 = 96;

#[test]
fn a_release_that_runs_out_of_memory_is_gone_back_from_and_the_cause_is_named() {
    let settings = Settings::new(18, "1.1.0")
        .described(WATCHFUL)
        .with("LEDGER_API_MEMORY", "96M")
        .with("LEDGER_WORKER_MEMORY", "96M");
    let stack = Stack::of(settings);
    let writer = stack.writer();
    let before = stack.world();
    for (role, culprit) in [("migrate", "the migration"), ("api", "ledger-api")] {
        let release = Hungry::release(&stack.settings.image, role);
        let ended = stack.ops_exits(4, &["upgrade", &release.version]);
        names_memory(&ended, culprit);
        writer.goes_on();
        stack.assert_serves("1.1.0");
        stack.assert_tidy();
        assert_eq!(stack.world().migrations, before.migrations, "{role}");
    }
    let log = writer.finish_with_nothing_lost();

    // The worker is not proven beforehand: it falls over behind the commit point, and nobody has written.
    let release = Hungry::release(&stack.settings.image, "worker");
    let ended = stack.ops_exits(4, &["upgrade", &release.version]);
    names_memory(&ended, "ledger-worker");
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations, before.migrations);
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
}

fn names_memory(ended: &Ended, culprit: &str) {
    let expected = format!("{culprit} ran out of memory: the kernel ended it");
    assert!(ended.fault().contains(&expected), "{}", ended.told());
    assert!(ended.fault().contains("enough memory"), "{}", ended.fault());
}

#[test]
fn opsctl_backs_up_restores_and_upgrades_with_little_memory() {
    let group = match MemoryGroup::of(LITTLE) {
        Ok(group) => group,
        Err(why) => return println!("left out: no control group can be made here: {why}"),
    };
    let stack = Stack::up(18, "1.1.0");
    // Twice what opsctl may have, and it hardly compresses.
    let ballast = "CREATE TABLE ballast AS SELECT i, md5(random()::text) a, md5(random()::text) b \
                   FROM generate_series(1, 2000000) AS i";
    stack.query("ledger", &format!("SET statement_timeout = 0; {ballast}"));
    let log = stack.writer().finish();
    let (rows, ballast) = (stack.rows(), "SELECT count(*) FROM ballast");
    for operation in [
        &["backup"][..],
        &["backup", "verify", "latest", "--restore"],
        &["restore", "latest"],
        &["restore", "--undo"],
        &["upgrade", "1.2.0"],
        &["rollback"],
    ] {
        let ended = within(&group, &stack, operation);
        assert_eq!(ended.code, Some(0), "{operation:?}: {}", ended.told());
        assert_eq!(group.killed(), 0, "{operation:?}: something ran out of memory");
        assert_eq!((stack.rows(), stack.number("ledger", ballast)), (rows, 2_000_000), "{operation:?}");
    }
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
    println!("at most {} MiB of {LITTLE}, page cache included", group.most() >> 20);
}

/// Runs opsctl, and all that it starts, within the group.
fn within(group: &MemoryGroup, stack: &Stack, arguments: &[&str]) -> Ended {
    let plain = stack.opsctl(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"]).arg(group.members());
    command.arg(plain.get_program()).args(["--output", "json", "--non-interactive"]).args(arguments);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(stack.dir());
    Run::start(command).wait()
}

/// A release in which one of the programs takes all the memory that it can get. Its image is gone when dropped.
struct Hungry {
    version: String,
    image: String,
}

impl Hungry {
    fn release(image: &str, role: &str) -> Self {
        require(&["ledger/ledger:1.2.0"]);
        let version = format!("2.0.0-hungry-{role}");
        let image = format!("{image}:{version}");
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "if [ \"$1\" = {role} ]; then a=0123456789abcdef; while :; do a=$a$a; done; fi; exec /ledger \"$@\"\n"
        );
        fs::write(folder.path().join("entry"), script).unwrap();
        let description = format!("{{\"version\": \"{version}\", \"schema\": 3, \"fault\": null}}\n");
        fs::write(folder.path().join("release.json"), description).unwrap();
        let container = docker(["create", "ledger/ledger:1.2.0"]);
        let copy = |from: &Path, to: &str| {
            docker(["cp", &from.display().to_string(), &format!("{container}:{to}")]);
        };
        copy(Path::new("/bin/busybox"), "/busybox");
        copy(&folder.path().join("entry"), "/entry");
        copy(&folder.path().join("release.json"), "/etc/ledger/release.json");
        let entry = "ENTRYPOINT [\"/busybox\", \"sh\", \"/entry\"]";
        docker(["commit", "--change", entry, &container, &image]);
        docker(["rm", &container]);
        Self { version, image }
    }
}

impl Drop for Hungry {
    fn drop(&mut self) {
        attempt(&["rmi", "-f", &self.image]);
    }
}
