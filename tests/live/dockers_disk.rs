//! Docker's own disk is full: nothing is changed, or what was begun is undone, at once or as soon as there is room.

use crate::docker::docker;
use crate::operator::Ended;
use crate::own_engine::on_own_engine;
use crate::registry::{Registry, with_noise};
use crate::settings::{Description, Settings};
use crate::stack::Stack;

const IMAGES: [&str; 4] =
    ["ledger/ledger:1.0.0", "ledger/ledger:1.1.0", "ledger/ledger:1.2.0", "opsctl-sample/postgres:18"];

const IMPATIENT: Description = Description::Brisk {
    health: "watch_for = \"3s\"\nstable_for = \"2s\"\nstart_timeout = \"20s\"\n",
    migrate: "timeout = \"20s\"\n",
};

/// What Docker may still write when a pull begins: more than what is checked for beforehand, less than the image.
const LEFT: u64 = 110 << 20;

#[test]
fn a_full_disk_of_docker_is_gone_back_from_or_waits_for_room() {
    let data = tempfile::Builder::new().prefix("opsctl-live-data-").tempdir().unwrap();
    on_own_engine(1500, &IMAGES, |engine| {
        let registry = Registry::start();
        let repository = registry.repository();
        let local = |tag: &str| format!("{repository}:{tag}");
        registry.push("ledger/ledger:1.1.0", "1.1.0");
        with_noise("ledger/ledger:1.2.0", &local("noisy"), 140);
        registry.push(&local("noisy"), "1.2.0");
        for tag in ["noisy", "1.2.0"] {
            docker(["rmi", &local(tag)]);
        }
        // The database is on another disk: it is not what is to fall over here.
        let overlay = format!(
            "volumes:\n  pgdata:\n    driver: local\n    driver_opts: {{type: none, o: bind, device: {}}}\n",
            data.path().display()
        );
        let mut settings = Settings::new(18, "1.1.0").described(IMPATIENT).overlaid(&overlay);
        settings.image.clone_from(&repository);
        let stack = Stack::of(settings);
        registry.log_in(stack.dir());
        let writer = stack.writer();
        let before = stack.world();

        // Nothing fits from the beginning, and then the image does not.
        engine.disk.fill_but(0);
        let refused = stack.ops_exits(3, &["upgrade", "1.2.0"]);
        assert!(refused.fault().contains("not enough room"), "{}", refused.fault());
        engine.disk.free();
        engine.disk.fill_but(LEFT);
        let ended = stack.ops_exits(1, &["upgrade", "1.2.0"]);
        names_the_disk(&ended);
        engine.disk.free();
        assert_eq!(stack.world(), before);
        writer.goes_on();
        stack.assert_tidy();

        // The container that migrates cannot be made, and then the canary; nor can the old release be started again.
        for step in ["restore point", "prove"] {
            let mut run = stack.begin(&["upgrade", "1.2.0"]);
            run.reaches(step);
            engine.disk.fill_but(0);
            let ended = run.wait();
            names_the_disk(&ended);
            engine.disk.free();
            assert_eq!(ended.code, Some(6), "{step}: it waits for room: {}", ended.told());
            assert!(ended.fault().contains("opsctl resume"), "{step}: {}", ended.fault());
            let resumed = stack.ops(&["resume"]);
            assert_eq!(resumed.code, Some(4), "{step}: {}", resumed.told());
            stack.assert_serves("1.1.0");
            stack.assert_tidy();
            assert_eq!(stack.world().migrations, before.migrations, "{step}");
            writer.goes_on();
        }
        stack.ops_does(&["upgrade", "1.2.0"]);
        stack.assert_serves("1.2.0");
        stack.assert_tidy();
        writer.goes_on();
        writer.finish_with_nothing_lost();
        drop(stack);
    });
    drop(data);
}

/// That the message says what is full, and how to see what fills it.
fn names_the_disk(ended: &Ended) {
    let fault = ended.fault();
    assert!(fault.to_lowercase().contains("no space left"), "{}", ended.told());
    assert!(fault.contains("docker system df"), "{fault}");
}
