//! An install in a directory of its own, an environment with nothing in it, and runs of the program there.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use opsctl::model::operation::OperationId;
use tempfile::TempDir;

/// A directory that goes away with the test.
pub(crate) struct Sandbox {
    dir: TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    /// A directory that holds what makes it an install.
    pub(crate) fn install() -> Self {
        let sandbox = Self::empty();
        sandbox.write("docker-compose.yml", "services:\n  api:\n    image: example/product:1.0.0\n");
        sandbox
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        opsctl::adapters::files::replace(
            &path,
            content.as_ref(),
            opsctl::adapters::files::Mode::KeepOr(0o644),
        )
        .expect("room");
    }

    /// Gives the install a past operation, as a fixture of the journals tells it.
    pub(crate) fn operation(&self, id: &str, fixture: &str) {
        self.operation_altered(id, fixture, |text| text);
    }

    /// The same, with a journal that is not quite the fixture.
    pub(crate) fn operation_altered(&self, id: &str, fixture: &str, alter: impl Fn(String) -> String) {
        assert!(OperationId::parse(id).is_some(), "{id}");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals");
        let text = fs::read_to_string(fixtures.join(fixture)).expect("a fixture");
        self.write(&format!(".opsctl/operations/{id}/journal.jsonl"), alter(text));
    }

    /// The program, to be run here, with an engine that does not exist and nothing else in its environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = cargo_bin_cmd!("opsctl");
        command.current_dir(self.path()).env_clear().env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        command
    }

    /// Runs it with arguments that have no space in them.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.finish(self.command().args(arguments.split_whitespace()))
    }

    /// Runs a prepared command; what differs from run to run is replaced.
    pub(crate) fn finish(&self, command: &mut Command) -> Run {
        let output = command.timeout(std::time::Duration::from_mins(1)).output().expect("a run");
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .expect("UTF-8")
                .replace(self.path().to_str().expect("UTF-8"), "[install]")
        };
        Run {
            status: output.status.code().expect("an exit status"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// What is in the state directory's `operations`.
    pub(crate) fn operations(&self) -> Vec<PathBuf> {
        let Ok(directory) = fs::read_dir(self.path().join(".opsctl/operations")) else { return Vec::new() };
        directory.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr } = self;
        write!(formatter, "exit status: {status}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}")
    }
}

impl Run {
    /// The lines of stdout, each of which must be a JSON object.
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}")))
            .inspect(|value: &serde_json::Value| assert!(value.is_object(), "{value}"))
            .collect()
    }
}
