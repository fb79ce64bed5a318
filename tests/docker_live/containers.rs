//! Tools, commands in containers, logs, stopping.

use std::io::Cursor;
use std::time::{Duration, Instant};

use opsctl::adapters::docker::{
    Bind, BindAccess, ContainerFilter, ContainerId, ContainerState, Engine, ExecCommand, LogLimits,
    LogStream, Removal, ToolContainer, ToolNetwork,
};
use opsctl::adapters::tool_output::{Stdin, ToolError, ToolStatus};
use opsctl::model::secret::Secret;

use crate::sandbox::{LIMIT, TestImage, docker, engine, put, unique};

const LARGE: usize = 50_000_000;

pub(crate) fn tool(image: &TestImage, operation: &str, argv: &[&str]) -> ToolContainer {
    ToolContainer {
        image: image.id.clone(),
        name: None,
        operation: operation.to_owned(),
        project: "opsctl-dk".to_owned(),
        role: "test".to_owned(),
        argv: argv.iter().map(ToString::to_string).collect(),
        environment: vec![("TOKEN".to_owned(), Secret::new("t0ken"))],
        user: None,
        binds: Vec::new(),
        network: ToolNetwork::None,
    }
}

fn exec(argv: &[&str]) -> ExecCommand {
    let argv = argv.iter().map(ToString::to_string).collect();
    ExecCommand { argv, environment: vec![("TOKEN".to_owned(), Secret::new("t0ken"))], user: None }
}

/// A container that runs until it is removed with the value.
pub(crate) struct Running(pub(crate) ContainerId);

impl Running {
    pub(crate) fn start(image: &TestImage, argv: &[&str]) -> Self {
        let name = unique("running");
        let mut arguments = vec!["run", "-d", "--name", &name, "--network", "none", image.name()];
        arguments.extend(argv);
        Self(docker(&arguments).parse().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        docker(&["rm", "-f", self.0.as_str()]);
    }
}

async fn left_over(engine: &Engine, operation: &str) -> usize {
    engine.containers(ContainerFilter::Operation(operation)).await.unwrap().len()
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    getrandom::fill(&mut noise).unwrap();
    noise
}

#[tokio::test]
async fn a_tool_container_passes_bytes_both_ways_and_is_gone_afterwards() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let operation = unique("op");
    let data = noise(LARGE);
    let input = Stdin::From(Box::pin(Cursor::new(data.clone())));
    let output = engine.run_tool(tool(&image, &operation, &["cat"]), input).await.unwrap();
    let (echoed, exit) = output.collect("cat", LARGE, LIMIT).await.unwrap();
    assert!(exit.success() && echoed == data);
    assert_eq!(left_over(&engine, &operation).await, 0);
}

