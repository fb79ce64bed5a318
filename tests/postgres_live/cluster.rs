//! A throw-away PostgreSQL server: its own directory, port and process, gone when dropped.
#![expect(clippy::disallowed_types, reason = "the tests start the server themselves")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use opsctl::adapters::postgres::connect::connect;
use opsctl::adapters::postgres::session::Session;
use opsctl::model::conninfo::ConnInfo;
use opsctl::model::pg_tools::ToolCall;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Everything a connection URL can be broken by.
pub(crate) const PASSWORD: &str = "p@ss:w/o#r?d %41 é&=+";
/// [`PASSWORD`], percent-encoded.
pub(crate) const ENCODED_PASSWORD: &str = "p%40ss%3Aw%2Fo%23r%3Fd%20%2541%20%C3%A9%26%3D%2B";

/// A running server. Its superuser is `postgres` with [`PASSWORD`].
pub(crate) struct Cluster {
    directory: TempDir,
    server: Child,
    pub(crate) port: u16,
}

impl Cluster {
    /// Starts a server with more settings (`name=value`) and more lines in front of `pg_hba.conf`.
    pub(crate) async fn start_with(settings: &[&str], rules: &str) -> Self {
        let directory =
            tempfile::Builder::new().prefix("opsctl-pg-").tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        let password_file = directory.path().join("password");
        write(&password_file, PASSWORD);
        give_to_server_user(directory.path());
        give_to_server_user(&password_file);
        let initdb = as_server_user(&binaries().join("initdb"))
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("-D")
            .arg(&data)
            .output()
            .expect("initdb can be started");
        assert_success("initdb", &initdb);
        let hba = data.join("pg_hba.conf");
        let standard = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n\
                        host all all ::1/128 scram-sha-256\n";
        write(&hba, &format!("{rules}\n{standard}"));
        give_to_server_user(&hba);
        let port = free_port();
        let mut command = as_server_user(&binaries().join("postgres"));
        command.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(directory.path());
        for setting in
            ["listen_addresses=127.0.0.1,::1", "fsync=off", "statement_timeout=30s"].iter().chain(settings)
        {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(directory.path().join("log")).expect("a log file");
        let server = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let cluster = Self { directory, server, port };
        cluster.wait_until_ready().await;
        cluster
    }

    pub(crate) async fn start() -> Self {
        Self::start_with(&[], "").await
    }

    pub(crate) async fn wait_until_ready(&self) {
        let begun = Instant::now();
        loop {
            match connect(&self.superuser("postgres"), "tests").await {
                Ok(_) => return,
                Err(error) if begun.elapsed() > Duration::from_secs(20) => {
                    panic!("the server did not start: {error}\n{}", self.log());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The directory of the server's files, which the server may read and write.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The superuser's connection over TCP.
    pub(crate) fn superuser(&self, database: &str) -> ConnInfo {
        self.info(&format!("postgres://postgres:{ENCODED_PASSWORD}@127.0.0.1:{}/{database}", self.port))
    }

    pub(crate) fn info(&self, text: &str) -> ConnInfo {
        ConnInfo::parse(&text.replace("PORT", &self.port.to_string()), None)
            .expect("a valid connection string")
    }

    pub(crate) async fn session(&self, database: &str) -> Session {
        connect(&self.superuser(database), "tests").await.expect("the superuser can connect")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // SIGINT is PostgreSQL's fast shutdown: it also removes its shared memory.
            let _ = kill_process(pid, Signal::INT);
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if matches!(self.server.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Runs a program of the machine and fails the test with its output if it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} cannot be started ({error}): install the package `{program}`");
    });
    assert_success(program, &output);
}

pub(crate) fn assert_success(program: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{program} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[expect(clippy::disallowed_methods, reason = "a test's own file need not survive a crash")]
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the file can be written");
}

/// Makes a file readable by the server and by nobody else, as it demands for keys.
pub(crate) fn give_to_server_user(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode can be set");
    if rustix::process::geteuid().is_root() {
        chown(path, Some(server_user_id("-u")), Some(server_user_id("-g")))
            .expect("root can give files away");
    }
}

/// The directory of the newest server that is installed.
pub(crate) fn binaries() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, path)| path.join("initdb").exists() && path.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path).expect("no PostgreSQL server here: install the package `postgresql`")
}

/// The server refuses to run as root.
fn as_server_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn server_user_id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("`id` can be started");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse().expect("no user `postgres` here: install the package `postgresql`")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
/// Runs a tool as it is described, with nothing inherited, its output into a file.
pub(crate) fn run_tool(call: &ToolCall, input: Option<&Path>, output: Option<&Path>) {
    let mut command = Command::new(&call.program);
    command.args(&call.args).env_clear().envs(call.env.iter().map(|(name, value)| (name, value.expose())));
    if let Some(path) = input {
        command.stdin(fs::File::open(path).expect("the input is there"));
    }
    if let Some(path) = output {
        command.stdout(fs::File::create(path).expect("the output can be made"));
    }
    assert_success(&call.program.display().to_string(), &command.output().expect("the tool can be started"));
}
