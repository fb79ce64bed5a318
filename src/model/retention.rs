//! Which backups to keep: the newest, by the order in which they were recorded, and whatever something depends on.
//!
//! Only verified backups count towards the number to keep, and those that are kept for another reason do not: neither
//! backups that may be worthless nor pinned ones push a good one out.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::backup_id::BackupId;
use super::operation::OperationId;

/// How many backups to keep: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(NonZeroUsize);

/// A text that is not a number of backups to keep.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a number of backups to keep: it must be 1 or more")]
pub struct InvalidKeep(String);

/// A backup as the rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub id: BackupId,
    /// Its place in the recorded order.
    pub sequence: u64,
    /// Whether it was read back whole, or restored, and was right.
    pub verified: bool,
    /// Whether someone or something asked for it to be kept.
    pub pinned: bool,
    /// An operation that could still go back to it.
    pub needed_by: Option<OperationId>,
    /// Whether its file is where it should be.
    pub file: FileState,
}

/// What became of a backup's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// It is there.
    Present,
    /// It is there, but is not the file that was written.
    Changed,
    /// It is gone.
    Missing,
}

/// What is to be done with one backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which one.
    pub id: BackupId,
    /// Keep or prune.
    pub verdict: Verdict,
}

/// Keep or prune, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Why),
    /// It goes: this many newer verified ones are kept.
    Prune {
        /// How many.
        newer: usize,
    },
}

/// Why a backup stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Someone or something asked for it.
    Pinned,
    /// An operation could still go back to it.
    NeededBy(OperationId),
    /// There is no other verified one.
    OnlyVerified,
    /// It is among the newest; 1 is the newest.
    Newest(usize),
    /// Its file is not the one that was written: not opsctl's to remove.
    NotOurs,
    /// There is no file to remove.
    Missing,
}

impl Keep {
    /// Seven, unless the operator wants it otherwise.
    pub const DEFAULT: Self = Self(NonZeroUsize::MIN.saturating_add(6));

    /// So many; none for 0.
    pub fn new(count: usize) -> Option<Self> {
        NonZeroUsize::new(count).map(Self)
    }

    /// How many.
    pub fn get(self) -> usize {
        self.0.get()
    }
}

impl FromStr for Keep {
    type Err = InvalidKeep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self).map_err(|_| InvalidKeep(text.to_owned()))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => formatter.write_str("pinned"),
            Self::NeededBy(operation) => write!(formatter, "needed by {operation}"),
            Self::OnlyVerified => formatter.write_str("the only verified one"),
            Self::Newest(1) => formatter.write_str("the newest"),
            Self::Newest(rank) => write!(formatter, "number {rank} of the newest"),
            Self::NotOurs => formatter.write_str("its file was changed since"),
            Self::Missing => formatter.write_str("its file is missing"),
        }
    }
}

/// Decides on every backup, the newest first.
///
/// To be acted on only after the newest one has been verified.
pub fn decide(candidates: &[Candidate], keep: Keep) -> Vec<Decision> {
    let mut by_age: Vec<&Candidate> = candidates.iter().collect();
    by_age.sort_by_key(|candidate| std::cmp::Reverse((candidate.sequence, candidate.id)));
    let good = |candidate: &&&Candidate| candidate.verified && candidate.file == FileState::Present;
    let all_good = by_age.iter().filter(good).count();
    let mut kept = 0;
    let decide = |candidate: &Candidate| {
        let counts = good(&&candidate);
        if let Some(why) = reason_beyond_age(candidate, counts && all_good == 1) {
            return Decision { id: candidate.id, verdict: Verdict::Keep(why) };
        }
        if kept >= keep.get() {
            return Decision { id: candidate.id, verdict: Verdict::Prune { newer: kept } };
        }
        let verdict = Verdict::Keep(Why::Newest(kept + 1));
        kept += usize::from(counts);
        Decision { id: candidate.id, verdict }
    };
    by_age.into_iter().map(decide).collect()
}

