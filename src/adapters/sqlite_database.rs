//! The product's SQLite database as operations need it: a database is a file, its name the name of the file.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::adapters::release_link::no_rotation;
use crate::adapters::sqlite::copy::{self, open};
use crate::adapters::sqlite::{SqliteError, content, facts, swap};
use crate::error::Fault;
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::manifest::Sqlite;
use crate::plan::rotation::OnRecord;
use crate::ports::{CopyState, Databases, Passwords, Schema, WriteMark, Written};
use crate::profile::{AppliedMigrations, Freshness, ProcessProfile};

/// The product's database, and what opsctl keeps beside it.
#[derive(Debug, Clone)]
pub struct SqliteDatabase {
    /// The live file. What is made of it is beside it.
    pub file: PathBuf,
    /// How the applied migrations are read.
    pub applied: AppliedMigrations,
    /// Columns whose newest values tell how fresh the data is.
    pub freshness: Vec<Freshness>,
}

/// A database that opsctl made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Its name.
    pub name: DatabaseName,
    /// What it is for.
    pub purpose: DatabasePurpose,
    /// When it was made, as it is in its name.
    pub stamp: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl SqliteDatabase {
    /// The database that a description names, of an install in a folder.
    pub fn of(install: &Path, profile: &ProcessProfile) -> Self {
        let named = install.join(&profile.database.file);
        // SQLite keeps the log of a store beside the file itself, and not beside a link to it.
        let linked = fs::read_link(&named).is_ok().then(|| fs::canonicalize(&named).ok()).flatten();
        let freshness = profile.database.freshness.clone();
        Self { file: linked.unwrap_or(named), applied: profile.applied(), freshness }
    }

    /// The live database's name.
    pub fn live(&self) -> DatabaseName {
        DatabaseName::new(self.file.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Where a database is.
    pub fn path_of(&self, name: &DatabaseName) -> PathBuf {
        self.directory().join(name.as_str())
    }

    /// The log beside the live file, where it is all that is left of the store: what was written last to a store that somebody
    /// moved away, or cut.
    pub fn orphaned_log(&self) -> Option<PathBuf> {
        let is_gone = fs::metadata(&self.file).map_or(true, |store| store.len() == 0);
        let log = copy::beside(&self.file, "-wal");
        (is_gone && fs::metadata(&log).is_ok_and(|log| log.len() > 0)).then_some(log)
    }

    /// Where the databases are.
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// The databases that opsctl made of the live one, oldest first.
    pub fn beside(&self) -> Result<Vec<Beside>, Fault> {
        let live = self.live();
        let failed = |error: std::io::Error| {
            Fault::caused_by(format!("cannot look into {}", self.directory().display()), &error)
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(self.directory()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = DatabaseName::new(entry.file_name().to_string_lossy());
            let Some(made) = name.made_from(&live) else { continue };
            let size_bytes = entry.metadata().map_err(failed)?.len();
            found.push(Beside { name, purpose: made.purpose, stamp: made.stamp, size_bytes });
        }
        found.sort_by(|one, other| one.stamp.cmp(&other.stamp));
        Ok(found)
    }

    /// What is said of a database.
    pub async fn facts(&self, name: &DatabaseName) -> Result<Sqlite, Fault> {
        let (database, name) = (self.clone(), name.clone());
        working(move || database.read_facts(&database.path_of(&name), name.as_str())).await
    }

    /// What is said of a file under the name of a database.
    pub fn read_facts(&self, file: &Path, name: &str) -> Result<Sqlite, Fault> {
        self.look(file, name).map_err(|error| unreadable(&error))
    }

    fn look(&self, file: &Path, name: &str) -> Result<Sqlite, SqliteError> {
        let store = open(file)?;
        facts::facts(&store, name, &self.applied, &self.freshness)
            .map_err(|error| SqliteError::new(file, error))
    }

    /// Whether the live file is gone, or no database any more; that it cannot be looked at is neither.
    pub async fn is_damaged(&self) -> Result<bool, Fault> {
        let database = self.clone();
        working(move || match database.look(&database.file, "") {
            Err(error) if !error.is_damage() => Err(unreadable(&error)),
            looked => Ok(looked.is_err()),
        })
        .await
    }
}

impl SqliteDatabase {
    /// Gives the live store another name, with nothing in its place, and says whether there was one.
    pub async fn put_aside(&self, name: &DatabaseName) -> Result<bool, Fault> {
        let (live, aside) = (self.file.clone(), self.path_of(name));
        working(move || swap::put_aside(&live, &aside)).await
    }
}

fn unreadable(error: &SqliteError) -> Fault {
    error.fault("the database cannot be read")
}

/// Runs what blocks on a thread of its own.
pub(crate) async fn working<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    spawn_blocking(work)
        .await
        .map_err(|error| Fault::caused_by("work on the database ended unexpectedly", &error))?
}

impl Databases for SqliteDatabase {
    async fn exists(&self, database: &DatabaseName) -> Result<bool, Fault> {
        let path = self.path_of(database);
        let is_second = swap::is_second_name(&path, &self.file)
            .map_err(|error| Fault::caused_by(format!("cannot look at {}", path.display()), &error))?;
        Ok(path.exists() && !is_second)
    }

    async fn copy(&self, from: &DatabaseName, to: &DatabaseName) -> Result<(), Fault> {
        let (from, to) = (self.path_of(from), self.path_of(to));
        working(move || copy::copy(&from, &to).map_err(|error| error.fault("the database cannot be copied")))
            .await
    }

    async fn create_empty(&self, database: &DatabaseName) -> Result<(), Fault> {
        if !database.is_made() {
            return Err(Fault::new(format!("{database} is not a name of opsctl's, and is not made anew")));
        }
        let (live, file) = (self.file.clone(), self.path_of(database));
        working(move || {
            copy::create_like(&live, &file).map_err(|error| error.fault("a new store cannot be made"))
        })
        .await
    }

    async fn swap(
        &self,
        live: &DatabaseName,
        incoming: &DatabaseName,
        outgoing: &DatabaseName,
    ) -> Result<(), Fault> {
        let [live, incoming, outgoing] = [live, incoming, outgoing].map(|name| self.path_of(name));
        working(move || swap::swap(&live, &incoming, &outgoing)).await
    }

    async fn changed_since_copy(&self, live: &DatabaseName, copy: &DatabaseName) -> Result<CopyState, Fault> {
        let (live, copy) = (self.path_of(live), self.path_of(copy));
        working(move || {
            // It has its name only when it is whole.
            if !copy.exists() {
                return Ok(CopyState::NoCopy);
            }
            let now = match content::hash(&live) {
                Err(error) if error.is_damage() => return Ok(CopyState::Changed),
                now => now.map_err(|error| unreadable(&error))?,
            };
            let then = content::hash(&copy).map_err(|error| unreadable(&error))?;
            Ok(if now == then { CopyState::Unchanged } else { CopyState::Changed })
        })
        .await
    }

    async fn drop(&self, database: &DatabaseName) -> Result<(), Fault> {
        if !database.is_made() {
            return Err(Fault::new(format!("{database} was not made by opsctl and is not removed")));
        }
        let file = self.path_of(database);
        working(move || copy::remove(&file).map_err(|error| error.fault("a database cannot be removed")))
            .await
    }

    async fn schema(&self, database: &DatabaseName) -> Result<Schema, Fault> {
        let (file, applied) = (self.path_of(database), self.applied.clone());
        working(move || {
            let store = open(&file).map_err(|error| unreadable(&error))?;
            let migrations = facts::migrations(&store, &applied)
                .map_err(|error| unreadable(&SqliteError::new(&file, error)))?;
            Ok(Schema { migrations })
        })
        .await
    }

    async fn write_mark(&self, database: &DatabaseName) -> Result<WriteMark, Fault> {
        let file = self.path_of(database);
        working(move || content::hash(&file).map(WriteMark).map_err(|error| unreadable(&error))).await
    }

    async fn written_since(&self, database: &DatabaseName, mark: &WriteMark) -> Result<Written, Fault> {
        let file = self.path_of(database);
        Ok(match working(move || Ok(content::hash(&file))).await? {
            Ok(now) if now == mark.0 => Written::Nothing,
            Ok(_) => Written::Something("what was written since, which a file does not count".to_owned()),
            Err(error) => Written::Unknown(unreadable(&error).to_string()),
        })
    }

    async fn stored_under(&self, _: &DatabaseName, _: &str) -> Result<Vec<u64>, Fault> {
        Err(no_rotation())
    }

    async fn on_record(&self, _: &DatabaseName, _: &str) -> Result<Vec<OnRecord>, Fault> {
        Err(no_rotation())
    }

    async fn set_password(&self, _: &str, _: &Passwords) -> Result<String, Fault> {
        Err(no_rotation())
    }

    /// A file has no sessions that could be asked.
    async fn blockers(&self, _: &DatabaseName) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    use rusqlite::Connection;

    use super::*;

    struct Folder {
        database: SqliteDatabase,
        folder: tempfile::TempDir,
    }

    fn folder() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let applied = AppliedMigrations::Query("SELECT id FROM _migrations ORDER BY id".to_owned());
        write(&file, "live");
        let database = SqliteDatabase { file, applied, freshness: Vec::new() };
        Folder { database, folder }
    }

    fn write(file: &Path, what: &str) {
        let store = Connection::open(file).unwrap();
        let sql = "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS _migrations (id TEXT)";
        store.execute_batch(sql).unwrap();
        store.execute("INSERT INTO _migrations VALUES (?1)", [what]).unwrap();
    }

    fn name(text: &str) -> DatabaseName {
        DatabaseName::new(text)
    }

    async fn held(database: &SqliteDatabase, of: &DatabaseName) -> Vec<String> {
        database.schema(of).await.unwrap().migrations
    }

    #[tokio::test]
    async fn a_swap_goes_on_wherever_it_was_cut_short() {
        for cut in 0..3 {
            let Folder { database, folder: _folder } = folder();
            let (live, incoming, outgoing) = (database.live(), name("side"), name("old"));
            write(&database.path_of(&incoming), "side");
            let paths = [&live, &incoming, &outgoing].map(|name| database.path_of(name));
            if cut > 0 {
                fs::hard_link(&paths[0], &paths[2]).unwrap();
            }
            if cut > 1 {
                fs::rename(&paths[1], &paths[0]).unwrap();
            }
            for _ in 0..2 {
                database.swap(&live, &incoming, &outgoing).await.unwrap();
                assert_eq!(held(&database, &live).await, ["side"], "{cut}");
                assert_eq!(held(&database, &outgoing).await, ["live"], "{cut}");
                assert!(!database.exists(&incoming).await.unwrap());
            }
        }
    }

    #[tokio::test]
    async fn a_swap_is_undone_wherever_it_was_cut_short() {
        for cut in 0..3 {
            let Folder { database, folder: _folder } = folder();
            let (live, incoming, outgoing) = (database.live(), name("side"), name("old"));
            write(&database.path_of(&incoming), "side");
            let paths = [&live, &incoming, &outgoing].map(|name| database.path_of(name));
            if cut > 0 {
                fs::hard_link(&paths[0], &paths[2]).unwrap();
                assert!(!database.exists(&outgoing).await.unwrap(), "nothing was put aside yet");
            }
            if cut > 1 {
                fs::rename(&paths[1], &paths[0]).unwrap();
                assert!(database.exists(&outgoing).await.unwrap());
            }
            for _ in 0..2 {
                database.swap(&live, &outgoing, &incoming).await.unwrap();
                assert_eq!(held(&database, &live).await, ["live"], "{cut}");
                assert_eq!(held(&database, &incoming).await, ["side"], "{cut}");
                assert!(!paths[2].exists());
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_store_any_more_is_put_aside_and_back_as_it_is() {
        for content in [Some("not a store at all".repeat(10)), Some(String::new()), None] {
            let Folder { database, folder: _folder } = folder();
            let (live, incoming, outgoing) = (database.live(), name("side"), name("old"));
            write(&database.path_of(&incoming), "side");
            fs::remove_file(&database.file).unwrap();
            let wal = copy::beside(&database.file, "-wal");
            if let Some(content) = &content {
                for (path, content) in [(&database.file, content.as_str()), (&wal, "a log of something else")]
                {
                    fs::File::create(path).unwrap().write_all(content.as_bytes()).unwrap();
                }
            }
            database.swap(&live, &incoming, &outgoing).await.unwrap();
            assert!(!wal.exists(), "it is not for the file that came");
            assert_eq!(held(&database, &live).await, ["side"]);
            database.swap(&live, &outgoing, &incoming).await.unwrap();
            assert_eq!(fs::read_to_string(&database.file).unwrap(), content.unwrap_or_default());
            assert_eq!(held(&database, &incoming).await, ["side"]);
        }
    }

    #[tokio::test]
    async fn nobody_else_may_read_a_copy_and_what_goes_live_is_as_the_live_file_was() {
        let Folder { database, folder: _folder } = folder();
        let (live, copy, old) = (database.live(), name("copy"), name("old"));
        let mode = |name: &DatabaseName| fs::metadata(database.path_of(name)).unwrap().mode() & 0o777;
        fs::set_permissions(&database.file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        database.copy(&live, &copy).await.unwrap();
        assert_eq!(mode(&copy), 0o600);
        database.swap(&live, &copy, &old).await.unwrap();
        assert_eq!(mode(&live), 0o640);
    }

    #[tokio::test]
    async fn a_swap_stops_where_somebody_meddled() {
        let Folder { database, folder: _folder } = folder();
        let (live, incoming, outgoing) = (database.live(), name("side"), name("old"));
        assert!(database.swap(&live, &incoming, &outgoing).await.is_err(), "nothing comes in");
        write(&database.path_of(&incoming), "side");
        write(&database.path_of(&outgoing), "another");
        assert!(database.swap(&live, &incoming, &outgoing).await.is_err(), "the name is taken");
        fs::remove_file(database.path_of(&outgoing)).unwrap();
        let open = Connection::open(&database.file).unwrap();
        open.execute("INSERT INTO _migrations VALUES ('more')", []).unwrap();
        assert!(database.swap(&live, &incoming, &outgoing).await.is_err(), "the product runs");
        drop(open);
        assert_eq!(held(&database, &live).await, ["live", "more"]);
    }

    #[tokio::test]
    async fn what_was_written_since_a_copy_or_a_mark_is_seen() {
        let Folder { database, folder: _folder } = folder();
        let (live, copy) = (database.live(), database.live().made(DatabasePurpose::RestorePoint, "2026-1"));
        assert_eq!(database.changed_since_copy(&live, &copy).await, Ok(CopyState::NoCopy));
        database.copy(&live, &copy).await.unwrap();
        let mark = database.write_mark(&live).await.unwrap();
        assert_eq!(database.changed_since_copy(&live, &copy).await, Ok(CopyState::Unchanged));
        assert_eq!(database.written_since(&live, &mark).await, Ok(Written::Nothing));
        write(&database.file, "more");
        assert_eq!(database.changed_since_copy(&live, &copy).await, Ok(CopyState::Changed));
        assert!(matches!(database.written_since(&live, &mark).await, Ok(Written::Something(_))));
        assert_eq!(database.beside().unwrap().len(), 1);
        database.drop(&copy).await.unwrap();
        assert!(database.beside().unwrap().is_empty());
        assert!(database.drop(&live).await.is_err(), "what the product made stays");
    }
}
