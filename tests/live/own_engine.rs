//! An engine of a test's own, which can be started again, killed, and given a disk that is full.
//!
//! It lives in what is nearly a machine of its own: namespaces for its network, its processes and its mounts. Nothing of
//! it is seen by the machine's own engine, and when the first process in there ends, the kernel ends all the others.

use std::cell::RefCell;
use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::docker::{attempt, image_id};

/// No story on an engine of its own takes longer, in seconds.
const LIFE: u32 = 900;

/// How long the engine may take to come up, or to stop what it runs.
const PATIENCE: Duration = Duration::from_mins(2);

thread_local! {
    static ENGINE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// How this thread reaches its engine, if it is not the machine's.
pub(crate) fn of_this_thread() -> Option<String> {
    ENGINE.with_borrow(Clone::clone)
}

/// How the engine's daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// It is asked to, and stops its containers.
    Orderly,
    /// It is killed; its containers go on until the next one is started.
    Sudden,
}

/// An engine with a disk of its own. It is gone when dropped, with all that it runs.
pub(crate) struct OwnEngine {
    /// The first process of its machine is the child of this one.
    machine: Child,
    daemon: Option<Child>,
    /// What Docker keeps its data on.
    pub(crate) disk: Disk,
    folder: TempDir,
}

/// Tells a story in a thread that sees an engine of its own, with these images, in the place of the machine's: all that
/// the thread starts, threads and processes, is in that engine's network.
pub(crate) fn on_own_engine(megabytes: u64, images: &[&str], story: impl FnOnce(&mut OwnEngine) + Send) {
    let told = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let saved: Vec<String> = images.iter().map(|image| image_id(image)).collect();
            let mut engine = OwnEngine::start(megabytes);
            engine.load(images);
            let loaded: Vec<String> = images.iter().map(|image| image_id(image)).collect();
            assert_eq!(loaded, saved);
            story(&mut engine);
        });
        thread.join()
    });
    if let Err(panic) = told {
        resume_unwind(panic);
    }
}

impl OwnEngine {
    fn start(megabytes: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("opsctl-engine-").tempdir().unwrap();
        let disk = Disk::mounted_at(&folder.path().join("disk"), megabytes);
        fs::write(folder.path().join("daemon.json"), "{}").unwrap();
        // A containerd of the machine's own is not to be found, nor are its sockets to be mixed with ours. The shell
        // takes the place of an init process: it takes notice of the end of whatever has lost its parent.
        let script = "mkdir -p /run/containerd && mount -t tmpfs none /run/containerd && ip link set lo up \
                      && touch \"$1\" && n=0 && while [ $n -lt \"$2\" ]; do n=$((n + 1)); sleep 1; done";
        let ready = folder.path().join("ready");
        let machine = Command::new("unshare")
            .args(["--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", script, "sh"])
            .arg(&ready)
            .arg(LIFE.to_string())
            .stdin(Stdio::null())
            .stderr(File::create(folder.path().join("machine.log")).unwrap())
            .spawn()
            .expect("unshare starts: the live tests run as root");
        let mut engine = Self { machine, daemon: None, disk, folder };
        engine.wait("its machine", |engine| engine.folder.path().join("ready").exists());
        let network = File::open(format!("/proc/{}/ns/net", engine.machine.id())).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&network), Some(LinkNameSpaceType::Network))
            .expect("the thread is moved");
        ENGINE.set(Some(format!("unix://{}", engine.path("docker.sock").display())));
        engine.start_daemon();
        engine
    }

    /// Brings images over from the machine's engine.
    fn load(&self, images: &[&str]) {
        let mut save = Command::new("docker");
        save.arg("save").args(images).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut saving = save.spawn().expect("docker starts");
        let loaded = Command::new("docker")
            .args(["load", "--quiet"])
            .env("DOCKER_HOST", of_this_thread().unwrap_or_default())
            .stdin(saving.stdout.take().unwrap())
            .stdout(Stdio::null())
            .status();
        assert!(
            saving.wait().unwrap().success() && loaded.unwrap().success(),
            "{images:?} are not brought over"
        );
        assert!(self.folder.path().exists());
    }

    /// Ends the daemon and starts it again.
    pub(crate) fn restart(&mut self, death: Death) {
        self.end_daemon(death);
        self.start_daemon();
    }

    fn start_daemon(&mut self) {
        let log = File::options().append(true).create(true).open(self.path("daemon.log")).unwrap();
        let flag = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        let daemon = self
            .inside("dockerd")
            .arg(flag("config-file", "daemon.json"))
            .arg(flag("data-root", "disk/docker"))
            .arg(flag("exec-root", "run"))
            .arg(flag("pidfile", "pid"))
            .arg(format!("--host=unix://{}", self.path("docker.sock").display()))
            .args([
                "--default-address-pool=base=10.213.0.0/16,size=24",
                "--exec-opt=native.cgroupdriver=cgroupfs",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd starts");
        self.daemon = Some(daemon);
        self.wait("its daemon", |_| attempt(&["version"]).status.success());
    }

    fn end_daemon(&mut self, death: Death) {
        let signal = match death {
            Death::Orderly => "-TERM",
            Death::Sudden => "-KILL",
        };
        // In there it has another number than out here.
        let pid = fs::read_to_string(self.path("pid")).unwrap();
        let told = self.inside("kill").args([signal, pid.trim()]).status().unwrap();
        assert!(told.success(), "the daemon is not there: {}", self.said());
        self.wait("the end of its daemon", |engine| {
            engine.daemon.as_mut().is_none_or(|daemon| daemon.try_wait().unwrap().is_some())
        });
        self.daemon = None;
    }

    /// A command that is run on its machine.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let machine = self.machine.id();
        for (kind, name) in [("net", "net"), ("mount", "mnt"), ("pid", "pid_for_children")] {
            command.arg(format!("--{kind}=/proc/{machine}/ns/{name}"));
        }
        command.arg(program);
        command
    }

    fn wait(&mut self, what: &str, mut is_there: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !is_there(self) {
            assert!(began.elapsed() < PATIENCE, "{what} takes too long: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last lines of what was logged.
    fn said(&self) -> String {
        let text = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        let all = text("machine.log") + &text("daemon.log");
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        ENGINE.set(None);
        // With it the first process in there ends, and with that everything else.
        let _ended_already = self.machine.kill();
        let _reaped = self.machine.wait();
        if let Some(mut daemon) = self.daemon.take() {
            let _ended_already = daemon.wait();
        }
    }
}
