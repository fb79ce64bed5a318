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

#[test]
fn what_stands_for_nothing_in_a_command_is_refused() {
    let sandbox = Sandbox::empty();
    for (command, because) in [
        (r#"["./collector", "--db", "${DATABSE}"]"#, "`${DATABSE}` stands for nothing"),
        ("[]", "a command begins with a program"),
    ] {
        sandbox.write("opsctl.toml", DESCRIPTION.replace(r#"["./collector"]"#, command));
        let run = sandbox.run("status");
        assert_eq!(run.status, 2, "{run}");
        assert!(run.stderr.contains(because) && run.stderr.contains("opsctl.toml:9"), "{run}");
    }
}

#[test]
fn a_backup_that_is_not_what_it_was_is_not_told_as_verified() {
    let sandbox = described();
    let name = "backup-2026-01-02-030405.tar.gz";
    let record = r#"{"id":"2026-01-02-030405","sequence":1,"created_at":"2026-01-02T03:04:05Z",
        "release":"1.0.0","reason":"manual","size_bytes":9,"rows":1,"verified":{"at":"2026-01-02T03:04:06Z","how":"read-back"}}"#;
    sandbox.write(
        ".opsctl/backups.json",
        format!(r#"{{"format":1,"last_sequence":1,"last_id":"2026-01-02-030405","backups":[{record}]}}"#),
    );
    for (content, told) in [
        (None, "missing"),
        (Some("cut"), "changed since it was written"),
        (Some("as it was"), "read back 2026-01-02"),
    ] {
        if let Some(content) = content {
            sandbox.write(&format!("backup/{name}"), content);
        }
        let (status, check) = (sandbox.run("status"), sandbox.run("preflight --only product-backup"));
        assert!(status.stdout.contains(&format!("2026-01-02-030405 ({told})")), "{status}");
        let said = check.to_string();
        let expected = match told {
            "missing" => "the file of 2026-01-02-030405 is missing",
            "read back 2026-01-02" => "old",
            _ => "the file of 2026-01-02-030405 is not what was written",
        };
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_rotated_is_named_where_nobody_can_be_asked() {
    let run = described().run("--non-interactive rotate");
    assert_eq!(run.status, 2, "{run}");
    assert!(run.stderr.contains("opsctl rotate store"), "{run}");
}

#[test]
fn certificates_of_authorities_are_not_read_where_nothing_is_asked_over_https() {
    let sandbox = described();
    // Who opens it to read waits for somebody who writes: nobody does.
    let authorities = sandbox.path().join("authorities.pem");
    rustix::fs::mknodat(rustix::fs::CWD, &authorities, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a pipe");
    for (line, told) in
        [("status", "collector"), ("verify", "verify-health"), ("preflight --only store", "store-file")]
    {
        let mut command = sandbox.command();
        command.args(line.split(' ')).env("SSL_CERT_FILE", &authorities);
        let run = sandbox.finish(&mut command);
        assert!(run.to_string().contains(told), "{run}");
    }
}