#[tokio::test]
async fn a_tool_has_its_environment_files_exit_code_and_stderr() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let operation = unique("op");
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("in"), "from the host");
    let mut tool =
        tool(&image, &operation, &["sh", "-c", "cat /host/in; echo \"$TOKEN\" >&2; echo >/host/out; exit 7"]);
    tool.binds.push(Bind {
        source: folder.path().into(),
        target: "/host".to_owned(),
        access: BindAccess::ReadOnly,
    });
    let output = engine.run_tool(tool, Stdin::Empty).await.unwrap();
    let (said, exit) = output.collect("sh", 1000, LIMIT).await.unwrap();
    assert_eq!(said, b"from the host");
    assert_eq!(exit.status, ToolStatus::Exited(7));
    assert!(exit.stderr.contains("t0ken") && exit.stderr.contains("Read-only"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_tool_that_cannot_start_or_is_dropped_leaves_nothing() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let operation = unique("op");
    let error =
        engine.run_tool(tool(&image, &operation, &["/no/such/tool"]), Stdin::Empty).await.err().unwrap();
    assert!(error.to_string().contains("/no/such/tool"), "{error}");
    assert_eq!(left_over(&engine, &operation).await, 0);

    let endless = engine.run_tool(tool(&image, &operation, &["sleep", "600"]), Stdin::Empty).await.unwrap();
    assert_eq!(left_over(&engine, &operation).await, 1);
    let late = endless.collect("sleep", 10, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(late, ToolError::TimedOut { .. }), "{late}");
    let started = Instant::now();
    while left_over(&engine, &operation).await > 0 {
        assert!(started.elapsed() < LIMIT, "the container was not removed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn output_that_is_read_elsewhere_is_waited_for() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let argv = ["dd", "if=/dev/zero", "bs=64k", "count=160"];
    let mut output = engine.run_tool(tool(&image, &unique("op"), &argv), Stdin::Empty).await.unwrap();
    let mut stdout = output.take_stdout();
    let reading = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(piece) = futures_util::StreamExt::next(&mut stdout).await {
            sum += piece.unwrap().len();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sum
    });
    assert!(output.finish().await.unwrap().success());
    assert_eq!(reading.await.unwrap(), 160 * 64 * 1024);
}

#[tokio::test]
async fn a_command_in_a_running_container_passes_bytes_both_ways() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let running = Running::start(&image, &["sleep", "600"]);
    let data = noise(LARGE);
    let input = Stdin::From(Box::pin(Cursor::new(data.clone())));
    let output = engine.exec(&running.0, exec(&["cat"]), input).await.unwrap();
    let (echoed, exit) = output.collect("cat", LARGE, LIMIT).await.unwrap();
    assert!(exit.success() && echoed == data);

    let command = exec(&["sh", "-c", "echo out; echo \"$TOKEN\" >&2; exit 5"]);
    let output = engine.exec(&running.0, command, Stdin::Empty).await.unwrap();
    let (said, exit) = output.collect("sh", 1000, LIMIT).await.unwrap();
    assert_eq!(
        (said.as_slice(), exit.status, exit.stderr.as_str()),
        (&b"out\n"[..], ToolStatus::Exited(5), "t0ken")
    );
}

#[tokio::test]
async fn a_dropped_command_is_killed() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let running = Running::start(&image, &["sleep", "600"]);
    drop(engine.exec(&running.0, exec(&["sleep", "500"]), Stdin::Empty).await.unwrap());
    let started = Instant::now();
    while docker(&["top", running.0.as_str()]).contains("sleep 500") {
        assert!(started.elapsed() < LIMIT, "the command outlived its caller");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn stopping_outlasts_a_program_that_ignores_the_signal() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let running = Running::start(
        &image,
        &["sh", "-c", "trap '' TERM; echo one; echo two >&2; echo three; while :; do sleep 1; done"],
    );
    let started = Instant::now();
    let limits = LogLimits { lines: 2, bytes: 1000, since: None };
    let tail = loop {
        let tail = engine.logs(&running.0, LogLimits { lines: 10, ..limits }).await.unwrap();
        if tail.lines.len() == 3 {
            break engine.logs(&running.0, limits).await.unwrap();
        }
        assert!(started.elapsed() < LIMIT, "{tail:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let all = engine.logs(&running.0, LogLimits { lines: 10, ..limits }).await.unwrap();
    assert_eq!(tail.lines.len(), 2);
    assert!(all.lines.iter().any(|line| line.stream == LogStream::Stderr && line.text == "two"));

    let waiting = engine.wait(&running.0, LIMIT);
    let stopping = engine.stop(&running.0, Duration::from_secs(1));
    let (code, stopped) = tokio::join!(waiting, stopping);
    stopped.unwrap();
    assert_eq!(code.unwrap(), 137);
    let ended = engine.container(&running.0).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.exit_code, ended.restart_count), (ContainerState::Exited, Some(137), 0));
    assert_eq!(ended.image_id, image.id);
    engine.start(&running.0).await.unwrap();
    engine.kill(&running.0, "SIGKILL").await.unwrap();
    engine.wait(&running.0, LIMIT).await.unwrap();
    assert!(engine.facts().await.unwrap().root_dir.is_absolute());
}

#[tokio::test]
async fn what_is_gone_is_not_an_error_to_remove() {
    let engine = engine().await;
    let id: ContainerId = "f".repeat(64).parse().unwrap();
    engine.remove(&id, Removal::Killed).await.unwrap();
    assert!(engine.container(&id).await.unwrap().is_none());
    assert!(engine.start(&id).await.unwrap_err().is_not_found());
    let network = unique("net");
    let made = engine.create_isolated_network(&network, "op").await.unwrap();
    engine.remove_network(&made).await.unwrap();
    engine.remove_network(&made).await.unwrap();
}
