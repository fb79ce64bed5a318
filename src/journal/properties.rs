//! Whatever is in a journal: it is read to its last whole record, or refused by line.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::record::{Closing, Progress};
use super::*;
use crate::error::Fault;
use crate::nearly_right;
use crate::plan::step::Step;

const FIXTURES: [&str; 9] = [
    include_str!("../../tests/fixtures/journals/1-backup.jsonl"),
    include_str!("../../tests/fixtures/journals/1-restore-by-swap.jsonl"),
    include_str!("../../tests/fixtures/journals/1-restore-in-place.jsonl"),
    include_str!("../../tests/fixtures/journals/1-rollback.jsonl"),
    include_str!("../../tests/fixtures/journals/1-undo-restore.jsonl"),
    include_str!("../../tests/fixtures/journals/1-upgrade-done.jsonl"),
    include_str!("../../tests/fixtures/journals/1-upgrade-killed-while-migrating.jsonl"),
    include_str!("../../tests/fixtures/journals/1-upgrade-past-its-commit-point.jsonl"),
    include_str!("../../tests/fixtures/journals/1-upgrade-rolled-back.jsonl"),
];

fn put(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    File::create(&path).unwrap().write_all(bytes).unwrap();
    (dir, path)
}

/// The whole lines of a journal: one of the fixtures ends in the middle of one.
fn whole_lines(journal: &str) -> impl Iterator<Item = &str> {
    journal.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

fn entries_of(journal: &str) -> Vec<Entry> {
    whole_lines(journal).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The line, from 1, that a journal of these lines has to be refused for.
fn first_wrong_line(lines: &[Vec<u8>]) -> Option<usize> {
    let is_right = |(index, line): (usize, &Vec<u8>)| {
        serde_json::from_slice::<Entry>(line).is_ok_and(|entry| entry.number == index as u64)
    };
    lines.iter().enumerate().position(|line| !is_right(line)).map(|index| index + 1)
}

/// What happens to the lines of a journal.
#[derive(Debug, Clone)]
enum Harm {
    Lost(Index),
    Twice(Index),
    Swapped(Index, Index),
    Blank(Index),
    Altered(Index, Index, u8),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Harm::Lost),
        place().prop_map(Harm::Twice),
        (place(), place()).prop_map(|(one, other)| Harm::Swapped(one, other)),
        place().prop_map(Harm::Blank),
        (place(), place(), any::<u8>().prop_filter("no new line", |byte| *byte != b'\n'))
            .prop_map(|(line, at, byte)| Harm::Altered(line, at, byte)),
    ]
}

