//! Releases that do not work, found out before clients reach them: everything is as before, and nothing is lost.

use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stories::broken::{self, Broken};
use crate::world::World;

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
