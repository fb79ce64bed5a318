//! The store: one connection on a thread of its own, which commits what arrives together in one transaction.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::{sync::oneshot, time::timeout};

use super::{
    receipt::Receipt,
    schema::{self, SchemaError},
    settings::StorePlace,
};
use crate::{log, release::Release};

/// How long another program may hold the file before a write fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A store that has not answered by then counts as away.
const LIMIT: Duration = Duration::from_secs(3);

/// At most this many receipts are committed together, so that the first of them does not wait for long.
const BATCH: usize = 256;

/// Requests that wait for the store; what comes on top of them waits in its connection.
const QUEUE: usize = 1024;

/// The way to the store's thread. The thread ends with the last of these.
#[derive(Clone)]
pub(crate) struct Store {
    requests: mpsc::SyncSender<Request>,
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is on the disk.
    Stored,
    /// One with its id is there already.
    Duplicate,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{0}")]
    Unavailable(String),
    /// The store has other migrations than the release ships.
    #[error("the store has {applied} migrations, this release ships {shipped}")]
    Schema { applied: usize, shipped: u32 },
}

enum Request {
    Insert(Receipt, oneshot::Sender<Result<Inserted, StoreError>>),
    Probe(oneshot::Sender<Result<(), StoreError>>),
}

impl Store {
    /// Opens the store, makes the release's schema where there is nothing yet, and starts its thread.
    pub(crate) fn open(place: &StorePlace, release: &Release) -> Result<Self, SchemaError> {
        let mut connection = connect(&place.to_string())?;
        if schema::is_empty(&connection)? {
            schema::migrate(&mut connection, release)?;
        }
        let (requests, received) = mpsc::sync_channel(QUEUE);
        let file = place.file().map(OpenedFile::at);
        let worker = Worker { connection, file, shipped: release.schema };
        thread::spawn(move || worker.serve(&received));
        Ok(Self { requests })
    }

    /// Stores a receipt: it is on the disk when this returns.
    pub(crate) async fn insert(&self, receipt: Receipt) -> Result<Inserted, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Insert(receipt, answer)).await?;
        answered.await.map_err(|_| ended())?
    }

    /// Whether the store can be reached and has the schema that the release works with.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let probe = async {
            self.send(Request::Probe(answer)).await?;
            answered.await.map_err(|_| ended())?
        };
        let silent = || StoreError::Unavailable(format!("no answer within {} s", LIMIT.as_secs()));
        timeout(LIMIT, probe).await.map_err(|_| silent())?
    }

    async fn send(&self, request: Request) -> Result<(), StoreError> {
        let requests = self.requests.clone();
        let sent = tokio::task::spawn_blocking(move || requests.send(request)).await;
        sent.map_err(|_| ended())?.map_err(|_| ended())
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the store's thread has ended".to_owned())
}

/// Opens or makes the file at a path. What is committed survives a power loss: WAL alone would lose the last commits.
pub(crate) fn connect(path: &str) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

struct Worker {
    connection: Connection,
    file: Option<OpenedFile>,
    shipped: u32,
}

