//! The condition of a store: what a look at it tells, in a short time and without a row of its data.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use super::copy::{beside, check, open_within};
use super::error::{Problem, SqliteError};
use super::facts;
use crate::preflight::store::Soundness;
use crate::profile::AppliedMigrations;

/// How long somebody may hold the store while it is only looked at.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two interruptions of a check that takes too long.
const AGAIN: Duration = Duration::from_millis(20);

/// Properties that say nothing of the data, and of which somebody who looks for a cause wants to know.
const PROPERTIES: [&str; 10] = [
    "journal_mode",
    "page_size",
    "page_count",
    "freelist_count",
    "auto_vacuum",
    "encoding",
    "user_version",
    "application_id",
    "schema_version",
    "wal_autocheckpoint",
];

/// What a look at a store tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its size with its write-ahead log, in bytes.
    pub size: Size,
    /// Properties by their names.
    pub properties: BTreeMap<String, String>,
    /// A hash of its schema.
    pub schema_hash: String,
    /// How many tables it has.
    pub tables: usize,
    /// The migrations that are applied, oldest first.
    pub migrations: Vec<String>,
}

/// The sizes of a store's files in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// The store.
    pub store: u64,
    /// Its write-ahead log.
    pub log: u64,
}

impl Size {
    /// Of both together.
    pub fn both(self) -> u64 {
        self.store + self.log
    }
}

impl Condition {
    /// How its journal is kept.
    pub fn journal_mode(&self) -> &str {
        self.properties.get("journal_mode").map_or("", String::as_str)
    }
}

/// The sizes of a store's files; 0 of those that are not there.
pub fn size(file: &Path) -> Size {
    let of = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    Size { store: of(file), log: of(&beside(file, "-wal")) }
}

/// Looks at a store.
///
/// # Errors
/// [`SqliteError`] for what cannot be used, also if somebody holds it.
pub fn condition(file: &Path, applied: &AppliedMigrations) -> Result<Condition, SqliteError> {
    // To open and close it may take the log in.
    let size = size(file);
    let store = open_within(file, PATIENCE)?;
    let looked = || {
        Ok(Condition {
            size,
            properties: properties(&store)?,
            schema_hash: facts::schema_hash(&store)?,
            tables: facts::table_names(&store)?.len(),
            migrations: facts::migrations(&store, applied)?,
        })
    };
    looked().map_err(|error: rusqlite::Error| SqliteError::new(file, error))
}

fn properties(store: &Connection) -> Result<BTreeMap<String, String>, rusqlite::Error> {
    let read = |name: &str| {
        let value = store.query_one(&format!("PRAGMA {name}"), [], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
        })?;
        Ok((name.to_owned(), value))
    };
    PROPERTIES.into_iter().map(read).collect()
}

/// The statements that made a store what it is, as SQLite keeps them: never a row of data.
///
/// # Errors
/// [`SqliteError`] for what cannot be used.
pub fn schema(file: &Path) -> Result<String, SqliteError> {
    let store = open_within(file, PATIENCE)?;
    let read = || -> Result<String, rusqlite::Error> {
        let mut rows = store.prepare(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name",
        )?;
        let statements = rows.query_map([], |row| row.get::<_, String>(0))?;
        statements.map(|statement| Ok(format!("{};\n", statement?))).collect()
    };
    read().map_err(|error| SqliteError::new(file, error))
}

/// How thoroughly a store is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All pages, but not whether indexes have what tables have.
    Quick,
    /// Everything.
    Full,
}

/// Checks a store, for so long at most. A full check looks whether references lead anywhere, too.
///
/// # Errors
/// [`SqliteError`] if it cannot be read; that it is damaged is an answer.
pub fn soundness(file: &Path, depth: Depth, limit: Duration) -> Result<Soundness, SqliteError> {
    let store = match open_within(file, PATIENCE) {
        Ok(store) => store,
        Err(error) if error.is_damage() && file.exists() => return Ok(Soundness::Broken(error.reason())),
        Err(error) => return Err(error),
    };
    match interrupted_after(&store, limit, || checked(&store, depth)) {
        Ok(found) => Ok(found),
        Err(Problem::Corrupt(what)) => Ok(Soundness::Broken(what)),
        Err(Problem::Sqlite(error)) if is_interruption(&error) => Ok(Soundness::NotThrough(limit)),
        Err(problem) => Err(SqliteError::new(file, problem)),
    }
}

