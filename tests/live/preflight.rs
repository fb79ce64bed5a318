//! `opsctl preflight`: no false alarm on a healthy stack, and each thing that is made wrong is named.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::disk::Disk;
use crate::docker::{attempt, docker, docker_with};
use crate::external::Server;
use crate::operator::{Ended, Run};
use crate::settings::Settings;
use crate::stack::Stack;

/// What one check found.
fn found<'a>(ended: &'a Ended, id: &str) -> &'a Value {
    let result = ended.events.iter().rev().find_map(|event| {
        let result = &event["result"];
        result["checks"].is_array().then_some(result)
    });
    let checks =
        result.unwrap_or_else(|| panic!("no checks: {}", ended.told()))["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {}", ended.told()))
}

impl Stack {
    /// Runs the checks, and expects one of them to come out like this.
    fn finds(&self, id: &str, status: &str, evidence: &str) -> Ended {
        let ended = self.ops(&["preflight"]);
        let check = found(&ended, id);
        let said = check["evidence"].as_str().unwrap();
        assert!(check["status"] == status && said.contains(evidence), "{id}, not {status}: {check:#}");
        if status != "pass" && status != "skipped" {
            assert!(!check["remedies"].as_array().unwrap().is_empty(), "nothing to do about {id}: {check:#}");
        }
        assert_eq!(ended.code == Some(3), status == "fail", "{}", ended.told());
        ended
    }

