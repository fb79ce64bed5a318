//! Secrets that get another value while a client uses its key throughout.

mod asked;
mod killed;
mod password;
mod refusals;
mod refused;
mod signing_key;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::docker::{self, docker};
use crate::http::Client;
use crate::settings::{DATABASE_PASSWORD, Settings};
use crate::stack::Stack;

const ROTATE: [&str; 2] = ["rotate", "api-key-secret"];

/// The worker without a port on the host, so that there can be several.
const WORKERS: &str = "services:\n  ledger-worker:\n    ports: !reset []\n";

#[test]
fn every_replica_gets_a_new_value_and_no_value_leaves() {
    let stack = Stack::of(Settings::new(15, "1.0.0").overlaid(WORKERS));
    stack.compose(&["up", "-d", "--no-recreate", "--wait", "--scale", "ledger-worker=3"]);
    let (before, old) = (stack.world(), stack.variable("API_KEY_SECRET"));
    let (writer, arguments) = (stack.writer(), Arguments::watch());
    let plan = stack.ops_does(&["rotate", "api-key-secret", "--plan"]);
    assert!(plan["plan"]["steps"].as_array().unwrap().len() > 12, "{plan}");
    assert_eq!(stack.world(), before, "looking changes nothing");

    let ended = stack.ops_exits(0, &ROTATE);
    let arguments = arguments.finish();
    let new = stack.variable("API_KEY_SECRET");
    writer.goes_on();
    let log = writer.finish_with_nothing_lost();
    println!("{} writes, at most {:?} apart", log.acknowledged.len(), log.longest_gap());

    assert!(new.len() == 64 && new != old && new.bytes().all(|byte| byte.is_ascii_hexdigit()), "a new value");
    let after = stack.world();
    let expected = before.env.replace(&format!("'{old}'"), &new);
    assert_eq!(after.env, expected, "no other line was touched");
    assert_eq!((after.env_mode, after.images), (before.env_mode, before.images));
    for container in containers(&stack) {
        let environment = environment(&container);
        assert!(environment.contains(&format!("API_KEY_SECRET={new}")), "{container}");
        assert!(!environment.iter().any(|line| line.contains(&old)), "{container} still has the old value");
    }
    assert_eq!(containers(&stack).len(), 4, "as many replicas as there were");
    assert_eq!(secret_ids(&stack).len(), 1);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();

    assert_eq!(client(&stack, &key_under(&stack, &old)).get("/v1/records").unwrap().status, 401);
    assert_eq!(client(&stack, &key_under(&stack, &new)).get("/v1/records").unwrap().status, 200);

    let mut said = ended.told();
    said.push_str(&stack.ops_exits(0, &["rotate", "--status"]).told());
    said.push_str(&stack.ops_exits(0, &["history"]).told());
    for value in [&old, &new] {
        assert!(!said.contains(value.as_str()), "a value was said");
        assert_eq!(files_with(stack.path(".opsctl").as_path(), value), Vec::<String>::new());
        assert_eq!(files_with(&unpacked(&stack), value), Vec::<String>::new());
    }
    assert!(
        !arguments.iter().any(|line| line.contains(&old) || line.contains(&new)),
        "a value was an argument"
    );
    assert!(arguments.iter().any(|line| line.contains("compose")), "arguments were looked at");
}

