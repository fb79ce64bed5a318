//! opsctl killed at every step of an operation, on an install that a client writes to.
//!
//! All moments: `OPSCTL_SWEEP=whole`. Without that, a few of each operation are taken.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::stand::{Stand, Writes as _, begin, does, exits};

/// How far into a step opsctl is killed, in percent of the time that the step took when nothing killed it.
const FRACTIONS: [u32; 2] = [0, 60];

pub(crate) fn an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new<S: Stand>(stand: &S) {
    let sweep = Sweep {
        operation: &["upgrade", "1.1.0"],
        releases: ("1.0.0", "1.1.0"),
        back: &["rollback"],
        // While it is dumped, copied and migrated, while the new release is proven, and behind the commit point.
        representative: &[
            ("take-backup", 1),
            ("take-restore-point", 0),
            ("migrate", 1),
            ("prove-canary", 1),
            ("start", 0),
            ("pass-gates", 1),
        ],
    };
    sweep.run(stand);
}

pub(crate) fn a_rollback_killed_at_any_step_ends_wholly_old_or_wholly_new<S: Stand>(stand: &S) {
    let sweep = Sweep {
        operation: &["rollback"],
        releases: ("1.1.0", "1.0.0"),
        back: &["upgrade", "1.1.0", "--skip-backup"],
        representative: &[("quiesce", 1), ("swap", 0), ("select-release", 0), ("start", 1)],
    };
    does(stand, sweep.back);
    sweep.run(stand);
}

pub(crate) fn a_restore_killed_at_any_step_ends_wholly_old_or_wholly_new<S: Stand>(stand: &S) {
    let sweep = Sweep {
        operation: &["restore", "latest"],
        releases: ("1.1.0", "1.1.0"),
        back: &["restore", "--undo"],
        representative: &[("load-backup", 1), ("quiesce", 1), ("swap", 0), ("start", 1)],
    };
    stand.writer().finish();
    does(stand, &["backup"]);
    sweep.run(stand);
}

/// One operation, from a state to another and back.
pub(crate) struct Sweep {
    pub(crate) operation: &'static [&'static str],
    /// The release that serves before, and the one that serves when it is through.
    pub(crate) releases: (&'static str, &'static str),
    /// What leads from the state behind it to the one before.
    pub(crate) back: &'static [&'static str],
    /// The moments that are taken in each run: the first step of a kind, and the index of the fraction.
    pub(crate) representative: &'static [(&'static str, usize)],
}

/// A step of an operation that nothing disturbed.
struct Undisturbed {
    kind: String,
    took: Duration,
}

/// What is asked for after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    Abort,
    Resume,
    /// The resume is killed too, and resumed.
    ResumeTwice,
}

impl Sweep {
    pub(crate) fn run<S: Stand>(&self, stand: &S) {
        let steps = self.undisturbed(stand);
        for (index, (step, fraction)) in self.moments(&steps).into_iter().enumerate() {
            let way_out = [WayOut::Abort, WayOut::Resume, WayOut::ResumeTwice][index % 3];
            let into = steps[step].took * FRACTIONS[fraction] / 100;
            println!("step {}, {}, {into:?} into it, then {way_out:?}", step + 1, steps[step].kind);
            self.killed_at(stand, step + 1, into, way_out);
        }
        exits(stand, 2, &["resume"]);
    }

    /// Its steps, and how long each takes, when nothing goes wrong.
    fn undisturbed<S: Stand>(&self, stand: &S) -> Vec<Undisturbed> {
        let ended = exits(stand, 0, self.operation);
        let named = |name: &'static str| ended.events.iter().filter(move |event| event["event"] == name);
        let kinds = named("step-started").map(|event| event["step"]["step"].as_str().unwrap().to_owned());
        let times = named("step-finished").map(|event| event["seconds"].as_f64().unwrap());
        let step = |(kind, seconds)| Undisturbed { kind, took: Duration::from_secs_f64(seconds) };
        let steps = kinds.zip(times).map(step).collect();
        self.go_back(stand);
        steps
    }

