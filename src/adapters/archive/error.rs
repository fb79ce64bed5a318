//! What can be wrong with an archive.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Fault;
use crate::model::dump_header::DumpHeaderError;
use crate::model::manifest::{FORMAT, ManifestError};

/// An archive that cannot be written or used: which one, what is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}{}", file.display(), At(*offset))]
pub struct ArchiveError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
    /// Where in the file, in bytes from its start, if that is known.
    pub offset: Option<u64>,
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system refused to read or write it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It is not a gzip file.
    #[error("this is not a backup archive, but {0}")]
    NotGzip(Found),
    /// It is a gzip file with something else than a tar archive in it.
    #[error("this is a gzip file, but holds {0} and not a tar archive")]
    NotTar(Found),
    /// It ends too early.
    #[error("the archive is cut short")]
    Truncated,
    /// Its bytes are not those that were written.
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// Something follows the archive's end.
    #[error("something follows the end of the archive")]
    Trailing,
    /// A member that no backup has and that could do harm.
    #[error("the archive is not safe to unpack: {member} {why}")]
    Unsafe {
        /// The member, with odd characters escaped.
        member: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A tar archive, but not of a backup.
    #[error("this is a tar archive, but not a backup: {0}")]
    NotABackup(String),
    /// More than the caller allowed, or more than can be honest.
    #[error("the archive unpacks to more than {limit} bytes")]
    TooLarge {
        /// What was allowed.
        limit: u64,
    },
    /// So little that says so much is made to fill a disk.
    #[error("the archive unpacks to more than {ratio} times its size, as no backup does")]
    Bomb {
        /// What was allowed.
        ratio: u64,
    },
    /// `db.dump` is not a dump.
    #[error("db.dump cannot be restored: {0}")]
    NotADump(#[from] DumpHeaderError),
    /// Its manifest cannot be used.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// A member is not what the manifest says.
    #[error("{member} is not what the manifest says: {what}")]
    Mismatch {
        /// The member.
        member: String,
        /// How it differs.
        what: &'static str,
    },
    /// The dump could not be written to where the caller wanted it.
    #[error("its dump cannot be written out: {0}")]
    Output(#[source] io::Error),
    /// A backup of this name is there already.
    #[error("a file of this name exists already")]
    Exists,
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What a file turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A bare custom-format dump.
    Dump,
    /// An SQL script.
    Sql,
    /// A tar archive that is not compressed.
    Tar,
    /// A zip archive.
    Zip,
    /// A Zstandard file.
    Zstd,
    /// An xz file.
    Xz,
    /// A bzip2 file.
    Bzip2,
    /// Text.
    Text,
    /// Nothing at all.
    Nothing,
    /// None of these.
    Unknown,
}

struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(formatter, " (at byte {offset})"))
    }
}

impl ArchiveError {
    pub(crate) fn new(file: &Path, problem: impl Into<Problem>) -> Self {
        Self { file: file.to_owned(), problem: problem.into(), offset: None }
    }

    pub(super) fn at(file: &Path, offset: u64, problem: impl Into<Problem>) -> Self {
        Self { file: file.to_owned(), problem: problem.into(), offset: Some(offset) }
    }

    /// Whether it was whole once, and is not what was written.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self.problem,
            Problem::Empty
                | Problem::Truncated
                | Problem::Damaged(_)
                | Problem::Trailing
                | Problem::NotADump(_)
                | Problem::Mismatch { .. }
        )
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match &self.problem {
            Problem::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "`opsctl backup list` shows the backups that are there".into()
            }
            Problem::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                "free some room with `opsctl backup prune`, or choose another --backup-dir".into()
            }
            Problem::Output(_) => "is there room for the uncompressed dump?".into(),
            Problem::Io(_) => "check the disk, and the rights on the file and its directory".into(),
            Problem::NotGzip(Found::Dump) | Problem::NotTar(Found::Dump) => {
                "put the dump into an archive: mkdir restored && cp THE_DUMP restored/db.dump && \
                 tar -czf backup.tar.gz restored"
                    .into()
            }
            Problem::NotGzip(Found::Tar) => "if it is a backup, compress it with `gzip` first".into(),
            Problem::NotGzip(_) | Problem::NotTar(_) | Problem::NotABackup(_) => {
                "name a backup-YYYY-MM-DD-HHMMSS.tar.gz; `opsctl backup list` shows them".into()
            }
            Problem::Empty | Problem::Truncated => {
                "was the copy or the backup interrupted? copy it again, or use another: `opsctl backup list`"
                    .into()
            }
            Problem::Damaged(_) | Problem::Trailing | Problem::Mismatch { .. } => {
                "copy it again from where it came from, or use another: `opsctl backup list`".into()
            }
            Problem::Unsafe { .. } | Problem::Bomb { .. } => {
                "where did this file come from? do not unpack it; use another: `opsctl backup list`".into()
            }
            Problem::TooLarge { .. } => "make room for it first".into(),
            Problem::Manifest(ManifestError::Newer { .. }) => {
                format!("use the opsctl that wrote it, or a newer one (this one knows format {FORMAT})")
            }
            Problem::NotADump(_) | Problem::Manifest(_) => "use another backup: `opsctl backup list`".into(),
            Problem::Exists => "take the backup again: the next second has another name".into(),
            Problem::Interrupted => "run the command again".into(),
        }
    }
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        let hint = error.hint();
        Self::new(error.to_string()).hint(hint)
    }
}

impl Found {
    /// What a file that begins like this holds.
    pub(crate) fn sniff(head: &[u8]) -> Self {
        let tar = head.get(257..262) == Some(b"ustar");
        match head {
            [] => Self::Nothing,
            [b'P', b'G', b'D', b'M', b'P', ..] => Self::Dump,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Xz,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            _ if tar => Self::Tar,
            _ if head.starts_with(b"--") || head.to_ascii_uppercase().starts_with(b"CREATE ") => Self::Sql,
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }
}

fn is_text(head: &[u8]) -> bool {
    let control = |&byte: &u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    !head.iter().any(control)
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dump => "a bare pg_dump file",
            Self::Sql => "an SQL script",
            Self::Tar => "a tar archive without compression",
            Self::Zip => "a zip archive",
            Self::Zstd => "a Zstandard file",
            Self::Xz => "an xz file",
            Self::Bzip2 => "a bzip2 file",
            Self::Text => "text",
            Self::Nothing => "nothing",
            Self::Unknown => "something unknown",
        })
    }
}
