//! Disks that are full at the worst moment, and a process that does not end when it is asked to. Small disks are made as root.

use std::fs;
use std::os::unix::fs::symlink;

use crate::disk::Disk;
use crate::install::{Install, receipts_in, write};
use crate::stand::{Stand as _, Writes as _, begin, does, exits};

/// A disk for one folder of an install that is made afterwards, so that it outlives that.
struct Place {
    disk: Disk,
    folder: tempfile::TempDir,
}

impl Place {
    fn of(megabytes: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("opsctl-disk-").tempdir().unwrap();
        let disk = Disk::mounted_at(&folder.path().join("disk"), megabytes);
        fs::create_dir(folder.path().join("disk/inside")).unwrap();
        Self { disk, folder }
    }

    fn in_place_of(&self, install: &Install, name: &str) {
        symlink(self.folder.path().join("disk/inside"), install.path(name)).unwrap();
    }
}

#[test]
fn a_store_that_cannot_be_archived_waits_beside_the_new_one_until_there_is_room() {
    for folder in ["backup", ".opsctl"] {
        let place = Place::of(120);
        let install = Install::laid_out();
        place.in_place_of(&install, folder);
        install.start("1.1.0");
        let writer = install.writer();
        writer.goes_on();
        let mut rotation = begin(&install, &["rotate", "store"]);
        rotation.reaches("pass-gates");
        place.disk.fill_but(0);
        let ended = rotation.wait();
        assert_eq!(ended.code, Some(5), "{folder}: {}", ended.told());
        assert!(ended.fault().contains("opsctl resume"), "{folder}: {}", ended.told());
        writer.goes_on();
        assert!(install.is_healthy(), "clients are served on the new store");
        assert_eq!((install.kept("retired").len(), install.backups()), (1, vec![]), "{folder}");
        let status = does(&install, &["status"]);
        assert!(!status["unfinished"].is_null(), "{folder}: {status}");
        let still = begin(&install, &["resume"]).wait();
        assert_eq!(still.code, Some(5), "{folder}: {}", still.told());
        assert_eq!(install.kept("retired").len(), 1, "{folder}");
        place.disk.free();
        does(&install, &["resume"]);
        assert_eq!((install.kept("retired"), install.backups().len()), (vec![], 1), "{folder}");
        writer.goes_on();
        let acknowledged = writer.finish();
        let (fresh, archived) = (install.stored(), install.stored_beside());
        let lost: Vec<_> =
            acknowledged.iter().filter(|id| !fresh.contains(*id) && !archived.contains(*id)).collect();
        assert!(lost.is_empty() && !archived.is_empty() && !fresh.is_empty(), "{folder}: {lost:?}");
        does(&install, &["backup", "verify", "latest", "--restore"]);
        install.assert_serves("1.1.0");
        install.assert_tidy();
    }
}

#[test]
fn on_a_full_disk_nothing_is_rehearsed_and_a_product_can_be_stopped() {
    let place = Place::of(20);
    let install = Install::laid_out();
    place.in_place_of(&install, ".opsctl");
    install.start("1.0.0");
    let refused = exits(&install, 3, &["upgrade", "1.1.0", "--rehearse"]);
    assert!(refused.fault().contains("not enough room"), "{}", refused.told());
    assert!(refused.fault().contains("make room"), "{}", refused.told());
    place.disk.fill_but(0);
    let ended = begin(&install, &["stop"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert!(ended.told().contains("not recorded"), "{}", ended.told());
    assert!(!install.is_healthy());
    place.disk.free();
    does(&install, &["start"]);
    install.assert_serves("1.0.0");
}

/// A release that goes on when it is asked to end.
const STUBBORN: &str = "trap '' TERM\n(trap - TERM; LEDGER) &\nwhile :; do sleep 0.2; done\n";

#[test]
fn a_store_that_is_a_link_stays_one_and_is_whole() {
    let install = Install::laid_out();
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.db");
    fs::File::create(&real).unwrap();
    symlink(&real, install.store()).unwrap();
    install.start("1.0.0");
    let writer = install.writer();
    writer.goes_on();
    does(&install, &["upgrade", "1.1.0"]);
    does(&install, &["restore", "latest"]);
    does(&install, &["restore", "--undo"]);
    does(&install, &["rotate", "store"]);
    writer.goes_on();
    let acknowledged = writer.finish();
    assert!(install.store().is_symlink(), "the store was moved");
    let here = install.names_in("data", |name| name != "collector.db");
    assert_eq!(here, Vec::<String>::new(), "what is kept is beside the store itself");
    let newest = receipts_in(&real);
    assert!(!newest.is_empty() && newest.iter().all(|id| acknowledged.contains(id)), "{newest:?}");
}

/// A release whose program takes its time to end, behind a shell that is gone at once.
const BEHIND: &str = "(trap '' TERM; PROGRAM & wait $!; sleep 1; touch \"${0%/*}/../../ended\") &\nwait\n";

#[test]
fn a_process_has_ended_when_all_that_it_started_has() {
    let install = Install::laid_out();
    let program = install.path("source/1.0.0/run");
    let script = fs::read_to_string(&program).unwrap();
    let (first, command) = script.split_once('\n').unwrap();
    let serving = BEHIND.replace("PROGRAM", command.trim().trim_start_matches("exec "));
    write(&program, &format!("{first}\nif [ \"$1\" = api ]; then\n{serving}fi\n{command}"), 0o755);
    install.start("1.0.0");
    let (status, text) = install.run("stop");
    assert_eq!(status, 0, "{text}");
    assert!(install.path("ended").exists(), "it was said to be stopped while it still ran");
}

#[test]
fn a_process_that_does_not_end_is_killed_after_its_time_and_that_is_said() {
    let install = Install::described(|text| text.replace("[health]", "[health]\nstop_grace = \"1s\""));
    let program = install.path("source/1.0.0/run");
    let script = fs::read_to_string(&program).unwrap();
    let (first, command) = script.split_once('\n').unwrap();
    let serving = STUBBORN.replace("LEDGER", command.trim());
    write(&program, &format!("{first}\nif [ \"$1\" = api ]; then\n{serving}fi\n{command}"), 0o755);
    install.start("1.0.0");
    let told = "collector had not ended 1.0 s after it was asked to, and was killed";
    let (status, text) = install.run("stop");
    assert!(status == 0 && text.contains(told), "{status}: {text}");
    install.start("1.0.0");
    let ended = exits(&install, 8, &["--strict", "stop"]);
    assert!(ended.result()["warnings"].to_string().contains(told), "{}", ended.told());
    install.start("1.0.0");
    let (status, text) = install.run("upgrade 1.1.0");
    assert!(status == 0 && text.contains(told), "{status}: {text}");
    let (_, text) = install.run("rollback");
    assert!(!text.contains("was killed"), "{text}");
}