#[test]
fn a_rotation_waits_for_days_and_goes_back_or_on() {
    let stack = Stack::up(18, "1.0.0");
    let (before, ids) = (stack.world(), secret_ids(&stack));
    let writer = stack.writer();
    let paused = stack.ops_does(&["rotate", "api-key-secret", "--pause-after", "dual"]);
    assert_eq!(paused["paused"], "dual", "{paused}");
    let made_meanwhile = made_by_the_api(&stack);
    assert_eq!(secret_ids(&stack).len(), 2, "keys of before and of now");
    let status = stack.ops_does(&["rotate", "--status"]);
    assert_eq!(stack.ops_does(&["status"])["unfinished"]["can_be_undone"], true);
    let shown = &status["secrets"][0];
    assert_eq!((&shown["paused"], shown["replicas"].as_array().unwrap().len()), (&json!(true), 2));
    assert!(shown["settings"]["previous"].is_string() && shown["open_since"].is_string(), "{shown}");
    assert!(
        shown["replicas"].as_array().unwrap().iter().all(|replica| replica["as_settings"] == true),
        "{shown}"
    );

    // Meanwhile: backups, and nothing else that changes anything.
    stack.ops_does(&["backup"]);
    stack.ops_does(&["backup", "prune", "--keep", "1"]);
    assert_eq!(stack.backup_files().len(), 2, "the one that stands behind the re-hash is kept");
    for other in [&["upgrade", "1.1.0"][..], &["restore", "latest"], &["rollback"], &ROTATE] {
        let refused = stack.ops_exits(3, other);
        assert!(refused.fault().contains("is paused"), "{other:?}: {}", refused.fault());
    }
    writer.goes_on();

    stack.ops_does(&["rotate", "--abort"]);
    let after = stack.world();
    assert_eq!(after.env, before.env.replace('\'', ""), "as it was");
    assert_eq!((after.images, after.env_mode), (before.images.clone(), before.env_mode));
    assert_eq!(secret_ids(&stack), ids, "all keys are under the old value again");
    assert_eq!(client(&stack, &made_meanwhile).get("/v1/records").unwrap().status, 200);
    stack.assert_tidy();
    stack.ops_exits(2, &["rotate", "--abort"]);

    let paused = stack.ops_does(&["rotate", "api-key-secret", "--pause-after", "rehash"]);
    assert_eq!(paused["paused"], "rehash", "{paused}");
    let rehashed = secret_ids(&stack);
    assert!(rehashed.len() == 1 && rehashed != ids, "{rehashed:?}");
    let refused = stack.ops_exits(3, &["abort"]);
    assert!(refused.fault().contains("opsctl resume"), "{}", refused.fault());
    assert_eq!(stack.ops_does(&["status"])["unfinished"]["can_be_undone"], false, "nor is that offered");
    stack.ops_does(&["resume"]);
    assert!(!stack.world().env.contains("PREVIOUS"));
    assert_eq!(client(&stack, &made_meanwhile).get("/v1/records").unwrap().status, 200);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

#[test]
fn what_compose_would_not_hand_on_is_noticed_before_any_container_is_touched() {
    let deaf = "services:\n  ledger-api:\n    environment:\n      API_KEY_SECRET_PREVIOUS: \"\"\n";
    let stack = Stack::of(Settings::new(15, "1.0.0").overlaid(deaf));
    let (before, running, writer) = (stack.world(), containers(&stack), stack.writer());
    let failed = stack.ops_exits(1, &ROTATE);
    let said = "in a container of ledger-api that is made now, API_KEY_SECRET_PREVIOUS is not the old value";
    assert!(failed.told().contains(said), "{}", failed.told());
    assert_eq!(stack.world().env, before.env.replace('\'', ""));
    assert_eq!(containers(&stack), running, "nothing was made anew");
    writer.finish_with_nothing_lost();
    stack.assert_tidy();
}

#[test]
fn a_failure_goes_back_before_the_re_hash_and_waits_behind_it() {
    let stack = Stack::up(18, "1.0.0");
    let (before, ids, writer) = (stack.world(), secret_ids(&stack), stack.writer());
    let revoked = |revoked: bool| {
        stack.query("ledger", &format!("UPDATE api_keys SET revoked = {revoked} WHERE role = 'platform'"));
    };
    let mut run = stack.begin(&ROTATE);
    run.reaches("\"recreate\"");
    revoked(true);
    let failed = run.wait();
    // The key that is tried is refused on the way back too: only a person can mend that.
    assert_eq!(failed.code, Some(6), "{}", failed.told());
    assert!(failed.fault().contains("refuses the platform key"), "{}", failed.fault());
    writer.goes_on();
    revoked(false);
    stack.ops_exits(4, &["resume"]);
    assert_eq!(stack.world().env, before.env.replace('\'', ""));
    assert_eq!(secret_ids(&stack), ids);
    stack.assert_tidy();

    stack.ops_does(&["rotate", "api-key-secret", "--pause-after", "dual", "--skip-backup"]);
    revoked(true);
    // Four times: that a step failed is not that opsctl was gone before it had ended.
    for _ in 0..4 {
        let failed = stack.ops_exits(5, &["resume"]);
        assert!(failed.fault().contains("refuses the platform key"), "{}", failed.fault());
    }
    stack.ops_exits(3, &["abort"]);
    writer.goes_on();
    revoked(false);
    stack.ops_does(&["resume"]);
    assert_ne!(secret_ids(&stack), ids);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

/// A key that the API's container makes: under what it takes for the present value.
fn made_by_the_api(stack: &Stack) -> String {
    let api = stack.container("ledger-api").expect("the API runs");
    docker(["exec", &api, "/ledger", "create-api-key", "--role", "agent", "--name", "meanwhile"])
}

/// A key that is stored under a value, whoever has it.
fn key_under(stack: &Stack, value: &str) -> String {
    let network = format!("{}_ledger", stack.project);
    let url = format!("postgres://ledger:{DATABASE_PASSWORD}@postgres:5432/ledger");
    let run = ["run", "--rm", "--network", &network, "-e", "API_KEY_SECRET", "-e", "DATABASE_URL"];
    let make = ["ledger/ledger:1.0.0", "create-api-key", "--role", "agent", "--name", "under"];
    let mut docker = docker::client(&[&run[..], &make].concat());
    docker.env("API_KEY_SECRET", value).env("DATABASE_URL", url);
    docker::printed(docker)
}

fn client(stack: &Stack, key: &str) -> Client {
    Client::new(stack.api_port, Some(key.to_owned()))
}

/// Under how many values keys are stored, by what tells the values apart.
fn secret_ids(stack: &Stack) -> BTreeSet<String> {
    let ids = stack.query("ledger", "SELECT DISTINCT secret_id FROM api_keys");
    ids.lines().map(str::to_owned).collect()
}

/// The containers of the two services.
fn containers(stack: &Stack) -> Vec<String> {
    let project = format!("label=com.docker.compose.project={}", stack.project);
    let image = "ancestor=ledger/ledger:1.0.0";
    let found = docker(["ps", "-q", "--filter", &project, "--filter", image]);
    found.lines().map(str::to_owned).collect()
}

fn environment(container: &str) -> BTreeSet<String> {
    let lines = docker(["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", container]);
    lines.lines().map(str::to_owned).collect()
}

/// The newest backup, opened with `tar`.
fn unpacked(stack: &Stack) -> std::path::PathBuf {
    let newest = stack.backup_files().pop().expect("a backup");
    let directory = stack.path("unpacked");
    fs::create_dir_all(&directory).unwrap();
    let file = fs::File::open(stack.backup_dir().join(newest)).unwrap();
    tar::Archive::new(flate2::read::MultiGzDecoder::new(file)).unpack(&directory).unwrap();
    directory
}

/// The files below a directory that hold a text, as bytes.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Looks at the arguments of every process on the machine, again and again.
struct Arguments {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Arguments {
    fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::SeqCst) {
                let processes = fs::read_dir("/proc").unwrap().flatten();
                let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
                seen.extend(lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")));
                std::thread::sleep(Duration::from_millis(10));
            }
            seen
        });
        Self { stop, thread }
    }

    fn finish(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("it only looks")
    }
}

/// The text of a rotation's plan, a step a line.
fn steps(plan: &Value) -> Vec<String> {
    let steps = plan["plan"]["steps"].as_array().unwrap();
    steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}
