use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

const SECRET: &str = "w7Qp-not-a-real-secret-Zk31";
const ID: &str = "20260314-120000-upgrade";

/// An install with settings and a past, and no Docker.
fn install() -> Sandbox {
    let sandbox = Sandbox::install();
    sandbox.write(".env", format!("API_TOKEN={SECRET}\nLOG_LEVEL=info\n#OLD_TOKEN=old-{SECRET}\n"));
    sandbox.operation(ID, "1-upgrade-killed-while-migrating.jsonl");
    sandbox.write(&format!(".opsctl/operations/{ID}/output.log"), format!("said with {SECRET}\n"));
    sandbox
}

/// Files named like bundles in a folder.
fn bundles(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.file_name().expect("a name").to_string_lossy().starts_with("support-bundle-"))
        .collect();
    found.sort();
    found
}

/// The members of an archive, by their paths below its one folder.
fn members(archive: &Path) -> BTreeMap<String, String> {
    members_of(fs::File::open(archive).expect("the archive"))
}

fn members_of(archive: impl std::io::Read) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let entries = archive.entries().expect("a tar").map(|entry| {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("UTF-8");
        (path.split_once('/').expect("a folder").1.to_owned(), text)
    });
    entries.collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The state directory holds what it held, and nothing of the work on a bundle.
fn nothing_is_left(sandbox: &Sandbox) {
    let entries = fs::read_dir(sandbox.path().join(".opsctl")).expect("the state directory");
    let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["operations"]);
}

fn result(run: &Run) -> Value {
    run.json_lines().pop().expect("a result")
}

#[test]
fn without_docker_a_bundle_is_made_and_says_what_is_missing() {
    let sandbox = install();
    let run = sandbox.run("--output json support-bundle");
    assert_eq!(run.status, 0, "{run}");
    let [archive] = bundles(sandbox.path()).try_into().expect("one bundle");
    assert_eq!(fs::metadata(&archive).expect("the archive").mode() & 0o777, 0o600);
    let members = members(&archive);
    let manifest = json(&members["manifest.json"]);
    let collectors = manifest["collectors"].as_array().expect("collectors");
    let status = |id: &str| {
        let one = collectors.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id}"));
        one["status"].as_str().expect("a status").to_owned()
    };
    for id in ["host", "environment", "operations", "preflight"] {
        assert_eq!(status(id), "ok", "{id}");
    }
    for id in ["compose-containers", "compose-model", "logs", "database-server", "database-schema"] {
        assert_eq!(status(id), "failed", "{id}");
    }
    let listed: Vec<&str> = manifest["members"]
        .as_array()
        .expect("members")
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    let there: Vec<&str> =
        members.keys().map(String::as_str).filter(|path| *path != "manifest.json").collect();
    assert_eq!(listed, there);
    assert!(members.values().all(|text| !text.contains("not-a-real-secret")), "{members:#?}");
    assert!(members["environment.txt"].contains("LOG_LEVEL=info"), "{}", members["environment.txt"]);
    assert!(members[&format!("operations/{ID}.log")].starts_with("said with [REDACTED:"));
    assert_eq!(json(&members["operations.json"])[0]["outcome"], "unfinished");
    // What was masked before it came to redaction counts too.
    let report = json(&members["redaction-report.json"]);
    let files = report["files"].as_array().expect("files");
    let page =
        files.iter().find(|file| file["path"] == "environment.txt").expect("what is masked in the page");
    let rules = page["rules"].as_array().expect("rules");
    let counted: u64 = rules.iter().filter_map(|rule| rule["count"].as_u64()).sum();
    assert_eq!(counted, members["environment.txt"].matches("[REDACTED:").count() as u64, "{page}");
    assert!(report["masked"].as_u64() >= Some(counted));
    let result = &result(&run)["result"];
    assert_eq!(
        result["path"].as_str().expect("a path").replace("[install]", sandbox.path().to_str().unwrap()),
        archive.to_str().unwrap()
    );
    assert_eq!(result["size_bytes"], fs::metadata(&archive).expect("the archive").len());
    nothing_is_left(&sandbox);
}

#[test]
fn what_cannot_be_redacted_is_left_out_with_its_reason() {
    let sandbox = install();
    sandbox
        .write(&format!(".opsctl/operations/{ID}/output.log"), [b"\xfd7zXZ\0".as_slice(), &[7; 64]].concat());
    let run = sandbox.run("--output json support-bundle");
    assert_eq!(run.status, 0, "{run}");
    let [archive] = bundles(sandbox.path()).try_into().expect("one bundle");
    let members = members(&archive);
    let path = format!("operations/{ID}.log");
    assert!(!members.contains_key(&path));
    assert_eq!(json(&members["redaction-report.json"])["left_out"][0]["path"], path);
    assert!(members.contains_key("operations.json"), "what could be redacted is gone too");
}

