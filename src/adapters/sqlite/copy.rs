//! Copying a store: in one step of SQLite's backup, which a writer cannot make begin again.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::condition::Depth;
use super::error::{Problem, SqliteError};
use super::head;

/// How long somebody may hold the store before that is a failure.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long somebody may have the store open who only looks at it.
const LOOKS: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// What a store has behind its name until it is whole.
pub const PARTIAL: &str = ".partial";

/// Problems that are listed of a damaged store.
const MOST_PROBLEMS: usize = 5;

/// Opens a store that is there, to read it. Its write-ahead log is read too.
///
/// # Errors
/// [`SqliteError`] for what cannot be used.
pub fn open(file: &Path) -> Result<Connection, SqliteError> {
    open_within(file, PATIENCE)
}

/// Opens a store that is there, and waits only so long for somebody who holds it.
///
/// # Errors
/// [`SqliteError`] for what cannot be used.
pub fn open_within(file: &Path, patience: Duration) -> Result<Connection, SqliteError> {
    head::examine(file)?;
    let opened = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Connection::open_with_flags(file, flags)?;
        store.busy_timeout(patience)?;
        store.query_one("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(store)
    };
    opened().map_err(|error: rusqlite::Error| SqliteError::new(file, error))
}

/// Copies a store as it is at one moment, also while others write to it, and checks the copy. `to` is there only when it is
/// whole, and takes the place of what was there.
///
/// # Errors
/// [`SqliteError`]: also if the copy is damaged, because the store is.
pub fn copy(from: &Path, to: &Path) -> Result<(), SqliteError> {
    let source = open(from)?;
    let partial = beside(to, PARTIAL);
    create_private(&partial)?;
    let failed = |error: rusqlite::Error| SqliteError::new(from, error);
    {
        let mut target = Connection::open(&partial).map_err(failed)?;
        step(&source, &mut target).map_err(|problem| SqliteError::new(from, problem))?;
        check(&target, Depth::Full).map_err(|problem| SqliteError::new(from, problem))?;
    }
    publish(&partial, to)
}

/// Makes a store without anything in it, with the page size and the journal mode of another one.
///
/// # Errors
/// [`SqliteError`] for what cannot be used.
pub fn create_like(model: &Path, to: &Path) -> Result<(), SqliteError> {
    let source = open(model)?;
    let partial = beside(to, PARTIAL);
    create_private(&partial)?;
    let made = || -> rusqlite::Result<()> {
        let pages: u32 = source.query_one("PRAGMA page_size", [], |row| row.get(0))?;
        let mode: String = source.query_one("PRAGMA journal_mode", [], |row| row.get(0))?;
        let target = Connection::open(&partial)?;
        target.execute_batch(&format!(
            "PRAGMA page_size = {pages}; PRAGMA user_version = 1; PRAGMA user_version = 0"
        ))?;
        target.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
        target.close().map_err(|(_, error)| error)
    };
    made().map_err(|error| SqliteError::new(to, error))?;
    publish(&partial, to)
}

fn step(source: &Connection, target: &mut Connection) -> Result<(), Problem> {
    let began = Instant::now();
    let backup = Backup::new(source, target)?;
    loop {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if began.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            _ => return Err(Problem::Locked("it did not let go in time".to_owned())),
        }
    }
}

/// Checks that a store is sound in itself.
///
/// # Errors
/// [`Problem::Corrupt`] with what was found.
pub fn check(store: &Connection, depth: Depth) -> Result<(), Problem> {
    let pragma = match depth {
        Depth::Quick => "quick_check",
        Depth::Full => "integrity_check",
    };
    let mut rows = store.prepare(&format!("PRAGMA {pragma}({MOST_PROBLEMS})"))?;
    let found: Vec<String> = rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if found == ["ok"] { Ok(()) } else { Err(Problem::Corrupt(found.join("; "))) }
}

