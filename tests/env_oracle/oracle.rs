//! The real `docker compose config`, asked for what it reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Files in one call. More of them make a call no dearer for each.
const BATCH: usize = 300;

/// What is made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// These variables.
    Read(BTreeMap<String, String>),
    /// An error.
    Refused,
}

/// The environment of the oracle's process, beside what it needs to start.
pub(crate) fn process(name: &str) -> Option<String> {
    (name == "OUTER").then(|| "outer".to_owned())
}

/// One verdict for each file.
pub(crate) fn judge_all(files: &[&[u8]]) -> Vec<Verdict> {
    files.chunks(BATCH).flat_map(halve).collect()
}

/// The verdict on one file.
pub(crate) fn judge(file: &[u8]) -> Verdict {
    judge_all(&[file]).remove(0)
}

/// The values that Compose interpolates with `content` as the project's `.env`.
pub(crate) fn interpolated(content: &[u8], names: &[&'static str]) -> Vec<(&'static str, String)> {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join(".env"), content);
    let environment: Value = names.iter().map(|name| (name.to_owned(), format!("${{{name}}}"))).collect();
    let model = config(dir.path(), &json!({ "s": { "image": "x", "environment": environment } }));
    let model = model.expect("Compose accepts the file");
    names.iter().map(|name| (*name, undoubled(&model["services"]["s"]["environment"][name]))).collect()
}

/// A refused file spoils the whole call and is not named: halves are asked until it stands alone.
fn halve(files: &[&[u8]]) -> Vec<Verdict> {
    if let Some(verdicts) = ask(files) {
        return verdicts;
    }
    if files.len() == 1 {
        return vec![Verdict::Refused];
    }
    let (left, right) = files.split_at(files.len() / 2);
    [halve(left), halve(right)].concat()
}

fn ask(files: &[&[u8]]) -> Option<Vec<Verdict>> {
    let dir = tempfile::tempdir().unwrap();
    for (number, file) in files.iter().enumerate() {
        write(&dir.path().join(format!("{number}.env")), file);
    }
    let service =
        |number| (format!("s{number}"), json!({ "image": "x", "env_file": [format!("{number}.env")] }));
    let model = config(dir.path(), &(0..files.len()).map(service).collect())?;
    let read = |number| environment_of(&model["services"][format!("s{number}")]);
    Some((0..files.len()).map(read).collect())
}

fn environment_of(service: &Value) -> Verdict {
    let variables = service["environment"].as_object().into_iter().flatten();
    Verdict::Read(variables.map(|(name, value)| (name.clone(), undoubled(value))).collect())
}

/// `config` doubles each dollar, so that its output can be read again.
fn undoubled(value: &Value) -> String {
    value.as_str().expect("a string").replace("$$", "$")
}

fn config(dir: &Path, services: &Value) -> Option<Value> {
    write(
        &dir.join("compose.json"),
        json!({ "name": "oracle", "services": services }).to_string().as_bytes(),
    );
    let output = compose(dir, &["--file", "compose.json", "config", "--format", "json"]);
    if output.status.success() {
        return Some(serde_json::from_slice(&output.stdout).expect("Compose prints JSON"));
    }
    let version = compose(dir, &["version"]);
    assert!(version.status.success(), "Docker Compose v2 is needed: `docker compose version` does not work");
    None
}

fn compose(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("docker");
    command
        .arg("compose")
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("OUTER", "outer")
        .env("HOME", "/nonexistent");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().expect("`docker` can be started; install Docker and Compose v2")
}

fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}
