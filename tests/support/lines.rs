//! The lines of a journal as a kill leaves them.

use opsctl::journal::record::{Entry, Progress};

use crate::fake::At;

/// How long the journal can be after a kill at a moment: around an append, the line may be absent, torn or whole. A torn line
/// is cut off before anything else is done, so that tearing another one in the recovery would find nothing new.
pub(crate) fn lengths(journal: &[u8], length: usize, at: At, run: usize) -> Vec<(usize, &'static str)> {
    match at {
        At::Effect(label) => vec![(length, label)],
        At::Append => {
            let line = journal[length..].iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let mut lengths = vec![(length, "before a record"), (length + line, "after a record")];
            if run == 1 {
                lengths.push((length + line / 2, "inside a record"));
            }
            lengths
        }
    }
}

/// The lines of a journal, read once, to tell what each of its beginnings says.
pub(crate) struct Lines {
    /// Where each line ends.
    pub(crate) ends: Vec<usize>,
    /// What each line says.
    pub(crate) entries: Vec<Entry>,
}

impl Lines {
    pub(crate) fn of(journal: &[u8]) -> Self {
        let newlines = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let ends: Vec<usize> = newlines.map(|(index, _)| index + 1).collect();
        let starts = [0].into_iter().chain(ends.iter().copied());
        let entries = starts
            .zip(&ends)
            .map(|(start, &end)| serde_json::from_slice(&journal[start..end]).expect("a record"))
            .collect();
        Self { ends, entries }
    }

    /// How far an operation came by the first bytes of its journal.
    pub(crate) fn told_by(&self, length: usize) -> String {
        let whole = self.ends.partition_point(|&end| end <= length);
        let torn = if length > self.ends[..whole].last().copied().unwrap_or(0) { ", torn" } else { "" };
        match Progress::of(&self.entries[..whole]) {
            None => format!("not begun{torn}"),
            Some(Progress { finished, touched, going_back, ending, .. }) => {
                let back = going_back.map(|back| (back.finished, back.steps.len()));
                format!("{finished} finished of {touched} begun, {back:?} undone, {ending:?}{torn}")
            }
        }
    }
}
