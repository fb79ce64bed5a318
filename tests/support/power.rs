//! The power goes: opsctl and all that it had started are gone at once, and nothing starts the product again.

use opsctl::journal::record::Progress;
use opsctl::plan::step::Step;

use super::{Call, State, Sweep, scratch, waits};
use crate::fake::install::Phase;
use crate::lines::Lines;
use crate::scenarios::Scenario;

/// Cuts the power at every moment behind the start of the product, on the way on and on the way back, and resumes: the
/// operation ends as it would have ended, with the product running. Says how many moments there were.
pub(crate) async fn cut_off(scenario: &Scenario) -> usize {
    let dir = scratch();
    let mut sweep = Sweep::new(scenario, dir.path());
    let ahead = sweep.begin().await;
    let mut states = ahead.clone();
    for state in ahead.iter().filter(|state| is_unfinished(state)) {
        let mut state = state.clone();
        state.history = super::History::GivenUp;
        let run = sweep.run(&state, Call::Abort).await;
        states.extend(sweep.judge(run));
    }
    let mut cut = 0;
    for mut state in states.into_iter().filter(had_started_the_product) {
        for container in state.install.services.values_mut() {
            container.phase = Phase::Exited(137);
        }
        state.path.push("the power is cut".to_owned());
        let run = sweep.run(&state, Call::Resume).await;
        assert!(!waits(&run), "{:?} after\n  {}", run.ended, run.last.path.join("\n  "));
        sweep.hold_to(&run);
        cut += 1;
    }
    cut
}

fn is_unfinished(state: &State) -> bool {
    Progress::of(&Lines::of(&state.journal).entries).is_some_and(|progress| progress.ending.is_none())
}

fn had_started_the_product(state: &State) -> bool {
    let Some(progress) = Progress::of(&Lines::of(&state.journal).entries) else { return false };
    let done = match &progress.going_back {
        Some(back) => &back.steps[..back.finished],
        None => &progress.planned.plan.steps[..progress.finished],
    };
    progress.ending.is_none() && done.iter().any(|step| matches!(step, Step::Start { .. }))
}
