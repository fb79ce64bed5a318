//! opsctl killed again and again in the same step.

use opsctl::error::Exit;
use opsctl::journal::record::{Closing, Entry, Progress, Record};
use opsctl::plan::step::Step;

use super::{Call, History, State, Sweep, scratch};
use crate::fake::timestamp;
use crate::lines::Lines;
use crate::scenarios::Scenario;

/// Kills opsctl three times in the same step, before it took effect, and says how the operation ends when it is resumed
/// once more.
pub(crate) async fn killed_three_times(scenario: &Scenario, is_it: impl Fn(&Step) -> bool) -> Closing {
    let dir = scratch();
    let mut sweep = Sweep::new(scenario, dir.path());
    let state = three_times(&mut sweep, is_it, Moment::First).await;
    let run = sweep.run(&state, Call::Resume).await;
    sweep.hold_to(&run);
    ending(&run.last.journal).expect("an end")
}

/// Kills opsctl three times in the step that lets clients reach the new release, as late as can be, and resumes it: it is
/// left open, and ends when it is resumed once more.
pub(crate) async fn killed_three_times_behind_the_commit_point(
    scenario: &Scenario,
) -> (Exit, Vec<String>, Closing) {
    let dir = scratch();
    let mut sweep = Sweep::new(scenario, dir.path());
    let start = |step: &Step| matches!(step, Step::Start { .. });
    let state = three_times(&mut sweep, start, Moment::Last).await;
    let stuck = sweep.run(&state, Call::Resume).await;
    let failure = stuck.ended.expect_err("it was begun too often");
    assert_eq!(ending(&stuck.last.journal), None, "it is left open");
    let run = sweep.run(&stuck.last, Call::Resume).await;
    sweep.hold_to(&run);
    (failure.exit, failure.fault.evidence, ending(&run.last.journal).expect("an end"))
}

/// Which of the moments in the step is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    First,
    Last,
}

async fn three_times(sweep: &mut Sweep<'_>, is_it: impl Fn(&Step) -> bool, moment: Moment) -> State {
    let wanted = sweep.scenario.plan.steps.iter().position(is_it).expect("a step of the plan");
    let undisturbed = sweep.run(&sweep.start_state(), Call::Begin).await;
    let lines = Lines::of(&undisturbed.last.journal);
    let began = |entry: &Entry| matches!(entry.record, Record::Started { step, .. } if step == wanted);
    let at = lines.entries.iter().position(began).expect("it was begun");
    let length = lines.ends[at];
    let mut moments = undisturbed.moments.iter().filter(|moment| moment.journal == length);
    let killed = match moment {
        Moment::First => moments.next(),
        Moment::Last => moments.next_back(),
    };
    let mut journal = undisturbed.last.journal[..length].to_vec();
    for attempt in 2..=3 {
        let record = Record::Started { step: wanted, attempt };
        let entry =
            Entry { number: lines.entries[at].number + u64::from(attempt) - 1, at: timestamp(), record };
        journal.extend(serde_json::to_vec(&entry).expect("a record"));
        journal.push(b'\n');
    }
    let path = vec![format!("killed three times in step {wanted}")];
    let install = killed.expect("a moment in it").install.clone();
    State { install, journal, path, history: History::MadeToFail }
}

fn ending(journal: &[u8]) -> Option<Closing> {
    Progress::of(&Lines::of(journal).entries).and_then(|progress| progress.ending)
}
