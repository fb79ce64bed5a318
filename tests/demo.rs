//! The first thing that a newcomer runs, on its own: how long it takes is part of what it is for.
//!
//! It needs the sample product's binary: `cargo build --workspace`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "it runs the program, and a failed step is a failed test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the demo may take once all is built, on a machine that has time for it.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn it_tells_its_story_in_time_leaves_nothing_and_can_be_run_again() {
    let scratch = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let is_busy = is_busy();
        let began = Instant::now();
        let text = told(scratch.path());
        assert!(is_busy || began.elapsed() < LIMIT, "it took {:?}", began.elapsed());
        for chapter in [
            "An upgrade that breaks",
            "restore --undo",
            "support-bundle inspect",
            "opsctl history",
            "What happened",
        ] {
            assert!(text.contains(chapter), "{chapter}: {text}");
        }
        let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Runs it on a machine that seems to have no Docker, and gives all that it said.
fn told(scratch: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_opsctl")).parent().unwrap();
    let output = Command::new("bash")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.sh"))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", scratch)
        .env("TMPDIR", scratch)
        .env("DEMO_BINARIES", programs)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// Whether others keep the processors busy already: then the clock says nothing about the demo.
fn is_busy() -> bool {
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let waiting: f64 = load.split(' ').next().unwrap().parse().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    waiting > f64::from(u32::try_from(processors).unwrap()) * 1.5
}
