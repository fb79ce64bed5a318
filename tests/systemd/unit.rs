//! An install of the sample product whose process is a unit, as `opsctl init --systemd` wrote it.

use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::install::{Install, members, write};
use crate::machine::{INSTALL, Machine, PROGRAM};
use crate::stand::{Stand as _, does};

/// The product, and the machine that it is on.
pub(crate) struct Unit {
    // The install is stopped before its machine goes.
    pub(crate) install: Install,
    pub(crate) machine: Machine,
}

impl Unit {
    pub(crate) fn started(release: &str) -> Self {
        Self::described(release, |text| text)
    }

    /// The description names the unit, as the one that `opsctl init` writes.
    pub(crate) fn described(release: &str, alter: impl Fn(String) -> String) -> Self {
        let unit = Self::laid_out(alter);
        unit.is_known_to_systemd();
        unit.is_the_owners_to_start();
        unit.install.start(release);
        unit
    }

    fn laid_out(alter: impl Fn(String) -> String) -> Self {
        let mut install = Install::described(|text| {
            let text =
                text.replace("health = \"/healthz\"", "health = \"/healthz\"\nunit = \"collector.service\"");
            let metrics =
                "[[logs.metrics]]\nname = \"ingest\"\ntitle = \"receipts\"\nmessage = \"receipt accepted\"\n";
            alter(text + metrics)
        });
        install.run_behind_shell(PROGRAM);
        let machine = Machine::boot(&install.path("."));
        install.call = machine.call("--init-groups");
        Self { install, machine }
    }

    fn is_known_to_systemd(&self) {
        let (status, text) = self.install.run("init --systemd");
        assert_eq!(status, 0, "{text}");
        self.machine.does(&format!("systemctl enable {INSTALL}/collector.service"));
    }

    fn is_the_owners_to_start(&self) {
        self.machine.does(&format!("cp {INSTALL}/50-collector.rules /etc/polkit-1/rules.d/"));
        // polkit notices by itself, a moment later.
        self.machine.does("systemctl restart polkit");
    }

    /// Lets the program of a release go on when it is asked to end.
    pub(crate) fn ignore_term(&self, release: &str) {
        let run = self.install.path(release).join("run");
        let text = fs::read_to_string(&run).unwrap();
        let deaf = "case $1 in api) while :; do sleep 1; done & trap '' TERM; wait; exec sleep 60;; esac\n";
        let text = text.replace("trap : TERM\n", "trap '' TERM\n") + deaf;
        write(&run, &text, 0o755);
    }

    fn main_pid(&self) -> String {
        self.machine.unit("MainPID")
    }
}

#[test]
fn the_unit_starts_the_product_confined_and_starts_it_again() {
    let began = Timestamp::now();
    let unit = Unit::started("1.0.0");
    let confined = unit
        .machine
        .does(&format!("grep -E 'NoNewPrivs|Seccomp:|CapBnd|^Uid' /proc/{}/status", unit.main_pid()));
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000", "Uid:\t1000\t1000\t1000\t1000"]
    {
        assert!(confined.contains(line), "{line}: {confined}");
    }
    unit.install.send("a");
    let killed = unit.main_pid();
    unit.machine.does(&format!("kill -KILL {killed}"));
    unit.machine
        .wait("systemctl show --property=NRestarts --value collector.service", |restarts| restarts == "1");
    unit.machine.wait("systemctl is-active collector.service", |state| state == "active");
    assert_ne!(unit.main_pid(), killed);
    while !unit.install.is_healthy() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    unit.install.send("b");
    unit.install.assert_serves("1.0.0");

    let (status, text) = unit.install.run("preflight --only env-running,release,store,product");
    assert_eq!(status, 0, "{text}");
    let counted = does(&unit.install, &["logs", "stats", "--since", "1h"]);
    assert_eq!(counted["metrics"][0]["count"], 2, "{counted}");
    assert_eq!(counted["lines"]["not_json"], 0, "{counted}");
    let status = does(&unit.install, &["status"]);
    assert_eq!(status["services"][0]["log"], "journal of collector.service", "{status}");
    let (status, text) = unit.install.run("support-bundle");
    assert!(status == 0 && !text.contains("not all of it is there"), "{text}");
    let members = members(&unit.install.only("support-bundle-"));
    let member = |path: &str| members.iter().find(|(name, _)| name == path).unwrap().1.as_str();
    let log = member("logs/collector.log");
    assert!(log.contains("receipt accepted") && log.contains("code=killed, status=9/KILL"), "{log}");
    let processes: Value = serde_json::from_str(member("process/processes.json")).unwrap();
    let facts = &processes[0];
    assert_eq!(
        (&facts["restarts"], &facts["state"], &facts["exit_code"]),
        (&1.into(), &"running".into(), &Value::Null)
    );
    let started: Timestamp = facts["started"].as_str().unwrap().parse().unwrap();
    assert!(began < started && started < Timestamp::now(), "{facts}");
    assert_eq!(facts["finished"], Value::Null);
}

#[test]
fn what_the_owner_may_not_yet_is_said_with_what_to_do() {
    let mut unit = Unit::laid_out(|text| text);
    let (status, text) = unit.install.run("start 1.0.0");
    assert!(status != 0 && text.contains("systemd knows no unit collector.service"), "{text}");
    unit.is_known_to_systemd();
    let (status, text) = unit.install.run("start 1.0.0");
    assert!(status == 1 && text.contains("/etc/polkit-1/rules.d"), "{text}");
    unit.is_the_owners_to_start();
    unit.install.start("1.0.0");
    // The rule is for this unit alone.
    let other =
        "setpriv --reuid 1000 --regid 1000 --init-groups systemctl --no-ask-password stop dbus.service";
    unit.machine.does(&format!("! {other} 2>&1"));
    unit.install.call = unit.machine.call("--clear-groups");
    let (status, text) = unit.install.run("logs stats");
    assert!(status == 1 && text.contains("this user may not") && text.contains("usermod"), "{text}");
    let (status, text) = unit.install.run("status");
    assert!(status == 0 && text.contains("this user may not"), "{text}");
}
