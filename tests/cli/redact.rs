use std::fs;

use crate::sandbox::Sandbox;

const LOG: &str = "got Vq7notRealZk31xB and Qm4notRealXx81kk\n";

/// A log, and two environment files that each know a secret in it.
fn with_log(sandbox: Sandbox) -> Sandbox {
    sandbox.write("l.log", LOG);
    sandbox.write("a.env", "POSTGRES_PASSWORD=Vq7notRealZk31xB\n");
    sandbox.write("b.env", "API_KEY_SECRET=Qm4notRealXx81kk\n");
    sandbox
}

#[test]
fn a_log_is_redacted_by_every_environment_file_that_is_named() {
    let sandbox = with_log(Sandbox::empty());
    let run = sandbox.run("support-bundle redact --env-file a.env --env-file b.env l.log");
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.starts_with("got [REDACTED:POSTGRES_PASSWORD#"), "{run}");
    assert!(run.stdout.contains(" and [REDACTED:API_KEY_SECRET#"), "{run}");
    let run = sandbox.run("support-bundle redact l.log");
    assert_eq!((run.status, run.stdout.as_str()), (0, LOG), "{run}");
}

#[test]
fn what_cannot_be_read_fails_and_the_rest_is_done() {
    let sandbox = with_log(Sandbox::empty());
    let run = sandbox.run("support-bundle redact --env-file a.env l.log nowhere.log");
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stdout.contains("[REDACTED:POSTGRES_PASSWORD#"), "{run}");
    assert!(run.stderr.contains("nowhere.log"), "{run}");
    let run = sandbox.run("support-bundle redact --env-file nowhere.env l.log");
    assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{run}");
}

#[test]
fn files_are_written_once_and_never_over_others() {
    let sandbox = with_log(Sandbox::empty());
    let arguments = "--output json support-bundle redact --env-file a.env --output-dir out l.log";
    assert_eq!(sandbox.run(arguments).status, 0);
    let written = fs::read_to_string(sandbox.path().join("out/l.log")).expect("a file");
    assert!(!written.contains("Vq7notReal") && written.contains("Qm4notReal"), "{written}");
    let run = sandbox.run(arguments);
    assert_eq!(run.status, 1, "{run}");
    assert_eq!(fs::read_to_string(sandbox.path().join("out/l.log")).expect("a file"), written);
}

#[test]
fn an_install_gives_its_own_secrets() {
    let sandbox = with_log(Sandbox::install());
    sandbox.write(".env", "POSTGRES_PASSWORD=Vq7notRealZk31xB\n");
    let run = sandbox.run("support-bundle redact l.log");
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.starts_with("got [REDACTED:POSTGRES_PASSWORD#"), "{run}");
}

#[test]
fn text_and_json_do_not_share_standard_output() {
    let run = with_log(Sandbox::empty()).run("--output json support-bundle redact l.log");
    assert_eq!(run.status, 2, "{run}");
}
