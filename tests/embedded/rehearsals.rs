//! Migrations tried on a copy: the product serves and is written to meanwhile, and nothing of it is changed.

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::Signal;

use crate::install::{Install, write};
use crate::stand::{Stand as _, Writes as _, begin, does, exits};

/// What must be as it was, whatever is tried.
fn world(install: &Install) -> (String, Vec<String>, String) {
    let process = fs::read_to_string(install.path(".opsctl/run/collector.process")).unwrap();
    let mut data: Vec<String> = names(install, "data");
    data.extend(names(install, "releases"));
    data.extend(names(install, ".opsctl/operations"));
    (install.essence(), data, process)
}

fn names(install: &Install, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(install.path(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A release whose migrations do what the script says before they begin.
fn offer(install: &Install, version: &str, before: &str) {
    let folder = install.path("source").join(version);
    fs::create_dir_all(&folder).unwrap();
    let like = install.path("source/1.1.0");
    let description = fs::read_to_string(like.join("release.json")).unwrap();
    write(&folder.join("release.json"), &description.replace("1.1.0", version), 0o644);
    let script = fs::read_to_string(like.join("run")).unwrap();
    let (first, rest) = script.split_once('\n').unwrap();
    let more = format!("if [ \"$1\" = migrate ]; then {before}\nfi");
    write(&folder.join("run"), &format!("{first}\n{more}\n{rest}"), 0o755);
}

/// Whether a process with this command runs.
fn runs(command: &str) -> bool {
    let told = |entry: std::io::Result<fs::DirEntry>| fs::read(entry.ok()?.path().join("cmdline")).ok();
    let commands = fs::read_dir("/proc").unwrap().filter_map(told);
    commands.into_iter().any(|found| String::from_utf8_lossy(&found).replace('\0', " ").trim_end() == command)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn migrations_are_tried_on_a_copy_of_the_live_store_while_the_product_serves() {
    let install = Install::started("1.0.0");
    install.send("a");
    let before = world(&install);
    let writer = install.writer();
    writer.goes_on();
    let tried = does(&install, &["upgrade", "1.1.0", "--rehearse"]);
    writer.goes_on();
    let acknowledged = writer.finish();
    assert_eq!(tried["migrations"]["applied"], serde_json::json!(["2"]), "{tried}");
    assert_eq!((&tried["changed"], &tried["integrity"]), (&false.into(), &"ok".into()), "{tried}");
    assert!(tried["copied"].as_str().unwrap().ends_with("data/collector.db"), "{tried}");
    assert!(tried["restore"]["ms"].is_u64() && tried["migrations"]["ms"].is_u64(), "{tried}");
    assert!(tried["size_bytes"]["before"].as_u64() > Some(0), "{tried}");
    let new: Vec<&str> =
        tried["rows"].as_array().unwrap().iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert!(new.contains(&"_migrations"), "{tried}");
    assert_eq!(world(&install), before);
    assert!(acknowledged.iter().all(|id| install.stored().contains(id)));
    let (status, text) = install.run("upgrade 1.1.0 --rehearse");
    assert!(status == 0 && text.contains("work on a copy of ") && text.contains("applied 2"), "{text}");
    assert_eq!(world(&install), before);
    assert_eq!(install.run("upgrade 1.1.0").0, 0, "what was rehearsed is done");
}

#[test]
fn migrations_are_tried_on_the_backup_that_is_named() {
    let install = Install::started("1.0.0");
    install.send("a");
    let refused = exits(&install, 3, &["upgrade", "1.1.0", "--rehearse=latest"]);
    assert!(refused.fault().contains("there is no backup"), "{}", refused.told());
    assert_eq!(install.run("backup").0, 0);
    install.send("b");
    let before = world(&install);
    for named in ["latest", &install.backups()[0]] {
        let tried = does(&install, &["upgrade", "1.1.0", &format!("--rehearse={named}")]);
        assert!(tried["backup"].as_str().unwrap().ends_with(&install.backups()[0]), "{tried}");
        assert!(tried["restore"]["found"].as_str().unwrap().contains("2 rows"), "{tried}");
        assert_eq!(tried["migrations"]["applied"], serde_json::json!(["2"]), "{tried}");
        assert_eq!(world(&install), before, "{named}");
    }
}

#[test]
fn migrations_that_fail_or_take_too_long_are_told_with_what_they_said() {
    let install = Install::started("1.1.0");
    install.send("a");
    offer(&install, "3.0.0", "echo 'the column is gone'; exit 7;");
    offer(&install, "3.1.0", "exec sleep 4242;");
    let description = fs::read_to_string(install.path("opsctl.toml")).unwrap();
    let brief = description.replace("timeout = \"20s\"", "timeout = \"1s\"");
    fs::write(install.path("opsctl.toml"), brief).unwrap();
    let before = world(&install);
    for (release, told) in [
        ("2.0.0-migration-fails", "migrat"),
        ("3.0.0", "the column is gone"),
        ("3.0.0", "ended with status 7"),
        ("3.1.0", "did not end within 1 s"),
    ] {
        let ended = exits(&install, 3, &["upgrade", release, "--rehearse"]);
        let fault = ended.fault();
        assert!(fault.contains("the rehearsal failed; nothing of the product was changed"), "{fault}");
        assert!(fault.contains(told) && fault.contains("would fail and be rolled back"), "{told}: {fault}");
        assert_eq!(world(&install), before, "{release}");
    }
    assert!(!runs("sleep 4242"));
    let ended = exits(&install, 3, &["upgrade", "1.0.0", "--rehearse"]);
    assert!(ended.fault().contains("1.0.0"), "{}", ended.told());
    install.assert_serves("1.1.0");
}

#[test]
fn one_that_is_stopped_or_killed_leaves_nothing_that_the_next_does_not_remove() {
    let install = Install::started("1.0.0");
    install.send("a");
    offer(&install, "3.1.0", "exec sleep 4343;");
    let before = world(&install);
    let rehearsal = begin(&install, &["upgrade", "3.1.0", "--rehearse"]);
    until("the migrations begin", || runs("sleep 4343"));
    let second = exits(&install, 7, &["upgrade", "3.1.0", "--rehearse"]);
    assert!(second.fault().contains("another rehearsal"), "{}", second.told());
    rehearsal.signal(Signal::INT);
    let ended = rehearsal.wait();
    assert_eq!(ended.code, Some(3), "{}", ended.told());
    assert!(ended.fault().contains("stopped before its end"), "{}", ended.told());
    assert!(!runs("sleep 4343"));
    assert_eq!(world(&install), before);

    let rehearsal = begin(&install, &["upgrade", "3.1.0", "--rehearse"]);
    until("the migrations begin", || runs("sleep 4343"));
    rehearsal.signal(Signal::KILL);
    rehearsal.wait();
    assert!(runs("sleep 4343"), "they outlive what started them");
    // What goes on meanwhile neither meets it nor removes it.
    assert_eq!(install.run("backup").0, 0);
    let tried = does(&install, &["upgrade", "1.1.0", "--rehearse"]);
    assert_eq!(tried["migrations"]["applied"], serde_json::json!(["2"]), "{tried}");
    assert!(!runs("sleep 4343"));
    assert!(!install.path(".opsctl/operations/rehearsal").exists());
    assert_eq!(world(&install).0, before.0);
    install.assert_serves("1.0.0");
}

#[test]
fn the_live_store_is_not_copied_beside_an_operation_that_changes_it() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    offer(&install, "3.3.0", "sleep 5.4343;");
    let upgrade = begin(&install, &["upgrade", "3.3.0"]);
    until("the migrations begin", || runs("sleep 5.4343"));
    let held = exits(&install, 7, &["upgrade", "1.1.0", "--rehearse"]);
    assert!(held.fault().contains("held by another operation: upgrade"), "{}", held.told());
    let beside = does(&install, &["upgrade", "1.1.0", "--rehearse=latest"]);
    assert_eq!(beside["migrations"]["applied"], serde_json::json!(["2"]), "{beside}");
    let ended = upgrade.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    install.assert_serves("3.3.0");
}

/// A product whose migrations know the store from elsewhere than `${DATABASE}`.
fn told_otherwise(migrate: &str, environment: &str) -> Install {
    let install = Install::described(|text| {
        text.replace(
            "command = [\"./run\", \"migrate\", \"--db\", \"${DATABASE}\"]",
            &format!("command = [{migrate}]"),
        )
    });
    install.assign(environment, 0o600);
    install.start("1.0.0");
    install.send("a");
    install
}

#[test]
fn migrations_that_know_the_store_from_a_setting_are_led_to_the_copy_and_others_are_not_tried() {
    let by_shell = r#""sh", "-c", "exec ./source/1.1.0/run migrate --db \"$STORE\"""#;
    for (migrate, environment) in [
        (by_shell, "STORE=data/collector.db\n"),
        (by_shell, "STORE=./data/../data/collector.db\n"),
        (r#""./run", "migrate", "--db", "data/collector.db""#, ""),
        (r#""./run", "migrate", "--db=${INSTALL}/data/collector.db""#, ""),
    ] {
        let install = told_otherwise(migrate, environment);
        let before = world(&install);
        let tried = does(&install, &["upgrade", "1.1.0", "--rehearse"]);
        assert_eq!(tried["migrations"]["applied"], serde_json::json!(["2"]), "{migrate}: {tried}");
        assert_eq!(world(&install), before, "{migrate}");
        assert_eq!(install.migrations(), ["1"], "{migrate}");
    }
    let install =
        told_otherwise(r#""sh", "-c", "exec ./source/1.1.0/run migrate --db data/collector.db""#, "");
    let ended = exits(&install, 3, &["upgrade", "1.1.0", "--rehearse"]);
    assert!(ended.fault().contains("they would find the live one"), "{}", ended.told());
    assert_eq!(install.migrations(), ["1"]);
}

#[test]
fn what_migrations_do_to_rows_and_references_is_told_and_a_store_that_is_damaged_is_not_tried() {
    let install = Install::started("1.0.0");
    for number in 0..300 {
        install.send(&format!("n{number}"));
    }
    let bad = "sqlite3 \"$3\" 'DELETE FROM receipts WHERE position <= 100; CREATE TABLE child (p INTEGER REFERENCES \
               nowhere (id)); INSERT INTO child VALUES (1)';";
    offer(&install, "3.2.0", bad);
    let tried = does(&install, &["upgrade", "3.2.0", "--rehearse"]);
    let rows = tried["rows"].as_array().unwrap();
    let receipts = rows.iter().find(|row| row["table"] == "receipts").unwrap();
    assert_eq!((&receipts["before"], &receipts["after"]), (&300.into(), &200.into()), "{tried}");
    assert!(tried["integrity"].as_str().unwrap().contains("1 row"), "{tried}");
    assert_eq!(install.receipts().len(), 300);

    assert_eq!(install.run("stop").0, 0);
    drop(Connection::open(install.store()).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let mut bytes = fs::read(install.store()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(install.store(), bytes).unwrap();
    let ended = exits(&install, 3, &["upgrade", "1.1.0", "--rehearse"]);
    assert!(ended.fault().contains("damaged"), "{}", ended.told());
    assert!(!install.path(".opsctl/operations/rehearsal").exists());
}
