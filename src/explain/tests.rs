use std::collections::BTreeSet;

use clap::CommandFactory;

use super::*;
use crate::cli::Cli;
use crate::preflight::Check;

const EXITS: [Exit; 10] = [
    Exit::Done,
    Exit::Failed,
    Exit::Usage,
    Exit::Refused,
    Exit::RolledBack,
    Exit::Interrupted,
    Exit::Inconsistent,
    Exit::Locked,
    Exit::Warnings,
    Exit::PastCommit,
];

#[test]
fn every_check_every_exit_status_and_all_that_errors_point_to_is_explained() {
    let checks = Check::ALL.iter().map(ToString::to_string);
    let named = checks.chain(EXITS.map(of_exit)).chain(Topic::ALL.map(|topic| topic.to_string()));
    for id in named {
        assert!(id.parse::<Entry>().is_ok_and(|entry| entry.id == id), "{id}");
    }
}

#[test]
fn entries_are_named_once_and_have_all_their_parts() {
    let all = entries();
    let ids: BTreeSet<&str> = all.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(RUNBOOK.matches("\n### ").count(), all.len());
    for entry in &all {
        let of_an_id = |char: char| char == '-' || char.is_ascii_lowercase() || char.is_ascii_digit();
        assert!(!entry.id.is_empty() && entry.id.chars().all(of_an_id), "{}", entry.id);
        assert!(!entry.group.is_empty(), "{}", entry.id);
        assert!(!entry.title.is_empty() && !entry.title.starts_with("**"), "{}", entry.id);
        for (heading, part) in entry.parts() {
            assert!(!part.is_empty(), "{}: {heading}", entry.id);
            assert!(!part.contains("**") && !part.contains("###"), "{}: {heading}", entry.id);
        }
    }
}

#[test]
fn what_it_names_of_the_command_line_exists() {
    for entry in entries() {
        for (_, part) in entry.parts() {
            for typed in typed(part) {
                assert_eq!(unknown(&typed), None, "{}: {typed}", entry.id);
            }
        }
    }
    let options = ["--in-place", "--leave", "--non-interactive", "--restore", "--undo"];
    for option in options {
        assert!(RUNBOOK.contains(option), "the runbook is the wrong file: no {option}");
    }
}

#[test]
fn what_it_refers_to_exists() {
    for line in RUNBOOK.lines() {
        for (_, behind) in
            line.match_indices("opsctl explain ").map(|(at, found)| (at, &line[at + found.len()..]))
        {
            let id: String = behind.chars().take_while(|char| !" `.,;)".contains(*char)).collect();
            assert!(id.parse::<Entry>().is_ok_and(|entry| entry.id == id), "{line}");
        }
    }
}

/// The commands of opsctl in a text: between backticks, and on lines of their own.
fn typed(part: &str) -> Vec<String> {
    let quoted =
        part.split('`').skip(1).step_by(2).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines = part.lines().filter_map(|line| line.strip_prefix("    ")).map(|line| line.trim().to_owned());
    let begins = |text: &String| text == "opsctl" || text.starts_with("opsctl ");
    quoted.chain(lines).filter(begins).collect()
}

/// The first word of a typed command that the command line does not know.
fn unknown(typed: &str) -> Option<String> {
    let mut program = Cli::command();
    program.build();
    let mut command = &program;
    let mut words = typed.split(' ').skip(1).take_while(|word| !["|", ">", ">>", "#"].contains(word));
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if let Some(long) = name.strip_prefix("--") {
            let is_it = |argument: &&clap::Arg| {
                let aliases = argument.get_all_aliases().unwrap_or_default();
                argument.get_long() == Some(long) || aliases.contains(&long)
            };
            let Some(argument) = command.get_arguments().find(is_it) else { return Some(name.to_owned()) };
            if argument.get_action().takes_values() && value.is_none() && !argument.is_require_equals_set() {
                words.next();
            }
        } else if let Some(below) = command.find_subcommand(name) {
            command = below;
        } else if command.get_positionals().next().is_none() {
            return Some(name.to_owned());
        }
    }
    None
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    for right in [
        "opsctl backup verify latest --restore",
        "opsctl --dir DIR status",
        "opsctl history --output json",
        "opsctl upgrade V",
    ] {
        assert_eq!(unknown(right), None, "{right}");
    }
    for wrong in
        ["opsctl frobnicate", "opsctl backup check latest", "opsctl upgrade V --force", "opsctl abort --left"]
    {
        assert!(unknown(wrong).is_some(), "{wrong}");
    }
    assert_eq!(typed("run `opsctl\nstatus`, or\n\n    opsctl resume\n"), ["opsctl status", "opsctl resume"]);
}

#[test]
fn an_identifier_is_found_or_the_likely_one_named() {
    assert_eq!("9".parse::<Entry>().unwrap().id, "exit-9");
    assert_eq!("DB-Pooler".parse::<Entry>().unwrap().id, "db-pooler");
    let error = "db-poler".parse::<Entry>().unwrap_err();
    assert_eq!(error.to_string(), "nothing is known as `db-poler`; is `db-pooler` meant?");
    assert_eq!("zzz".parse::<Entry>().unwrap_err().meant, None);
}

#[test]
fn a_part_ends_where_the_next_begins() {
    let text = "# Book\n\nIntro.\n\n## One\n\nWords.\n\n### a-1\n\nA title.\n\n**Symptom.** s\nt\n\n**Cause.** c\n\n\
                **How to tell.** h:\n\n    typed\n\n**What to do.** w\n\n### a-2\n\nB\n";
    let read = read(text);
    assert_eq!(read.len(), 2);
    let expected =
        [("Symptom", "s\nt"), ("Cause", "c"), ("How to tell", "h:\n\n    typed"), ("What to do", "w")];
    assert_eq!(
        (read[0].id, read[0].title, read[0].group, read[0].parts()),
        ("a-1", "A title", "One", expected)
    );
    assert_eq!((read[1].id, read[1].what_to_do), ("a-2", ""));
}
