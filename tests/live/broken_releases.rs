//! Releases that do not work, found out before clients reach them: everything is as before, and nothing is lost.

use crate::broken::{Broken, are_undone};
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::world::World;

/// Nothing in these releases gets well by waiting longer.
const IMPATIENT: Description = Description::Brisk {
    health: "watch_for = \"4s\"\nstable_for = \"2s\"\nstart_timeout = \"8s\"\n",
    migrate: "timeout = \"6s\"\n",
};

#[test]
fn a_release_that_cannot_migrate_is_undone() {
    story(
        18,
        &[
            Broken { release: "2.0.0-migration-fails", because: "migration" },
            Broken { release: "2.0.0-migration-hangs", because: "did not end within 6 s" },
        ],
    );
}

#[test]
fn a_release_that_does_not_get_well_is_undone() {
    story(
        15,
        &[
            Broken { release: "2.0.0-crash-loop", because: "ended with status 1" },
            Broken { release: "2.0.0-never-ready", because: "ready" },
            Broken { release: "2.0.0-wrong-version", because: "reports version" },
        ],
    );
}

fn story(postgres: u32, releases: &[Broken]) {
    let stack = Stack::of(Settings::new(postgres, "1.2.0").described(IMPATIENT));
    let before = World { databases: Vec::new(), ..stack.world() };
    are_undone(&stack, "1.2.0", releases, |broken, failed| {
        assert_eq!(World { databases: Vec::new(), ..stack.world() }, before);
        let rows = stack.number(failed, "SELECT count(*) FROM records");
        assert!(rows > 0 && rows <= stack.rows(), "{}: {rows} rows", broken.release);
    });
    assert_eq!(stack.backup_files().len(), releases.len(), "each upgrade began with a backup");
}
