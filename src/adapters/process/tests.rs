use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::ReadBuf;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn shell(script: &str) -> HostCommand {
    HostCommand::new("sh", ["-c", script])
}

async fn collected(command: HostCommand, stdin: Stdin) -> (Vec<u8>, ToolExit) {
    let output = command.start(stdin).expect("started");
    output.collect("sh", 1 << 26, LIMIT).await.expect("ended")
}

#[tokio::test]
async fn output_exit_code_and_stderr_are_told_apart() {
    let (output, exit) = collected(shell("echo out; echo err >&2; exit 3"), Stdin::Empty).await;
    assert_eq!(output, b"out\n");
    assert_eq!(exit, ToolExit { status: ToolStatus::Exited(3), stderr: "err".to_owned() });
}

#[tokio::test]
async fn what_is_left_behind_holds_its_streams_and_goes_on() {
    let began = Instant::now();
    let left = shell("echo not today >&2; sleep 30 & echo $! >&2").run_alone(LIMIT).await.expect("ended");
    assert!(left.success() && began.elapsed() < LIMIT, "{left:?}");
    let (said, pid) = left.stderr.split_once('\n').expect("two lines");
    assert_eq!(said, "not today");
    let pid = Pid::from_raw(pid.parse().expect("an identifier")).expect("a process");
    rustix::process::kill_process(pid, Signal::KILL).expect("it goes on");
}

#[tokio::test]
async fn what_does_not_end_by_itself_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = shell("sleep 30 & echo $! >started; wait");
    command.directory = Some(folder.path().to_owned());
    let ended = command.run_alone(Duration::from_secs(1)).await;
    assert!(matches!(ended, Err(ToolError::TimedOut { .. })), "{ended:?}");
    let pid = std::fs::read_to_string(folder.path().join("started")).expect("it was started");
    let status = format!("/proc/{}/status", pid.trim());
    let began = Instant::now();
    let goes_on = || std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ"));
    while goes_on() {
        assert!(began.elapsed() < LIMIT, "it goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn input_comes_back_byte_for_byte() {
    let data: Vec<u8> =
        (0..10_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let stdin = Stdin::From(Box::pin(io::Cursor::new(data.clone())));
    let (output, exit) = collected(HostCommand::new("cat", [""; 0]), stdin).await;
    assert!(exit.success() && output == data);
}

#[tokio::test]
async fn a_tool_that_stops_reading_early_is_judged_by_its_exit_code() {
    let stdin = Stdin::From(Box::pin(tokio::io::repeat(b'x')));
    let (output, exit) = collected(shell("head -c 3"), stdin).await;
    assert_eq!(output, b"xxx");
    assert!(exit.success());
}

/// Gives some bytes, then fails.
struct Broken {
    given: bool,
}

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given {
            return Poll::Ready(Err(io::Error::other("the disk is gone")));
        }
        self.given = true;
        buffer.put_slice(b"half a line");
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_broken_source_kills_the_tool_before_it_sees_an_end_of_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let marker = folder.path().join("took-it-for-the-end");
    let command = shell(&format!("cat; touch {}", marker.display()));
    let output = command.start(Stdin::From(Box::pin(Broken { given: false }))).expect("started");
    let error = output.collect("sh", 1 << 20, LIMIT).await.expect_err("no input");
    assert!(matches!(error, ToolError::Input { .. }), "{error}");
    assert!(!marker.exists());
}

#[tokio::test]
async fn a_time_limit_kills_the_whole_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", pids.display());
    let started = Instant::now();
    let output = shell(&script).start(Stdin::Empty).expect("started");
    let error = output.collect("sh", 100, Duration::from_millis(500)).await.expect_err("too slow");
    assert!(matches!(error, ToolError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < LIMIT);
    let grandchild = std::fs::read_to_string(pids).expect("a pid");
    let status = format!("/proc/{}/stat", grandchild.trim());
    for _ in 0..100 {
        // A killed process nobody has waited for yet is a zombie, which is dead enough.
        let stat = std::fs::read_to_string(&status).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the grandchild outlived its group");
}

#[tokio::test]
async fn a_grandchild_that_keeps_stderr_open_does_not_hold_up_the_end() {
    let started = Instant::now();
    let (_, exit) = collected(shell("sleep 15 >/dev/null & exit 0"), Stdin::Empty).await;
    assert!(exit.success());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn too_much_output_is_an_error_and_not_a_cut() {
    let output = shell("yes").start(Stdin::Empty).expect("started");
    let error = output.collect("yes", 1000, LIMIT).await.expect_err("too much");
    assert!(matches!(error, ToolError::TooMuchOutput { limit: 1000, .. }), "{error}");
}

#[tokio::test]
async fn secrets_go_through_the_environment() {
    let mut command = shell("printf %s \"$TOKEN\"");
    command.set.push(("TOKEN".to_owned(), Secret::new("not-a-real-token")));
    assert!(!format!("{command:?}").contains("not-a-real-token"));
    assert_eq!(collected(command, Stdin::Empty).await.0, b"not-a-real-token");
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let error =
        HostCommand::new("/nonexistent/tool", [""; 0]).start(Stdin::Empty).err().expect("no such program");
    assert!(error.to_string().contains("/nonexistent/tool"), "{error}");
}
