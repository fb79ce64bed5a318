//! An archive that is being fetched: what came of it is kept, so that a later attempt goes on from there.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::folder::HashWriter;
use crate::adapters::files::{self, Mode};
use crate::adapters::http::Rest;
use crate::model::manifest::Digest;

/// How long it is kept for somebody who tries again.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// The one archive that an install fetches at a time.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    folder: PathBuf,
}

/// What the file is the beginning of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    url: String,
    wanted: Digest,
    /// By which the server tells whether it still has the same.
    validator: String,
}

impl Partial {
    /// That of an install, beside its records of releases.
    pub(super) fn of(records: &Path) -> Self {
        Self { folder: records.join("fetching") }
    }

    /// The file.
    pub(super) fn archive(&self) -> PathBuf {
        self.folder.join("archive")
    }

    fn length(&self) -> u64 {
        fs::metadata(self.archive()).map_or(0, |found| found.len())
    }

    /// What is missing, where the file is known to be the beginning of this archive.
    pub(super) fn rest(&self, url: &str, wanted: Digest) -> Option<Rest> {
        let text = fs::read(self.origin()).ok()?;
        let origin: Origin = serde_json::from_slice(&text).ok()?;
        let from = self.length();
        let fits = origin.url == url && origin.wanted == wanted && from > 0;
        fits.then_some(Rest { from, validator: origin.validator })
    }

    /// Begins it anew. Where the server gives nothing to know it by, it cannot be gone on with.
    pub(super) fn begin(&self, url: &str, wanted: Digest, validator: Option<&str>) -> io::Result<File> {
        self.remove();
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if let Some(validator) = validator {
            let origin = Origin { url: url.to_owned(), wanted, validator: validator.to_owned() };
            let text = serde_json::to_vec(&origin)?;
            files::replace(&self.origin(), &text, Mode::Exactly(0o600)).map_err(io::Error::other)?;
        }
        File::create(self.archive())
    }

    /// The file, to go on at its end.
    pub(super) fn go_on(&self) -> io::Result<File> {
        File::options().append(true).open(self.archive())
    }

    /// The SHA-256 of what is there.
    pub(super) fn digest(&self) -> io::Result<Digest> {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(self.archive())?, &mut HashWriter(&mut hash))?;
        Ok(Digest(hash.finalize().into()))
    }

    /// Removes it. What is left over is removed when something is fetched again.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Removes it where nobody came back for it.
    pub(super) fn remove_stale(&self) {
        let written = fs::metadata(self.archive()).and_then(|found| found.modified());
        let is_fresh = |at: std::time::SystemTime| at.elapsed().is_ok_and(|age| age < KEPT);
        if !written.is_ok_and(is_fresh) {
            self.remove();
        }
    }

    fn origin(&self) -> PathBuf {
        self.folder.join("origin.json")
    }
}
