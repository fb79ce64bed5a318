//! How fast bytes come out of containers. Run by name: `cargo test --test docker_live throughput -- --ignored --nocapture`.

#![allow(clippy::print_stderr, reason = "a measurement is read by a person")]

use std::time::Instant;

use futures_util::StreamExt;
use opsctl::adapters::docker::ExecCommand;
use opsctl::adapters::tool_output::{Stdin, ToolOutput};

use crate::containers::{Running, tool};
use crate::sandbox::{TestImage, engine, unique};

const ARGV: [&str; 4] = ["dd", "if=/dev/zero", "bs=64k", "count=16384"];
const BYTES: usize = 16384 * 64 * 1024;

/// Processor seconds of the engine so far, in user and kernel mode.
fn engine_seconds() -> f64 {
    let pid = std::fs::read_to_string("/var/run/docker.pid").unwrap_or_default();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

async fn measure(what: &str, mut output: ToolOutput) {
    let (started, before) = (Instant::now(), engine_seconds());
    let mut sum = 0;
    while let Some(piece) = output.stdout().next().await {
        sum += piece.unwrap().len();
    }
    let seconds = started.elapsed().as_secs_f64();
    assert!(output.finish().await.unwrap().success());
    assert_eq!(sum, BYTES);
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = BYTES as f64 / 1e6 / seconds;
    eprintln!(
        "{what}: {rate:.0} MB/s, engine {:.2} CPU-seconds in {seconds:.2} s",
        engine_seconds() - before
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by name"]
async fn one_gigabyte_out_of_a_container() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let running = Running::start(&image, &["sleep", "600"]);
    for _ in 0..3 {
        let output = engine.run_tool(tool(&image, &unique("op"), &ARGV), Stdin::Empty).await.unwrap();
        measure("tool container", output).await;
        let argv = ARGV.iter().map(ToString::to_string).collect();
        let command = ExecCommand { argv, environment: Vec::new(), user: None };
        measure("exec", engine.exec(&running.0, command, Stdin::Empty).await.unwrap()).await;
    }
}
