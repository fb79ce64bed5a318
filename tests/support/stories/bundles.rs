//! Support bundles beside what else goes on: nothing is left behind, and nobody else is disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use rustix::process::Signal;
use serde_json::Value;

use crate::stand::{Stand, begin, does, exits};

pub(crate) fn a_bundle_leaves_nothing_behind_and_disturbs_nobody<S: Stand>(stand: &S) {
    // Killed: the next start sweeps.
    let run = begin(stand, &["support-bundle"]);
    wait_for("something is collected", || being_made(stand).iter().any(|path| !is_empty(path)));
    // Dropping it kills it.
    drop(run);
    assert_eq!(being_made(stand).len(), 1, "nothing was left to sweep: it was too quick");
    does(stand, &["support-bundle", "--preview"]);
    assert_eq!(being_made(stand), Vec::<PathBuf>::new());

    // Interrupted: it cleans up by itself.
    let run = begin(stand, &["support-bundle"]);
    wait_for("something is collected", || !being_made(stand).is_empty());
    run.signal(Signal::INT);
    let ended = run.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert_eq!(being_made(stand), Vec::<PathBuf>::new());
    assert_eq!(made(stand), Vec::<PathBuf>::new());

    // Beside an operation that was killed.
    begin(stand, &["upgrade", "1.1.0"]).kill_at("\"migrate\"", Duration::ZERO);
    let operations = bundle(stand).operations();
    assert_eq!(operations.last().unwrap()["outcome"], "unfinished", "{operations:#?}");
    does(stand, &["abort"]);
    stand.assert_serves("1.0.0");

    // Beside one that runs, for as long as it takes.
    let mut upgrade = begin(stand, &["upgrade", "1.1.0"]);
    upgrade.reaches("take-backup");
    upgrade.signal(Signal::STOP);
    let opened = bundle(stand);
    upgrade.signal(Signal::CONT);
    let last = opened.operations().pop().unwrap();
    assert_eq!((&last["kind"], &last["outcome"]), (&"upgrade".into(), &"running".into()), "{last}");
    assert_eq!(opened.status_of("database-tables"), "skipped");
    let upgraded = upgrade.wait();
    assert_eq!(upgraded.code, Some(0), "{}", upgraded.told());

    let identity = age::x25519::Identity::generate();
    does(stand, &["support-bundle", "--encrypt-to", &identity.to_public().to_string()]);
    let encrypted = made(stand).remove(0);
    assert!(encrypted.to_string_lossy().ends_with(".tar.gz.age"), "a bundle in clear was left");
    let plain = age::decrypt(&identity, &fs::read(&encrypted).unwrap()).unwrap();
    assert!(Opened::of(&plain).0.len() > 10, "it is for its recipients");
    fs::remove_file(encrypted).unwrap();
    exits(stand, 2, &["support-bundle", "--encrypt-to", "nobody"]);
    assert_eq!(made(stand), Vec::<PathBuf>::new());
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
}

/// A bundle, opened by other means than opsctl's: its members, by their paths below its folder.
struct Opened(BTreeMap<String, String>);

impl Opened {
    fn of(bytes: &[u8]) -> Self {
        let mut archive = tar::Archive::new(GzDecoder::new(bytes));
        let mut members = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let below = path.split_once('/').unwrap().1.to_owned();
            members.insert(below, String::from_utf8_lossy(&content).into_owned());
        }
        Self(members)
    }

    fn json(&self, path: &str) -> Value {
        let text = self.0.get(path).unwrap_or_else(|| panic!("no {path}: {:?}", self.0.keys()));
        serde_json::from_str(text).unwrap()
    }

    fn operations(&self) -> Vec<Value> {
        self.json("operations.json").as_array().unwrap().clone()
    }

    /// How a collector ended.
    fn status_of(&self, id: &str) -> String {
        let manifest = self.json("manifest.json");
        let found = manifest["collectors"].as_array().unwrap().iter().find(|one| one["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}: {manifest:#}"))["status"].as_str().unwrap().to_owned()
    }
}

/// Makes one, opens it, and removes it.
fn bundle<S: Stand>(stand: &S) -> Opened {
    does(stand, &["support-bundle"]);
    let path = made(stand).remove(0);
    let opened = Opened::of(&fs::read(&path).unwrap());
    fs::remove_file(path).unwrap();
    opened
}

/// The bundles in the install.
fn made<S: Stand>(stand: &S) -> Vec<PathBuf> {
    named(stand.path("."), "support-bundle-")
}

/// What the state directory holds of bundles that are being made.
fn being_made<S: Stand>(stand: &S) -> Vec<PathBuf> {
    named(stand.path(".opsctl"), "bundle-")
}

fn named(folder: PathBuf, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(start)).collect()
}

fn is_empty(folder: &PathBuf) -> bool {
    !fs::read_dir(folder).is_ok_and(|mut within| within.next().is_some())
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
