use rstest::rstest;

use crate::sandbox::Sandbox;

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("elvish")]
#[case("powershell")]
fn a_shell_gets_a_script_that_knows_the_commands(#[case] shell: &str) {
    let run = Sandbox::empty().run(&format!("completions {shell}"));
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for word in ["rollback", "non-interactive", "skip-backup"] {
        assert!(run.stdout.contains(word), "{word} is missing for {shell}");
    }
}

#[test]
fn bash_takes_its_script() {
    let sandbox = Sandbox::empty();
    let script = sandbox.run("completions bash").stdout;
    let mut bash = assert_cmd::Command::new("bash");
    bash.arg("-n").write_stdin(script).assert().success().stderr("");
}

#[test]
fn the_manual_page_is_one() {
    let run = Sandbox::empty().run("man");
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for part in [".TH opsctl 1", ".SH NAME", "opsctl\\-rollback(1)", "Exit status"] {
        assert!(run.stdout.contains(part), "{part} is missing");
    }
}

#[rstest]
#[case("completions bash")]
#[case("man")]
#[case("--help")]
#[case("--version")]
fn machines_get_a_text_in_a_result(#[case] line: &str) {
    let lines = Sandbox::empty().run(&format!("--output json {line}")).json_lines();
    let [result] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&result["event"], &result["ok"]), (&"result".into(), &true.into()));
    assert!(result["result"]["text"].as_str().is_some_and(|text| text.contains("opsctl")), "{result}");
}