impl Harm {
    fn done_to(&self, lines: &mut Vec<Vec<u8>>) {
        let count = lines.len();
        match self {
            Self::Lost(at) => drop(lines.remove(at.index(count))),
            Self::Twice(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
            Self::Swapped(one, other) => lines.swap(one.index(count), other.index(count)),
            Self::Blank(at) => lines.insert(at.index(count), Vec::new()),
            Self::Altered(line, at, byte) => {
                let line = &mut lines[line.index(count)];
                if !line.is_empty() {
                    let at = at.index(line.len());
                    line[at] = *byte;
                }
            }
        }
    }
}

fn record() -> impl Strategy<Value = Record> {
    let index = || select(vec![0, 1, 2, 9, 15, 16, 17, usize::MAX - 1, usize::MAX]);
    let number = || select(vec![0, 1, u32::MAX]);
    let fault = || Fault::new("it broke");
    let steps = [Step::ScanData, Step::Prune { keep: 1 }];
    let ending = || select(vec![Closing::Done, Closing::RolledBack, Closing::PastCommit, Closing::Left]);
    prop_oneof![
        (index(), number()).prop_map(|(step, attempt)| Record::Started { step, attempt }),
        index().prop_map(|step| Record::Finished { step, note: None }),
        index().prop_map(|step| Record::Paused { step }),
        index().prop_map(move |step| Record::Failed { step, fault: fault() }),
        (0..3_usize, ending()).prop_map(move |(count, closing)| {
            Record::GoingBack { fault: fault(), steps: steps[..count].to_vec(), closing }
        }),
        (index(), number()).prop_map(|(step, attempt)| Record::UndoStarted { step, attempt }),
        index().prop_map(|step| Record::UndoFinished { step }),
        index().prop_map(move |step| Record::UndoFailed { step, fault: fault() }),
        Just(Record::Interrupted),
        Just(entries_of(FIXTURES[0]).remove(0).record),
        ending().prop_map(|ending| Record::Closed { ending }),
    ]
}

/// What holds of every operation, however odd its records are.
fn check_progress(entries: &[Entry]) -> Result<(), TestCaseError> {
    let Some(progress) = Progress::of(entries) else { return Ok(()) };
    let plan = &progress.planned.plan;
    prop_assert!(progress.finished <= progress.touched && progress.touched <= plan.steps.len());
    if let Some(back) = &progress.going_back {
        prop_assert!(back.finished <= back.steps.len());
    }
    let closed = entries.iter().any(|entry| matches!(entry.record, Record::Closed { .. }));
    prop_assert_eq!(progress.ending.is_some(), closed);
    // What `resume`, `abort` and `history` ask of it.
    plan.reversing(progress.touched);
    plan.disturbs(progress.touched);
    progress.touched.checked_sub(1).map(|last| plan.is_tidying(last));
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..80)) {
        let (_dir, path) = put(&bytes);
        if let Ok((entries, whole)) = read(&path) {
            prop_assert!(entries.is_empty() && whole == 0, "no {} bytes are a record", bytes.len());
        }
    }

    #[test]
    fn harmed_lines_are_refused_by_number(
        journal in select(FIXTURES.to_vec()),
        harms in vec(harm(), 1..3),
    ) {
        let mut lines: Vec<Vec<u8>> = whole_lines(journal).map(|line| line.as_bytes().to_vec()).collect();
        for harm in &harms {
            harm.done_to(&mut lines);
        }
        let bytes: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let (_dir, path) = put(&bytes);
        match (read(&path), first_wrong_line(&lines)) {
            (Ok((entries, whole)), None) => {
                prop_assert_eq!(entries.len(), lines.len());
                prop_assert_eq!(whole, bytes.len() as u64);
                check_progress(&entries)?;
            }
            // A digit of the first line's schema may have become another.
            (Err(JournalError::Newer { .. }), _) => {}
            (Err(error), Some(line)) => {
                let said = error.to_string();
                prop_assert!(said.starts_with(&format!("line {line} of the journal")), "{said}, not line {line}");
            }
            (found, expected) => prop_assert!(false, "{:?}, expected line {:?}", found, expected),
        }
    }

    #[test]
    fn records_of_nearly_the_right_shape_are_read_as_they_are_written(
        (line, records) in select(FIXTURES.to_vec()).prop_flat_map(|journal| {
            let lines: Vec<serde_json::Value> =
                whole_lines(journal).map(|line| serde_json::from_str(line).unwrap()).collect();
            let records = entries_of(journal);
            (select(lines).prop_flat_map(nearly_right::document), Just(records))
        }),
    ) {
        let Ok(entry) = serde_json::from_value::<Entry>(line) else { return Ok(()) };
        let written = serde_json::to_vec(&entry).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Entry>(&written).unwrap(), &entry);
        let mut records = records;
        let place = usize::try_from(entry.number).unwrap_or(0).min(records.len() - 1);
        records[place] = entry;
        check_progress(&records)?;
    }

    #[test]
    fn a_newer_schema_is_refused_whatever_follows(
        newer in u64::from(SCHEMA) + 1..,
        rest in vec(any::<u8>(), 0..20),
    ) {
        let first = format!("{{\"number\":0,\"schema\":{newer},\"record\":\"later\"}}\n");
        let (_dir, path) = put(&[first.as_bytes(), &rest].concat());
        prop_assert!(matches!(read(&path), Err(JournalError::Newer { .. })), "{:?}", read(&path));
    }

    #[test]
    fn progress_is_told_of_any_records(
        first in select(FIXTURES.to_vec()),
        records in vec(record(), 0..12),
    ) {
        let mut entries = entries_of(first);
        entries.truncate(1);
        let at = entries[0].at;
        entries.extend((1..).zip(records).map(|(number, record)| Entry { number, at, record }));
        check_progress(&entries)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8 + 1, ..ProptestConfig::default() })]

    #[test]
    fn cut_anywhere_a_journal_is_gone_on_with(journal in select(FIXTURES.to_vec()), cut in any::<Index>()) {
        let cut = cut.index(journal.len() + 1);
        let (_dir, path) = put(&journal.as_bytes()[..cut]);
        let whole = entries_of(journal);
        let (mut opened, entries) = Journal::reopen(&path).unwrap();
        prop_assert_eq!(&entries[..], &whole[..entries.len()]);
        prop_assert_eq!(entries.len(), journal[..cut].matches('\n').count());
        let at = whole[0].at;
        opened.append(at, Record::Interrupted).unwrap();
        opened.append(at, Record::Finished { step: 0, note: Some("a\nb\u{2028}".to_owned()) }).unwrap();
        let (longer, _) = read(&path).unwrap();
        prop_assert_eq!(&longer[..entries.len()], &entries[..]);
        prop_assert_eq!(longer.len(), entries.len() + 2);
    }
}
