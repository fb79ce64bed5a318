//! Where the log of a process is.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::adapters::sqlite::copy::beside;
use crate::adapters::systemd::journal::{self, Entry, Wanted};
use crate::error::Fault;
use crate::profile::UnitName;

/// How much of a log is looked at for its last lines.
const TAIL: usize = 64 << 10;

/// Where the log of a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessLog {
    /// In a file.
    File(PathBuf),
    /// In the journal of systemd.
    Journal(UnitName),
}

/// Where in a log a run begins: what comes before is of earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogBegin {
    /// In a file, behind so many bytes.
    pub(super) bytes: u64,
    /// In a journal, from then on.
    pub(super) at: Option<Timestamp>,
}

impl ProcessLog {
    /// The last lines of a run.
    pub(super) async fn tail(&self, lines: usize, begin: LogBegin) -> Result<Vec<String>, Fault> {
        match self {
            Self::File(file) => file_tail(file, lines, begin.bytes)
                .map_err(|error| Fault::caused_by(format!("cannot read {}", file.display()), &error)),
            Self::Journal(unit) => {
                let end =
                    journal::end(unit, Wanted { lines, bytes: TAIL, since: begin.at, until: None }).await?;
                Ok(end.entries.iter().map(Entry::line).collect())
            }
        }
    }

    /// Fails where this user may not read it. That there is none yet is fine.
    ///
    /// # Errors
    /// With what to do about it.
    pub async fn can_be_read(&self) -> Result<(), Fault> {
        match self {
            Self::File(_) => Ok(()),
            Self::Journal(_) => self.tail(1, LogBegin::default()).await.map(drop),
        }
    }

    /// How a person sees its end.
    pub fn typed(&self) -> String {
        match self {
            Self::File(file) => format!("tail -n 50 {}", file.display()),
            Self::Journal(unit) => format!("journalctl -n 50 -u {unit}"),
        }
    }
}

impl fmt::Display for ProcessLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(formatter, "{}", file.display()),
            Self::Journal(unit) => write!(formatter, "journal of {unit}"),
        }
    }
}

/// Where a log is put that has grown long, when a new one is begun.
pub(super) fn put_aside(log: &Path) -> PathBuf {
    beside(log, ".1")
}

/// The files that a log is in, the older one first, and of each at most how many bytes of its end belong to the last `most`.
pub fn ends(log: &Path, most: u64) -> Vec<(PathBuf, u64)> {
    let length = fs::metadata(log).map_or(0, |log| log.len());
    let older = Some(put_aside(log)).filter(|older| older.is_file());
    let older = older.map(|older| (older, most.saturating_sub(length)));
    older.into_iter().chain([(log.to_owned(), most)]).collect()
}

fn file_tail(file: &Path, lines: usize, from: u64) -> io::Result<Vec<String>> {
    let mut log = File::open(file)?;
    let length = log.metadata()?.len();
    // Somebody may have emptied it meanwhile.
    let from = if from > length { 0 } else { from };
    log.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL as u64))))?;
    let mut bytes = Vec::new();
    log.take(TAIL as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::adapters::files::{self, Mode};

    #[test]
    fn the_older_half_of_a_log_has_what_the_newer_one_leaves_of_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        assert_eq!(ends(&log, 9), [(log.clone(), 9)]);
        files::replace(&log, b"1234", Mode::Exactly(0o600)).unwrap();
        files::replace(&put_aside(&log), b"older", Mode::Exactly(0o600)).unwrap();
        assert_eq!(ends(&log, 9), [(folder.path().join("x.log.1"), 5), (log.clone(), 9)]);
        assert_eq!(ends(&log, 3)[0].1, 0);
    }

    #[test]
    fn the_end_of_a_log_is_that_of_one_run() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        log.write_all(b"of an earlier run\nof this one\n").unwrap();
        assert_eq!(file_tail(log.path(), 9, 18).unwrap(), ["of this one"]);
        assert_eq!(file_tail(log.path(), 1, 0).unwrap(), ["of this one"]);
        let emptied_since = 99;
        assert_eq!(file_tail(log.path(), 9, emptied_since).unwrap(), ["of an earlier run", "of this one"]);
    }
}
