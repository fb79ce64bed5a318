//! An install of the sample product in a folder of its own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::stand::{Stand, backups, does};
use crate::writer::{Writer, ask, post};

/// Where programs are found.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) struct Install {
    folder: TempDir,
    pub(crate) port: u16,
    description: String,
    /// How opsctl is called.
    pub(crate) call: Vec<String>,
    /// Where it finds programs.
    pub(crate) programs: String,
}

impl Install {
    /// An install that serves.
    pub(crate) fn started(version: &str) -> Self {
        let install = Self::laid_out();
        install.start(version);
        install
    }

    /// An install without a store, of which nothing runs.
    pub(crate) fn laid_out() -> Self {
        Self::described(|description| description)
    }

    /// An install that has not been started yet, with a description that is not quite the usual one.
    pub(crate) fn described(alter: impl Fn(String) -> String) -> Self {
        let folder = tempfile::Builder::new().prefix("opsctl-embedded-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (call, programs) = (vec![env!("CARGO_BIN_EXE_opsctl").to_owned()], PATH.to_owned());
        let install = Self { folder, port, description: alter(description(port)), call, programs };
        install.offer_releases();
        fs::create_dir(install.path("data")).unwrap();
        install.describe("");
        install
    }

    pub(crate) fn start(&self, version: &str) {
        let (status, text) = self.run(&format!("start {version}"));
        assert_eq!(status, 0, "{text}");
    }

    /// Makes the product's tables in a store that is not empty, as its own program does.
    pub(crate) fn migrate(&self, version: &str) {
        let mut program = Command::new(self.path("source").join(version).join("run"));
        let status = program.args(["migrate", "--db"]).arg(self.store()).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
    }

    /// The store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("data/collector.db")
    }

