//! The sweep: every moment at which opsctl can be killed, and every moment of the recovery from that, until nothing new is found.

#[path = "attempts.rs"]
mod attempts;
#[path = "power.rs"]
mod power;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opsctl::error::{Exit, Failure};
use opsctl::interrupt::Interrupt;
use opsctl::journal::record::{Closing, Planned, Progress, Record, SCHEMA};
use opsctl::journal::state_dir::StateDir;
use opsctl::journal::{Journal, read};
use opsctl::model::operation::OperationId;
use opsctl::plan::runner::Ended;
use opsctl::ports::Clock;

use crate::call::{actor, runner, scratch};
use crate::fake::install::Install;
use crate::fake::{Fake, FakeWorld, Moment, timestamp};
use crate::lines::{Lines, lengths};
use crate::outcome::{Afterwards, Tidying};
use crate::scenarios::Scenario;

pub(crate) use attempts::{killed_three_times, killed_three_times_behind_the_commit_point};
pub(crate) use power::cut_off;

/// How much was swept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Moments that differ in what is durable.
    pub states: usize,
    /// Runs of opsctl.
    pub runs: usize,
}

/// What is durable at some moment, and how it came to that.
#[derive(Clone)]
struct State {
    install: Install,
    journal: Vec<u8>,
    path: Vec<String>,
    history: History,
}

/// What has a say in how an operation may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum History {
    /// Only kills.
    Killed,
    /// Somebody gave it up.
    GivenUp,
    /// Something was made to fail.
    MadeToFail,
}

/// How opsctl is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Begin,
    BeginAndFailAt(usize),
    Resume,
    Abort,
}

/// What a run of opsctl leaves.
struct Run {
    ended: Result<Ended, Failure>,
    last: State,
    moments: Vec<Moment>,
    boundaries: usize,
}

/// Sweeps a scenario; panics with the whole story of the first thing that is not as it must be.
pub(crate) async fn sweep(scenario: &Scenario) -> Tally {
    let dir = scratch();
    let mut sweep = Sweep::new(scenario, dir.path());
    let first = sweep.begin().await;
    let mut queue = VecDeque::from(first);
    while let Some(state) = queue.pop_front() {
        queue.extend(sweep.recover_from(&state).await);
    }
    sweep.tally
}

struct Sweep<'s> {
    scenario: &'s Scenario,
    dir: StateDir,
    operation: OperationId,
    seen: HashSet<(String, History, u64)>,
    tally: Tally,
}

impl<'s> Sweep<'s> {
    fn new(scenario: &'s Scenario, install: &Path) -> Self {
        let dir = StateDir::of(install);
        dir.create().expect("a state directory");
        let operation = OperationId::new(timestamp(), scenario.plan.kind);
        Self { scenario, dir, operation, seen: HashSet::new(), tally: Tally::default() }
    }

    fn start_state(&self) -> State {
        State {
            install: self.scenario.install.clone(),
            journal: Vec::new(),
            path: Vec::new(),
            history: History::Killed,
        }
    }

    /// Runs the operation undisturbed, and then with each of its boundaries failing.
    async fn begin(&mut self) -> Vec<State> {
        let start = self.start_state();
        let undisturbed = self.run(&start, Call::Begin).await;
        let boundaries = undisturbed.boundaries;
        let mut found = self.judge(undisturbed);
        for boundary in 0..boundaries {
            let run = self.run(&start, Call::BeginAndFailAt(boundary)).await;
            self.hold_to(&run);
            found.extend(self.waiting(&run));
        }
        found
    }

    /// Recovers in every way from a moment at which opsctl was killed.
    async fn recover_from(&mut self, state: &State) -> Vec<State> {
        self.write_journal(&state.journal);
        let mut operations = self.dir.operations().expect("a readable directory");
        let Some(operation) = operations.pop() else {
            self.hold(state, None, "the operation never began");
            return Vec::new();
        };
        if let Some(ending) = operation.progress.expect("a readable journal").ending {
            self.hold(state, Some(ending), "killed when all was done");
            return Vec::new();
        }
        let mut found = Vec::new();
        for call in [Call::Resume, Call::Abort] {
            for pause in pauses(&state.install) {
                let mut state = state.clone();
                state.path.push(format!("{call:?} after {pause:?}"));
                state.install.live_on(state.install.now + pause);
                if call == Call::Abort && state.history == History::Killed {
                    state.history = History::GivenUp;
                }
                let run = self.run(&state, call).await;
                found.extend(self.judge(run));
            }
        }
        found
    }

