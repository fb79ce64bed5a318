//! What is durable of an operation: intent before each step, result after it.
//!
//! One file of JSON lines per operation. Each line is synced before the effect that it announces begins. A line without
//! its newline never happened: the machine stopped while it was written.

pub mod lock;
#[cfg(test)]
mod properties;
pub mod record;
pub mod state_dir;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::journal::record::{Entry, Record, SCHEMA};

/// The journal of one operation, open for appending.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    next: u64,
}

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("could not {action} the journal {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The journal.
        path: PathBuf,
        /// The file system's answer.
        source: io::Error,
    },
    /// A whole line is not a record: this is no journal, or it was edited.
    #[error("line {line} of the journal {path} is not a record")]
    Damaged {
        /// Counting from 1.
        line: usize,
        /// The journal.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// A record is not the one that belongs there: lines were lost, repeated or moved.
    #[error("line {line} of the journal {path} holds the record {found}, which does not belong there")]
    Misplaced {
        /// Counting from 1.
        line: usize,
        /// The journal.
        path: PathBuf,
        /// The record's number.
        found: u64,
    },
    /// A newer opsctl wrote it.
    #[error(
        "the journal {path} has schema {found}, and this opsctl reads up to {SCHEMA}: use the newer opsctl that wrote it"
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
}

impl Journal {
    /// Starts a journal in a directory that must not have one yet. The directory is synced, so the file outlives a power loss.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file =
            OpenOptions::new().append(true).create_new(true).open(path).map_err(io_error("create", path))?;
        sync_parent(path)?;
        Ok(Self { file, path: path.to_owned(), next: 0 })
    }

    /// Opens a journal to go on with it. What an interrupted write left at its end is cut off.
    pub fn reopen(path: &Path) -> Result<(Self, Vec<Entry>), JournalError> {
        let (entries, whole) = read(path)?;
        let file = OpenOptions::new().append(true).open(path).map_err(io_error("open", path))?;
        file.set_len(whole).map_err(io_error("repair", path))?;
        file.sync_all().map_err(io_error("sync", path))?;
        let next = entries.last().map_or(0, |entry| entry.number + 1);
        Ok((Self { file, path: path.to_owned(), next }, entries))
    }

    /// What a finished step of this operation noted.
    pub fn note_of(&self, index: usize) -> Result<Option<String>, JournalError> {
        let (entries, _) = read(&self.path)?;
        Ok(entries.into_iter().rev().find_map(|entry| match entry.record {
            Record::Finished { step, note } if step == index => note,
            _ => None,
        }))
    }

    /// Appends a record and waits until it is on the disk.
    pub fn append(&mut self, at: jiff::Timestamp, record: Record) -> Result<(), JournalError> {
        let entry = Entry { number: self.next, at, record };
        let mut line = serde_json::to_vec(&entry)
            .map_err(|source| io_error("encode a record for", &self.path)(io::Error::other(source)))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(io_error("append to", &self.path))?;
        self.file.sync_data().map_err(io_error("sync", &self.path))?;
        self.next += 1;
        Ok(())
    }
}

/// Reads a journal and the number of bytes that its whole lines take.
pub fn read(path: &Path) -> Result<(Vec<Entry>, u64), JournalError> {
    let bytes = std::fs::read(path).map_err(io_error("read", path))?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut entries = Vec::new();
    for (index, line) in bytes[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
        let entry = serde_json::from_slice::<Entry>(line.trim_ascii_end());
        if index == 0 {
            refuse_newer(path, line)?;
        }
        let (line, path) = (index + 1, path.to_owned());
        match entry {
            Ok(entry) if entry.number == index as u64 => entries.push(entry),
            Ok(Entry { number: found, .. }) => return Err(JournalError::Misplaced { line, path, found }),
            Err(source) => return Err(JournalError::Damaged { line, path, source }),
        }
    }
    Ok((entries, whole as u64))
}

/// Looks at the schema alone, since a newer record may not be readable as a whole.
fn refuse_newer(path: &Path, line: &[u8]) -> Result<(), JournalError> {
    let schema = serde_json::from_slice::<serde_json::Value>(line)
        .ok()
        .and_then(|value| value.get("schema").and_then(serde_json::Value::as_u64))
        .map(|schema| u32::try_from(schema).unwrap_or(u32::MAX));
    match schema {
        Some(found) if found > SCHEMA => Err(JournalError::Newer { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

fn sync_parent(path: &Path) -> Result<(), JournalError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("sync the directory of", path))
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> JournalError + 'a {
    move |source| JournalError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::Closing;

    fn at() -> jiff::Timestamp {
        "2026-03-14T12:00:00Z".parse().unwrap()
    }

    fn journal_of(records: &[Record]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for record in records {
            journal.append(at(), record.clone()).unwrap();
        }
        (dir, path)
    }

    fn three() -> Vec<Record> {
        vec![
            Record::Started { step: 0, attempt: 1 },
            Record::Finished { step: 0, note: Some("done".to_owned()) },
            Record::Closed { ending: Closing::Done },
        ]
    }

    #[test]
    fn cut_at_any_byte_it_holds_exactly_the_whole_lines() {
        let (_dir, path) = journal_of(&three());
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            let whole_lines = bytes[..cut].split(|&byte| byte == b'\n').count() - 1;
            let torn = path.with_extension("torn");
            let mut file = File::create(&torn).unwrap();
            file.write_all(&bytes[..cut]).unwrap();
            let (mut journal, entries) = Journal::reopen(&torn).unwrap();
            assert_eq!(entries.len(), whole_lines, "cut at {cut}");
            journal.append(at(), Record::Interrupted).unwrap();
            let (entries, _) = read(&torn).unwrap();
            assert_eq!(entries.last().map(|entry| entry.record.clone()), Some(Record::Interrupted));
            assert_eq!(entries.len(), whole_lines + 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_is_named() {
        let (_dir, path) = journal_of(&three());
        let text = std::fs::read_to_string(&path).unwrap().replace("finished", "fini shed");
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of the journal"), "{error}");
    }

    #[test]
    fn lines_that_were_lost_repeated_or_emptied_are_named() {
        let (_dir, path) = journal_of(&three());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let harmed = [
            (vec![lines[1], lines[2]], "line 1 of"),
            (vec![lines[0], lines[2]], "line 2 of"),
            (vec![lines[0], lines[0], lines[1]], "line 2 of"),
            (vec![lines[0], "", lines[1]], "line 2 of"),
            (vec![lines[0], "", "x"], "line 2 of"),
        ];
        for (lines, expected) in harmed {
            File::create(&path).unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_schema_beyond_what_this_one_can_count_is_newer_and_not_damaged() {
        let (_dir, path) = journal_of(&[]);
        File::create(&path).unwrap().write_all(b"{\"number\":0,\"schema\":4294967296}\n").unwrap();
        assert!(matches!(read(&path), Err(JournalError::Newer { .. })));
    }

    #[test]
    fn a_journal_is_never_started_over_another() {
        let (_dir, path) = journal_of(&three());
        assert!(Journal::create(&path).is_err());
        assert_eq!(read(&path).unwrap().0.len(), 3);
    }
}
