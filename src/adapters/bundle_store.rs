//! The members of a support bundle on their way into it: everything goes through redaction, and only what came out of that
//! is ever on the disk.

mod json;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::bytes::Bytes;

use crate::bundle::contents::Member;
use crate::error::Fault;
use crate::redaction::{Counts, Redaction};

/// Pieces that wait for redaction; what collects waits when there are more.
const WAITING: usize = 4;

/// Where redacted members are kept until they are packed.
pub struct Store {
    folder: PathBuf,
    redaction: Arc<Redaction>,
    kept: Arc<Mutex<Kept>>,
    /// What had been masked in members before they came here, by path.
    masked_before: Mutex<BTreeMap<String, Counts>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

/// What came of each member.
#[derive(Debug, Default, Clone)]
pub struct Kept {
    /// Those that are there, by path, with what was masked in them.
    pub members: BTreeMap<String, (Member, Counts)>,
    /// Those that were left out, with the reason.
    pub left_out: BTreeMap<String, String>,
}

/// A member that is being written, in pieces. Dropping it ends the member where it is.
pub struct Feed {
    path: String,
    pieces: mpsc::Sender<Bytes>,
    room: usize,
    kept: Arc<Mutex<Kept>>,
    writing: Arc<tokio::sync::Notify>,
}

/// Whether a member can take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It can.
    More,
    /// It is at its limit: what does not fit was left out.
    Full,
}

impl Store {
    /// Members are kept below `folder`, which is private.
    pub fn new(folder: PathBuf, redaction: Arc<Redaction>) -> Self {
        Self {
            folder,
            redaction,
            kept: Arc::default(),
            masked_before: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Begins a member of at most `most` bytes, before redaction. One that was begun before is replaced.
    pub fn begin(&self, path: &str, most: usize) -> Feed {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let written = Arc::new(tokio::sync::Notify::new());
        let feed = Feed {
            path: path.to_owned(),
            pieces,
            room: most,
            kept: Arc::clone(&self.kept),
            writing: Arc::clone(&written),
        };
        let source = Pieces { receiver, current: Bytes::new() };
        self.redact(path, source, move || written.notify_one());
        feed
    }

    /// Adds a whole member. What is masked in it already counts as masked.
    ///
    /// # Errors
    /// If it could not be redacted or written; it is left out then.
    pub async fn put(&self, path: &str, content: Vec<u8>) -> Result<(), Fault> {
        let marks = Counts::of_marks(&content);
        self.masked_before.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), marks);
        let most = content.len();
        let mut feed = self.begin(path, most);
        feed.write(content.into()).await;
        feed.finish().await
    }

    fn redact(
        &self,
        path: &str,
        mut source: impl Read + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) {
        let (folder, path) = (self.folder.clone(), path.to_owned());
        let (redaction, kept) = (Arc::clone(&self.redaction), Arc::clone(&self.kept));
        let task = tokio::task::spawn_blocking(move || {
            let told = Told(Some(then));
            let attempt = std::panic::AssertUnwindSafe(|| write(&folder, &path, &redaction, &mut source));
            // What the redaction of one member trips over must not bring down the others.
            let done =
                std::panic::catch_unwind(attempt).unwrap_or_else(|_| Err("redaction broke down".to_owned()));
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match done {
                Ok(member) => {
                    kept.left_out.remove(&path);
                    kept.members.insert(path, member);
                }
                Err(why) => {
                    kept.left_out.insert(path, why);
                }
            }
            drop(kept);
            drop(told);
        });
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Waits until everything that was begun is written, and says what there is.
    pub async fn settle(&self) -> Kept {
        loop {
            let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
            if running.is_empty() {
                break;
            }
            for task in running {
                let _panics_are_caught = task.await;
            }
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let before = self.masked_before.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, (_, counts)) in &mut kept.members {
            before.get(path).into_iter().for_each(|marks| counts.merge(marks));
        }
        kept
    }

    /// The file that holds a redacted member.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

impl Feed {
    /// Appends a piece.
    pub async fn write(&mut self, piece: Bytes) -> Room {
        let fits = piece.len().min(self.room);
        self.room -= fits;
        let full = fits < piece.len();
        // If nobody takes it any more, `finish` says why.
        let _ended = self.pieces.send(piece.slice(..fits)).await;
        if full { Room::Full } else { Room::More }
    }

    /// Ends the member.
    ///
    /// # Errors
    /// If it could not be redacted or written; it is left out then.
    pub async fn finish(self) -> Result<(), Fault> {
        let Self { path, pieces, kept, writing, .. } = self;
        drop(pieces);
        writing.notified().await;
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.left_out.get(&path) {
            Some(why) => Err(Fault::new(format!("{path} is left out: {why}"))),
            None => Ok(()),
        }
    }
}

/// Tells when it is dropped, also by a panic.
struct Told<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Told<F> {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}

/// Redacts a source into the file of a member, which has its name only once it is whole. An error quotes nothing of it.
fn write(
    folder: &Path,
    path: &str,
    redaction: &Redaction,
    source: &mut dyn Read,
) -> Result<(Member, Counts), String> {
    let target = folder.join(path);
    let partial = target.with_added_extension("partial");
    let failed = |error: io::Error| format!("it cannot be written: {error}");
    let redacted = create(&partial).map_err(failed).and_then(|file| {
        let mut output = Hashed { file: BufWriter::new(file), hash: Sha256::new(), size: 0 };
        let counts = match Shape::of(path) {
            Shape::Text => redaction.redact(source, &mut output).map_err(|error| error.to_string())?,
            shape => {
                let mut text = Vec::new();
                let counts = redaction.redact(source, &mut text).map_err(|error| error.to_string())?;
                let text = json::with_marks_quoted(&text);
                if !shape.holds(&text) {
                    return Err("what redaction left of it is no JSON".to_owned());
                }
                output.write_all(&text).map_err(failed)?;
                counts
            }
        };
        output.flush().map_err(failed)?;
        fs::rename(&partial, &target).map_err(failed)?;
        let sha256 = hex::encode(output.hash.finalize());
        Ok((Member { path: path.to_owned(), size: output.size, sha256 }, counts))
    });
    if redacted.is_err() {
        for file in [partial, target] {
            let _not_there = fs::remove_file(file);
        }
    }
    redacted
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// What a member has to be, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Anything.
    Text,
    /// One JSON document.
    Json,
    /// One a line. The last line of a journal may be cut.
    JsonLines,
}

impl Shape {
    fn of(path: &str) -> Self {
        match Path::new(path).extension().and_then(|kind| kind.to_str()) {
            Some("json") => Self::Json,
            Some("jsonl") => Self::JsonLines,
            _ => Self::Text,
        }
    }

    fn holds(self, text: &[u8]) -> bool {
        self != Self::Json || serde_json::from_slice::<IgnoredAny>(text).is_ok()
    }
}

struct Hashed {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The pieces of a member as something to read from.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
