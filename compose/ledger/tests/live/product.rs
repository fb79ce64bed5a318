//! The product's processes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    eventually, http,
    http::Answer,
    postgres::{Postgres, free_port},
};

pub(crate) const SECRET: &str = "the-secret-of-these-tests";
const BINARY: &str = env!("CARGO_BIN_EXE_ledger");

/// An install: a release and an environment for it.
pub(crate) struct Install {
    environment: BTreeMap<String, String>,
    folder: TempDir,
}

/// A running `api` or `worker`; ended with the value.
pub(crate) struct Service {
    child: Child,
    pub(crate) port: u16,
    log: PathBuf,
}

impl Install {
    /// An install of `release`, a file of `releases/`, on the product's database of `postgres`.
    pub(crate) fn of(release: &str, postgres: &Postgres) -> Self {
        let mut install = Self {
            environment: BTreeMap::new(),
            folder: tempfile::Builder::new().prefix("ledger-install-").tempdir().unwrap(),
        };
        install.set("DATABASE_URL", &postgres.url());
        install.set("API_KEY_SECRET", SECRET);
        install.set("HOST", "127.0.0.1");
        install.upgrade(release);
        let key = install.run(&["generate-signing-key"]);
        assert!(key.status.success());
        install.set("VAULT_SIGNING_KEY", String::from_utf8(key.stdout).unwrap().trim());
        install
    }

    /// An install of `release` in its other shape, over a file that is not there yet.
    pub(crate) fn of_collector(release: &str) -> Self {
        let mut install = Self {
            environment: BTreeMap::new(),
            folder: tempfile::Builder::new().prefix("ledger-collector-").tempdir().unwrap(),
        };
        install.set("DATABASE_URL", &format!("sqlite:{}", install.store().display()));
        install.upgrade(release);
        install
    }

    /// The file of a collector.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("collector.db")
    }

    pub(crate) fn upgrade(&mut self, release: &str) {
        let file = format!("{}/releases/{release}.json", env!("CARGO_MANIFEST_DIR"));
        self.set("LEDGER_RELEASE_FILE", &file);
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.into(), value.into());
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn migrate(&self) {
        let output = self.run(&["migrate"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    pub(crate) fn create_key(&self, role: &str) -> String {
        let output = self.run(&["create-api-key", "--role", role, "--name", "test"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts `api` or `worker` on a free port, without waiting for anything.
    pub(crate) fn start(&self, command: &str) -> Service {
        let port = free_port();
        let variable = if command == "worker" { "WORKER_HEALTH_PORT" } else { "PORT" };
        self.serve(self.command(&[command]).env(variable, port.to_string()), port)
    }

    /// Starts the collector on a free port, without waiting for anything.
    pub(crate) fn start_collector(&self) -> Service {
        let port = free_port();
        self.serve(&mut self.command(&["api", "--addr", &format!("127.0.0.1:{port}")]), port)
    }

    fn serve(&self, command: &mut Command, port: u16) -> Service {
        let log = self.folder.path().join(format!("{port}.log"));
        let child = command.stdout(fs::File::create(&log).unwrap()).spawn().unwrap();
        Service { child, port, log }
    }

    pub(crate) fn start_ready(&self, command: &str) -> Service {
        let service = self.start(command);
        service.await_ready();
        service
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().envs(&self.environment);
        command
    }
}

impl Service {
    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> Answer {
        http::request(self.port, path, key, None).unwrap()
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        http::request(self.port, path, Some(key), Some(body)).unwrap()
    }

    /// Writes a record and returns its id.
    pub(crate) fn write(&self, key: &str, payload: &Value) -> String {
        let answer = self.post("/v1/records", key, &json!({"kind": "note", "payload": payload}));
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn await_ready(&self) {
        eventually("a service that is ready", || {
            http::request(self.port, "/health/ready", None, None).ok().filter(|answer| answer.status == 200)
        });
    }

    /// Waits for a 503 with this reason.
    pub(crate) fn await_not_ready(&self, reason: &str) {
        eventually(&format!("not ready because of {reason}"), || {
            http::request(self.port, "/health/ready", None, None)
                .ok()
                .filter(|answer| answer.status == 503 && answer.json["reason"] == reason)
        });
    }

    pub(crate) fn terminate(&self) {
        terminate(&self.child);
    }

    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        await_exit(&mut self.child)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn terminate(child: &Child) {
    crate::postgres::run(Command::new("kill").args(["-TERM", &child.id().to_string()]));
}

pub(crate) fn await_exit(child: &mut Child) -> ExitStatus {
    let status = eventually("the end of a process", || child.try_wait().unwrap());
    assert_eq!(status.signal(), None, "ended by itself, not by a signal");
    status
}
