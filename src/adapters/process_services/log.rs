//! Where the log of a process is.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

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

impl ProcessLog {
    /// Its last lines.
    pub(super) async fn tail(&self, lines: usize) -> Result<Vec<String>, Fault> {
        match self {
            Self::File(file) => file_tail(file, lines)
                .map_err(|error| Fault::caused_by(format!("cannot read {}", file.display()), &error)),
            Self::Journal(unit) => {
                let end = journal::end(unit, Wanted { lines, bytes: TAIL, since: None, until: None }).await?;
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
            Self::Journal(_) => self.tail(1).await.map(drop),
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

fn file_tail(file: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut log = File::open(file)?;
    let length = log.metadata()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL as u64)))?;
    let mut bytes = Vec::new();
    log.take(TAIL as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect())
}