#[test]
fn a_preview_shows_what_would_be_in_it_and_keeps_nothing() {
    let sandbox = install();
    let run = sandbox.run("support-bundle --preview");
    assert_eq!(run.status, 0, "{run}");
    assert!(!run.to_string().contains("not-a-real-secret"), "{run}");
    for shown in [
        "LOG_LEVEL=info",
        "API_TOKEN=[REDACTED:API_TOKEN",
        "operations.json",
        "host/system.json",
        "nothing was kept",
    ] {
        assert!(run.stdout.contains(shown), "{shown}: {run}");
    }
    assert!(bundles(sandbox.path()).is_empty());
    nothing_is_left(&sandbox);
}

#[test]
fn it_is_encrypted_for_recipients_and_refused_for_others_before_anything_is_collected() {
    let sandbox = install();
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    sandbox.write("keys", format!("# support\n{recipient}\n"));
    for bad in ["age1typo", "not-there"] {
        let run = sandbox.run(&format!("support-bundle --encrypt-to {recipient} --encrypt-to {bad}"));
        assert_eq!(run.status, 2, "{run}");
        assert!(bundles(sandbox.path()).is_empty(), "{run}");
    }
    let run = sandbox.run("support-bundle --encrypt-to keys");
    assert_eq!(run.status, 0, "{run}");
    let [archive] = bundles(sandbox.path()).try_into().expect("one bundle, and no plain one");
    assert!(archive.to_string_lossy().ends_with(".tar.gz.age"));
    let plain =
        age::decrypt(&identity, &fs::read(&archive).expect("the archive")).expect("to be the recipient");
    assert!(members_of(plain.as_slice()).contains_key("manifest.json"));
    nothing_is_left(&sandbox);
}

#[test]
fn what_a_killed_one_left_is_gone_after_the_next_start() {
    let sandbox = install();
    sandbox.write(".opsctl/bundle-x1y2z3/members/host/system.json", "{}");
    let run = sandbox.run("support-bundle --preview");
    assert_eq!(run.status, 0, "{run}");
    nothing_is_left(&sandbox);
}

#[test]
fn it_goes_where_it_is_told_to_and_says_so_where_it_cannot() {
    let sandbox = install();
    let run = sandbox.run("support-bundle --to not-there");
    assert_eq!(run.status, 2, "{run}");
    assert!(run.stderr.contains("not-there is no directory"), "{run}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let run = sandbox.run(&format!("support-bundle --to {}", elsewhere.path().display()));
    assert_eq!(
        (run.status, bundles(elsewhere.path()).len(), bundles(sandbox.path()).len()),
        (0, 1, 0),
        "{run}"
    );
}

#[test]
fn a_broken_install_is_no_hindrance() {
    for (file, content) in
        [("opsctl.toml", "[product\n"), (".env", "A=${\nAPI_TOKEN=w7Qp-not-a-real-secret-Zk31\n")]
    {
        let sandbox = install();
        sandbox.write(file, content);
        let run = sandbox.run("support-bundle");
        assert_eq!(run.status, 0, "{run}");
        let [archive] = bundles(sandbox.path()).try_into().expect("one bundle");
        let members = members(&archive);
        assert!(members.values().all(|text| !text.contains("not-a-real-secret")), "{file}: {members:#?}");
        assert!(members.contains_key("host/system.json") && members.contains_key("operations.json"));
    }
}

#[test]
fn while_another_operation_holds_the_install_it_goes_on() {
    use opsctl::journal::lock::{Holder, InstallLock};
    let sandbox = install();
    let holder: Holder =
        serde_json::from_value(serde_json::json!({"doing": "upgrade", "since": "2026-03-14T12:00:00Z",
        "actor": {"user": "ada", "host": "db1", "pid": 7, "terminal": true}}))
        .expect("a holder");
    let lock = InstallLock::take(&sandbox.path().join(".opsctl/lock"), &holder).expect("the lock");
    let run = sandbox.run("support-bundle --output json");
    assert_eq!(run.status, 0, "{run}");
    drop(lock);
}

#[test]
fn where_the_state_directory_cannot_be_written_a_private_place_elsewhere_is_used() {
    if rustix::process::geteuid().is_root() {
        // For root nothing is unwritable: a file in its place is.
        let sandbox = Sandbox::install();
        sandbox.write(".opsctl", "");
        assert_eq!(sandbox.run("support-bundle").status, 0);
        assert_eq!(bundles(sandbox.path()).len(), 1);
        return;
    }
    let sandbox = install();
    let state = sandbox.path().join(".opsctl");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o500)).expect("to change the mode");
    let run = sandbox.run("support-bundle");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("to change the mode");
    assert_eq!(run.status, 0, "{run}");
}
