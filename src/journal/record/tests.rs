use super::*;
use crate::journal::read;

fn fault() -> Fault {
    Fault::new("it broke")
}

/// A real first record, followed by these.
fn progress_after(records: &[Record]) -> Progress {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/journals/1-upgrade-done.jsonl");
    let (mut entries, _) = read(fixture.as_ref()).unwrap();
    entries.truncate(1);
    let at = entries[0].at;
    let following = records.iter().cloned().zip(1..).map(|(record, number)| Entry { number, at, record });
    entries.extend(following);
    Progress::of(&entries).unwrap()
}

#[test]
fn without_a_first_record_nothing_happened() {
    assert_eq!(Progress::of(&[]), None);
    let at = "2026-03-14T12:00:00Z".parse().unwrap();
    assert_eq!(Progress::of(&[Entry { number: 0, at, record: Record::Interrupted }]), None);
}

#[test]
fn a_step_that_was_begun_is_in_doubt_until_its_result_is_there() {
    let begun = [Record::Started { step: 0, attempt: 1 }, Record::Finished { step: 0, note: None }];
    let certain = progress_after(&begun);
    assert_eq!((certain.finished, certain.touched, certain.attempts), (1, 1, 0));
    let again =
        [&begun[..], &[Record::Started { step: 1, attempt: 1 }, Record::Started { step: 1, attempt: 2 }]];
    let in_doubt = progress_after(&again.concat());
    assert_eq!((in_doubt.finished, in_doubt.touched, in_doubt.attempts), (1, 2, 2));
}

#[test]
fn a_failure_alone_decides_nothing() {
    let failed = [Record::Started { step: 0, attempt: 1 }, Record::Failed { step: 0, fault: fault() }];
    let progress = progress_after(&failed);
    assert_eq!((progress.finished, progress.touched), (0, 1));
    assert_eq!((progress.going_back, progress.ending), (None, None));
}

#[test]
fn a_step_that_failed_is_told_from_one_in_doubt_whoever_goes_on() {
    let failed = [Record::Started { step: 0, attempt: 3 }, Record::Failed { step: 0, fault: fault() }];
    let again = [&failed[..], &[Record::Interrupted, Record::Started { step: 0, attempt: 1 }]];
    assert!(progress_after(&again.concat()[..3]).failed);
    assert!(!progress_after(&again.concat()).failed);
}

#[test]
fn what_waits_as_it_was_planned_to_waits_until_something_is_done() {
    let begun = [Record::Started { step: 0, attempt: 1 }, Record::Finished { step: 0, note: None }];
    let paused = [&begun[..], &[Record::Paused { step: 1 }]].concat();
    let progress = progress_after(&paused);
    assert_eq!((progress.finished, progress.touched, progress.paused), (2, 2, Some(1)));
    let went_on = [&paused[..], &[Record::Interrupted]].concat();
    assert_eq!(progress_after(&went_on).paused, None);
}

#[test]
fn the_way_back_is_counted_for_itself() {
    let steps = vec![Step::ScanData, Step::Prune { keep: 1 }];
    let progress = progress_after(&[
        Record::Started { step: 0, attempt: 1 },
        Record::GoingBack { fault: fault(), steps: steps.clone(), closing: Closing::Aborted },
        Record::UndoStarted { step: 0, attempt: 1 },
        Record::UndoFinished { step: 0 },
        Record::UndoStarted { step: 1, attempt: 1 },
        Record::UndoFailed { step: 1, fault: fault() },
        Record::UndoStarted { step: 1, attempt: 2 },
    ]);
    let expected = GoingBack { fault: fault(), steps, finished: 1, attempts: 2, closing: Closing::Aborted };
    assert_eq!((progress.touched, progress.going_back), (1, Some(expected)));
}

#[test]
fn steps_that_the_plan_does_not_have_count_as_all_of_them() {
    let beyond = progress_after(&[Record::Started { step: usize::MAX, attempt: 1 }]);
    assert_eq!(beyond.touched, beyond.planned.plan.steps.len());
    let back = Record::GoingBack { fault: fault(), steps: vec![Step::ScanData], closing: Closing::Aborted };
    let undone = progress_after(&[back, Record::UndoFinished { step: usize::MAX }]);
    assert_eq!(undone.going_back.unwrap().finished, 1);
}

#[test]
fn a_step_that_took_effect_was_touched() {
    let progress = progress_after(&[Record::Finished { step: 0, note: None }]);
    assert_eq!((progress.finished, progress.touched), (1, 1));
}

#[test]
fn an_operation_has_ended_only_when_it_says_so() {
    assert_eq!(progress_after(&[Record::Interrupted]).ending, None);
    let closed = progress_after(&[Record::Closed { ending: Closing::PastCommit }]);
    assert_eq!(closed.ending, Some(Closing::PastCommit));
}
