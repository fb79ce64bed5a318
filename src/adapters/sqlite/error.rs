//! Why a store cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::Fault;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", file.display())]
pub struct SqliteError {
    file: PathBuf,
    #[source]
    problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such file, or it cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a directory, or a device.
    #[error("this is not a regular file")]
    NotAFile,
    /// It has no content.
    #[error("the file is empty")]
    Empty,
    /// It does not begin as a database does.
    #[error("this is not a SQLite database, or it is encrypted")]
    NotADatabase,
    /// It was written by something newer.
    #[error("its file format is newer than this opsctl knows (SQLite {})", rusqlite::version())]
    Newer,
    /// Locks do not hold there.
    #[error("it is on a network file system ({0}), where SQLite's locks cannot be relied on")]
    Network(&'static str),
    /// Somebody holds it.
    #[error("another process holds it: {0}")]
    Locked(String),
    /// A process that should stand still has it open.
    #[error("another process has it open: what is in its write-ahead log could not be taken over")]
    InUse,
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Corrupt(String),
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl SqliteError {
    /// Of a file.
    pub fn new(file: &Path, problem: impl Into<Problem>) -> Self {
        Self { file: file.to_owned(), problem: problem.into() }
    }

    /// Whether the store is gone, or none any more, so that nobody can read it.
    pub fn is_damage(&self) -> bool {
        match &self.problem {
            Problem::Empty | Problem::NotADatabase | Problem::Corrupt(_) => true,
            Problem::Io(error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether somebody else has the store open.
    pub fn is_in_use(&self) -> bool {
        matches!(self.problem, Problem::InUse)
    }

    /// What is wrong, without the name of the file.
    pub fn reason(&self) -> String {
        self.problem.to_string()
    }

    /// As a command reports it.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        let fault = Fault::caused_by(what, self);
        match &self.problem {
            Problem::Empty | Problem::NotADatabase | Problem::Corrupt(_) => {
                fault.hint("`opsctl backup list` shows what can be restored")
            }
            Problem::Locked(_) | Problem::InUse => {
                fault.hint(format!("who holds it? `fuser {}`", self.file.display()))
            }
            Problem::Newer => fault.hint("use an opsctl that is newer"),
            Problem::Network(_) => fault.hint("move the store to a local disk"),
            _ => fault,
        }
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            _ => Self::Sqlite(error),
        }
    }
}
