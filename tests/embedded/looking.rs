//! Commands that look at an install, with nothing changed by them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::install::{Install, members, write};

/// A value that must never be seen outside of the environment file.
const SECRET: &str = "not-a-real-secret-0123456789abcdef";

fn findings(install: &Install, command: &str) -> Vec<Value> {
    let (_, text) = install.run(&format!("--output json {command}"));
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // Of checks that do not hold, the last line only tells of the error.
    let checks = lines.filter_map(|line| line["result"]["checks"].as_array().cloned()).next_back();
    checks.unwrap_or_else(|| panic!("{text}"))
}

fn status_of<'a>(findings: &'a [Value], id: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    (found["status"].as_str().unwrap(), found["evidence"].as_str().unwrap())
}

/// Another program that has the store open until it is dropped.
struct Reader(Child);

impl Reader {
    fn of(file: &Path) -> Self {
        let opened = fs::File::open(file).unwrap();
        Self(Command::new("sleep").arg("60").stdin(Stdio::from(opened)).spawn().unwrap())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_sound_install_passes_every_check_and_each_fault_is_found_by_its_own() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    let (status, text) = install.run("preflight");
    assert_eq!(status, 0, "{text}");
    let sound = findings(&install, "preflight");
    let ids: Vec<&str> = sound.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert!(!ids.iter().any(|id| id.starts_with("db-") || id.starts_with("image-")), "{ids:?}");
    for id in [
        "host-ports",
        "host-backups",
        "env-running",
        "release-present",
        "release-whole",
        "release-version",
        "store-file",
        "store-place",
        "store-open",
        "store-sound",
        "store-log",
        "store-schema",
        "store-room",
        "product-operation",
        "product-health",
        "product-version",
        "product-backup",
    ] {
        assert_eq!(status_of(&sound, id).0, "pass", "{id}: {}", status_of(&sound, id).1);
    }
    assert_eq!(status_of(&sound, "host-engine").0, "skipped");
    let slowest = sound.iter().map(|finding| finding["duration_ms"].as_u64().unwrap()).max().unwrap();
    assert!(slowest < 3000, "{slowest} ms");

    install.assign("LEVEL=debug\n", 0o644);
    write(&install.path("releases/1.0.0/release.json.more"), "{}", 0o644);
    let reader = Reader::of(&install.path("data/collector.db"));
    let broken = findings(&install, "preflight");
    assert_eq!(status_of(&broken, "env-mode").0, "fail");
    assert_eq!(status_of(&broken, "env-running"), ("warn", "collector has other values of LEVEL"));
    assert_eq!(status_of(&broken, "release-whole").0, "fail");
    let (status, evidence) = status_of(&broken, "store-open");
    assert_eq!((status, evidence.contains("sleep (process ")), ("fail", true), "{evidence}");
    let (status, text) = install.run("preflight --only store-open");
    assert!(status == 3 && text.contains("`opsctl explain store-open` tells more"), "{text}");
    assert_eq!(install.run("preflight --only store-log,env-mode --skip env-mode").0, 0);
    drop(reader);
    assert_eq!(status_of(&findings(&install, "preflight --only store"), "store-open").0, "pass");
}

#[test]
fn an_upgrade_and_a_restore_are_refused_while_somebody_else_has_the_store_open() {
    let install = Install::started("1.0.0");
    install.send("a");
    assert_eq!(install.run("backup").0, 0);
    install.send("b");
    let reader = Reader::of(&install.path("data/collector.db"));
    for command in ["upgrade 1.1.0", "restore latest"] {
        let (status, text) = install.run(command);
        assert!(status == 3 && text.contains("store-open: open in sleep"), "{command}: {status} {text}");
    }
    assert!(install.is_healthy());
    assert_eq!((install.receipts().len(), install.migrations().len()), (2, 1));
    drop(reader);
    assert_eq!(install.run("upgrade 1.1.0").0, 0);
}

#[test]
fn a_store_that_is_damaged_or_gone_and_a_port_that_is_taken_are_said() {
    let install = Install::started("1.0.0");
    for number in 0..200 {
        install.send(&format!("n{number}"));
    }
    assert_eq!(install.run("backup").0, 0);
    assert_eq!(install.run("verify").0, 0);
    assert_eq!(install.run("stop").0, 0);
    let stopped = findings(&install, "preflight");
    assert_eq!(status_of(&stopped, "product-health"), ("fail", "it is not running"));
    assert_eq!(status_of(&stopped, "store-open"), ("pass", "nobody has it open"));
    let taken = std::net::TcpListener::bind(("127.0.0.1", install.port)).unwrap();
    assert_eq!(status_of(&findings(&install, "preflight --only host-ports"), "host-ports").0, "fail");
    drop(taken);
    let file = install.path("data/collector.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::File::create(&file).unwrap().write_all(&bytes).unwrap();
    assert_eq!(status_of(&findings(&install, "preflight --only store"), "store-sound").0, "fail");
    let (status, text) = install.run("verify --only verify-store");
    assert_eq!(status, 3, "{text}");
    fs::remove_file(&file).unwrap();
    let gone = findings(&install, "preflight --only store");
    assert_eq!(status_of(&gone, "store-file").0, "fail");
    assert!(!file.exists(), "to look for it is not to make it");
    assert_eq!(install.run("restore latest").0, 0);
    assert_eq!(install.receipts().len(), 200);
}

#[test]
fn an_environment_file_that_cannot_be_read_hides_nothing_else() {
    let install = Install::started("1.0.0");
    install.assign("A='not closed\n", 0o600);
    let found = findings(&install, "preflight");
    assert_eq!(status_of(&found, "env-file").0, "fail");
    assert_eq!(status_of(&found, "store-file").0, "pass");
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
}

#[test]
fn a_verification_counts_rows_against_the_last_backup_and_takes_the_walk_that_is_described() {
    let install = Install::started("1.0.0");
    install.send("a");
    install.send("b");
    assert_eq!(install.run("backup").0, 0);
    let sound = findings(&install, "verify");
    for id in ["verify-health", "verify-migrations", "verify-rows", "verify-store"] {
        assert_eq!(status_of(&sound, id).0, "pass", "{}", status_of(&sound, id).1);
    }
    assert_eq!(status_of(&sound, "verify-smoke").0, "skipped");
    install.execute("DELETE FROM receipts WHERE id = 'urn:receipt:b'");
    let fewer = findings(&install, "verify --only verify-rows");
    assert_eq!(status_of(&fewer, "verify-rows").0, "warn");
    install.describe(
        "[smoke]\n[[smoke.steps]]\nname = \"ask whether it is alive\"\npath = \"/healthz\"\nexpect = 200\n",
    );
    let walked = findings(&install, "verify --smoke --only verify-smoke");
    assert_eq!(status_of(&walked, "verify-smoke"), ("pass", "ask whether it is alive"));
}

#[test]
fn the_log_of_the_process_is_counted_by_its_service() {
    let install = Install::started("1.0.0");
    install.describe(
        "[[logs.metrics]]\nname = \"ingest\"\ntitle = \"receipts\"\nmessage = \"receipt accepted\"\n",
    );
    for id in ["a", "b", "c"] {
        install.send(id);
    }
    for command in ["logs stats", "logs stats collector"] {
        let (status, text) = install.run(&format!("--output json {command}"));
        assert_eq!(status, 0, "{text}");
        let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(result["result"]["metrics"][0]["count"], 3, "{text}");
        assert_eq!(result["result"]["sources"], serde_json::json!(["collector"]));
    }
    let (status, text) = install.run("logs stats worker");
    assert!(status == 2 && text.contains("there is collector"), "{text}");
}

#[test]
fn a_bundle_tells_of_process_store_and_log_and_keeps_every_secret() {
    let install = Install::started("1.0.0");
    install.assign(&format!("API_TOKEN={SECRET}\nLEVEL=info\n"), 0o600);
    install.describe(
        "[[logs.metrics]]\nname = \"ingest\"\ntitle = \"receipts\"\nmessage = \"receipt accepted\"\n",
    );
    assert_eq!(install.run("stop").0, 0);
    assert_eq!(install.run("start").0, 0);
    install.send("a");
    install.send(SECRET);
    assert_eq!(install.run("backup").0, 0);
    let (status, text) = install.run("support-bundle --preview");
    assert!(status == 0 && text.contains("database/store.json") && !text.contains(SECRET), "{text}");
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
    assert!(!text.contains("not all of it is there"), "{text}");
    let bundle = install.only("support-bundle-");
    let members = members(&bundle);
    let member = |path: &str| {
        let found = members.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path}"));
        found.1.as_str()
    };
    let json = |path: &str| serde_json::from_str::<Value>(member(path)).unwrap();
    let process = &json("process/processes.json")[0];
    assert_eq!((&process["state"], &process["health"]), (&"running".into(), &"healthy".into()));
    assert_eq!(process["image"], "collector:1.0.0");
    assert_eq!(json("database/store.json")["properties"]["journal_mode"], "wal");
    let tables = json("database/tables.json");
    let receipts = tables.as_array().unwrap().iter().find(|table| table["name"] == "receipts").unwrap();
    assert_eq!(receipts["rows"], 2);
    assert_eq!(json("database/migrations.json")["applied"], serde_json::json!(["1"]));
    assert!(member("database/schema.sql").contains("CREATE TABLE receipts"));
    assert!(member("logs/collector.log").contains("receipt accepted"));
    assert_eq!(json("product/log-metrics.json")["metrics"][0]["count"], 2);
    assert_eq!(json("product/answers.json")[0]["status"], 200);
    assert_eq!(json("manifest.json")["database_mode"], "sqlite");
    assert!(json("preflight.json").as_array().unwrap().iter().any(|found| found["id"] == "store-sound"));
    for (path, content) in &members {
        assert!(!content.contains(SECRET), "{path}");
    }
    let (status, text) = install.run(&format!("support-bundle inspect {}", bundle.display()));
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("0 critical, 0 warnings"), "{text}");
}

#[test]
fn a_bundle_of_a_process_that_was_killed_says_so() {
    let install = Install::started("1.0.0");
    install.kill_product();
    std::thread::sleep(Duration::from_millis(300));
    let (status, text) = install.run("support-bundle");
    assert_eq!(status, 0, "{text}");
    let bundle = install.only("support-bundle-");
    let (status, text) = install.run(&format!("support-bundle inspect {}", bundle.display()));
    assert!(status == 0 && text.contains("collector") && text.contains("137"), "{text}");
    assert!(text.contains("`opsctl start` starts it"), "{text}");
}

#[test]
fn a_product_that_writes_to_another_file_than_is_described_is_noticed() {
    let install = Install::started("1.0.0");
    let description = install.path("opsctl.toml");
    let text = fs::read_to_string(&description).unwrap();
    fs::copy(install.store(), install.path("data/other.db")).unwrap();
    let store = install.store().file_name().unwrap().to_string_lossy().into_owned();
    fs::write(&description, text.replace(&store, "other.db")).unwrap();
    let found = findings(&install, "preflight --only store-open");
    let (status, evidence) = status_of(&found, "store-open");
    assert!(status == "warn" && evidence.contains("does not have it open"), "{evidence}");
    fs::write(&description, text).unwrap();
}
