use rstest::rstest;

use crate::sandbox::Sandbox;

#[rstest]
#[case("status", 1)]
#[case("backup", 1)]
#[case("history show 20990101-000000-upgrade", 2)]
#[case("init", 0)]
#[case("resume", 2)]
#[case("backup --keep 0", 2)]
#[case("bakup", 2)]
#[case("", 2)]
fn json_is_all_that_stdout_holds_and_the_result_comes_last(#[case] line: &str, #[case] status: i32) {
    let run = Sandbox::install().run(&format!("--output json {line}"));
    assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{run}");
    let lines = run.json_lines();
    let result = lines.last().expect("a result");
    assert_eq!(result["event"], "result");
    assert_eq!(result["ok"], status == 0);
    assert_eq!(result["exit_code"], status);
    assert_eq!(result["error"]["what"].is_string(), status != 0, "{result}");
    assert_eq!(lines.iter().filter(|line| line["event"] == "result").count(), 1);
}

#[test]
fn what_could_not_be_understood_is_explained_to_machines_too() {
    let sandbox = Sandbox::install();
    let bakup = sandbox.finish(sandbox.command().env("OPSCTL_OUTPUT", "json").arg("bakup"));
    insta::assert_snapshot!(format!("{}\n{}", bakup, sandbox.run("--output=json backup --keep 0")));
}

#[rstest]
#[case("completions bash")]
#[case("man")]
#[case("--help")]
#[case("init --stdout")]
#[case("--output json man")]
fn a_reader_that_goes_away_is_no_failure(#[case] line: &str) {
    let sandbox = Sandbox::install();
    let program = assert_cmd::cargo::cargo_bin!("opsctl");
    let script = format!("{{ '{}' {line}; echo \"status $?\" >&2; }} | true", program.display());
    let output = assert_cmd::Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()).output();
    let stderr = String::from_utf8(output.expect("a run").stderr).expect("UTF-8");
    assert_eq!(stderr, "status 0\n");
}

/// A terminal that is gone must not keep the program from ending as it should.
#[test]
fn a_stderr_that_is_closed_is_no_failure_of_its_own() {
    let sandbox = Sandbox::install();
    let program = assert_cmd::cargo::cargo_bin!("opsctl");
    for (line, status) in [("bakup", 2), ("history show x", 2), ("init", 0)] {
        let script = format!("'{}' {line} >/dev/full 2>/dev/full; echo $?", program.display());
        let output =
            assert_cmd::Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()).output();
        let stdout = String::from_utf8(output.expect("a run").stdout).expect("UTF-8");
        assert_eq!(stdout.trim(), status.to_string(), "{line}");
    }
}

#[rstest]
#[case("", &[], false)]
#[case("--color always", &[], true)]
#[case("--color always", &[("NO_COLOR", "1")], true)]
#[case("--color never", &[("CLICOLOR_FORCE", "1")], false)]
#[case("", &[("NO_COLOR", "1")], false)]
#[case("", &[("CLICOLOR_FORCE", "1")], true)]
fn colours_are_as_asked_for(
    #[case] option: &str,
    #[case] environment: &[(&str, &str)],
    #[case] coloured: bool,
) {
    for line in ["history show x", "bakup"] {
        let sandbox = Sandbox::install();
        let mut command = sandbox.command();
        command.args(option.split_whitespace()).args(line.split(' ')).envs(environment.iter().copied());
        let run = sandbox.finish(&mut command);
        assert_eq!(run.stderr.contains('\u{1b}'), coloured, "{line}: {run:?}", run = run.stderr);
    }
}
