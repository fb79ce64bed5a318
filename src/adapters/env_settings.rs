//! The settings that select a release: `.env` and the version file; and those that hold a secret.

mod secrets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::adapters::env_store::{EnvStore, EnvStoreError};
use crate::adapters::files::{self, FileError, Mode};
use crate::adapters::image_program::ImageProgram;
use crate::env_file::{Edit, EnvFile};
use crate::error::Fault;
use crate::model::fingerprint::FingerprintKey;
use crate::model::redaction::Redactor;
use crate::model::release::Version;
use crate::plan::rotation::{DualSecret, Window};
use crate::plan::step::Release;
use crate::ports::{Passwords, Settings};
use crate::profile::{ReleaseSettings, VariableSettings};

/// The settings of one install, changed by one operation.
#[derive(Debug)]
pub struct EnvSettings {
    /// The environment file.
    pub store: EnvStore,
    /// Which variables select a release.
    pub release: ReleaseSettings,
    /// Which variables a release no longer takes.
    pub variables: VariableSettings,
    /// The install's directory.
    pub install: PathBuf,
    /// Where backups are kept: scripts look there for the release to go back to.
    pub backup_dir: PathBuf,
    /// Where the operation keeps its own files.
    pub scratch: PathBuf,
    /// The environment of the process: it wins over the file.
    pub environment: BTreeMap<String, String>,
    /// By which values of secrets are recognised.
    pub fingerprints: FingerprintKey,
    /// Told of every new secret before that is written.
    pub redactor: Redactor,
    /// What makes secrets that only the product can make; absent where the operation makes none.
    pub generator: Option<ImageProgram>,
}

/// The file in which the operations guide's scripts look for the release to go back to.
pub const PREVIOUS_VERSION_FILE: &str = ".pre-upgrade-version";

impl EnvSettings {
    /// `.env` as it was before the operation touched it.
    fn before(&self) -> PathBuf {
        self.scratch.join("env.before")
    }

    /// Hashes of what the operation made of `.env`: any other content is somebody else's.
    fn ours(&self) -> PathBuf {
        self.scratch.join("env.ours")
    }

    /// Makes edits. What was there before the first of them is kept, and each result is known beforehand for ours.
    fn edit(&self, edits: &[Edit]) -> Result<(), Fault> {
        let read = self.store.read().map_err(|error| fault(&error))?;
        if !self.before().exists() {
            keep(&self.before(), read.file().bytes())?;
        }
        let edited = read
            .file()
            .edit(edits)
            .map_err(|error| Fault::caused_by("could not change the settings", &error))?;
        let known = fs::read_to_string(self.ours()).unwrap_or_default();
        keep(&self.ours(), format!("{known}{}\n", hash(edited.bytes())).as_bytes())?;
        self.store.edit(&read, edits).map_err(|error| fault(&error))?;
        Ok(())
    }

    /// Removes what an opsctl that was killed left beside the files that it was about to replace: parts of `.env`, too.
    ///
    /// # Errors
    /// If a directory cannot be read, or such a file not be removed.
    pub fn discard_temporaries(&self) -> Result<(), FileError> {
        let env = fs::canonicalize(self.store.path()).unwrap_or_else(|_| self.store.path().to_owned());
        let version = self.release.version_file.as_ref().map(|file| self.install.join(file));
        let files =
            [Some(env), version, Some(self.before()), Some(self.backup_dir.join(PREVIOUS_VERSION_FILE))];
        for folder in files.iter().flatten().filter_map(|file| file.parent()).filter(|folder| folder.is_dir())
        {
            files::remove_stale_temporaries(folder)?;
        }
        Ok(())
    }

    fn is_ours(&self, content: &[u8]) -> bool {
        let hash = hash(content);
        fs::read_to_string(self.ours()).is_ok_and(|known| known.lines().any(|line| line == hash))
    }

    fn selecting(&self, release: &Release) -> Vec<Edit> {
        let mut edits = vec![Edit::Set {
            name: self.release.version_variable.clone(),
            value: release.version.as_str().to_owned(),
        }];
        if let Some(variable) = &self.release.pin_variable {
            edits.extend(match &release.pin {
                Some(pin) => Some(Edit::Set { name: variable.clone(), value: pin.clone() }),
                None if self.is_set(variable) => Some(Edit::Remove { name: variable.clone() }),
                None => None,
            });
        }
        edits
    }