    /// Checks what a run of opsctl left, and returns the moments that were not seen before.
    fn judge(&mut self, run: Run) -> Vec<State> {
        self.hold_to(&run);
        let waiting = self.waiting(&run);
        let mut fresh = self.unseen(run);
        fresh.extend(waiting);
        self.tally.states += fresh.len();
        fresh
    }

    /// What a run leaves that did not come to an end: it waits where it was planned to, or past its re-hash.
    fn waiting(&mut self, run: &Run) -> Option<State> {
        if !waits(run) {
            return None;
        }
        let told = format!("waits: {}", Lines::of(&run.last.journal).told_by(run.last.journal.len()));
        let fresh = self.seen.insert((told, run.last.history, run.last.install.essence()));
        fresh.then(|| run.last.clone())
    }

    fn hold_to(&self, run: &Run) {
        if waits(run) {
            let (problems, path) = (&run.last.install.violations, &run.last.path);
            assert!(
                problems.is_empty(),
                "it waits, but:\n- {}\nafter:\n  {}",
                problems.join("\n- "),
                path.join("\n  ")
            );
            return;
        }
        let entries = Lines::of(&run.last.journal).entries;
        let ending = Progress::of(&entries).and_then(|progress| progress.ending);
        let story = || format!("{:?}, {:?}\n  {}", ending, run.ended, run.last.path.join("\n  "));
        let Some(ending) = ending else { panic!("the journal is not closed: {}", story()) };
        let fits = match (&run.ended, ending) {
            (Ok(_), Closing::Done | Closing::Aborted | Closing::RolledBack | Closing::Failed) => true,
            (Err(failure), ending) => exit_of(ending) == failure.exit,
            _ => false,
        };
        assert!(fits, "the exit code and the journal disagree: {}", story());
        if run.last.history == History::Killed {
            assert_eq!(ending, self.scenario.ends, "kills alone changed how it ends: {}", story());
        }
        self.hold(&run.last, Some(ending), &format!("{:?}", run.ended));
    }

    /// What a kill at each moment of a run would leave, as far as nothing like it was seen before.
    fn unseen(&mut self, run: Run) -> Vec<State> {
        let Run { last, moments, .. } = run;
        let lines = Lines::of(&last.journal);
        let mut told = BTreeMap::new();
        let mut fresh = Vec::new();
        for Moment { install, journal, at } in moments {
            let essence = install.essence();
            for (length, place) in lengths(&last.journal, journal, at, last.path.len()) {
                let told = told.entry(length).or_insert_with(|| lines.told_by(length));
                if self.seen.insert((told.clone(), last.history, essence)) {
                    let mut path = last.path[..last.path.len() - 1].to_vec();
                    path.push(format!("killed {place}, {told}"));
                    let journal = last.journal[..length].to_vec();
                    fresh.push(State { install: install.clone(), journal, path, history: last.history });
                }
            }
        }
        fresh
    }

    fn hold(&self, state: &State, ending: Option<Closing>, end: &str) {
        let untidy = ending == Some(Closing::PastCommit) || state.history == History::MadeToFail;
        let tidying = if untidy { Tidying::MayBeMissing } else { Tidying::Done };
        let (scenario, install) = (self.scenario, &state.install);
        let problems = Afterwards { scenario, install, ending, tidying }.problems();
        assert!(
            problems.is_empty(),
            "{ending:?} ({end}), but:\n- {}\nafter:\n  {}",
            problems.join("\n- "),
            state.path.join("\n  ")
        );
    }

