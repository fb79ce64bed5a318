//! The `docker` command, and what the tests need to be there.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::own_engine;

/// What a machine without the tests' needs is told.
const SET_UP: &str = "run scripts/test.sh, which installs and builds what the live tests need";

/// Runs `docker` and gives what it printed.
pub(crate) fn docker<const N: usize>(arguments: [&str; N]) -> String {
    docker_with(&arguments)
}

/// Runs `docker` with as many arguments as there are, and gives what it printed.
pub(crate) fn docker_with(arguments: &[&str]) -> String {
    printed(client(arguments))
}

/// Runs `docker`, whatever comes of it.
pub(crate) fn attempt(arguments: &[&str]) -> Output {
    client(arguments).output().unwrap_or_else(|error| panic!("docker cannot be started ({error}): {SET_UP}"))
}

/// The `docker` command. A password goes into its environment, for `--env NAME`: arguments can be seen by everybody.
pub(crate) fn client(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null());
    if let Some(host) = host() {
        command.env("DOCKER_HOST", host);
    }
    command
}

/// What a command prints, which has to succeed.
pub(crate) fn printed(mut command: Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("docker cannot be started ({error}): {SET_UP}"));
    assert!(
        output.status.success(),
        "{:?}: {}{}",
        command.get_args(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// How the engine is reached, if that is not left to `docker` itself.
pub(crate) fn host() -> Option<OsString> {
    own_engine::of_this_thread().map(OsString::from).or_else(|| std::env::var_os("DOCKER_HOST"))
}

/// Fails with what to do about it unless Docker, Compose, the images and opsctl are there.
pub(crate) fn require(images: &[&str]) {
    static COMPOSE: OnceLock<()> = OnceLock::new();
    COMPOSE.get_or_init(|| {
        for probe in [["version", "--format", "{{.Server.Version}}"], ["compose", "version", "--short"]] {
            let output = attempt(&probe);
            assert!(
                output.status.success(),
                "docker {probe:?}: {}: {SET_UP}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let program = env!("CARGO_BIN_EXE_opsctl");
        assert!(Path::new(program).is_file(), "there is no {program}: {SET_UP}");
    });
    for image in images {
        let found = attempt(&["image", "inspect", "--format", "{{.Id}}", image]);
        assert!(found.status.success(), "there is no image {image}: {SET_UP}");
    }
}

/// The engine's identifier of an image.
pub(crate) fn image_id(image: &str) -> String {
    docker(["image", "inspect", "--format", "{{.Id}}", image])
}

/// A key for `VAULT_SIGNING_KEY`, made once: the product itself makes it.
pub(crate) fn signing_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        docker(["run", "--rm", "--network", "none", "ledger/ledger:1.0.0", "generate-signing-key"])
    })
}