    fn private(&self) {
        fs::set_permissions(self.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn without_line(&self, beginning: &str) {
        let text = fs::read_to_string(self.path(".env")).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(beginning)).collect();
        fs::write(self.path(".env"), kept.join("\n") + "\n").unwrap();
    }
}

#[test]
fn a_healthy_stack_gives_no_alarm_and_a_broken_one_the_right_one() {
    let stack = Stack::up(18, "1.0.0");
    stack.private();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/compose/.env.example");
    fs::copy(example, stack.path(".env.example")).unwrap();
    stack.ops_does(&["backup"]);
    let began = Instant::now();
    let healthy = stack.ops_exits(0, &["--strict", "preflight"]);
    println!("preflight of a healthy stack: {:.2} s", began.elapsed().as_secs_f64());
    for id in
        ["db-pooler", "db-connect", "host-network", "product-preflight", "env-running", "product-backup"]
    {
        assert_eq!(found(&healthy, id)["status"], "pass", "{id}: {}", healthy.told());
    }
    assert_eq!(stack.one_offs(), Vec::<String>::new());

    environment(&stack);
    image_and_services(&stack);
    server(&stack);
    host(&stack);
    stack.ops_exits(0, &["--strict", "preflight"]);
}

/// The environment file, and what the containers were made with.
fn environment(stack: &Stack) {
    fs::set_permissions(stack.path(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    stack.finds("env-mode", "fail", "everybody can open it");
    stack.private();
    for (line, id, status, evidence) in [
        ("API_KEY_SECERT=x", "env-names", "warn", "API_KEY_SECERT: is API_KEY_SECRET meant?"),
        ("LOG_LEVEL=debug", "env-running", "warn", "LOG_LEVEL"),
        (
            "API_KEY_SECRET_PREVIOUS=f00dfeedf00dfeedf00dfeedf00dfeed",
            "env-previous",
            "warn",
            "API_KEY_SECRET_PREVIOUS",
        ),
        ("API_KEY_SECRET_FILE=/run/secret", "env-files", "fail", "API_KEY_SECRET and API_KEY_SECRET_FILE"),
        ("LEDGER_LICENSE_MODE=free", "env-removed", "fail", "LEDGER_LICENSE_MODE"),
        ("LEDGER_HEALTH_INTERVAL=1s", "env-duplicates", "warn", "LEDGER_HEALTH_INTERVAL in the lines"),
        ("PLATFORM_KEY=changeme", "env-placeholders", "fail", "PLATFORM_KEY"),
        (
            "DATABASE_POOL_MAX=200",
            "db-connections",
            "fail",
            "(1 ledger-api + 1 ledger-worker) x 200 (DATABASE_POOL_MAX) = 400",
        ),
    ] {
        stack.add_line(line);
        stack.finds(id, status, evidence);
        let text = fs::read_to_string(stack.path(".env")).unwrap();
        fs::write(stack.path(".env"), text.strip_suffix(&format!("{line}\n")).unwrap()).unwrap();
    }
    let text = fs::read_to_string(stack.path(".env")).unwrap();
    stack.without_line("VAULT_SIGNING_KEY");
    stack.finds("env-required", "fail", "VAULT_SIGNING_KEY");
    fs::write(
        stack.path(".env"),
        text.replace("COMPOSE_FILE=docker-compose.yml:", "COMPOSE_FILE=docker-compose.yml:nowhere.yml:"),
    )
    .unwrap();
    stack.finds("env-compose", "fail", "nowhere.yml");
    fs::write(stack.path(".env"), text.replace("COMPOSE_FILE=", "#")).unwrap();
    stack.finds("env-compose", "warn", "COMPOSE_FILE is not set");
    fs::write(stack.path(".env"), format!("{text}'")).unwrap();
    stack.finds("env-file", "fail", "line");
    fs::write(stack.path(".env"), text).unwrap();
}

fn image_and_services(stack: &Stack) {
    let text = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), text.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=9.9.9")).unwrap();
    stack.finds("image-present", "fail", "ledger/ledger:9.9.9 is not on this machine");
    fs::write(stack.path(".env"), text.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=1.1.0")).unwrap();
    crate::docker::require(&["ledger/ledger:1.1.0"]);
    stack.finds("image-digest", "warn", "runs another image than ledger/ledger:1.1.0");
    stack.finds("product-version", "warn", "1.0.0 runs, and LEDGER_VERSION selects 1.1.0");
    fs::write(stack.path(".env"), text).unwrap();

    let worker = stack.container("ledger-worker").unwrap();
    docker(["stop", &worker]);
    stack.finds("product-health", "fail", "ledger-worker");
    docker(["start", &worker]);

    // With the API stopped its port can be taken, and the product's preflight runs in a container of its own.
    let api = stack.container("ledger-api").unwrap();
    docker(["stop", &api]);
    let taken = TcpListener::bind(("127.0.0.1", stack.api_port)).unwrap();
    let ended = stack.finds("host-ports", "fail", "is held by another program");
    drop(taken);
    let own = found(&ended, "product-preflight");
    assert_eq!(
        (own["status"].as_str(), own["evidence"].as_str()),
        (Some("pass"), Some("passed, in a container of its own"))
    );
    assert_eq!(stack.one_offs(), Vec::<String>::new());
    docker(["start", &api]);
    stack.compose(&["up", "-d", "--wait"]);
}

/// The server, and who uses it.
fn server(stack: &Stack) {
    for (wrong, id, status, evidence, right) in [
        (
            "ALTER DATABASE ledger SET default_transaction_read_only = on",
            "db-writable",
            "fail",
            "read-only",
            "SET default_transaction_read_only = off; ALTER DATABASE ledger RESET default_transaction_read_only",
        ),
        (
            "CREATE TABLE _kept AS SELECT * FROM _migrations; DELETE FROM _migrations",
            "db-migrations",
            "fail",
            "the newest backup has migrations that the database has not",
            "INSERT INTO _migrations SELECT * FROM _kept; DROP TABLE _kept",
        ),
    ] {
        stack.query("ledger", wrong);
        stack.finds(id, status, evidence);
        stack.query("ledger", right);
    }
    // Building an index that cannot be unique leaves it behind, invalid.
    stack.query("ledger", "CREATE TABLE twice (id int); INSERT INTO twice VALUES (1), (1)");
    assert!(!stack.psql("ledger", "CREATE UNIQUE INDEX CONCURRENTLY once ON twice (id)").status.success());
    stack.finds("db-indexes", "warn", "invalid: once");
    stack.query("ledger", "DROP TABLE twice");
    let server = stack.container("postgres").unwrap();
    docker(["stop", &server]);
    let down = stack.finds("db-connect", "fail", "the bundled database (postgres) is not running");
    for id in ["db-rights", "db-pooler", "host-clock"] {
        assert_eq!(found(&down, id)["status"], "skipped", "{id}: {}", down.told());
    }
    docker(["start", &server]);
    stack.server_gets_well();
    stack.compose(&["up", "-d", "--wait"]);
}

fn host(stack: &Stack) {
    let disk = Disk::mounted_at(&stack.path("full"), 32);
    disk.fill_but(1 << 20);
    stack.add_line("BACKUP_DIR=full");
    stack.finds("host-room", "fail", "(backups)");
    stack.without_line("BACKUP_DIR");
    drop(disk);

    let mut unreachable = stack.opsctl(&["--output", "json", "preflight"]);
    unreachable.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ended = Run::start(unreachable).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.told());
    assert_eq!(found(&ended, "host-engine")["status"], "fail");
    for (id, status) in [("env-file", "pass"), ("env-compose", "skipped"), ("db-connect", "skipped")] {
        assert_eq!(found(&ended, id)["status"], status, "{id}: {}", ended.told());
    }
    let mut lonely = stack.opsctl(&["--output", "json", "preflight"]);
    lonely.env("PATH", "/nowhere");
    let ended = Run::start(lonely).wait();
    assert_eq!(found(&ended, "host-compose")["status"], "fail", "{}", ended.told());
}

/// A service that watches the product, and a worker that can be there twice.
const BESIDE: &str = "services:
  ledger-worker:
    ports: !reset []
  watcher:
    image: ${LEDGER_IMAGE}:${LEDGER_VERSION}
    profiles: [monitoring]
    command: [worker]
    env_file: .env
    environment:
      DATABASE_URL: postgresql://ledger:${POSTGRES_PASSWORD}@postgres:5432/ledger
    networks: [ledger]
";

#[test]
fn what_is_beside_the_product_is_looked_at_too() {
    let stack = Stack::of(Settings::new(15, "1.0.0").overlaid(BESIDE));
    stack.private();
    stack.finds("product-backup", "warn", "there is none");
    stack.finds("env-required", "skipped", "there is no .env.example");
    stack.finds("product-monitoring", "skipped", "not turned on");
    stack.add_line("COMPOSE_PROFILES=monitoring");
    stack.finds("product-monitoring", "warn", "not running: watcher");
    stack.without_line("COMPOSE_PROFILES");

    // The second worker is made with other settings than the first.
    stack.add_line("LOG_LEVEL=warn");
    stack.compose(&["up", "-d", "--no-recreate", "--scale", "ledger-worker=2", "ledger-worker"]);
    stack.finds("product-replicas", "fail", "have different values of LOG_LEVEL");
    stack.compose(&["up", "-d", "--wait"]);
    stack.finds("product-replicas", "pass", "1 ledger-api, 1 ledger-worker");

    let server = stack.container("postgres").unwrap();
    let network = format!("{}_ledger", stack.project);
    let few = Disk::full_of_files(&stack.path("few"), 300);
    stack.add_line("BACKUP_DIR=few");
    stack.finds("host-inodes", "fail", "(backups)");
    stack.without_line("BACKUP_DIR");
    drop(few);

    load_image_for("arm64", "ledger/ledger:other-machine");
    let text = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), text.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=other-machine"))
        .unwrap();
    stack.finds("image-architecture", "warn", "it is built for arm64, and this machine is");
    fs::write(stack.path(".env"), text).unwrap();
    docker(["rmi", "ledger/ledger:other-machine"]);

    // The network between the containers is cut, and the server has another one that this machine reaches.
    let detour = format!("{}-detour", stack.project);
    docker(["network", "create", &detour]);
    docker(["network", "connect", &detour, &server]);
    docker(["network", "disconnect", &network, &server]);
    let ended = stack.finds("host-network", "fail", "no response");
    assert_eq!(found(&ended, "db-connect")["status"], "pass", "{}", ended.told());
    docker(["network", "connect", "--alias", "postgres", &network, &server]);
    docker(["network", "disconnect", &detour, &server]);
    docker(["network", "rm", &detour]);
    stack.compose(&["up", "-d", "--wait"]);

    stack.begin(&["upgrade", "1.1.0"]).kill_at("restore point", Duration::ZERO);
    stack.finds("product-operation", "fail", "did not end");
    stack.ops_does(&["abort"]);
    stack.finds("product-operation", "pass", "");
}

/// Gives the engine an image of nothing that is said to be for another kind of machine.
fn load_image_for(architecture: &str, reference: &str) {
    let layer = [0; 1024];
    let digest = hex::encode(Sha256::digest(layer));
    let config = json!({"architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]}});
    let manifest = json!([{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut archive = tar::Builder::new(file.as_file());
    let members: [(&str, &[u8]); 3] = [
        ("config.json", &serde_json::to_vec(&config).unwrap()),
        ("layer.tar", &layer),
        ("manifest.json", &serde_json::to_vec(&manifest).unwrap()),
    ];
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.finish().unwrap();
    docker(["load", "--quiet", "--input", &file.path().display().to_string()]);
}

#[test]
fn what_a_role_may_not_do_on_a_server_elsewhere_is_told_before_an_upgrade() {
    let server = Server::start(15);
    let mut settings = Settings::new(15, "1.0.0")
        .with("DATABASE_URL", &server.url("app", "a-password"))
        .with("OPSCTL_POSTGRES_IMAGE", "opsctl-sample/postgres:15");
    settings.bundled = false;
    settings.server = Some(server.container.clone());
    let mut stack = Stack::laid_out(settings);
    stack.private();
    stack.query(
        "ledger",
        "CREATE ROLE app LOGIN CREATEDB PASSWORD 'a-password'; ALTER DATABASE ledger OWNER TO app; \
         GRANT pg_signal_backend TO app",
    );
    stack.start();
    stack.make_keys();
    stack.ops_does(&["backup"]);
    stack.ops_exits(0, &["preflight"]);
    for (wrong, id, status, evidence, right) in [
        (
            "ALTER TABLE records OWNER TO ledger",
            "db-rights",
            "fail",
            "app does not own records",
            "ALTER TABLE records OWNER TO app",
        ),
        (
            "ALTER ROLE app NOCREATEDB",
            "db-restore",
            "warn",
            "app may not create databases",
            "ALTER ROLE app CREATEDB",
        ),
        (
            "ALTER ROLE app PASSWORD 'another'",
            "db-connect",
            "fail",
            "did not accept the password of `app`",
            "ALTER ROLE app PASSWORD 'a-password'",
        ),
        ("ALTER SYSTEM SET log_statement = 'all'", "db-logging", "pass", "none", "SELECT pg_reload_conf()"),
        ("SELECT 1", "db-logging", "warn", "log_statement is all", "ALTER SYSTEM RESET log_statement"),
    ] {
        stack.query("ledger", wrong);
        stack.finds(id, status, evidence);
        stack.query("ledger", right);
    }
    stack.query("ledger", "ALTER TABLE records OWNER TO ledger");
    let refused = stack.ops_exits(3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("app does not own records"), "{}", refused.told());
    stack.assert_serves("1.0.0");
}

#[test]
fn what_a_preflight_that_was_killed_left_is_removed_by_the_next_one() {
    let stack = Stack::up(18, "1.0.0");
    let project = format!("opsctl.project={}", stack.project);
    let left = |program: &str, argument: &str| {
        let labels = ["--label", &project, "--label", "opsctl.role=preflight"];
        let image = stack.settings.server_image();
        let all = [&["run", "-d"], &labels[..], &["--entrypoint", program, &image, argument]].concat();
        docker_with(&all)
    };
    let (ended, at_work) = (left("true", "-"), left("sleep", "300"));
    std::thread::sleep(Duration::from_secs(16));
    let just_ended = left("true", "-");
    stack.ops(&["preflight", "--only", "env-mode"]);
    let there = |container: &str| attempt(&["inspect", container]).status.success();
    assert_eq!((there(&ended), there(&at_work), there(&just_ended)), (false, true, true));
}
