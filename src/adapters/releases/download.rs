//! Fetching files: bounded in size and time, tried again where that may help.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::partial::Partial;
use crate::adapters::http::{Http, HttpError, Rest, Streamed};
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

    /// Whether the server cannot give what is missing, and may still give all of it.
    fn is_about_the_rest(&self) -> bool {
        matches!(self, Self::Status(416) | Self::Http(HttpError::OtherPart { .. }))
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Http(error) => error.may_pass(),
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::TooLarge(_) | Self::TooSlow | Self::Write(_) => false,
        }
    }

    /// Whether what was fetched up to there is worth keeping.
    fn is_worth_keeping(&self) -> bool {
        self.may_pass() || matches!(self, Self::TooSlow)
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

/// Fetches an archive into a file: what is there of it already is not fetched again, and what comes of it before it fails is
/// kept.
pub(super) async fn to_file(
    http: &Http,
    url: &str,
    wanted: Digest,
    partial: &Partial,
    progress: ProgressSink<'_>,
) -> Result<(), Fault> {
    limited(piece_by_piece(http, url, wanted, partial, progress)).await.map_err(|error| {
        if !error.is_worth_keeping() {
            partial.remove();
        }
        let fault = error.fault(url);
        match partial.rest(url, wanted) {
            Some(_) => fault.hint("what was fetched is kept, and the next attempt goes on from there"),
            None => fault,
        }
    })
}

/// Goes on for as long as each attempt brings more.
async fn piece_by_piece(
    http: &Http,
    url: &str,
    wanted: Digest,
    partial: &Partial,
    progress: ProgressSink<'_>,
) -> Result<(), DownloadError> {
    let there = || partial.rest(url, wanted).map_or(0, |rest| rest.from);
    let (mut left, mut most) = (waits().build(), there());
    loop {
        let error = match archive_once(http, url, wanted, partial, progress).await {
            Err(error) if error.may_pass() => error,
            ended => return ended,
        };
        if there() > most {
            (left, most) = (waits().build(), there());
        }
        let Some(wait) = left.next() else { return Err(error) };
        log::debug!("fetch: {error}; on from {most} bytes in {} ms", wait.as_millis());
        tokio::time::sleep(wait).await;
    }
}

/// Fetches a short text.
pub(super) async fn text(http: &Http, url: &str) -> Result<String, DownloadError> {
    again(|| async { limited(text_once(http, url)).await }).await
}

/// Does it again from the beginning, where that may help.
async fn again<T, F: Future<Output = Result<T, DownloadError>>>(
    once: impl FnMut() -> F,
) -> Result<T, DownloadError> {
    once.retry(waits())
        .when(DownloadError::may_pass)
        .notify(|error, wait| log::debug!("fetch: {error}; again in {} ms", wait.as_millis()))
        .await
}

fn waits() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter()
}

async fn limited<T>(work: impl Future<Output = Result<T, DownloadError>>) -> Result<T, DownloadError> {
    tokio::time::timeout(LONGEST, work).await.unwrap_or(Err(DownloadError::TooSlow))
}

async fn archive_once(
    http: &Http,
    url: &str,
    wanted: Digest,
    partial: &Partial,
    progress: ProgressSink<'_>,
) -> Result<(), DownloadError> {
    let rest = partial.rest(url, wanted);
    let mut answer = match open(http, url, MOST_ARCHIVE, rest.as_ref()).await {
        Err(error) if rest.is_some() && error.is_about_the_rest() => {
            open(http, url, MOST_ARCHIVE, None).await?
        }
        answer => answer?,
    };
    let file = match answer.from {
        0 => partial.begin(url, wanted, answer.validator.as_deref()),
        _ => partial.go_on(),
    };
    let mut file = File::from_std(file.map_err(DownloadError::Write)?);
    let written = append(&mut answer, &mut file, progress).await;
    // Whatever came is there when it is gone on with.
    file.flush().await.map_err(DownloadError::Write)?;
    written?;
    file.sync_all().await.map_err(DownloadError::Write)
}

async fn append(
    answer: &mut Streamed,
    file: &mut File,
    progress: ProgressSink<'_>,
) -> Result<(), DownloadError> {
    let mut done = answer.from;
    while let Some(piece) = answer.piece().await? {
        let piece = piece.as_ref();
        done = counted(done, piece, MOST_ARCHIVE)?;
        file.write_all(piece).await.map_err(DownloadError::Write)?;
        progress(Progress {
            doing: "fetching the release".into(),
            done,
            total: answer.length,
            unit: Unit::Bytes,
        });
    }
    Ok(())
}

async fn text_once(http: &Http, url: &str) -> Result<String, DownloadError> {
    let mut answer = open(http, url, MOST_TEXT, None).await?;
    let mut text = Vec::new();
    while let Some(piece) = answer.piece().await? {
        counted(text.len() as u64, piece.as_ref(), MOST_TEXT)?;
        text.extend_from_slice(piece.as_ref());
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An answer of success that does not already say that it is too much.
async fn open(http: &Http, url: &str, most: u64, rest: Option<&Rest>) -> Result<Streamed, DownloadError> {
    let answer = http.stream(url, PAUSE, rest).await?;
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
