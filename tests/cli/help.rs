use rstest::rstest;

use crate::sandbox::Sandbox;

/// Every command there is. `the_list_is_whole` keeps it so.
const COMMANDS: &[&str] = &[
    "status",
    "preflight",
    "verify",
    "backup",
    "backup create",
    "backup list",
    "backup verify",
    "backup prune",
    "backup pin",
    "backup unpin",
    "restore",
    "upgrade",
    "rollback",
    "rotate",
    "start",
    "stop",
    "resume",
    "abort",
    "history",
    "history show",
    "logs",
    "logs stats",
    "support-bundle",
    "support-bundle inspect",
    "support-bundle redact",
    "explain",
    "init",
    "completions",
    "man",
];

#[test]
fn of_the_program() {
    insta::assert_snapshot!(Sandbox::empty().run("--help"));
}

#[test]
fn of_each_command() {
    let sandbox = Sandbox::empty();
    for command in COMMANDS {
        let help = sandbox.run(&format!("{command} --help")).stdout;
        insta::assert_snapshot!(command.replace(' ', "_"), own_part(&help));
    }
}

/// The options of every command are in the help of the program; here they would only hide what is told.
fn own_part(help: &str) -> String {
    let paragraphs = help.split("\n\n").filter(|text| !text.starts_with("Options of every command:"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn it_fits_a_page_of_100_columns_and_says_the_same_in_short() {
    let sandbox = Sandbox::empty();
    for command in COMMANDS.iter().chain(&[""]) {
        let long = sandbox.run(&format!("{command} --help"));
        assert_eq!(long.status, 0, "{command}");
        assert_eq!(long.stderr, "", "{command}");
        for line in long.stdout.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
        assert!(long.stdout.lines().count() <= 58, "{command}");
        assert_eq!(sandbox.run(&format!("{command} -h")).stdout, long.stdout, "{command}");
    }
}

#[test]
fn the_list_is_whole() {
    use clap::CommandFactory;
    let program = opsctl::cli::Cli::command();
    let mut found = Vec::new();
    for command in program.get_subcommands() {
        found.push(command.get_name().to_owned());
        found.extend(
            command.get_subcommands().map(|action| format!("{} {}", command.get_name(), action.get_name())),
        );
    }
    assert_eq!(found, COMMANDS);
}

#[rstest]
#[case("--version")]
#[case("-V")]
fn the_version_is_a_line(#[case] argument: &str) {
    let run = Sandbox::empty().run(argument);
    assert_eq!(run.stdout, format!("opsctl {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
}
