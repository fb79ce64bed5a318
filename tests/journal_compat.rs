//! Journals that earlier versions wrote stay readable: an operation may be resumed by a newer opsctl than began it.
//!
//! A fixture is named by the schema that it was written with, and is never changed: a change of the format adds others.

#![allow(missing_docs, reason = "a test")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use opsctl::journal::record::{Closing, Progress, SCHEMA};
use opsctl::journal::{Journal, JournalError, read};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals").join(name)
}

fn progress(name: &str) -> Progress {
    let (entries, _) = read(&fixture(name)).expect("a readable journal");
    Progress::of(&entries).expect("a begun operation")
}

fn altered(name: &str, alter: impl Fn(&str) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("journal.jsonl");
    let text = fs::read_to_string(fixture(name)).expect("a fixture");
    File::create(&path).and_then(|mut file| file.write_all(alter(&text).as_bytes())).expect("room");
    (dir, path)
}

/// What every journal of the fixtures says, as one line each: finished of all steps, touched, undone, ending.
#[test]
fn every_journal_that_was_ever_written_says_what_it_said() {
    let mut names: Vec<String> = fs::read_dir(fixture(""))
        .expect("the fixtures")
        .map(|entry| entry.expect("a fixture").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    let told: Vec<String> = names
        .iter()
        .map(|name| {
            let Progress { planned, finished, touched, attempts, going_back, ending, .. } = progress(name);
            let back =
                going_back.map_or("-".to_owned(), |back| format!("{}/{}", back.finished, back.steps.len()));
            let steps = planned.plan.steps.len();
            format!("{name}: {finished}/{steps} touched {touched} attempts {attempts} back {back} {ending:?}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    1-backup.jsonl: 2/2 touched 2 attempts 0 back - Some(Done)
    1-restore-by-swap.jsonl: 9/9 touched 9 attempts 0 back - Some(Done)
    1-restore-in-place.jsonl: 9/9 touched 9 attempts 0 back - Some(Done)
    1-rollback.jsonl: 12/12 touched 12 attempts 0 back - Some(Done)
    1-rotation-of-a-signing-key.jsonl: 17/17 touched 17 attempts 0 back - Some(Done)
    1-rotation-paused.jsonl: 8/21 touched 8 attempts 0 back - None
    1-rotation.jsonl: 20/20 touched 20 attempts 0 back - Some(Done)
    1-undo-restore.jsonl: 5/5 touched 5 attempts 0 back - Some(Done)
    1-upgrade-done.jsonl: 16/16 touched 16 attempts 0 back - Some(Done)
    1-upgrade-killed-while-migrating.jsonl: 6/16 touched 7 attempts 1 back - None
    1-upgrade-past-its-commit-point.jsonl: 11/16 touched 12 attempts 1 back - Some(PastCommit)
    1-upgrade-rolled-back.jsonl: 6/16 touched 7 attempts 1 back 6/6 Some(RolledBack)
    ");
}

#[test]
fn a_record_is_written_as_it_was_read() {
    let text = fs::read_to_string(fixture("1-upgrade-rolled-back.jsonl")).expect("a fixture");
    let (entries, whole) = read(&fixture("1-upgrade-rolled-back.jsonl")).expect("a readable journal");
    let written: Vec<String> =
        entries.iter().map(|entry| serde_json::to_string(entry).expect("a record")).collect();
    assert_eq!(usize::try_from(whole).expect("a short journal"), text.len());
    let read_again = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    for (line, written) in text.lines().zip(&written) {
        assert_eq!(read_again(line), read_again(written));
    }
}

#[test]
fn a_finished_journal_stays_finished_after_it_was_opened() {
    let (_dir, path) = altered("1-upgrade-done.jsonl", str::to_owned);
    let (_, entries) = Journal::reopen(&path).expect("a readable journal");
    assert_eq!(Progress::of(&entries).and_then(|progress| progress.ending), Some(Closing::Done));
}

#[test]
fn a_newer_journal_is_refused_by_its_schema_whatever_its_records_hold() {
    let newer = SCHEMA + 1;
    let (_dir, path) = altered("1-upgrade-killed-while-migrating.jsonl", |text| {
        let schema = format!("\"schema\":{newer}");
        text.replacen("\"schema\":1", &schema, 1).replacen("\"kind\":\"upgrade\"", "\"kind\":\"teleport\"", 1)
    });
    match read(&path) {
        Err(JournalError::Newer { found, .. }) => assert_eq!(found, newer),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_that_this_version_does_not_know_are_passed_over() {
    let name = "1-upgrade-killed-while-migrating.jsonl";
    let (_dir, path) = altered(name, |text| {
        text.replace("\"record\":", "\"later\":{\"a\":[1]},\"record\":")
            .replace("\"plan\":{", "\"plan\":{\"later\":1,")
    });
    let (entries, _) = read(&path).expect("a readable journal");
    assert_eq!(Progress::of(&entries).expect("a begun operation"), progress(name));
}
