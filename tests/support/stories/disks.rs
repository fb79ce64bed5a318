//! Disks that are full: what was begun is undone, or waits until there is room.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::disk::Disk;
use crate::stand::{Ended, Stand, Writes as _, assert_holds_all, backups, begin, does, exits};

pub(crate) fn a_full_disk_for_backups_or_records_is_waited_for<S: Stand>(stand: &S) {
    let archives = Disk::mounted_over(&stand.path("backup"), 120);
    let records = Disk::mounted_over(&stand.path(".opsctl"), 120);
    let writer = stand.writer();
    let (before, there) = (stand.essence(), backups(stand));

    // Full from the beginning: nothing is begun.
    for disk in [&archives, &records] {
        disk.fill_but(0);
        for arguments in [&["backup"][..], &["upgrade", "1.2.0"]] {
            let ended = begin(stand, arguments).wait();
            assert!(matches!(ended.code, Some(1 | 3)), "{arguments:?}: {}", ended.told());
            assert!(ended.fault().contains("room") || ended.fault().contains("space"), "{}", ended.fault());
        }
        disk.free();
    }
    assert_eq!(stand.essence(), before);
    stand.assert_tidy();

    // Full in the middle of a backup: the upgrade ends before it disturbed anybody.
    let ended = held_before_the_first_step(stand, || archives.fill_but(0));
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert!(ended.fault().contains("No space left"), "{}", ended.fault());
    archives.free();
    writer.goes_on();
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_eq!(backups(stand), there, "what is not whole is no backup");

    // Records that cannot be written stop an operation where it is; nothing goes on before they can.
    for (step, way, release) in [("\"migrate\"", "abort", "1.1.0"), ("prove", "resume", "1.2.0")] {
        let mut run = begin(stand, &["upgrade", "1.2.0"]);
        run.reaches(step);
        run.signal(Signal::STOP);
        records.fill_but(0);
        run.signal(Signal::CONT);
        let ended = run.wait();
        assert_eq!(ended.code, Some(5), "{step}: {}", ended.told());
        assert!(ended.fault().contains("could not be recorded"), "{step}: {}", ended.fault());
        does(stand, &["status"]);
        let unable = exits(stand, 5, &[way]);
        assert!(unable.fault().contains("No space left"), "{step}: {}", unable.fault());
        records.free();
        does(stand, &[way]);
        stand.assert_serves(release);
        stand.assert_tidy();
        writer.goes_on();
    }
    assert_holds_all(stand, &writer.finish());
}

/// An upgrade that waits, with all checks behind it, until something is done.
fn held_before_the_first_step<S: Stand>(stand: &S, meanwhile: impl FnOnce()) -> Ended {
    let (waits, go_on) = (stand.path("waits"), stand.path("go-on"));
    fs::write(stand.path("wait.sh"), "touch waits; until [ -e go-on ]; do sleep 0.05; done\n").unwrap();
    stand.describe("\n[hooks]\nbefore = [\"sh\", \"wait.sh\"]\n");
    let run = begin(stand, &["upgrade", "1.2.0"]);
    let began = Instant::now();
    while !waits.exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "the hook does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
    meanwhile();
    fs::write(&go_on, "").unwrap();
    let ended = run.wait();
    stand.describe("");
    for file in [waits, go_on] {
        fs::remove_file(file).unwrap();
    }
    ended
}
