//! Support bundles of installs that work and of those that do not: what is in them, and that nothing secret is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::docker::docker;
use crate::operator::Ended;
use crate::settings::{DATABASE_PASSWORD, Description, Settings};
use crate::stack::Stack;

/// A bundle, opened by other means than opsctl's.
struct Opened {
    path: PathBuf,
    raw: Vec<u8>,
    members: BTreeMap<String, String>,
}

impl Opened {
    fn of(ended: &Ended) -> Self {
        let path = PathBuf::from(ended.result()["result"]["path"].as_str().expect("a path"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let raw = fs::read(&path).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(raw.as_slice()));
        let mut members = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            members.insert(
                name.split_once('/').unwrap().1.to_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            );
        }
        Self { path, raw, members }
    }

    fn json(&self, path: &str) -> Value {
        let text = self.members.get(path).unwrap_or_else(|| panic!("no {path}: {:?}", self.members.keys()));
        serde_json::from_str(text).unwrap()
    }

    fn collector(&self, id: &str) -> Value {
        let manifest = self.json("manifest.json");
        let found = manifest["collectors"].as_array().unwrap().iter().find(|one| one["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}: {manifest:#}")).clone()
    }

    /// None of the secrets is in it in any form, names included, nor what encodes it.
    fn holds_none_of(&self, secrets: &[&str]) {
        for secret in secrets {
            let hex = hex::encode(secret);
            // What is the same whatever stands before and behind it.
            let core = |engine: &base64::engine::GeneralPurpose, shift: usize| {
                let padded = [vec![b'x'; shift], secret.as_bytes().to_vec(), vec![b'x'; 3]].concat();
                let text = engine.encode(padded);
                text[4..text.len() - 8].to_owned()
            };
            let mut forms = vec![(*secret).to_owned(), hex.to_uppercase(), hex];
            for shift in 0..3 {
                forms.extend([core(&STANDARD, shift), core(&URL_SAFE, shift)]);
            }
            for form in forms {
                for (name, text) in &self.members {
                    assert!(
                        !name.contains(&form) && !text.contains(&form),
                        "a form of a secret is in {name}: {form}"
                    );
                }
            }
        }
    }
}

fn bundle(stack: &Stack, arguments: &[&str]) -> (Opened, Ended) {
    let ended = stack.ops_exits(0, &[&["support-bundle"], arguments].concat());
    (Opened::of(&ended), ended)
}

/// What the state directory holds of bundles that are being made.
fn work_directories(stack: &Stack) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(stack.path(".opsctl")).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("bundle-")).collect()
}