    fn offer_releases(&self) {
        for description in fs::read_dir(sample().join("releases")).unwrap() {
            let path = description.unwrap().path();
            let release = path.file_stem().unwrap().to_str().unwrap();
            let folder = self.path("source").join(release);
            fs::create_dir_all(&folder).unwrap();
            for (name, content, mode) in files_of(release) {
                write(&folder.join(name), &content, mode);
            }
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets each release run the program that is at `place` behind a shell, so that what watches over it sees no more of an
    /// environment than it gave.
    pub(crate) fn run_behind_shell(&self, place: &str) {
        for release in fs::read_dir(self.path("source")).unwrap() {
            let run = release.unwrap().path().join("run");
            let text = fs::read_to_string(&run).unwrap();
            let text = text.replace(&program().display().to_string(), place).replace(" exec ", " ");
            write(&run, &text.replace("LEDGER_", "trap : TERM\nLEDGER_"), 0o755);
        }
    }

    /// Lets opsctl find programs in a folder of the install first.
    pub(crate) fn find_first_in(&mut self, folder: &str) {
        self.programs = format!("{}:{PATH}", self.path(folder).display());
    }

    /// Runs opsctl as a person does: its exit status and all that it said.
    pub(crate) fn run(&self, arguments: &str) -> (i32, String) {
        let arguments: Vec<&str> = ["-y"].into_iter().chain(arguments.split(' ')).collect();
        let output = self.opsctl(&arguments).stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    pub(crate) fn send(&self, id: &str) {
        assert_eq!(post(self.port, id), Some(201), "{id}");
    }

    pub(crate) fn is_healthy(&self) -> bool {
        ask(self.port, "GET /healthz", "") == Some(200)
    }

    /// Writes the environment file.
    pub(crate) fn assign(&self, text: &str, mode: u32) {
        write(&self.path(".env"), text, mode);
    }

    /// See [`Stand::describe`].
    pub(crate) fn describe(&self, more: &str) {
        write(&self.path("opsctl.toml"), &format!("{}{more}", self.description), 0o644);
    }

    /// The one file in the install's folder whose name begins so.
    pub(crate) fn only(&self, start: &str) -> PathBuf {
        let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(start);
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<PathBuf> = paths.filter(named).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Kills the product itself, as the kernel does when memory runs out: whoever waits for it notes how it ended.
    pub(crate) fn kill_product(&self) {
        self.signal_product("KILL");
    }

    /// Sends a signal to the product itself, and not to who waits for it.
    pub(crate) fn signal_product(&self, signal: &str) {
        let noted = fs::read_to_string(self.path(".opsctl/run/collector.process")).unwrap();
        let shell = noted.split(' ').nth(1).unwrap();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let status =
            Command::new("kill").args(["-s", signal]).args(children.split_whitespace()).status().unwrap();
        assert!(status.success(), "{children}");
    }

    /// Waits until nobody answers for it.
    pub(crate) fn ends(&self) {
        let began = Instant::now();
        while self.is_healthy() {
            assert!(began.elapsed() < Duration::from_secs(5), "it goes on although it was told to end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Does something to the store, as its owner.
    pub(crate) fn execute(&self, statement: &str) {
        let store = Connection::open(self.path("data/collector.db")).unwrap();
        store.busy_timeout(Duration::from_secs(5)).unwrap();
        store.execute_batch(statement).unwrap();
    }

    pub(crate) fn receipts(&self) -> Vec<String> {
        receipts_in(&self.store())
    }

    /// See [`backups`].
    pub(crate) fn backups(&self) -> Vec<String> {
        backups(self)
    }

    pub(crate) fn names_in(&self, folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
        names.sort();
        names
    }

    pub(crate) fn migrations(&self) -> Vec<String> {
        listed(&self.store(), "SELECT CAST(id AS TEXT) FROM _migrations ORDER BY id")
    }
}

pub(crate) fn receipts_in(file: &Path) -> Vec<String> {
    listed(file, "SELECT id FROM receipts ORDER BY position")
}

fn listed(file: &Path, query: &str) -> Vec<String> {
    let store = Connection::open(file).unwrap();
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut rows = store.prepare(query).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

impl Stand for Install {
    type Writer = Writer;
    const RECORDS: &'static str = "main.receipts";

    fn serving(release: &str) -> Self {
        let install = Self::described(|text| {
            text.replace("1500ms", "400ms").replace("watch_for = \"1s\"", "watch_for = \"400ms\"")
        });
        install.start(release);
        install
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path(name)
    }

    fn describe(&self, more: &str) {
        self.describe(more);
    }

    fn opsctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.call[0]);
        command.env_clear().env("PATH", &self.programs);
        command.current_dir(self.folder.path()).args(&self.call[1..]).args(arguments);
        command
    }

    fn writer(&self) -> Writer {
        Writer::start(self.port)
    }

    fn dies(&self) {
        self.kill_product();
        self.ends();
    }

    fn is_answered(&self) -> bool {
        self.is_healthy()
    }

    fn assert_serves(&self, release: &str) {
        assert!(self.is_healthy());
        assert_eq!(fs::read_link(self.path("current")).unwrap(), Path::new("releases").join(release));
        let status = does(self, &["status"]);
        assert_eq!(status["release"]["runs"]["version"], release, "{status}");
        assert_eq!(status["release"]["drift"], serde_json::json!([]), "{status}");
    }

    fn assert_tidy(&self) {
        let status = does(self, &["status"]);
        assert!(status["unfinished"].is_null() && status["running"].is_null(), "{status}");
        for purpose in ["side", "scratch", "retired"] {
            assert_eq!(self.kept(purpose), Vec::<String>::new(), "left over");
        }
        for folder in ["data", "backup", ".", "releases", ".opsctl", ".opsctl/run", ".opsctl/releases"] {
            let is_temporary =
                |name: &str| ["partial", "tmp", "current.new"].iter().any(|mark| name.contains(mark));
            let left = self.names_in(folder, is_temporary);
            assert_eq!(left, Vec::<String>::new(), "left over in {folder}");
        }
    }

    fn essence(&self) -> String {
        format!("{} {:?}", fs::read_link(self.path("current")).unwrap().display(), self.migrations())
    }

    fn stored(&self) -> BTreeSet<String> {
        self.receipts().into_iter().collect()
    }

    fn stored_beside(&self) -> BTreeSet<String> {
        let kept = self.names_in("data", |name| name.contains("__opsctl_") && !name.ends_with("-shm"));
        let kept = kept.into_iter().filter(|name| !name.ends_with("-wal"));
        let mut found: BTreeSet<String> = kept.flat_map(|name| self.stored_in(&name)).collect();
        for archive in backups(self) {
            let copy = self.path("looked-into.db");
            let unpacked = File::create(&copy).unwrap();
            let archive = self.path("backup").join(archive);
            let arguments = ["--extract", "--to-stdout", "--wildcards", "*/db.dump", "--file"];
            let unpacking = Command::new("tar").args(arguments).arg(archive).stdout(unpacked).status();
            assert!(unpacking.unwrap().success());
            found.extend(receipts_in(&copy));
            fs::remove_file(&copy).unwrap();
        }
        found
    }

    fn stored_in(&self, kept: &str) -> BTreeSet<String> {
        receipts_in(&self.path("data").join(kept)).into_iter().collect()
    }

    fn kept(&self, purpose: &str) -> Vec<String> {
        let marker = format!("__opsctl_{purpose}_");
        self.names_in("data", |name| {
            name.contains(&marker) && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
    }

    fn drop_kept(&self, purpose: &str) {
        for name in self.kept(purpose) {
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(self.path("data").join(format!("{name}{suffix}")));
            }
        }
    }
}

impl Drop for Install {
    fn drop(&mut self) {
        // A test may have left a file behind that cannot be read.
        let _ = fs::remove_file(self.path(".env"));
        let _ = self.run("stop");
    }
}

/// The sample product's program.
pub(crate) fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_opsctl")).with_file_name("ledger");
    assert!(program.exists(), "the sample product is missing: `cargo build -p ledger`");
    program
}

/// The files of a release: their names, what is in them, and their modes.
pub(crate) fn files_of(release: &str) -> [(&'static str, String, u32); 2] {
    let program = program();
    let description = sample().join("releases").join(format!("{release}.json"));
    let script = fs::read_to_string(sample().join("play.sh")).unwrap();
    assert!(script.contains("$here/ledger"), "{script}");
    // The program is too large to be in each of them.
    let script = script.replace("$here/ledger", program.to_str().unwrap());
    [("release.json", fs::read_to_string(description).unwrap(), 0o644), ("run", script, 0o755)]
}

/// The sources of the sample product.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/ledger")
}

/// The members of a bundle, by their paths below its folder.
pub(crate) fn members(file: &Path) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(file).unwrap()));
    let member = |mut entry: tar::Entry<'_, GzDecoder<File>>| {
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let below = path.split_once('/').map_or(path.clone(), |(_, below)| below.to_owned());
        (below, String::from_utf8_lossy(&content).into_owned())
    };
    archive.entries().unwrap().map(|entry| member(entry.unwrap())).collect()
}

pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
}

fn description(port: u16) -> String {
    format!(
        r#"
[product]
name = "collector"
title = "Collector"
[runtime]
kind = "process"
source = "source"
[service]
name = "collector"
command = ["./run", "api", "--addr", "127.0.0.1:${{PORT}}", "--db", "${{DATABASE}}"]
version = ["./run", "--version"]
port = {port}
health = "/healthz"
[health]
stable_for = "1500ms"
watch_for = "1s"
start_timeout = "5s"
[migrate]
command = ["./run", "migrate", "--db", "${{DATABASE}}"]
timeout = "20s"
applied = {{ table = "_migrations", id = "id" }}
[database]
kind = "sqlite"
file = "data/collector.db"
begins_empty = true
"#
    )
}
