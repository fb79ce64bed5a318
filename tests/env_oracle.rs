//! Compares `EnvFile` with the Docker Compose that is installed: what it reads, what it refuses, and whether it reads
//! what an edit wrote. Many files share one call: each is the `env_file` of a service of its own.
#![allow(clippy::unwrap_used)]
#![expect(clippy::disallowed_types, reason = "the oracle is a program")]

#[path = "env_oracle/corpus.rs"]
mod corpus;
#[path = "env_oracle/oracle.rs"]
mod oracle;

use std::collections::BTreeMap;

use opsctl::env_file::{Edit, EnvFile, VariableName};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use oracle::{Verdict, judge, judge_all, process};

/// What opsctl makes of a file, in the oracle's words.
fn ours(content: &[u8]) -> Verdict {
    let Ok(file) = EnvFile::parse(content) else { return Verdict::Refused };
    file.values(&process).map_or(Verdict::Refused, Verdict::Read)
}

/// Files of a strategy, the same in each run.
fn generated<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Compares all files that opsctl reads, and as many of those that it refuses: each of these takes a call.
fn compare(files: &[Vec<u8>], refused_at_most: usize) {
    let (refused, read): (Vec<_>, Vec<_>) =
        files.iter().map(|file| (file, ours(file))).partition(|(_, verdict)| *verdict == Verdict::Refused);
    assert!(read.len() > files.len() / 10, "only {} of {} files are read at all", read.len(), files.len());
    let read_files: Vec<&[u8]> = read.iter().map(|(file, _)| file.as_slice()).collect();
    for ((file, ours), theirs) in read.iter().zip(judge_all(&read_files)) {
        assert_eq!(
            *ours,
            theirs,
            "opsctl's (left) and Compose's reading of {:?}",
            String::from_utf8_lossy(file)
        );
    }
    for (file, _) in refused.iter().take(refused_at_most) {
        assert_eq!(judge(file), Verdict::Refused, "Compose reads {:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn odd_lines_are_read_as_compose_reads_them() {
    let files: Vec<_> = corpus::LINES.iter().map(|line| line.to_vec()).collect();
    compare(&files, files.len());
}

#[test]
fn structured_files_are_read_as_compose_reads_them() {
    let reference = r"\$([AB]|OUTER|\$|1|\{[ABC]\}|\{([AB]|OUTER)(:?[-+])[a-z ${}]{0,4}\})";
    let piece = format!(r#"([a-z.:]{{1,3}}|{reference}| |#| #|\\[nrtabcfv$"'\\0x]|\\010[0-9]|'|\\")"#);
    let value = format!(r#"({piece}{{0,5}}|'[a-z$\# "\n]{{0,6}}'|"({piece}|\n){{0,4}}")"#);
    let line = format!(r"( |\t)?(export )?[AB](=| = |: ){value}( # c|#c| |)(\n|\r\n|\n\n)");
    let file = string_regex(&format!("({line}|#[a-z=\"' ]{{0,5}}\n|OUTER\n){{1,5}}")).unwrap();
    let files: Vec<_> = generated(file, 900).into_iter().map(String::into_bytes).collect();
    compare(&files, 40);
}

#[test]
fn soup_is_read_as_compose_reads_it() {
    let soup = r#"[AB=:$'"\\#{}+ex \t\r\n0-]|A=|\$\{A|\n#"#;
    let file = string_regex(&format!("({soup}){{0,16}}")).unwrap();
    let files: Vec<_> = generated(file, 1800).into_iter().map(String::into_bytes).collect();
    compare(&files, 40);
}

#[test]
fn bytes_that_are_no_text_are_read_as_compose_reads_them() {
    let bytes = prop::sample::select(&b"A=B\"' \n\xff\xc3\xa9\xe2\x80\x83\xf0\x9f\x98#"[..]);
    let tail = prop::collection::vec(bytes, 0..12);
    let files: Vec<_> =
        generated(tail, 300).into_iter().map(|tail| [b"A=", tail.as_slice()].concat()).collect();
    compare(&files, 20);
}

#[test]
fn compose_reads_what_an_edit_wrote() {
    let name = VariableName::try_from("A").unwrap();
    let value = string_regex(r#"([ab.$"'\\#{}=:\n\r\té~@%&*-]| |\$\{B|\\n){0,12}"#).unwrap();
    let before = prop::sample::select(vec![
        "A=old # note\nB=1\n",
        "A='x\ny'\r\nB=1\r\n",
        "B=1",
        "B=1\nA\n",
        "A=\"x\"B=1\n",
    ]);
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    for (value, before) in generated((value, before), 600) {
        let edit = Edit::Set { name: name.clone(), value: value.clone() };
        files.push(EnvFile::parse(before).unwrap().edit(&[edit]).unwrap().bytes().to_vec());
        let both = [("A".to_owned(), value), ("B".to_owned(), "1".to_owned())];
        expected.push(Verdict::Read(BTreeMap::from(both)));
    }
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    assert_eq!(judge_all(&files), expected);
}

#[test]
fn what_is_interpolated_is_what_get_returns() {
    let content = "OUTER=file\nA=$OUTER\nB=pa$$word\nC='$x'\nD=\"a b\" # c\nE=${F:-e}\n";
    let file = EnvFile::parse(content).unwrap();
    for (name, theirs) in oracle::interpolated(content.as_bytes(), &["OUTER", "A", "B", "C", "D", "E"]) {
        let name = VariableName::try_from(name).unwrap();
        assert_eq!(file.get(&name, &process).unwrap(), Some(theirs), "{name}");
    }
}
