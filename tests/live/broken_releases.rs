//! Releases that do not work, found out before clients reach them: everything is as before, and nothing is lost.

use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::world::World;

/// Nothing in these releases gets well by waiting longer.
const IMPATIENT: Description = Description::Brisk {
    health: "watch_for = \"4s\"\nstable_for = \"2s\"\nstart_timeout = \"8s\"\n",
    migrate: "timeout = \"6s\"\n",
};

/// What is to be found out about a release.
struct Broken {
    release: &'static str,
    /// What the reason must name.
    because: &'static str,
}

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
    let writer = stack.writer();
    for broken in releases {
        let (before, failed_before) = (stack.world(), stack.kept("failed"));
        let ended = stack.ops_exits(4, &["upgrade", broken.release]);
        assert!(ended.fault().contains(broken.because), "{}: {}", broken.release, ended.fault());
        writer.goes_on();
        stack.assert_serves("1.2.0");
        stack.assert_tidy();
        let after = stack.world();
        assert_eq!(World { databases: Vec::new(), ..after }, World { databases: Vec::new(), ..before });
        let failed: Vec<String> =
            stack.kept("failed").into_iter().filter(|name| !failed_before.contains(name)).collect();
        // Also of a migration that was taken back: the server counts what it wrote all the same.
        assert_eq!(failed.len(), 1, "{}: what failed is kept for support", broken.release);
        let rows = stack.number(&failed[0], "SELECT count(*) FROM records");
        assert!(rows > 0 && rows <= stack.rows(), "{}: {rows} rows", broken.release);
        assert_eq!(stack.kept("restore_point"), Vec::<String>::new(), "{}", broken.release);
    }
    let log = writer.finish_with_nothing_lost();
    assert_eq!(stack.backup_files().len(), releases.len(), "each upgrade began with a backup");
    println!("{} writes through {} failed upgrades", log.acknowledged.len(), releases.len());
}
