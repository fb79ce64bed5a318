//! The product as a unit of a real systemd: a container that boots as a machine, with its journal and polkit, and opsctl in it
//! as the owner of the install, who is not root.
//!
//! It needs root, Docker, and the image that scripts/test.sh builds.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "it runs programs, and a failed step is a failed test"
)]

#[path = "../support/disk.rs"]
#[allow(dead_code, reason = "what only the other suites tell of needs one")]
mod disk;
#[path = "../embedded/install.rs"]
#[allow(dead_code, reason = "what only the other suite asks for")]
mod install;
mod machine;
#[path = "../support/stand.rs"]
#[allow(dead_code, reason = "what only the other suites ask for")]
mod stand;
#[path = "../support/stories/all.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "what only the other suites tell")]
mod stories;
mod unit;
#[path = "../embedded/writer.rs"]
mod writer;

use std::time::Duration;

use stand::{Stand as _, Writes as _, begin};
use stories::broken::{self, Broken};
use stories::killed;
use unit::Unit;

#[test]
fn a_release_that_does_not_work_is_undone() {
    let releases = [
        Broken { release: "2.0.0-migration-fails", because: "migrat", wrote: true },
        Broken { release: "2.0.0-crash-loop", because: "ended", wrote: true },
        Broken { release: "2.0.0-wrong-version", because: "version", wrote: true },
        Broken { release: "2.0.0-never-ready", because: "healthy", wrote: true },
    ];
    broken::are_undone(&Unit::started("1.1.0").install, "1.1.0", &releases, |_, _| {});
}

#[test]
fn an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    killed::an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new(&Unit::started("1.0.0").install);
}

#[test]
fn a_release_that_falls_over_when_clients_use_it_is_noticed_and_can_be_gone_back_from() {
    let unit = Unit::described("1.1.0", |text| text.replace("watch_for = \"1s\"", "watch_for = \"14s\""));
    let (status, text) = unit.install.run("upgrade 2.0.0-dies-later");
    assert_eq!(status, 4, "nobody wrote: {text}");
    assert!(text.contains("falls over and is started again and again"), "{text}");
    assert!(text.contains("systemd: collector.service: Main process exited, code=exited"), "{text}");
    unit.install.assert_serves("1.1.0");
    let writer = unit.install.writer();
    writer.goes_on();
    let (status, text) = unit.install.run("upgrade 2.0.0-dies-later");
    writer.finish();
    assert!(status == 9 && text.contains("opsctl rollback"), "{text}");
    // Also after systemd has had enough: of starts by hand it counts as many as of its own.
    let again = "for _ in 1 2 3 4 5 6; do systemctl restart collector.service; done 2>/dev/null";
    unit.machine.does(&format!("{again} || true"));
    assert_eq!(unit.machine.unit("Result"), "start-limit-hit");
    let by_hand =
        unit.machine.does("systemctl start collector.service 2>&1 || journalctl --lines=3 --no-pager");
    assert!(by_hand.contains("repeated too quickly"), "{by_hand}");
    let (status, text) = unit.install.run("rollback");
    assert_eq!(status, 0, "systemd would not start it by itself: {text}");
    unit.install.assert_serves("1.1.0");
}

#[test]
fn that_somebody_started_it_meanwhile_is_noticed_also_when_it_has_ended_since() {
    let unit = Unit::started("1.0.0");
    begin(&unit.install, &["upgrade", "1.1.0"]).kill_at("\"number\":8,", Duration::ZERO);
    unit.machine.does("systemctl start collector.service; systemctl stop collector.service");
    let (status, text) = unit.install.run("resume");
    assert_eq!(status, 4, "{text}");
    assert!(text.contains("somebody started collector while the operation held it stopped"), "{text}");
    unit.install.assert_serves("1.0.0");
    unit.install.assert_tidy();
}

#[test]
fn a_product_that_does_not_end_is_killed_and_that_is_said() {
    let unit = Unit::described("1.0.0", |text| text.replace("[health]", "[health]\nstop_grace = \"2s\""));
    for release in ["releases/1.0.0", "source/1.1.0"] {
        unit.ignore_term(release);
    }
    // Without its record it counts as changed on purpose.
    std::fs::remove_file(unit.install.path(".opsctl/releases/1.0.0.json")).unwrap();
    assert_eq!(unit.install.run("stop").0, 0);
    let (status, text) = unit.install.run("start");
    assert_eq!(status, 0, "{text}");
    let (status, text) = unit.install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("had not ended 2.0 s after it was asked to, and was killed"), "{text}");
    unit.install.assert_serves("1.1.0");
}

#[test]
fn a_stop_is_waited_for_as_long_as_the_unit_gives_it_and_no_start_takes_what_ends_for_running() {
    let unit = Unit::described("1.0.0", |text| text.replace("[health]", "[health]\nstop_grace = \"1s\""));
    let longer =
        "mkdir -p /etc/systemd/system/collector.service.d; cd /etc/systemd/system/collector.service.d;
        printf '[Service]\\nTimeoutStopSec=14s\\n' >longer.conf; systemctl daemon-reload";
    unit.machine.does(longer);
    unit.ignore_term("releases/1.0.0");
    std::fs::remove_file(unit.install.path(".opsctl/releases/1.0.0.json")).unwrap();
    assert_eq!(unit.install.run("stop").0, 0);
    for command in ["start", "stop"] {
        assert_eq!(unit.install.run("start").0, 0);
        let before = unit.machine.unit("InvocationID");
        unit.machine.does("systemctl stop --no-block collector.service");
        unit.machine.wait("systemctl is-active collector.service", |state| state == "deactivating");
        let (status, text) = unit.install.run(command);
        assert_eq!(status, 0, "{text}");
        if command == "start" {
            assert_ne!(unit.machine.unit("InvocationID"), before, "it ends: {text}");
            unit.install.assert_serves("1.0.0");
        } else {
            assert!(text.contains("had not ended 14.0 s after it was asked to, and was killed"), "{text}");
            assert_eq!(unit.machine.unit("ActiveState"), "failed");
        }
    }
    assert_eq!(unit.install.run("start").0, 0);
    unit.machine.does(
        "sed -i s/14s/infinity/ /etc/systemd/system/collector.service.d/longer.conf; systemctl daemon-reload",
    );
    let (status, text) = unit.install.run("stop");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("has not ended 11.0 s after systemd was told to stop it"), "{text}");
    assert!(text.contains("TimeoutStopSec"), "{text}");
    unit.machine.does("systemctl kill --signal=KILL collector.service");
    unit.machine.wait("systemctl is-active collector.service", |state| state == "failed");
}
