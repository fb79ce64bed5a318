//! A registry that asks for a password, run by the functions that the demo uses.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use tempfile::TempDir;

use crate::docker::{attempt, docker, host};
use crate::ports;

pub(crate) const USER: &str = "ops";
pub(crate) const PASSWORD: &str = "p~~~~~?????q";

/// A registry on this machine, with the product's images in it.
pub(crate) struct Registry {
    directory: TempDir,
    process: Option<String>,
    pub(crate) host: String,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = ports::free();
        let path = directory.path().display().to_string();
        let process = shell("start_registry", &[&path, &port.to_string(), USER, PASSWORD]);
        Self { directory, process: Some(process), host: format!("127.0.0.1:{port}") }
    }

    pub(crate) fn repository(&self) -> String {
        format!("{}/ledger", self.host)
    }

    /// Pushes an image under a tag and gives its digest. The local image keeps the tag.
    pub(crate) fn push(&self, source: &str, tag: &str) -> String {
        shell("push_image", &[source, &format!("{}:{tag}", self.repository()), USER, PASSWORD])
    }

    /// Writes the credentials where Docker's own login would.
    pub(crate) fn log_in(&self, home: &Path) {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, self.host);
        fs::create_dir_all(home.join(".docker")).unwrap();
        fs::write(home.join(".docker/config.json"), config).unwrap();
    }

    /// Ends it, and with it every answer.
    pub(crate) fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            shell("stop_registry", &[&process]);
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ended_already = Command::new("kill").args(["-9", &process]).output();
        }
        let output = attempt(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &self.repository()]);
        for tag in String::from_utf8_lossy(&output.stdout).lines() {
            attempt(&["rmi", tag]);
        }
        assert!(self.directory.path().exists());
    }
}

/// An image like another one, with a layer of so many megabytes of noise more, so that pulling it takes a download.
pub(crate) fn with_noise(source: &str, tag: &str, megabytes: usize) -> String {
    let noise = tempfile::NamedTempFile::new().unwrap();
    let mut content = vec![0; megabytes << 20];
    for piece in content.chunks_mut(64 << 10) {
        getrandom::fill(piece).unwrap();
    }
    fs::write(noise.path(), content).unwrap();
    let container = docker(["create", source]);
    docker(["cp", &noise.path().display().to_string(), &format!("{container}:/noise")]);
    let image = docker(["commit", &container, tag]);
    docker(["rm", &container]);
    image
}

fn shell(function: &str, arguments: &[&str]) -> String {
    let script = format!(". scripts/lib/setup.sh; . scripts/lib/images.sh; {function} \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash"]).args(arguments);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    if let Some(host) = host() {
        command.env("DOCKER_HOST", host);
    }
    let output = command.output().expect("bash starts");
    assert!(
        output.status.success(),
        "{function}: {}: run scripts/test.sh, which installs what is missing",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
