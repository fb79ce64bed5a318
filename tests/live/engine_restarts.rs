//! The engine's daemon is started again in the middle of an operation, in order or after a kill.

use std::time::Duration;

use crate::docker::docker;
use crate::outside::{SERVICES, both, restart_policies};
use crate::own_engine::{Death, OwnEngine, on_own_engine};
use crate::settings::{Description, Settings};
use crate::stack::Stack;

const IMAGES: [&str; 4] =
    ["ledger/ledger:1.0.0", "ledger/ledger:1.1.0", "ledger/ledger:1.2.0", "opsctl-sample/postgres:18"];

/// What the engine starts whenever it is started itself. After a kill, Docker 20.10 takes what it finds running for stopped
/// on purpose: a server that is started again unless it was stopped would stay away.
const ALWAYS: &str = "services:\n  postgres: {restart: always}\n  ledger-api: {restart: always}\n  ledger-worker: {restart: always}\n";

/// Time for the engine to go away while a release is proven.
const SLOW: Description = Description::Brisk {
    health: "watch_for = \"3s\"\nstable_for = \"3s\"\nstart_timeout = \"30s\"\n",
    migrate: "timeout = \"20s\"\n",
};

fn stack() -> Stack {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(SLOW).overlaid(ALWAYS));
    assert_eq!(restart_policies(&stack), both("always"));
    stack
}

#[test]
fn an_engine_that_is_started_again_costs_the_operation_and_no_write() {
    on_own_engine(1500, &IMAGES, |engine| {
        let stack = stack();
        let writer = stack.writer();
        let before = stack.world();
        for (step, death, codes) in [
            ("take backup", Death::Sudden, &[1][..]),
            ("restore point", Death::Orderly, &[4, 6]),
            ("\"migrate\"", Death::Sudden, &[4, 6]),
            ("prove", Death::Orderly, &[4, 6]),
        ] {
            let mut run = stack.begin(&["upgrade", "1.2.0"]);
            run.reaches(step);
            engine.restart(death);
            let ended = run.wait();
            assert!(codes.contains(&ended.code.unwrap_or(-1)), "{step}: {}", ended.told());
            if ended.code == Some(6) {
                assert!(ended.fault().contains("opsctl resume"), "{step}: {}", ended.fault());
                stack.server_gets_well();
                let resumed = stack.ops(&["resume"]);
                assert_eq!(resumed.code, Some(4), "{step}: {}", resumed.told());
            }
            writer.goes_on();
            stack.gets_ready();
            stack.assert_serves("1.1.0");
            stack.assert_tidy();
            assert_eq!(restart_policies(&stack), both("always"), "{step}: as it was");
            assert_eq!(stack.world().migrations, before.migrations, "{step}");
        }

        // The server is not among what Docker 20.10 starts again after a kill: a person does that.
        docker(["update", "--restart", "unless-stopped", &stack.server()]);
        let mut run = stack.begin(&["upgrade", "1.2.0"]);
        run.reaches("prove");
        engine.restart(Death::Sudden);
        let ended = run.wait();
        if ended.code == Some(6) {
            assert!(ended.fault().contains("up -d --no-deps postgres"), "{}", ended.fault());
            docker(["start", &stack.server()]);
            stack.server_gets_well();
            let resumed = stack.ops(&["resume"]);
            assert_eq!(resumed.code, Some(4), "{}", resumed.told());
        } else {
            assert_eq!(ended.code, Some(4), "{}", ended.told());
        }
        writer.goes_on();
        stack.gets_ready();
        stack.assert_serves("1.1.0");
        stack.assert_tidy();
        assert_eq!(stack.world().migrations, before.migrations);
        let log = writer.finish_with_nothing_lost();
        println!("{} writes through five restarts of the engine, none lost", log.acknowledged.len());
    });
}

#[test]
fn what_is_held_stopped_stays_stopped_when_the_engine_is_started_again() {
    on_own_engine(1500, &IMAGES, |engine| {
        let stack = stack();
        let writer = stack.writer();
        for (step, death, way) in [
            ("restore point", Death::Orderly, "abort"),
            ("\"migrate\"", Death::Sudden, "abort"),
            ("prove", Death::Orderly, "abort"),
            ("prove", Death::Sudden, "resume"),
        ] {
            stack.begin(&["upgrade", "1.2.0"]).kill_at(step, Duration::ZERO);
            begin_again(engine, &stack, death, step);
            stack.ops_does(&[way]);
            let release = if way == "abort" { "1.1.0" } else { "1.2.0" };
            stack.assert_serves(release);
            stack.assert_tidy();
            assert_eq!(restart_policies(&stack), both("always"), "{step}: as it was");
            writer.goes_on();
        }
        writer.finish_with_nothing_lost();
    });
}

/// Starts the engine again, and sees that it starts the database's server and nothing that is held stopped.
fn begin_again(engine: &mut OwnEngine, stack: &Stack, death: Death, step: &str) {
    engine.restart(death);
    stack.server_gets_well();
    // Time for what it might start as well.
    std::thread::sleep(Duration::from_secs(2));
    for service in SERVICES {
        let container = stack.container(service).unwrap();
        let running = docker(["inspect", "--format", "{{.State.Running}}", &container]);
        assert_eq!(running, "false", "{step}: {service} was started by the engine");
    }
}
