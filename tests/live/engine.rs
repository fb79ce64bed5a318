//! An engine that is away for a while, as when its daemon is started again: seen from opsctl, which reaches it through here.
//!
//! The machine's own daemon is never restarted. What its restart would do to stopped containers is a matter of their
//! restart policies, which `outside` looks at.

use std::fs;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::operator::Run;
use crate::stack::Stack;

#[test]
fn an_engine_that_is_away_for_a_while_costs_the_operation_and_no_write() {
    let stack = Stack::up(15, "1.1.0");
    let writer = stack.writer();
    let before = stack.world();
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::open(&folder.path().join("docker.sock"));
    for step in ["restore point", "prove"] {
        let mut run = through(&stack, &gate, &["upgrade", "1.2.0"]);
        run.reaches(step);
        gate.shut();
        std::thread::sleep(Duration::from_secs(7));
        gate.reopen();
        let ended = run.wait();
        assert_eq!(ended.code, Some(4), "{step}: {}", ended.told());
        assert!(ended.fault().contains("ocker"), "{step}: {}", ended.fault());
        stack.assert_serves("1.1.0");
        stack.assert_tidy();
        writer.goes_on();
        assert_eq!(stack.world().migrations, before.migrations);
    }

    // It is gone when opsctl comes to go on, and then it is back.
    through(&stack, &gate, &["upgrade", "1.2.0"]).kill_at("prove", Duration::ZERO);
    gate.shut();
    let unable = through(&stack, &gate, &["resume"]).wait();
    assert_eq!(unable.code, Some(5), "{}", unable.told());
    gate.reopen();
    let ended = through(&stack, &gate, &["resume"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

fn through(stack: &Stack, gate: &Gate, arguments: &[&str]) -> Run {
    let mut all = vec!["--output", "json", "--non-interactive"];
    all.extend(arguments);
    let mut command = stack.opsctl(&all);
    command.env("DOCKER_HOST", format!("unix://{}", gate.socket.display()));
    Run::start(command)
}

/// A way to the engine that can be shut: connections break off, and no new one is taken.
struct Gate {
    socket: PathBuf,
    shut: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

impl Gate {
    fn open(socket: &Path) -> Self {
        let gate = Self { socket: socket.to_owned(), shut: Arc::default(), streams: Arc::default() };
        gate.listen();
        gate
    }

    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (shut, streams) = (self.shut.clone(), self.streams.clone());
        std::thread::spawn(move || {
            while !shut.load(Ordering::SeqCst) {
                let Ok((client, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                client.set_nonblocking(false).unwrap();
                let engine = UnixStream::connect(engine()).expect("the engine answers");
                let mut known = streams.lock().unwrap();
                known.extend([client.try_clone().unwrap(), engine.try_clone().unwrap()]);
                pass_on(client.try_clone().unwrap(), engine.try_clone().unwrap());
                pass_on(engine, client);
            }
        });
    }

    fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
        fs::remove_file(&self.socket).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ended_already = stream.shutdown(Shutdown::Both);
        }
    }

    fn reopen(&self) {
        self.shut.store(false, Ordering::SeqCst);
        self.listen();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut.store(true, Ordering::SeqCst);
    }
}

fn engine() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").into()
}

/// Passes bytes on, and the end of them too: what reads to the end of its input waits for that.
fn pass_on(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        let _broken_off = std::io::copy(&mut from, &mut to);
        let _ended_already = to.shutdown(Shutdown::Write);
    });
}
