//! The first thing that a newcomer runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the demo may take once all is built.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn the_demo_tells_its_story_in_time_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_opsctl")).parent().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.sh");
    for _ in 0..2 {
        let began = Instant::now();
        let output = Command::new("bash")
            .arg(&demo)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", scratch.path())
            .env("TMPDIR", scratch.path())
            .env("DEMO_BINARIES", programs)
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(began.elapsed() < LIMIT, "it took {:?}", began.elapsed());
        for chapter in ["An upgrade that breaks", "restore --undo", "opsctl history", "What happened"] {
            assert!(text.contains(chapter), "{chapter}: {text}");
        }
        let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
