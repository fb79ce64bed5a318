//! Disks that are full: what was begun is undone, or waits until there is room.

use crate::disk::Disk;
use crate::docker::docker;
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::world::World;

#[test]
fn a_full_disk_for_backups_or_records_is_waited_for() {
    let stack = Stack::of(Settings::new(15, "1.1.0"));
    let (backups, records) = (stack.backup_dir(), stack.path(".opsctl"));
    let backups = Disk::mounted_at(&backups, 120);
    let records = Disk::mounted_at(&records, 8);
    let writer = stack.writer();
    let before = stack.world();

    // Full from the beginning: nothing is begun.
    backups.fill_but(0);
    for arguments in [&["backup"][..], &["upgrade", "1.2.0"]] {
        let ended = stack.ops(arguments);
        assert!(matches!(ended.code, Some(1 | 3)), "{arguments:?}: {}", ended.told());
        assert!(ended.fault().contains("room") || ended.fault().contains("space"), "{}", ended.fault());
    }
    backups.free();
    records.fill_but(0);
    let ended = stack.ops_exits(1, &["upgrade", "1.2.0"]);
    assert!(ended.fault().contains("No space left"), "{}", ended.fault());
    records.free();
    assert_eq!(stack.world(), World { oddments: Vec::new(), ..before.clone() });

    // Full in the middle of a backup: the upgrade ends before it disturbed anybody.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("take backup");
    backups.fill_but(0);
    let ended = run.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert!(ended.fault().contains("No space left"), "{}", ended.fault());
    backups.free();
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.backup_files(), Vec::<String>::new(), "what is not whole is no backup");

    // Records that cannot be written stop an operation where it is; nothing goes on before they can.
    for (step, way, release) in [("\"migrate\"", "abort", "1.1.0"), ("prove", "resume", "1.2.0")] {
        let mut run = stack.begin(&["upgrade", "1.2.0"]);
        run.reaches(step);
        records.fill_but(0);
        let ended = run.wait();
        assert_eq!(ended.code, Some(5), "{step}: {}", ended.told());
        assert!(ended.fault().contains("could not be recorded"), "{step}: {}", ended.fault());
        stack.ops_does(&["status"]);
        let unable = stack.ops(&[way]);
        assert_eq!(unable.code, Some(5), "{step}: {}", unable.told());
        assert!(unable.fault().contains("No space left"), "{step}: {}", unable.fault());
        records.free();
        stack.ops_does(&[way]);
        stack.assert_serves(release);
        stack.assert_tidy();
        writer.goes_on();
    }
    writer.finish_with_nothing_lost();
}

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