/// Makes a file that was written under another name durable, and gives it its name.
///
/// # Errors
/// [`SqliteError`] if the disk does not do its part.
pub fn publish(partial: &Path, to: &Path) -> Result<(), SqliteError> {
    let durable = || {
        File::open(partial)?.sync_all()?;
        fs::rename(partial, to)?;
        File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    durable().map_err(|error| SqliteError::new(to, error))
}

/// Takes the write-ahead log of a store into it, so that the one file is all of it. Nobody may have it open; whoever only looks
/// is waited for a moment.
///
/// # Errors
/// [`Problem::InUse`] if somebody has.
pub fn fold(file: &Path) -> Result<(), SqliteError> {
    let began = Instant::now();
    loop {
        match fold_once(file) {
            Err(error) if error.is_in_use() && began.elapsed() < LOOKS => std::thread::sleep(PAUSE),
            folded => return folded,
        }
    }
}

fn fold_once(file: &Path) -> Result<(), SqliteError> {
    let store = open(file)?;
    let failed = |error: rusqlite::Error| SqliteError::new(file, error);
    // The last to close a store takes its log in and removes it.
    let busy: i64 =
        store.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
    store.close().map_err(|(_, error)| failed(error))?;
    let is_left = fs::metadata(beside(file, "-wal")).is_ok();
    if busy != 0 || is_left { Err(SqliteError::new(file, Problem::InUse)) } else { Ok(()) }
}

/// Makes an empty file that nobody else may read, in the place of what was left under its name.
///
/// # Errors
/// [`SqliteError`] if the disk does not do its part.
pub fn create_private(file: &Path) -> Result<File, SqliteError> {
    remove(file)?;
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    created.map_err(|error| SqliteError::new(file, error))
}

/// Gives a file the owner and the mode of the one whose place it is to take. Where others may write to the folder, its name may
/// have become a link to some other file meanwhile: that is never changed.
///
/// # Errors
/// If this user may not, or it is no file.
pub fn take_after(file: &Path, model: &Path) -> std::io::Result<()> {
    let model = fs::metadata(model)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = File::from(rustix::fs::open(file, flags, rustix::fs::Mode::empty())?);
    let own = opened.metadata()?;
    let is_anothers = (model.uid(), model.gid()) != (own.uid(), own.gid());
    // One that has its owner already may well be in a snapshot of hard links.
    if !own.is_file() || (is_anothers && own.nlink() != 1) {
        return Err(std::io::Error::other(format!("{} is not the file that was written", file.display())));
    }
    if is_anothers {
        fchown(&opened, Some(model.uid()), Some(model.gid()))?;
    }
    opened.set_permissions(model.permissions())
}

/// Moves what SQLite keeps beside a store, and cannot be taken into it, to the side of another name.
///
/// # Errors
/// If it cannot be moved.
pub fn carry(from: &Path, to: &Path) -> std::io::Result<()> {
    for suffix in ["-wal", "-journal"] {
        match fs::rename(beside(from, suffix), beside(to, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_file(beside(from, "-shm")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a store with all that SQLite keeps beside it, and what is left of one that was being made under its name. That it
/// is not there is fine.
///
/// # Errors
/// If one of them cannot be removed.
pub fn remove(file: &Path) -> Result<(), SqliteError> {
    let partial = beside(file, PARTIAL);
    let of = |store: &Path| ["", "-wal", "-shm", "-journal"].map(|suffix| beside(store, suffix));
    for path in of(file).into_iter().chain(of(&partial)) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(SqliteError::new(&path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A path with something behind its name.
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;

    fn store(folder: &Path) -> PathBuf {
        let file = folder.join("store.db");
        let store = Connection::open(&file).unwrap();
        store
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
            .unwrap();
        store.execute("INSERT INTO t VALUES (1, zeroblob(100000))", []).unwrap();
        file
    }

    fn rows(file: &Path) -> u64 {
        let count = "SELECT count(*) FROM t";
        let rows: i64 = Connection::open(file).unwrap().query_one(count, [], |row| row.get(0)).unwrap();
        rows.try_into().unwrap()
    }

    #[test]
    fn a_new_store_is_like_the_one_before_and_has_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, fresh) = (folder.path().join("store.db"), folder.path().join("fresh.db"));
        let before = Connection::open(&file).unwrap();
        let sql = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER)";
        before.execute_batch(sql).unwrap();
        for _ in 0..2 {
            create_like(&file, &fresh).unwrap();
            let made = open(&fresh).unwrap();
            let told = |what: &str| {
                made.pragma_query_value(None, what, |row| row.get::<_, rusqlite::types::Value>(0))
            };
            assert_eq!(told("page_size").unwrap(), 8192.into());
            assert_eq!(told("journal_mode").unwrap(), "wal".to_owned().into());
            let tables: i64 =
                made.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
            assert_eq!(tables, 0);
            drop(made);
        }
        let beside = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(beside.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    }

    #[test]
    fn a_writer_that_never_stops_neither_fails_nor_keeps_the_copy_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = store(folder.path());
        let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let store = Connection::open(&file).unwrap();
                store.busy_timeout(Duration::from_secs(5)).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    store.execute("INSERT INTO t (body) VALUES (zeroblob(3000))", []).unwrap();
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
            for round in 0..5 {
                let before = written.load(Ordering::Relaxed);
                while written.load(Ordering::Relaxed) < before + 20 {
                    std::thread::yield_now();
                }
                let least = written.load(Ordering::Relaxed);
                let to = folder.path().join(format!("copy-{round}"));
                copy(&file, &to).unwrap();
                assert!(rows(&to) > least, "{} of {least}", rows(&to));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_left_alone_and_a_snapshot_is_no_hindrance() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        for (name, mode) in [("model", 0o640), ("other", 0o600), ("written", 0o600)] {
            create_private(&path(name)).unwrap().set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink(path("other"), path("link")).unwrap();
        take_after(&path("link"), &path("model")).unwrap_err();
        assert_eq!(mode("other"), 0o600);
        fs::hard_link(path("written"), path("snapshot")).unwrap();
        take_after(&path("written"), &path("model")).unwrap();
        assert_eq!(mode("written"), 0o640);
    }

    #[test]
    fn a_damaged_store_is_not_passed_on_as_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let opened = Connection::open(&file).unwrap();
        opened
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE INDEX i ON t (body)")
            .unwrap();
        for row in 0..2000 {
            opened.execute("INSERT INTO t VALUES (?1, ?1 || 'x')", [row]).unwrap();
        }
        drop(opened);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0xa5);
        std::io::Write::write_all(&mut File::create(&file).unwrap(), &bytes).unwrap();
        let to = folder.path().join("copy");
        let error = copy(&file, &to).unwrap_err().fault("no").causes.join(": ");
        assert!(error.contains("it is damaged"), "{error}");
        assert!(!to.exists());
    }

    #[test]
    fn the_log_is_taken_in_unless_somebody_has_the_store_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = store(folder.path());
        let other = Connection::open(&file).unwrap();
        other.execute("INSERT INTO t (body) VALUES ('y')", []).unwrap();
        let error = fold(&file).unwrap_err().fault("no").causes.join(": ");
        assert!(error.contains("another process has it open"), "{error}");
        drop(other);
        fold(&file).unwrap();
        assert!(!beside(&file, "-wal").exists());
        assert_eq!(rows(&file), 2);
    }
}