fn is_interruption(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Does something with a store, and makes it fail if it takes longer.
fn interrupted_after<T>(store: &Connection, limit: Duration, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    let handle = store.get_interrupt_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut wait = limit;
            // Between two statements an interruption meets nothing.
            while waiting.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                handle.interrupt();
                wait = AGAIN;
            }
        });
        let found = work();
        drop(done);
        found
    })
}

/// The rows of each table, by name; none where the time there is was over before they were counted.
///
/// # Errors
/// [`SqliteError`] for what cannot be used.
pub fn rows(file: &Path, limit: Duration) -> Result<Vec<(String, Option<u64>)>, SqliteError> {
    let store = open_within(file, PATIENCE)?;
    let began = Instant::now();
    let counted = |name: String| {
        let left = limit.saturating_sub(began.elapsed());
        match interrupted_after(&store, left, || facts::rows(&store, &name)) {
            Ok(rows) => Ok((name, Some(rows))),
            Err(error) if is_interruption(&error) => Ok((name, None)),
            Err(error) => Err(error),
        }
    };
    let names = facts::table_names(&store);
    let all = names.and_then(|names| names.into_iter().map(counted).collect());
    all.map_err(|error| SqliteError::new(file, error))
}

fn checked(store: &Connection, depth: Depth) -> Result<Soundness, Problem> {
    check(store, depth)?;
    match depth {
        Depth::Quick => Ok(Soundness::Sound),
        Depth::Full => match facts::violations(store)? {
            0 => Ok(Soundness::Sound),
            rows => Ok(Soundness::Dangling(rows)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn store(rows: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let made = Connection::open(&file).unwrap();
        made.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (parent INTEGER REFERENCES parent, text TEXT); CREATE INDEX by_text ON child (text);",
        )
        .unwrap();
        let rows_of_text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                    INSERT INTO child SELECT NULL, hex(randomblob(200)) FROM n";
        made.execute(rows_of_text, [rows]).unwrap();
        (folder, file)
    }

    #[test]
    fn a_look_tells_of_the_store_and_of_no_row() {
        let (_folder, file) = store(3);
        let found = condition(&file, &AppliedMigrations::Unknown).unwrap();
        assert_eq!((found.journal_mode(), found.tables), ("wal", 2));
        assert_eq!(found.properties["encoding"], "UTF-8");
        assert!(schema(&file).unwrap().starts_with("CREATE TABLE child"));
        let three = ("child".to_owned(), Some(3));
        assert_eq!(rows(&file, Duration::from_mins(1)).unwrap()[0], three);
        let open = Connection::open(&file).unwrap();
        open.execute("INSERT INTO parent DEFAULT VALUES", []).unwrap();
        assert!(condition(&file, &AppliedMigrations::Unknown).unwrap().size.log > 0);
    }

    #[test]
    fn a_check_ends_in_time_and_what_is_broken_is_an_answer() {
        let (_folder, file) = store(40_000);
        let quick = |limit| soundness(&file, Depth::Quick, limit).unwrap();
        assert_eq!(quick(Duration::from_mins(1)), Soundness::Sound);
        assert_eq!(quick(Duration::ZERO), Soundness::NotThrough(Duration::ZERO));
        let open = Connection::open(&file).unwrap();
        open.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO child VALUES (7, 'x')").unwrap();
        let full = soundness(&file, Depth::Full, Duration::from_mins(1)).unwrap();
        assert_eq!(full, Soundness::Dangling(1));
        drop(open);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8192].fill(0x5a);
        fs::File::create(&file).unwrap().write_all(&bytes).unwrap();
        assert!(matches!(quick(Duration::from_mins(1)), Soundness::Broken(_)));
        fs::File::create(&file).unwrap().write_all(b"no store at all").unwrap();
        assert!(matches!(quick(Duration::from_mins(1)), Soundness::Broken(_)));
        fs::remove_file(&file).unwrap();
        assert!(soundness(&file, Depth::Quick, Duration::from_mins(1)).is_err());
    }
}