    /// One call of opsctl, as its commands make it.
    async fn run(&mut self, from: &State, call: Call) -> Run {
        self.tally.runs += 1;
        let path = self.journal();
        let mut fake = Fake::new(from.install.clone(), path.clone());
        if let Call::BeginAndFailAt(boundary) = call {
            fake = fake.failing_at(boundary);
        }
        let world = fake.world();
        let ended = match call {
            Call::Begin | Call::BeginAndFailAt(_) => self.start(&world).await,
            Call::Resume | Call::Abort => {
                self.write_journal(&from.journal);
                self.go_on(&world, call).await
            }
        };
        let bytes = std::fs::read(&path).expect("a journal");
        let boundaries = fake.boundaries();
        let (install, moments) = fake.into_parts();
        let mut path = from.path.clone();
        path.push(format!("{call:?} to its end"));
        let failed = matches!(call, Call::BeginAndFailAt(_));
        let history = if failed { History::MadeToFail } else { from.history };
        Run { ended, last: State { install, journal: bytes, path, history }, moments, boundaries }
    }

    async fn start(&self, world: &FakeWorld<'_>) -> Result<Ended, Failure> {
        let directory = self.dir.operation(&self.operation);
        if directory.exists() {
            std::fs::remove_dir_all(directory).expect("a directory of this test");
        }
        let plan = self.scenario.plan.clone();
        let operation = self.operation.clone();
        let mut journal = self.dir.begin(&operation).expect("a journal");
        let planned = Planned {
            schema: SCHEMA,
            operation,
            opsctl: "0.1.0".to_owned(),
            actor: actor(),
            arguments: Vec::new(),
            backup_dir: None,
            plan: plan.clone(),
        };
        journal.append(world.clock.now(), Record::Planned(Box::new(planned))).expect("room in memory");
        runner(world, &mut journal, &Interrupt::never()).run(&plan).await
    }

    async fn go_on(&self, world: &FakeWorld<'_>, call: Call) -> Result<Ended, Failure> {
        let ended = self.reopen_and(world, call).await;
        match ended {
            Err(Failure { exit: Exit::Refused, .. }) => {
                let (entries, _) = read(&self.journal()).expect("a journal");
                let done = Progress::of(&entries).expect("a begun operation");
                let plan = &self.scenario.plan;
                let past_commit = plan.commit.is_some_and(|commit| done.touched > commit);
                assert!(past_commit || plan.is_tidying(done.touched - 1), "{ended:?}");
                self.reopen_and(world, Call::Resume).await
            }
            ended => ended,
        }
    }

    async fn reopen_and(&self, world: &FakeWorld<'_>, call: Call) -> Result<Ended, Failure> {
        let (mut journal, entries) = Journal::reopen(&self.journal()).expect("a journal");
        let done = Progress::of(&entries).expect("a begun operation");
        let resumed = Record::Resumed { actor: actor(), opsctl: "0.1.0".to_owned() };
        journal.append(world.clock.now(), resumed).expect("room in memory");
        let interrupt = Interrupt::never();
        let mut runner = runner(world, &mut journal, &interrupt);
        match call {
            Call::Abort => runner.abort(&done).await.map(|()| Ended::Done),
            _ => runner.resume(&done).await,
        }
    }

    fn journal(&self) -> PathBuf {
        self.dir.journal(&self.operation)
    }

    fn write_journal(&self, bytes: &[u8]) {
        File::create(self.journal()).and_then(|mut file| file.write_all(bytes)).expect("room in memory");
    }
}

/// A container that outlives opsctl may have come to its end when opsctl is called again, or not.
fn pauses(install: &Install) -> Vec<Duration> {
    let outlives = install.one_offs.values().any(crate::fake::install::Container::runs);
    let long = outlives.then_some(Duration::from_mins(1));
    [Duration::ZERO].into_iter().chain(long).collect()
}

/// An operation that is paused, or only goes on: nothing of it is closed.
fn waits(run: &Run) -> bool {
    match &run.ended {
        Ok(ended) => matches!(ended, Ended::Paused(..)),
        Err(failure) => failure.exit == Exit::Interrupted,
    }
}

fn exit_of(ending: Closing) -> Exit {
    match ending {
        Closing::Done => Exit::Done,
        Closing::RolledBack => Exit::RolledBack,
        Closing::PastCommit => Exit::PastCommit,
        Closing::Failed | Closing::Aborted => Exit::Failed,
        Closing::Left => unreachable!("nobody takes over"),
    }
}
