//! The password of the bundled database server, changed under a client that writes throughout.
//!
//! All steps, each at its beginning and in its midst: `OPSCTL_SWEEP=whole cargo test --test live rotations::password`. Without
//! that, a few of them.

use std::fs;
use std::time::Duration;

use super::{Arguments, containers, environment, files_with, steps};
use crate::docker::{attempt, client, docker};
use crate::settings::{DATABASE_PASSWORD as OLD, Description, Settings};
use crate::stack::Stack;

const CHANGE: [&str; 2] = ["rotate", "postgres-password"];

/// The step, and how far into it, that are taken in each run.
const REPRESENTATIVE: [(&str, u64); 6] = [
    ("\"set-window\"", 0),
    ("\"recreate\"", 400),
    ("\"set-password\"", 0),
    ("\"set-password\"", 60),
    ("\"number\":6,", 300),
    ("\"pass-gates\"", 300),
];

const MIDST: u64 = 400;

#[test]
fn the_password_changes_everywhere_and_no_value_leaves() {
    let stack = Stack::of(brisk(15));
    stack.ops_does(&["backup"]);
    let (before, server) = (stack.world(), stack.server());
    let (writer, arguments) = (stack.writer(), Arguments::watch());
    let plan = stack.ops_does(&["rotate", "postgres-password", "--plan"]);
    assert_eq!(stack.world(), before, "looking changes nothing");
    assert_eq!(steps(&plan).iter().filter(|step| *step == "set-password").count(), 1);

    let ended = stack.ops_exits(0, &CHANGE);
    let arguments = arguments.finish();
    writer.goes_on();
    let log = writer.finish_with_nothing_lost();
    println!("{} writes, at most {:?} apart", log.acknowledged.len(), log.longest_gap());

    let new = stack.variable("POSTGRES_PASSWORD");
    assert!(new.len() == 64 && new.bytes().all(|byte| byte.is_ascii_hexdigit()), "a new value");
    assert_eq!(stack.world().env, before.env.replace(OLD, &new), "no other line was touched");
    assert_ne!(stack.server(), server, "the server's container is another one");
    assert_everywhere(&stack, &new, OLD);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();

    let log = logs(&stack);
    assert!(
        log.contains("ALTER ROLE \"ledger\" PASSWORD 'SCRAM-SHA-256$"),
        "the server logs what it is told"
    );
    let mut said = ended.told();
    said.push_str(&stack.ops_exits(0, &["rotate", "--status"]).told());
    said.push_str(&stack.ops_exits(0, &["history"]).told());
    said.push_str(&log);
    for value in [OLD, &new] {
        assert!(!said.contains(value), "a value was said");
        assert_eq!(files_with(stack.path(".opsctl").as_path(), value), Vec::<String>::new());
        assert!(!arguments.iter().any(|line| line.contains(value)), "a value was an argument");
    }
    assert!(arguments.iter().any(|line| line.contains("compose")), "arguments were looked at");
    let checked = stack.ops_does(&["preflight", "--only", "env-running,db-connect"]);
    assert!(checked["checks"].as_array().unwrap().iter().all(|check| check["status"] == "pass"), "{checked}");

    // Roles are in no dump: a backup from before is as good as it was.
    stack.ops_does(&["restore", "latest"]);
    stack.ops_does(&CHANGE);
    assert_everywhere(&stack, &stack.variable("POSTGRES_PASSWORD"), &new);
    stack.ops_does(&["restore", "--undo"]);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

#[test]
fn an_address_in_the_settings_moves_with_it_and_goes_back() {
    let address = format!("postgresql://ledger:{OLD}@postgres:5432/ledger");
    let owner = "postgresql://ledger:${POSTGRES_PASSWORD}@postgres:5432/ledger";
    let settings = brisk(18).with("DATABASE_URL", &address).with("DATABASE_URL_MIGRATE", owner);
    let stack = Stack::of(settings);
    let (before, writer) = (stack.world(), stack.writer());
    stack.begin(&CHANGE).kill_at("\"pass-gates\"", Duration::ZERO);
    let new = stack.variable("POSTGRES_PASSWORD");
    assert_eq!(
        stack.world().env,
        before.env.replace(OLD, &new),
        "both in one step, and what refers to it follows"
    );
    let status = stack.ops_does(&["rotate", "--status"]);
    let shown =
        status["secrets"].as_array().unwrap().iter().find(|one| one["name"] == "postgres-password").unwrap();
    assert!(shown["settings"]["previous"].is_string() && shown["open_since"].is_string(), "{shown}");
    assert_eq!(shown["replicas"].as_array().unwrap().len(), 3, "{shown}");
    for other in [&["upgrade", "1.1.0"][..], &["rotate", "api-key-secret"], &["backup"]] {
        stack.ops_exits(3, other);
    }
    stack.ops_does(&["abort"]);
    assert_eq!(stack.world(), before);
    assert_everywhere(&stack, OLD, &new);
    writer.goes_on();
    writer.finish_with_nothing_lost();
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

#[test]
fn a_change_killed_at_any_step_ends_with_one_value_everywhere() {
    let stack = Stack::of(brisk(18));
    let plan = stack.ops_does(&["rotate", "postgres-password", "--plan"]);
    let moments: Vec<(String, u64)> = if std::env::var("OPSCTL_SWEEP").is_ok_and(|which| which == "whole") {
        let numbers = 1..=steps(&plan).len();
        numbers.flat_map(|number| [0, MIDST].map(|into| (format!("\"number\":{number},"), into))).collect()
    } else {
        REPRESENTATIVE.map(|(step, into)| (step.to_owned(), into)).to_vec()
    };
    for (index, (step, into)) in moments.iter().enumerate() {
        let told = format!("{step}, {into} ms into it");
        let writer = stack.writer();
        let old = stack.variable("POSTGRES_PASSWORD");
        if !stack.begin(&CHANGE).kill_if_at(step, Duration::from_millis(*into)) {
            println!("{told}: it was through before");
            writer.finish_with_nothing_lost();
            continue;
        }
        let tried = stack.variable("POSTGRES_PASSWORD");
        let went_on = leave(&stack, index, &told);
        println!("{told}: it went {}", if went_on { "on" } else { "back" });
        let now = stack.variable("POSTGRES_PASSWORD");
        assert_eq!(now != old, went_on, "{told}");
        let other = if went_on { &old } else { &tried };
        if *other != now {
            assert_everywhere(&stack, &now, other);
        }
        stack.assert_serves("1.0.0");
        stack.assert_tidy();
        assert_eq!(files_with(stack.path(".opsctl").as_path(), &now), Vec::<String>::new(), "{told}");
        writer.goes_on();
        let log = writer.finish_with_nothing_lost();
        println!("{told}: {} writes, at most {:?} apart", log.acknowledged.len(), log.longest_gap());
    }
}

#[test]
fn what_stands_against_it_is_said_before_anything_is_touched() {
    let stack = Stack::of(brisk(18));
    let (before, running) = (stack.world(), containers(&stack));
    let with = |edit: &dyn Fn(&str) -> String| fs::write(stack.path(".env"), edit(&before.env)).unwrap();
    let refused = |expected: &str| {
        let refused = stack.ops_exits(3, &CHANGE);
        assert!(refused.told().contains(expected), "{expected}: {}", refused.told());
    };
    with(&|env| env.replace(OLD, "another-one"));
    refused("did not accept the password");
    with(&|env| format!("{env}DATABASE_URL=postgresql://ledger:another-one@postgres:5432/ledger\n"));
    refused("did not accept the password");
    with(&|env| {
        format!(
            "{env}DATABASE_URL_MIGRATE=postgresql://ledger:{OLD}@postgres:5432/ledger\nDATABASE_URL=host=postgres user=ledger password={OLD} dbname=ledger\n"
        )
    });
    refused("cannot be replaced as it is written");
    with(&|env| format!("{env}POSTGRES_PASSWORD_FILE=/run/secrets/password\n"));
    refused("POSTGRES_PASSWORD_FILE is set");
    with(&|env| format!("{env}POSTGRES_PASSWORD={OLD}\n"));
    refused("POSTGRES_PASSWORD is assigned 2 times");
    with(&|env| env.replace("POSTGRES_HOST_PORT=", "# POSTGRES_HOST_PORT="));
    refused("would be made anew as another one than now");
    with(&|env| env.to_owned());

    let rules = |how: &str| {
        let edit = format!("sed -i 's/^host all all all .*/host all all all {how}/' \"$PGDATA/pg_hba.conf\"");
        docker(["exec", &stack.server(), "sh", "-c", &edit]);
        stack.query("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(300));
    };
    rules("trust");
    refused("lets ledger in with any password");
    rules("md5");
    let as_md5 = format!("SET password_encryption = 'md5'; ALTER ROLE ledger PASSWORD '{OLD}'");
    stack.query("postgres", &as_md5);
    refused("as an MD5 hash");
    stack.query("postgres", &format!("ALTER ROLE ledger PASSWORD '{OLD}'"));
    // It lets in by SCRAM whoever has a verifier for that.
    stack.ops_does(&["rotate", "postgres-password", "--plan"]);

    assert_eq!(stack.world(), before);
    assert_eq!(containers(&stack), running, "nothing was made anew");
    assert_eq!(stack.ops_exits(2, &["rotate", "postgres-password", "--pause-after", "dual"]).code, Some(2));
    stack.ops_does(&["rotate", "api-key-secret", "--pause-after", "dual"]);
    refused("is paused");
    stack.ops_does(&["rotate", "--abort"]);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
}

/// Watched for a second, so that it does not take long.
fn brisk(major: u32) -> Settings {
    let health = "watch_for = \"1s\"\nstable_for = \"1s\"\n";
    Settings::new(major, "1.0.0").described(Description::Brisk { health, migrate: "" })
}

/// One value, in every container and in the server, which refuses the other one.
fn assert_everywhere(stack: &Stack, value: &str, other: &str) {
    let mut all = containers(stack);
    assert_eq!(all.len(), 2, "the services run");
    all.push(stack.server());
    for container in all {
        let environment = environment(&container);
        assert!(environment.iter().any(|line| line.contains(value)), "{container} does not have it");
        assert!(!environment.iter().any(|line| line.contains(other)), "{container} has another one");
    }
    assert!(lets_in(stack, value) && !lets_in(stack, other), "the server takes another one");
}

/// Whether the server lets its role in from its own network, where it asks for a password.
fn lets_in(stack: &Stack, password: &str) -> bool {
    let server = stack.server();
    let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker(["inspect", "--format", address, &server]);
    let login = ["psql", "-h", &address, "-U", "ledger", "-d", "ledger", "-XAtqw", "-c", "SELECT 1"];
    let mut client = client(&[&["exec", "-e", "PGPASSWORD", &server][..], &login].concat());
    client.env("PGPASSWORD", password).output().unwrap().status.success()
}

/// All that the server's container wrote.
fn logs(stack: &Stack) -> String {
    let output = attempt(&["logs", &stack.server()]);
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// Leads out of it, by each way in turn, and says whether it went on.
fn leave(stack: &Stack, index: usize, told: &str) -> bool {
    if index.is_multiple_of(2) {
        let aborted = stack.ops(&["abort"]);
        match aborted.code {
            Some(0) => return false,
            // What is left only forgets the old value.
            Some(3) => {}
            _ => panic!("{told}: {}", aborted.told()),
        }
    } else {
        stack.begin(&["resume"]).kill_if_at("step-started", Duration::from_millis(200));
    }
    let resumed = stack.ops(&["resume"]);
    assert!(matches!(resumed.code, Some(0 | 2)), "{told}: {}", resumed.told());
    true
}