    /// Numbers of steps, from 0, and indices of fractions.
    fn moments(&self, steps: &[Undisturbed]) -> Vec<(usize, usize)> {
        if std::env::var("OPSCTL_SWEEP").is_ok_and(|which| which == "whole") {
            return (0..steps.len()).flat_map(|step| [(step, 0), (step, 1)]).collect();
        }
        let first = |kind: &str| {
            let found = steps.iter().position(|step| step.kind == kind);
            found.unwrap_or_else(|| panic!("{:?} has no step {kind}", self.operation))
        };
        self.representative.iter().map(|(kind, fraction)| (first(kind), *fraction)).collect()
    }

    fn killed_at<S: Stand>(&self, stand: &S, step: usize, into: Duration, way_out: WayOut) {
        let writer = stand.writer();
        let before = stand.essence();
        let told = format!("step {step}, {into:?}, {way_out:?}");
        let reached = format!("\"number\":{step},");
        let killed = begin(stand, self.operation).kill_if_at(&reached, into);
        if !killed || does(stand, &["status"])["unfinished"].is_null() {
            // It was through before it could be killed, or had nothing left to do but to end.
            writer.finish();
            return self.go_back(stand);
        }
        leave_half_a_write(stand);
        let unfinished = exits(stand, 3, &["backup"]);
        assert!(unfinished.fault().contains("opsctl resume"), "{told}: {}", unfinished.fault());
        let went_on = leave(stand, way_out, &told);
        let (from, to) = self.releases;
        stand.assert_serves(if went_on { to } else { from });
        writer.goes_on();
        let (acknowledged, stored) = (writer.finish(), stand.stored());
        // All but an upgrade put other data in the place of what was written to: that is kept beside.
        let kept = if self.operation[0] == "upgrade" { BTreeSet::new() } else { stand.stored_beside() };
        let lost: Vec<String> =
            acknowledged.into_iter().filter(|id| !stored.contains(id) && !kept.contains(id)).collect();
        assert_eq!(lost, Vec::<String>::new(), "{told}");
        if went_on {
            stand.assert_tidy();
            return self.go_back(stand);
        }
        // A restored database that served for a moment is kept when a restore is undone: clients may have written to it.
        stand.drop_kept("side");
        stand.assert_tidy();
        assert_eq!(stand.essence(), before, "{told}");
    }

    fn go_back<S: Stand>(&self, stand: &S) {
        does(stand, self.back);
        stand.assert_serves(self.releases.0);
    }
}

/// As a kill in the middle of a write leaves it.
fn leave_half_a_write<S: Stand>(stand: &S) {
    for folder in [".", "backup", ".opsctl"] {
        if stand.path(folder).is_dir() {
            fs::write(stand.path(folder).join(".opsctl-tmp-Ab12Cd"), "API_KEY_SECRET=").unwrap();
        }
    }
}

/// Leads out of the interrupted operation, and says whether it went on to its end.
fn leave<S: Stand>(stand: &S, way_out: WayOut, told: &str) -> bool {
    match way_out {
        WayOut::Abort => {
            let aborted = begin(stand, &["abort"]).wait();
            match aborted.code {
                Some(0) => return false,
                // Past its commit point, or with nothing left but tidying up, there is only forward.
                Some(3) => {}
                _ => panic!("{told}: {}", aborted.told()),
            }
        }
        WayOut::Resume => {}
        WayOut::ResumeTwice => {
            begin(stand, &["resume"]).kill_if_at("step-started", Duration::from_millis(40));
        }
    }
    let resumed = begin(stand, &["resume"]).wait();
    match resumed.code {
        Some(0) => true,
        // The resume that was to be killed was quicker.
        Some(2) if way_out == WayOut::ResumeTwice => true,
        _ => panic!("{told}: {}", resumed.told()),
    }
}
