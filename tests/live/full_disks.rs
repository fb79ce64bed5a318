//! A full disk under the database: what was begun is undone, or waits until there is room.

use crate::disk::Disk;
use crate::docker::docker;
use crate::settings::{Description, Settings};
use crate::stack::Stack;

#[test]
fn a_full_disk_under_the_database_is_gone_back_from() {
    let directory = tempfile::Builder::new().prefix("opsctl-live-disk-").tempdir().unwrap();
    let disk = Disk::mounted_at(&directory.path().join("disk"), 150);
    let data = directory.path().join("disk/data");
    std::fs::create_dir(&data).unwrap();
    let overlay = format!(
        "volumes:\n  pgdata:\n    driver: local\n    driver_opts: {{type: none, o: bind, device: {}}}\n",
        data.display()
    );
    let impatient = Description::Brisk {
        health: "watch_for = \"3s\"\nstable_for = \"2s\"\nstart_timeout = \"20s\"\n",
        migrate: "timeout = \"10s\"\n",
    };
    let stack = Stack::of(Settings::new(18, "1.1.0").described(impatient).overlaid(&overlay));
    let writer = stack.writer();
    let before = stack.world();

    // No room for the copy.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("take backup");
    disk.fill_but(1 << 20);
    let ended = run.wait();
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("No space left"), "{}", ended.fault());
    assert!(ended.fault().contains("free some space on the database server's disk"), "{}", ended.fault());
    disk.free();
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().databases, before.databases);

    // Room for the copy, and none for the log that comes after it: the server falls over until there is room again.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    disk.fill_but(0);
    let floods = "SELECT count(pg_logical_emit_message(false, 'flood', repeat('x', 100000))) \
                  FROM generate_series(1, 400)";
    assert!(!stack.psql("postgres", floods).status.success(), "the log found room");
    let ended = run.wait();
    assert!(matches!(ended.code, Some(4 | 6)), "{}", ended.told());
    disk.free();
    // What the engine starts again and again, it starts ever more rarely.
    docker(["restart", &stack.server()]);
    if ended.code == Some(6) {
        assert!(ended.fault().contains("opsctl resume"), "{}", ended.fault());
        stack.server_gets_well();
        let resumed = stack.ops(&["resume"]);
        assert_eq!(resumed.code, Some(4), "{}", resumed.told());
    }
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations, before.migrations);
    writer.finish_with_nothing_lost();
    drop(stack);
    drop(disk);
}
