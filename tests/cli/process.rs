//! A product that runs as a process, before it was ever started.

use crate::sandbox::Sandbox;

const DESCRIPTION: &str = r#"
[product]
name = "collector"
title = "Collector"
[runtime]
kind = "process"
[service]
name = "collector"
command = ["./collector"]
port = 1
[database]
kind = "sqlite"
file = "collector.db"
"#;

fn described() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("opsctl.toml", DESCRIPTION);
    sandbox
}

/// Without the time that it took.
fn told(sandbox: &Sandbox, command: &str) -> String {
    let told = sandbox.run(command).to_string();
    let lines = told.lines().map(|line| line.split(" skipped, in ").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn its_checks_are_those_of_a_process() {
    let sandbox = described();
    sandbox.write(".env", "API_TOKEN=changeme\nLEVEL=info\nLEVEL=debug\n");
    sandbox.write(".env.example", "API_TOKEN=\nLEVEL=info\nWIDTH=\n");
    insta::assert_snapshot!(told(&sandbox, "preflight --only env,release,store --skip store-place"));
}

#[test]
fn what_is_asked_for_and_is_of_another_runtime_is_said() {
    insta::assert_snapshot!(told(&described(), "preflight --only db-pooler,image,host-engine"));
}

#[test]
fn its_file_is_looked_at_before_it_is_opened() {
    let sandbox = described();
    sandbox.write("collector.db", "this is a letter, and no store\n".repeat(20));
    insta::assert_snapshot!(told(&sandbox, "preflight --only store-file,store-sound,store-log"));
}

#[test]
fn what_cannot_be_looked_at_is_not_sound() {
    insta::assert_snapshot!(told(&described(), "verify"));
}

#[test]
fn there_is_no_log_to_count_yet() {
    insta::assert_snapshot!(told(&described(), "logs stats"));
}
