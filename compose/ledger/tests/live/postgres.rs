//! A PostgreSQL server of the test's own, on a free port and a socket in a folder that goes away with it.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::eventually;

/// The limit that the bundled database of the product sets for every session.
const STATEMENT_TIMEOUT: &str = "statement_timeout=30s";

pub(crate) struct Postgres {
    binaries: PathBuf,
    folder: TempDir,
    /// None while it is stopped.
    server: Option<Child>,
    pub(crate) port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further settings, `name=value`.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let folder = Self::folder();
        Self::start_in(folder, settings)
    }

    /// A folder that the server's user can enter.
    pub(crate) fn folder() -> TempDir {
        let folder = tempfile::Builder::new().prefix("ledger-pg-").tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg(server_user()).arg(folder.path()));
        }
        folder
    }

    /// Starts a server in a folder from [`Postgres::folder`], which may hold files for it.
    pub(crate) fn start_in(folder: TempDir, settings: &[&str]) -> Self {
        let binaries = find_binaries();
        let data = folder.path().join("data");
        run(as_server_user(&binaries.join("initdb"))
            .args(["--auth=trust", "--username=ledger", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(Stdio::null()));
        let port = free_port();
        let server = spawn(&binaries, folder.path(), port, settings);
        let mut postgres = Self { binaries, folder, server: Some(server), port };
        postgres.wait();
        postgres.sql_in("postgres", "CREATE DATABASE ledger");
        postgres
    }

    /// The URL of the product's database, over TCP.
    pub(crate) fn url(&self) -> String {
        format!("postgres://ledger@127.0.0.1:{}/ledger", self.port)
    }

    /// Runs SQL in the product's database; the rows come without headings, their columns parted by `|`.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.sql_in("ledger", sql)
    }

    pub(crate) fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Starts SQL without waiting for its end.
    pub(crate) fn sql_in_background(&self, sql: &str) -> Background {
        self.sql_in_background_of("ledger", sql)
    }

    pub(crate) fn sql_in_background_of(&self, database: &str, sql: &str) -> Background {
        Background(self.psql(database, sql).stdout(Stdio::null()).spawn().unwrap())
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(self.binaries.join("psql"));
        command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "ledger", "-h"]).arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        command
    }

    pub(crate) fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server at once, its sessions with it.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // SIGQUIT is the immediate shutdown: no session can hold it up.
        let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
        let _ = server.wait();
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.server = Some(spawn(&self.binaries, self.folder.path(), self.port, &[]));
        self.wait();
    }

    fn wait(&mut self) {
        eventually("a PostgreSQL server that answers", || {
            if let Some(status) = self.server.as_mut().and_then(|server| server.try_wait().unwrap()) {
                let log = fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
                panic!("the server ended with {status}: {log}");
            }
            let output = self.psql("postgres", "SELECT 1").output().unwrap();
            output.status.success().then_some(())
        });
    }
}

/// A statement that runs beside the test; ended with the value.
pub(crate) struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn spawn(binaries: &Path, folder: &Path, port: u16, settings: &[&str]) -> Child {
    let mut command = as_server_user(&binaries.join("postgres"));
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).args(["-p", &port.to_string()]);
    for setting in ["fsync=off", STATEMENT_TIMEOUT, "listen_addresses=127.0.0.1"].iter().chain(settings) {
        command.args(["-c", setting]);
    }
    let log = fs::File::create(folder.join("server.log")).unwrap();
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// The server binaries in `LEDGER_TEST_PG_BIN`, or the newest of the machine.
fn find_binaries() -> PathBuf {
    let named = env::var_os("LEDGER_TEST_PG_BIN").map(PathBuf::from);
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut packaged: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    packaged.sort();
    let on_path = env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(configured)
        .chain(packaged.into_iter().rev())
        .chain(env::split_paths(&on_path))
        .find(|folder| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists()))
        .expect("no PostgreSQL server binaries here: install Debian's package `postgresql`")
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

/// PostgreSQL refuses to run as root.
fn server_user() -> &'static str {
    let exists = |user| Command::new("id").arg(user).output().is_ok_and(|output| output.status.success());
    if exists("postgres") { "postgres" } else { "nobody" }
}

fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let user = server_user();
    command.args(["--reuid", user, "--regid"]);
    let group = Command::new("id").args(["-g", user]).output().unwrap();
    command.arg(String::from_utf8(group.stdout).unwrap().trim());
    // The signal reaches the server itself: setpriv replaces itself by it.
    command.args(["--clear-groups", "--"]).arg(program);
    command
}

pub(crate) fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}
