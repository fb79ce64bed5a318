//! Releases that do not work, found out before clients reach them: everything is as before, and nothing is lost.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stand::begin;
use crate::stories::broken::{self, Broken};
use crate::world::World;

/// Well below the time that a canary is waited for.
const AT_ONCE: Duration = Duration::from_mins(1);

/// Nothing in these releases gets well by waiting longer.
const IMPATIENT: Description = Description::Brisk {
    health: "watch_for = \"4s\"\nstable_for = \"2s\"\nstart_timeout = \"8s\"\n",
    migrate: "timeout = \"6s\"\n",
};

#[test]
fn a_release_that_does_not_work_is_undone() {
    let releases = [
        Broken { release: "2.0.0-migration-fails", because: "migration", wrote: true },
        Broken { release: "2.0.0-migration-hangs", because: "did not end within 6 s", wrote: true },
        Broken { release: "2.0.0-crash-loop", because: "ended with status 1", wrote: true },
        Broken { release: "2.0.0-never-ready", because: "ready", wrote: true },
        Broken { release: "2.0.0-wrong-version", because: "reports version", wrote: true },
    ];
    let stack = Stack::of(Settings::new(18, "1.2.0").described(IMPATIENT));
    let before = World { databases: Vec::new(), ..stack.world() };
    broken::are_undone(&stack, "1.2.0", &releases, |broken, failed| {
        assert_eq!(World { databases: Vec::new(), ..stack.world() }, before);
        let rows = stack.number(failed, "SELECT count(*) FROM records");
        assert!(rows > 0 && rows <= stack.rows(), "{}: {rows} rows", broken.release);
    });
    assert_eq!(stack.backup_files().len(), releases.len(), "each upgrade began with a backup");
}

#[test]
fn an_upgrade_whose_canary_is_waited_for_goes_back_at_once() {
    let stack = Stack::up(18, "1.1.0");
    let writer = stack.writer();
    let mut run = begin(&stack, &["upgrade", "2.0.0-never-ready"]);
    run.reaches("prove");
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    run.signal(Signal::INT);
    let ended = run.wait();
    assert!(ended.code == Some(4) && began.elapsed() < AT_ONCE, "{:?}: {}", began.elapsed(), ended.told());
    assert!(ended.fault().contains("interrupted"), "{}", ended.fault());
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}
