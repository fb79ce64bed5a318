use crate::sandbox::Sandbox;

/// Command lines that cannot be understood: each names what is wrong and what would be right.
#[test]
fn what_cannot_be_understood_is_refused_with_status_2() {
    let sandbox = Sandbox::install();
    let told: Vec<String> = [
        "",
        "bakup",
        "backup --keep 0",
        "backup --keep many",
        "backup --keep 3 list",
        "backup verify",
        "restore",
        "restore latest --undo",
        "restore --undo --in-place",
        "upgrade",
        "upgrade 1.3.0 --skip-bakup",
        "upgrade 1.3.0 1.4.0",
        "--output xml status",
        "completions tcsh",
        "rotate --status --abort",
        "rotate api-key-secret --pause-after never",
        "history shw",
        "explain db-poler",
        "explain xyz",
    ]
    .iter()
    .map(|line| {
        let run = sandbox.run(line);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{line}");
        let said = run.stderr.lines().take_while(|line| !line.starts_with("For more information"));
        let said: Vec<&str> = said.filter(|line| !line.is_empty()).take(6).collect();
        format!("$ opsctl {line}\n{}\n", said.join("\n"))
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(!sandbox.path().join(".opsctl").exists(), "something was written");
}

#[test]
fn a_variable_of_the_environment_counts_like_its_flag() {
    let sandbox = Sandbox::install();
    let run = sandbox.finish(sandbox.command().env("KEEP", "0").arg("backup"));
    insta::assert_snapshot!(run);
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let sandbox = Sandbox::install();
    sandbox.operation("20260314-120000-upgrade", "1-upgrade-done.jsonl");
    let empty = ["OPSCTL_DIR", "OPSCTL_OUTPUT", "KEEP", "BACKUP_DIR"].map(|name| (name, ""));
    let run = sandbox.finish(sandbox.command().envs(empty).arg("history"));
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains("20260314-120000-upgrade"), "{run}");
}

#[test]
fn no_install_is_found() {
    let sandbox = Sandbox::empty();
    let told: Vec<String> = ["status", "backup", "history", "resume", "--dir elsewhere status"]
        .map(|line| sandbox.run(line))
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_install_is_found_from_below_and_by_name() {
    let sandbox = Sandbox::install();
    sandbox.operation("20260314-120000-upgrade", "1-upgrade-done.jsonl");
    sandbox.write("deep/er/file", "");
    let below = sandbox.finish(sandbox.command().current_dir(sandbox.path().join("deep/er")).arg("history"));
    let elsewhere = Sandbox::empty();
    let named = elsewhere.finish(elsewhere.command().arg("history").arg("--dir").arg(sandbox.path()));
    let by_variable = elsewhere.finish(elsewhere.command().arg("history").env("OPSCTL_DIR", sandbox.path()));
    for run in [&below, &named, &by_variable] {
        assert_eq!(run.status, 0, "{run}");
        assert!(run.stdout.contains("20260314-120000-upgrade"), "{run}");
    }
}