#[test]
fn of_a_healthy_stack_everything_is_collected_quickly_and_nothing_secret() {
    let password = "Zr8/pl@nted+not=real?7Qx";
    let key = "5f".repeat(32);
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let line = |number: usize| match number {
        100 => format!("fatal: cannot log in with {key}"),
        2500 => format!("url postgres://u:{password}@h/d and {}", STANDARD.encode(&key)),
        // The engine cuts it in the middle of the secret.
        2600 => "x ".repeat(8_180) + &key,
        _ => format!("line {number}"),
    };
    fs::write(&said, (0..3000).map(|number| line(number) + "\n").collect::<String>()).unwrap();
    let overlay = format!(
        "services:\n  ledger-worker:\n    environment:\n      OTHER_PASSWORD: '{password}'\n  chatter:\n    image: \
         opsctl-sample/postgres:15\n    entrypoint: [\"sh\", \"-c\", \"cat /said; exec sleep 600\"]\n    volumes:\n      \
         - {}:/said:ro\n    networks: [ledger]\n    stop_grace_period: 1s\n",
        said.display()
    );
    let stack = Stack::of(
        Settings::new(15, "1.1.0").overlaid(&overlay).with("PRIVATE_THING", "not-a-real-thing-9x8y7z"),
    );
    stack.writer().finish_with_nothing_lost();
    stack.ops_does(&["backup"]);
    let writer = stack.writer();
    let (opened, ended) = bundle(&stack, &[]);
    writer.finish_with_nothing_lost();
    let manifest = opened.json("manifest.json");
    let collectors = manifest["collectors"].as_array().unwrap();
    for one in collectors {
        assert_eq!(one["status"], "ok", "{one:#}");
    }
    let sum: u64 = collectors.iter().map(|one| one["duration_ms"].as_u64().unwrap()).sum();
    let took = manifest["took_ms"].as_u64().unwrap();
    println!("side by side {took} ms, one after the other {sum} ms, {} bytes", opened.raw.len());
    assert!(took * 2 <= sum, "{took} ms of {sum} ms");
    opened.holds_none_of(&[
        DATABASE_PASSWORD,
        password,
        "not-a-real-thing-9x8y7z",
        &stack.variable("API_KEY_SECRET"),
        &stack.platform_key,
        &stack.agent_key,
    ]);
    let log = &opened.members["logs/chatter.log"];
    assert!(log.contains("fatal: cannot log in with [REDACTED"), "what surrounds errors is not there");
    assert!(log.contains("line 2999") && log.contains("line 2000") && !log.contains("line 1500\n"));
    assert!(
        opened
            .json("database/tables.json")
            .as_array()
            .unwrap()
            .iter()
            .any(|table| table["name"] == "records")
    );
    assert!(opened.members["database/schema.sql"].contains("CREATE TABLE public.records"));
    assert!(opened.members["product/metrics/ledger-api.txt"].contains("ledger_"));
    let said = opened.json("product/log-metrics.json");
    assert!(said["lines"]["counted"].as_u64() > Some(0) && said["metrics"].is_array(), "{said:#}");
    assert!(opened.json("product/support-bundle.json").is_object());
    assert_eq!(opened.json("backups.json").as_array().unwrap().len(), 1);
    assert_eq!(manifest["release"], "1.1.0");
    assert!(ended.result()["result"]["masked"].as_u64() > Some(0));
    assert_eq!(work_directories(&stack), Vec::<PathBuf>::new());
    assert_eq!(stack.tool_containers(), Vec::<String>::new());
    fs::remove_file(opened.path).unwrap();
}

#[test]
fn of_a_broken_stack_what_can_be_had_is_collected() {
    let stack = Stack::of(Settings::new(15, "1.1.0").described(Description::BRISK));

    // No database.
    docker(["stop", &stack.server()]);
    let (opened, _) = bundle(&stack, &[]);
    assert_eq!(opened.collector("database-server")["status"], "failed");
    assert_eq!(opened.collector("compose-containers")["status"], "ok");
    let postgres = opened.json("compose/containers.json");
    let postgres = postgres.as_array().unwrap().iter().find(|one| one["service"] == "postgres").unwrap();
    assert_eq!(postgres["state"], "exited");
    assert!(opened.members.contains_key("logs/postgres.log"));
    fs::remove_file(&opened.path).unwrap();
    docker(["start", &stack.server()]);
    stack.server_gets_well();

    // Files that Compose and opsctl cannot read: the containers are found all the same.
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    stack.add_line("BROKEN=${");
    let (opened, _) = bundle(&stack, &[]);
    assert_eq!(opened.collector("compose-model")["status"], "failed");
    assert!(opened.members.contains_key("logs/ledger-api.log"), "{:?}", opened.members.keys());
    opened.holds_none_of(&[DATABASE_PASSWORD, &stack.variable("API_KEY_SECRET")]);
    fs::remove_file(&opened.path).unwrap();
    fs::write(stack.path(".env"), env).unwrap();

    // An API that falls over again and again.
    let crashing = fs::read_to_string(stack.path(".env"))
        .unwrap()
        .replace("LEDGER_VERSION=1.1.0", "LEDGER_VERSION=2.0.0-crash-loop");
    fs::write(stack.path(".env"), crashing).unwrap();
    stack.compose(&["up", "-d", "ledger-api"]);
    let (opened, _) = bundle(&stack, &["--since", "10m"]);
    let containers = opened.json("compose/containers.json");
    let api = containers.as_array().unwrap().iter().find(|one| one["service"] == "ledger-api").unwrap();
    assert!(api["image"].as_str().unwrap().ends_with("2.0.0-crash-loop"), "{api:#}");
    assert_eq!(
        opened.json("manifest.json")["window"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["since"]
    );
}
