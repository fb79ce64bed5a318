//! Fetching files: bounded in size and time, tried again where that may help.

use std::path::Path;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::adapters::http::{Http, HttpError, Streamed};
use crate::error::Fault;
use crate::model::manifest::Digest;
use crate::ports::ProgressSink;
use crate::report::{Progress, Unit};

/// Most bytes of an archive.
const MOST_ARCHIVE: u64 = 2 << 30;

/// Most bytes of a list of checksums or of a signature.
const MOST_TEXT: u64 = 1 << 20;

/// How long a server may say nothing.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a file may take in all.
const LONGEST: Duration = Duration::from_hours(1);

/// How often something is tried again, and how long it is waited first.
const RETRIES: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum DownloadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the server answers {0}")]
    Status(u16),
    #[error("it is larger than {0} bytes, which no release is")]
    TooLarge(u64),
    #[error("it took more than {} minutes", LONGEST.as_secs() / 60)]
    TooSlow,
    #[error("it cannot be written")]
    Write(#[source] std::io::Error),
}

impl DownloadError {
    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Status(404 | 410))
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Http(error) => error.may_pass(),
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::TooLarge(_) | Self::TooSlow | Self::Write(_) => false,
        }
    }

    /// What to say of it.
    pub(super) fn fault(&self, url: &str) -> Fault {
        let fault = Fault::caused_by(format!("{url} cannot be fetched"), self);
        fault.hint(match self {
            Self::Http(error) if error.may_pass() => {
                "is the server up, and can it be reached from here? try again; nothing was changed"
            }
            Self::Http(_) => "correct `source` in opsctl.toml; nothing was changed",
            Self::Status(401 | 403) => "it is not given to everybody: put the release's files into `releases` by hand; nothing was changed",
            Self::Status(404 | 410) => "is there such a release, and is `source` in opsctl.toml right? nothing was changed",
            Self::Status(_) => "the server has a trouble of its own: try again later; nothing was changed",
            Self::TooLarge(_) => "is `source` in opsctl.toml right? nothing was changed",
            Self::TooSlow => "fetch it by hand, and put its files into `releases`; nothing was changed",
            Self::Write(_) => "is there room? nothing was changed",
        })
    }
}

/// Fetches an archive into a file, and returns the SHA-256 of it.
pub(super) async fn to_file(
    http: &Http,
    url: &str,
    path: &Path,
    progress: ProgressSink<'_>,
) -> Result<Digest, Fault> {
    let once = || async { limited(archive_once(http, url, path, progress)).await };
    again(once).await.map_err(|error| error.fault(url))
}

/// Fetches a short text.
pub(super) async fn text(http: &Http, url: &str) -> Result<String, DownloadError> {
    again(|| async { limited(text_once(http, url)).await }).await
}

/// Does it again from the beginning, where that may help.
async fn again<T, F: Future<Output = Result<T, DownloadError>>>(
    once: impl FnMut() -> F,
) -> Result<T, DownloadError> {
    let waits =
        ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter();
    once.retry(waits)
        .when(DownloadError::may_pass)
        .notify(|error, wait| log::debug!("fetch: {error}; again in {} ms", wait.as_millis()))
        .await
}

async fn limited<T>(work: impl Future<Output = Result<T, DownloadError>>) -> Result<T, DownloadError> {
    tokio::time::timeout(LONGEST, work).await.unwrap_or(Err(DownloadError::TooSlow))
}

async fn archive_once(
    http: &Http,
    url: &str,
    path: &Path,
    progress: ProgressSink<'_>,
) -> Result<Digest, DownloadError> {
    let mut answer = open(http, url, MOST_ARCHIVE).await?;
    let mut file = File::create(path).await.map_err(DownloadError::Write)?;
    let (mut hash, mut done) = (Sha256::new(), 0);
    while let Some(piece) = answer.piece().await? {
        let piece = piece.as_ref();
        done = counted(done, piece, MOST_ARCHIVE)?;
        hash.update(piece);
        file.write_all(piece).await.map_err(DownloadError::Write)?;
        progress(Progress {
            doing: "fetching the release".into(),
            done,
            total: answer.length,
            unit: Unit::Bytes,
        });
    }
    file.flush().await.map_err(DownloadError::Write)?;
    file.sync_all().await.map_err(DownloadError::Write)?;
    Ok(Digest(hash.finalize().into()))
}

async fn text_once(http: &Http, url: &str) -> Result<String, DownloadError> {
    let mut answer = open(http, url, MOST_TEXT).await?;
    let mut text = Vec::new();
    while let Some(piece) = answer.piece().await? {
        counted(text.len() as u64, piece.as_ref(), MOST_TEXT)?;
        text.extend_from_slice(piece.as_ref());
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An answer of success that does not already say that it is too much.
async fn open(http: &Http, url: &str, most: u64) -> Result<Streamed, DownloadError> {
    let answer = http.stream(url, PAUSE).await?;
    if !(200..300).contains(&answer.status) {
        return Err(DownloadError::Status(answer.status));
    }
    match answer.length {
        Some(length) if length > most => Err(DownloadError::TooLarge(most)),
        _ => Ok(answer),
    }
}

fn counted(done: u64, piece: &[u8], most: u64) -> Result<u64, DownloadError> {
    let done = done + piece.len() as u64;
    if done > most { Err(DownloadError::TooLarge(most)) } else { Ok(done) }
}
