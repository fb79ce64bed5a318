//! A container that boots as a machine with systemd, with an install in it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::install::program;

/// Where the install is on that machine.
pub(crate) const INSTALL: &str = "/srv/collector";

/// Where the sample product's program is on that machine.
pub(crate) const PROGRAM: &str = "/usr/local/bin/ledger";

/// The owner of the install on that machine.
const OWNER: u32 = 1000;

const IMAGE: &str = "opsctl-sample/systemd";

/// Enough for systemd, and no more than an engine that is itself confined can give. The network is this machine's, so that
/// clients reach the product as its neighbours do.
const RUN: [&str; 17] = [
    "run",
    "--detach",
    "--rm",
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=private",
    "--network=host",
    "--tmpfs=/run",
    "--tmpfs=/tmp",
    "--label=opsctl.sample=systemd",
    "--stop-timeout=1",
    "--log-driver=none",
    "--pids-limit=512",
    "--memory=1g",
    "--volume",
];

/// The machine; it is gone when this is dropped.
pub(crate) struct Machine {
    id: String,
    /// The process on this machine that is process 1 on that one.
    init: String,
}

impl Machine {
    /// Boots it, with a folder of this machine as the install, which becomes its owner's.
    pub(crate) fn boot(folder: &Path) -> Self {
        let volume = format!("{}:{INSTALL}", folder.display());
        let opsctl = format!("--volume={}:/usr/local/bin/opsctl:ro", env!("CARGO_BIN_EXE_opsctl"));
        let program = format!("--volume={}:{PROGRAM}:ro", program().display());
        let id = docker(RUN.iter().copied().chain([&*volume, &*opsctl, &*program, IMAGE]));
        let init = docker(["inspect", "--format", "{{.State.Pid}}", &id]);
        let machine = Self { id, init };
        machine.wait("systemctl is-system-running", |said| said == "running");
        own(folder);
        machine
    }

    /// How opsctl is called on that machine, as the owner of the install. It dies with what called it.
    pub(crate) fn call(&self, groups: &str) -> Vec<String> {
        let owner = OWNER.to_string();
        let enter = ["nsenter", "--target", &self.init, "--mount", "--pid", "--ipc", "--uts"];
        let become_owner = ["setpriv", "--reuid", &owner, "--regid", &owner, groups, "--pdeathsig", "KILL"];
        let opsctl = ["/usr/local/bin/opsctl", "--dir", INSTALL];
        enter.iter().chain(&become_owner).chain(&opsctl).map(|&word| word.to_owned()).collect()
    }

    /// Does something there as root, and gives what it printed.
    pub(crate) fn does(&self, script: &str) -> String {
        let output = self.tries(script);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn tries(&self, script: &str) -> Output {
        let arguments = ["exec", &self.id, "sh", "-c", script];
        Command::new("docker").args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Waits until what something prints is as it should be.
    pub(crate) fn wait(&self, script: &str, is_wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            let output = self.tries(script);
            let said = String::from_utf8_lossy(&output.stdout);
            if is_wanted(said.trim_end()) {
                return;
            }
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(began.elapsed() < Duration::from_secs(30), "{script}: {said} {told}");
            sleep(Duration::from_millis(50));
        }
    }

    /// A property of the product's unit.
    pub(crate) fn unit(&self, property: &str) -> String {
        self.does(&format!("systemctl show --property={property} --value collector.service"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _gone_already = Command::new("docker").args(["rm", "--force", &self.id]).output();
    }
}

fn docker<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> String {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("docker is there: scripts/test.sh installs and builds what this needs");
    assert!(output.status.success(), "docker: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Gives a folder, and all that is in it, to the owner of the install.
fn own(path: &Path) {
    std::os::unix::fs::lchown(path, Some(OWNER), Some(OWNER)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path());
        }
    }
}
