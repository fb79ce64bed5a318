//! opsctl killed at every step of an operation, on an install that a client writes to.
//!
//! All moments: `OPSCTL_SWEEP=whole`. Without that, a few of each operation are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::stand::{Stand, Writes as _, begin, does, exits};

/// How far into a step opsctl is killed, in percent of the time that the step took when nothing killed it.
const FRACTIONS: [u32; 2] = [0, 60];

/// One operation, from a state to another and back.
pub(crate) struct Sweep {
    pub(crate) operation: &'static [&'static str],
    /// The release that serves before, and the one that serves when it is through.
    pub(crate) releases: (&'static str, &'static str),
    /// What leads from the state behind it to the one before.
    pub(crate) back: &'static [&'static str],
    /// The moments that are taken in each run: number of the step, from 1, and index of the fraction.
    pub(crate) representative: &'static [(usize, usize)],
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
        let durations = self.durations(stand);
        for (index, (step, fraction)) in self.moments(durations.len()).into_iter().enumerate() {
            let way_out = [WayOut::Abort, WayOut::Resume, WayOut::ResumeTwice][index % 3];
            let into = durations[&step] * FRACTIONS[fraction] / 100;
            println!("step {step}, {into:?} into it, then {way_out:?}");
            self.killed_at(stand, step, into, way_out);
        }
    }

    /// How long each step takes, by its number, when nothing goes wrong.
    fn durations<S: Stand>(&self, stand: &S) -> BTreeMap<usize, Duration> {
        let ended = exits(stand, 0, self.operation);
        let named = |event: &&Value, name: &str| event["event"] == name;
        let finished = ended.events.iter().filter(|event| named(event, "step-finished"));
        let durations = finished.enumerate().map(|(index, event)| {
            (index + 1, Duration::from_secs_f64(event["seconds"].as_f64().expect("seconds")))
        });
        let durations: BTreeMap<_, _> = durations.collect();
        does(stand, self.back);
        stand.assert_serves(self.releases.0);
        durations
    }

    fn moments(&self, steps: usize) -> Vec<(usize, usize)> {
        if std::env::var("OPSCTL_SWEEP").is_ok_and(|which| which == "whole") {
            return (1..=steps).flat_map(|step| [(step, 0), (step, 1)]).collect();
        }
        self.representative.to_vec()
    }

    fn killed_at<S: Stand>(&self, stand: &S, step: usize, into: Duration, way_out: WayOut) {
        let writer = stand.writer();
        let before = stand.essence();
        let told = format!("step {step}, {into:?}, {way_out:?}");
        let reached = format!("\"number\":{step},");
        if !begin(stand, self.operation).kill_if_at(&reached, into) {
            // It was through before it could be killed.
            writer.finish();
            return self.go_back(stand);
        }
        does(stand, &["status"]);
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