fn reason_beyond_age(candidate: &Candidate, only_verified: bool) -> Option<Why> {
    match candidate.file {
        FileState::Missing => return Some(Why::Missing),
        FileState::Changed => return Some(Why::NotOurs),
        FileState::Present => {}
    }
    if candidate.pinned {
        return Some(Why::Pinned);
    }
    if let Some(operation) = &candidate.needed_by {
        return Some(Why::NeededBy(operation.clone()));
    }
    only_verified.then_some(Why::OnlyVerified)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backup(sequence: u64) -> Candidate {
        let id = format!("2026-03-04-0506{:02}", sequence % 60).parse().unwrap();
        let (verified, pinned, needed_by) = (true, false, None);
        Candidate { id, sequence, verified, pinned, needed_by, file: FileState::Present }
    }

    fn keep(count: &str) -> Keep {
        count.parse().unwrap()
    }

    fn pruned(candidates: &[Candidate], count: &str) -> Vec<u64> {
        let of = |id| candidates.iter().find(|candidate| candidate.id == id).unwrap().sequence;
        let decisions = decide(candidates, keep(count)).into_iter();
        decisions
            .filter(|decision| matches!(decision.verdict, Verdict::Prune { .. }))
            .map(|d| of(d.id))
            .collect()
    }

    #[test]
    fn none_and_words_are_no_numbers_to_keep() {
        for text in ["0", "-1", "", "all", "1.5", "99999999999999999999999"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
        assert_eq!(Keep::DEFAULT.get(), 7);
    }

    #[test]
    fn the_newest_by_recorded_order_stay() {
        assert_eq!(pruned(&[backup(3), backup(1), backup(4), backup(2)], "2"), [2, 1]);
    }

    #[test]
    fn pinned_and_needed_ones_stay_and_take_no_place() {
        let pinned = Candidate { pinned: true, ..backup(4) };
        let needed_by = OperationId::parse("20260304-050607-upgrade");
        let needed = Candidate { needed_by, ..backup(1) };
        assert_eq!(pruned(&[needed, backup(2), backup(3), pinned], "1"), [2]);
    }

    #[test]
    fn what_may_be_worthless_pushes_nothing_out() {
        let unverified = |sequence| Candidate { verified: false, ..backup(sequence) };
        let decisions = decide(&[backup(1), unverified(2), unverified(3)], keep("1"));
        assert_eq!(decisions[2].verdict, Verdict::Keep(Why::OnlyVerified));
        assert_eq!(pruned(&[unverified(1), backup(2)], "1"), [] as [u64; 0]);
        assert_eq!(pruned(&[unverified(1), backup(2), backup(3)], "1"), [2, 1]);
        let missing = Candidate { file: FileState::Missing, ..backup(3) };
        let changed = Candidate { file: FileState::Changed, ..backup(4) };
        assert_eq!(pruned(&[backup(1), backup(2), missing, changed], "1"), [1]);
    }

    proptest! {
        #[test]
        fn whatever_there_is_something_good_remains(
            states in prop::collection::vec((any::<bool>(), any::<bool>(), 0..3_u8), 0..30),
            count in 1..9_usize,
        ) {
            let candidates: Vec<Candidate> = (1..).zip(&states).map(|(sequence, &(verified, pinned, file))| {
                let file = [FileState::Present, FileState::Changed, FileState::Missing][usize::from(file)];
                Candidate { verified, pinned, file, ..backup(sequence) }
            }).collect();
            let good = |candidate: &&Candidate| candidate.verified && candidate.file == FileState::Present;
            let gone = pruned(&candidates, &count.to_string());
            let good_before = candidates.iter().filter(good).count();
            let good_after = candidates.iter().filter(good).filter(|c| !gone.contains(&c.sequence)).count();
            prop_assert!(good_after >= good_before.min(count));
            prop_assert!(candidates.iter().filter(|c| gone.contains(&c.sequence)).all(|c| !c.pinned));
        }
    }
}