impl Worker {
    fn serve(mut self, received: &mpsc::Receiver<Request>) {
        while let Ok(first) = received.recv() {
            let waiting = std::iter::once(first).chain(received.try_iter().take(BATCH - 1));
            let mut receipts = Vec::new();
            let mut answers = Vec::new();
            for request in waiting {
                match request {
                    Request::Insert(receipt, answer) => {
                        receipts.push(receipt);
                        answers.push(answer);
                    }
                    // Whoever asked may have gone away meanwhile.
                    Request::Probe(answer) => drop(answer.send(self.probe())),
                }
            }
            let outcomes = self.store(&receipts);
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                let _ = answer.send(outcome);
            }
        }
    }

    fn store(&mut self, receipts: &[Receipt]) -> Vec<Result<Inserted, StoreError>> {
        if receipts.is_empty() {
            return Vec::new();
        }
        let stored = self.probe().and_then(|()| self.insert(receipts).map_err(|error| unavailable(&error)));
        match stored {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); receipts.len()],
        }
    }

    fn insert(&mut self, receipts: &[Receipt]) -> Result<Vec<Inserted>, rusqlite::Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(receipts.len());
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO receipts (id, chain_id, sequence, receipt_hash, received_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
            )?;
            let now = jiff::Timestamp::now().to_string();
            for receipt in receipts {
                let Receipt { id, chain_id, sequence, hash, body } = receipt;
                let added = insert.execute(params![id, chain_id, sequence, hash, now, body])?;
                outcomes.push(if added == 1 { Inserted::Stored } else { Inserted::Duplicate });
            }
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    fn probe(&self) -> Result<(), StoreError> {
        if let Some(file) = &self.file {
            file.is_still_there().map_err(StoreError::Unavailable)?;
        }
        let applied = schema::applied(&self.connection).map_err(|error| unavailable(&error))?.len();
        if applied == self.shipped as usize {
            Ok(())
        } else {
            Err(StoreError::Schema { applied, shipped: self.shipped })
        }
    }
}

fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(log::causes(error))
}

/// The file that was opened: one that was moved away would take receipts that nobody finds again.
struct OpenedFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl OpenedFile {
    fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path).ok() }
    }

    fn is_still_there(&self) -> Result<(), String> {
        match identity(&self.path) {
            Ok(found) if Some(found) == self.identity => Ok(()),
            Ok(_) => Err(format!("{} was replaced by another file", self.path.display())),
            Err(error) => Err(format!("{}: {error}", self.path.display())),
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release::for_tests(2, None)
    }

    #[tokio::test]
    async fn a_receipt_is_stored_once_with_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collector.db");
        let store = Store::open(&StorePlace::File(path.clone()), &release()).unwrap();
        let receipt = Receipt::for_tests("urn:receipt:1", 1);
        assert_eq!(store.insert(receipt.clone()).await, Ok(Inserted::Stored));
        assert_eq!(store.insert(receipt.clone()).await, Ok(Inserted::Duplicate));
        let look = Connection::open(path).unwrap();
        let body: Vec<u8> = look.query_one("SELECT body FROM receipts", [], |row| row.get(0)).unwrap();
        assert_eq!(body, receipt.body);
        let chain: (i64, i64) = look
            .query_one("SELECT receipts, last_sequence FROM chains", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(chain, (1, 1));
    }

    #[tokio::test]
    async fn a_store_of_another_release_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = StorePlace::File(folder.path().join("collector.db"));
        drop(Store::open(&place, &Release::for_tests(1, None)).unwrap());
        let store = Store::open(&place, &release()).unwrap();
        let other = StoreError::Schema { applied: 1, shipped: 2 };
        assert_eq!(store.probe().await, Err(other.clone()));
        assert_eq!(store.insert(Receipt::for_tests("urn:receipt:1", 1)).await, Err(other));
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_no_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collector.db");
        let store = Store::open(&StorePlace::File(path.clone()), &release()).unwrap();
        assert_eq!(store.probe().await, Ok(()));
        fs::rename(&path, folder.path().join("away.db")).unwrap();
        let refused = store.insert(Receipt::for_tests("urn:receipt:1", 1)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        fs::copy(folder.path().join("away.db"), &path).unwrap();
        let replaced = store.probe().await.unwrap_err().to_string();
        assert!(replaced.ends_with("was replaced by another file"), "{replaced}");
    }

    #[tokio::test]
    async fn a_store_in_memory_keeps_what_it_took_for_as_long_as_it_runs() {
        let store = Store::open(&StorePlace::Memory, &release()).unwrap();
        assert_eq!(store.insert(Receipt::for_tests("urn:receipt:1", 1)).await, Ok(Inserted::Stored));
        assert_eq!(store.insert(Receipt::for_tests("urn:receipt:1", 1)).await, Ok(Inserted::Duplicate));
    }
}
