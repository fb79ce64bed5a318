//! What a call of opsctl has around it, beside the install.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use opsctl::interrupt::Interrupt;
use opsctl::journal::Journal;
use opsctl::model::operation::Actor;
use opsctl::plan::by_hand::ByHand;
use opsctl::plan::runner::Runner;
use opsctl::ports::Limits;
use opsctl::report::{Event, Reporter};

use crate::fake::{Fake, FakeWorld};

const LIMITS: Limits = Limits {
    start: Duration::from_secs(3),
    stable: Duration::from_secs(1),
    canary_stable: Duration::from_secs(1),
    migrate: Duration::from_secs(20),
};

struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event<'_>) {}
}

/// Carries out plans on a world in memory.
pub(crate) fn runner<'r, 'f>(
    world: &'r FakeWorld<'f>,
    journal: &'r mut Journal,
    interrupt: &'r Interrupt,
) -> Runner<'r, &'f Fake, &'f Fake, &'f Fake, &'f Fake, &'f Fake> {
    Runner { world, journal, reporter: &Silent, interrupt, limits: LIMITS, by_hand: &*BY_HAND }
}

static BY_HAND: LazyLock<ByHand> = LazyLock::new(ByHand::default);

/// Who calls.
pub(crate) fn actor() -> Actor {
    Actor {
        user: "root".to_owned(),
        sudo_user: None,
        host: "here".to_owned(),
        pid: 1,
        ssh_client: None,
        ci: None,
        terminal: false,
        tty: None,
    }
}

/// A directory in memory where there is one: the sweep syncs a journal some hundred thousand times.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a directory for this test")
}
