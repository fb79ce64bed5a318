//! opsctl killed at every step of upgrade, restore and rollback, on a real stack that a client writes to.
//!
//! The whole takes a quarter of an hour: `OPSCTL_SWEEP=whole cargo test --test live kill_sweep`. Without that, a few
//! moments of each operation are taken, others than those of the stories about interruptions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::stack::Stack;

/// How far into a step opsctl is killed, in percent of the time that the step took when nothing killed it.
const FRACTIONS: [u32; 2] = [0, 60];

/// One operation, from a state to another and back.
struct Sweep {
    operation: &'static [&'static str],
    /// The release that serves before, and the one that serves when it is through.
    releases: (&'static str, &'static str),
    /// What leads from the state behind it to the one before.
    back: &'static [&'static str],
    /// The moments that are taken in each run: number of the step, from 1, and index of the fraction.
    representative: &'static [(usize, usize)],
}

/// What is asked for after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    Abort,
    Resume,
    /// The resume is killed too, and resumed.
    ResumeTwice,
}

#[test]
fn an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["upgrade", "1.1.0"],
        releases: ("1.0.0", "1.1.0"),
        back: &["rollback"],
        representative: &[(4, 1), (12, 0)],
    };
    let stack = Stack::up(18, "1.0.0");
    sweep.run(&stack);
}

#[test]
fn a_rollback_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["rollback"],
        releases: ("1.1.0", "1.0.0"),
        back: &["upgrade", "1.1.0", "--skip-backup"],
        representative: &[(2, 1), (3, 0), (4, 0), (5, 1)],
    };
    let stack = Stack::up(15, "1.0.0");
    watch_for_a_moment(&stack);
    stack.ops_does(sweep.back);
    sweep.run(&stack);
}

#[test]
fn a_restore_killed_at_any_step_ends_wholly_old_or_wholly_new() {
    let sweep = Sweep {
        operation: &["restore", "latest"],
        releases: ("1.1.0", "1.1.0"),
        back: &["restore", "--undo"],
        representative: &[(3, 0), (7, 1)],
    };
    let stack = Stack::up(15, "1.1.0");
    stack.writer().finish();
    stack.ops_does(&["backup"]);
    sweep.run(&stack);
}

impl Sweep {
    fn run(&self, stack: &Stack) {
        watch_for_a_moment(stack);
        let durations = self.durations(stack);
        for (index, (step, fraction)) in self.moments(durations.len()).into_iter().enumerate() {
            let way_out = [WayOut::Abort, WayOut::Resume, WayOut::ResumeTwice][index % 3];
            let into = durations[&step] * FRACTIONS[fraction] / 100;
            println!("step {step}, {into:?} into it, then {way_out:?}");
            self.killed_at(stack, step, into, way_out);
        }
    }

    /// How long each step takes, by its number, when nothing goes wrong.
    fn durations(&self, stack: &Stack) -> BTreeMap<usize, Duration> {
        let ended = stack.ops_exits(0, self.operation);
        let named = |event: &&Value, name: &str| event["event"] == name;
        let finished = ended.events.iter().filter(|event| named(event, "step-finished"));
        let durations = finished.enumerate().map(|(index, event)| {
            (index + 1, Duration::from_secs_f64(event["seconds"].as_f64().expect("seconds")))
        });
        let durations: BTreeMap<_, _> = durations.collect();
        stack.ops_does(self.back);
        stack.assert_serves(self.releases.0);
        durations
    }

    fn moments(&self, steps: usize) -> Vec<(usize, usize)> {
        if std::env::var("OPSCTL_SWEEP").is_ok_and(|which| which == "whole") {
            return (1..=steps).flat_map(|step| [(step, 0), (step, 1)]).collect();
        }
        self.representative.to_vec()
    }

    fn killed_at(&self, stack: &Stack, step: usize, into: Duration, way_out: WayOut) {
        let writer = stack.writer();
        let before = stack.world();
        let told = format!("step {step}, {into:?}, {way_out:?}");
        let reached = format!("\"number\":{step},");
        if !stack.begin(self.operation).kill_if_at(&reached, into) {
            // It was through before it could be killed.
            writer.finish();
            return self.go_back(stack);
        }
        stack.ops_does(&["status"]);
        let went_on = leave(stack, way_out, &told);
        let (from, to) = self.releases;
        stack.assert_serves(if went_on { to } else { from });
        writer.goes_on();
        let log = writer.finish();
        let missing = log.missing(&stack.client());
        // A rollback and a restore put other data in the place of what was written to: that is kept beside.
        let kept = if self.operation[0] == "upgrade" { BTreeSet::new() } else { kept_records(stack) };
        let lost: Vec<String> = missing.into_iter().filter(|id| !kept.contains(id)).collect();
        assert_eq!(lost, Vec::<String>::new(), "{told}");
        if went_on {
            stack.assert_tidy();
            return self.go_back(stack);
        }
        drop_what_served(stack);
        stack.assert_tidy();
        let after = stack.world();
        assert_eq!((&after.env, &after.images), (&before.env, &before.images), "{told}");
        assert_eq!(after.migrations, before.migrations, "{told}");
    }

    fn go_back(&self, stack: &Stack) {
        stack.ops_does(self.back);
        stack.assert_serves(self.releases.0);
    }
}

/// Leads out of the interrupted operation, and says whether it went on to its end.
fn leave(stack: &Stack, way_out: WayOut, told: &str) -> bool {
    match way_out {
        WayOut::Abort => {
            let aborted = stack.ops(&["abort"]);
            match aborted.code {
                Some(0) => return false,
                // Past its commit point, or with nothing left but tidying up, there is only forward.
                Some(3) => {}
                _ => panic!("{told}: {}", aborted.told()),
            }
        }
        WayOut::Resume => {}
        WayOut::ResumeTwice => {
            stack.begin(&["resume"]).kill_if_at("step-started", Duration::from_millis(40));
        }
    }
    let resumed = stack.ops(&["resume"]);
    match resumed.code {
        Some(0) => true,
        // The resume that was to be killed was quicker.
        Some(2) if way_out == WayOut::ResumeTwice => true,
        _ => panic!("{told}: {}", resumed.told()),
    }
}

/// The records in all databases that are kept beside the live one.
fn kept_records(stack: &Stack) -> BTreeSet<String> {
    let purposes = ["side", "restore_point", "replaced", "failed"];
    let kept = purposes.into_iter().flat_map(|purpose| stack.kept(purpose));
    let ids = kept.map(|database| stack.query(&database, "SELECT id FROM records"));
    ids.flat_map(|ids| ids.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A restored database that served for a moment is kept when a restore is undone: clients may have written to it.
fn drop_what_served(stack: &Stack) {
    for database in stack.kept("side") {
        stack.query("postgres", &format!("DROP DATABASE \"{database}\""));
    }
}

/// Describes the product with a shorter watch behind the start, which is the longest part of every operation.
fn watch_for_a_moment(stack: &Stack) {
    let described = stack.ops_does(&["init", "--stdout"])["template"].as_str().unwrap().to_owned();
    let text = format!("{described}\n[health]\nwatch_for = \"1s\"\n");
    fs::write(stack.path("opsctl.toml"), text).unwrap();
}