    /// Takes back the commenting out of variables, and names those where that cannot be done.
    fn with_variables_back(&self, present: &EnvFile, before: &[u8]) -> Result<(EnvFile, Vec<String>), Fault> {
        let unreadable = |error: &dyn std::error::Error| Fault::caused_by("could not put .env back", error);
        let mut old = EnvFile::parse(before).map_err(|error| unreadable(&error))?;
        let (mut bytes, mut left) = (present.bytes().to_vec(), Vec::new());
        for removed in &self.variables.removed {
            if old.lines_of(&removed.name).is_empty() || !present.lines_of(&removed.name).is_empty() {
                continue;
            }
            let out = Edit::CommentOut { name: removed.name.clone(), why: removed.why.clone() };
            let new = old.edit(&[out]).map_err(|error| unreadable(&error))?;
            let (was, became) = difference(old.bytes(), new.bytes());
            match only_place(&bytes, &became) {
                Some(place) => _ = bytes.splice(place, was),
                None => left.push(removed.name.to_string()),
            }
            old = new;
        }
        Ok((EnvFile::parse(bytes).map_err(|error| unreadable(&error))?, left))
    }

    fn is_set(&self, variable: &crate::profile::VariableName) -> bool {
        self.store.read().is_ok_and(|read| !read.file().lines_of(variable).is_empty())
    }

    fn write_version_file(&self, version: &Version) -> Result<(), Fault> {
        let Some(file) = &self.release.version_file else { return Ok(()) };
        let path = self.install.join(file);
        let noted = fs::read_to_string(&path).unwrap_or_default();
        if !path.exists() || noted.trim() == version.as_str() {
            return Ok(());
        }
        files::replace(&path, format!("{version}\n").as_bytes(), Mode::KeepOr(0o644))
            .map_err(|error| Fault::caused_by("could not write the version file", &error))
    }
}

fn keep(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    files::replace(path, bytes, Mode::Exactly(0o600))
        .map_err(|error| Fault::caused_by("could not keep a copy of .env", &error))
}

impl Settings for EnvSettings {
    async fn select(&self, release: &Release) -> Result<(), Fault> {
        self.edit(&self.selecting(release))?;
        self.write_version_file(&release.version)
    }

    async fn remove_variables(&self, names: &[String]) -> Result<(), Fault> {
        let edits: Vec<Edit> = self
            .variables
            .removed
            .iter()
            .filter(|removed| names.iter().any(|name| name == removed.name.as_str()))
            .map(|removed| Edit::CommentOut { name: removed.name.clone(), why: removed.why.clone() })
            .collect();
        self.edit(&edits)
    }

    async fn restore(&self, release: &Release) -> Result<Option<String>, Fault> {
        self.write_version_file(&release.version)?;
        let Ok(before) = fs::read(self.before()) else { return Ok(None) };
        let present = fs::read(self.store.path()).unwrap_or_default();
        if present == before {
            return Ok(None);
        }
        if self.is_ours(&present) {
            files::replace(self.store.path(), &before, Mode::KeepOr(0o600))
                .map_err(|error| Fault::caused_by("could not put .env back", &error))?;
            return Ok(None);
        }
        let read = self.store.read().map_err(|error| fault(&error))?;
        let read = self.store.edit(&read, &self.selecting(release)).map_err(|error| fault(&error))?;
        let (file, left) = self.with_variables_back(read.file(), &before)?;
        self.store.replace(&read, file).map_err(|error| fault(&error))?;
        let told = ".env was changed by somebody else meanwhile: that stays, and only what the operation had changed \
                    is as it was";
        Ok(Some(match left.as_slice() {
            [] => told.to_owned(),
            left => format!("{told}, except for {}: it is not as the operation left it", left.join(", ")),
        }))
    }

    async fn set_window(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault> {
        self.assign(secret, window).await
    }

    fn passwords(&self, secret: &DualSecret) -> Result<Passwords, Fault> {
        self.both(secret)
    }

    async fn note_previous(&self, version: &Version) -> Result<(), Fault> {
        let path = self.backup_dir.join(PREVIOUS_VERSION_FILE);
        files::replace(&path, format!("{version}\n").as_bytes(), Mode::Exactly(0o600))
            .map_err(|error| Fault::caused_by("could not note the release to go back to", &error))
    }
}

/// The lines of the first that differ, and those of the second: without the lines that both begin and end with.
fn difference(first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let lines =
        |bytes: &[u8]| bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (first, second) = (lines(first), lines(second));
    let ahead = first.iter().zip(&second).take_while(|(one, other)| one == other).count();
    let (first, second) = (&first[ahead..], &second[ahead..]);
    let behind = first.iter().rev().zip(second.iter().rev()).take_while(|(one, other)| one == other).count();
    (first[..first.len() - behind].concat(), second[..second.len() - behind].concat())
}

/// Where `part` is, if it is there once.
fn only_place(bytes: &[u8], part: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut places = bytes.windows(part.len().max(1)).enumerate().filter(|(_, window)| *window == part);
    let (place, _) = places.next()?;
    places.next().is_none().then(|| place..place + part.len())
}

fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn fault(error: &EnvStoreError) -> Fault {
    Fault::caused_by("could not change the settings", error).hint(error.hint())
}

#[cfg(test)]
mod tests;
