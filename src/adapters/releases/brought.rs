//! Which releases opsctl brought into an install, and from what: only those does it ever remove.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::partial::Partial;
use super::{folder, releases_of};
use crate::adapters::files::{self, Mode};
use crate::error::Fault;
use crate::model::manifest::Digest;
use crate::model::release::Version;
use crate::profile::ProcessProfile;

/// How names of folders begin that are no releases: no version does.
const HIDDEN: [&str; 2] = [".bringing-", ".removing-"];

/// What is kept of a release that was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    version: Version,
    /// The hash of its files.
    pub(super) content: String,
    /// That of the archive they were in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) archive: Option<Digest>,
    /// Where it came from.
    from: String,
    pub(super) at: jiff::Timestamp,
}

impl Brought {
    pub(super) fn path(records: &Path, version: &Version) -> PathBuf {
        records.join(format!("{version}.json"))
    }

    /// What is kept of a version. One that cannot be read is as good as none: the release then counts as somebody else's.
    pub(super) fn read(records: &Path, version: &Version) -> Option<Self> {
        let text = fs::read(Self::path(records, version)).ok()?;
        serde_json::from_slice(&text).ok().filter(|brought: &Self| brought.version == *version)
    }

    fn write(&self, records: &Path) -> Result<(), Fault> {
        let failed = |error: &dyn std::error::Error| {
            Fault::caused_by(
                format!("it cannot be recorded where the release {} came from", self.version),
                error,
            )
        };
        if let Some(state) = records.parent() {
            files::create_private_dir(state).map_err(|error| failed(&error))?;
        }
        files::create_private_dir(records).map_err(|error| failed(&error))?;
        let text = serde_json::to_vec(self).map_err(|error| failed(&error))?;
        files::replace(&Self::path(records, &self.version), &text, Mode::Exactly(0o600))
            .map_err(|error| failed(&error))
    }
}

/// Where a release is put together before it has its name.
#[derive(Debug, Clone)]
pub(super) struct Workplace {
    root: PathBuf,
    target: PathBuf,
}

impl Workplace {
    pub(super) fn of(install: &Path, version: &Version) -> Self {
        Self {
            root: releases_of(install).join(format!("{}{version}", HIDDEN[0])),
            target: ProcessProfile::release_dir(install, version),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the release's files.
    pub(super) fn content(&self) -> PathBuf {
        self.root.join("content")
    }

    /// Begins anew, whatever an earlier attempt left.
    pub(super) fn begin(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(self.content())
    }

    /// Removes it. What is left over is removed when something is brought or dropped again.
    pub(super) fn clear(&self) {
        let _ = fs::remove_dir_all(&self.root);
    }

    /// Gives the release its name. What it was made from is recorded before, for only that shows it to be the right one
    /// when the operation is gone on with.
    pub(super) fn publish(
        &self,
        records: &Path,
        version: &Version,
        archive: Option<Digest>,
        from: &str,
    ) -> Result<(), Fault> {
        let content = folder::content_id(&self.content())?;
        let brought = Brought {
            version: version.clone(),
            content,
            archive,
            from: from.to_owned(),
            at: jiff::Timestamp::now(),
        };
        brought.write(records)?;
        let failed = |error: &dyn std::error::Error| {
            Fault::caused_by(format!("{} cannot be made", self.target.display()), error)
        };
        fs::rename(self.content(), &self.target).map_err(|error| failed(&error))?;
        let releases = self.target.parent().unwrap_or(Path::new("."));
        files::sync_dir(releases).map_err(|error| failed(&error))?;
        self.clear();
        Ok(())
    }
}

/// Removes the oldest releases that were brought and are not needed, beyond the newest `keep`; those that failed before any
/// that worked.
pub(super) fn drop_old(
    install: &Path,
    records: &Path,
    keep: usize,
    (needed, failed): (&[Version], &[Version]),
) -> Result<Vec<Version>, Fault> {
    sweep(install);
    Partial::of(records).remove_stale();
    let mut present = present(install, records)?;
    present.sort_by_key(|brought| (failed.contains(&brought.version), std::cmp::Reverse(brought.at)));
    let mut dropped = Vec::new();
    for brought in present.into_iter().skip(keep) {
        let version = &brought.version;
        let folder = ProcessProfile::release_dir(install, version);
        // One that was changed since is somebody's work.
        let is_as_brought = || folder::content_id(&folder).is_ok_and(|content| content == brought.content);
        if needed.contains(version) || !is_as_brought() {
            continue;
        }
        remove(install, &folder, version).map_err(|error| {
            Fault::caused_by(format!("the old release {} cannot be removed", folder.display()), &error)
        })?;
        // A record without a release says nothing, and is written anew when that comes back.
        let _ = fs::remove_file(Brought::path(records, version));
        dropped.push(brought.version);
    }
    Ok(dropped)
}

/// What was brought and is still here.
fn present(install: &Path, records: &Path) -> Result<Vec<Brought>, Fault> {
    let entries = match fs::read_dir(records) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Fault::caused_by(format!("{} cannot be read", records.display()), &error));
        }
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let versions = names.filter_map(|name| Version::parse(name.strip_suffix(".json")?).ok());
    Ok(versions
        .filter(|version| ProcessProfile::release_dir(install, version).is_dir())
        .filter_map(|version| Brought::read(records, &version))
        .collect())
}

/// It loses its name at once: there is never half a release.
fn remove(install: &Path, folder: &Path, version: &Version) -> io::Result<()> {
    let hidden = releases_of(install).join(format!("{}{version}", HIDDEN[1]));
    fs::rename(folder, &hidden)?;
    fs::remove_dir_all(&hidden)
}

/// Removes what was left of bringing and removing releases. Nothing depends on it.
fn sweep(install: &Path) {
    let Ok(entries) = fs::read_dir(releases_of(install)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_hidden = |begin: &&str| name.as_encoded_bytes().starts_with(begin.as_bytes());
        if HIDDEN.iter().any(is_hidden) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    /// An install with releases that were brought one after the other.
    fn brought(versions: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let install = tempfile::tempdir().unwrap();
        let records = install.path().join(".opsctl/releases");
        for text in versions {
            let place = Workplace::of(install.path(), &version(text));
            place.begin().unwrap();
            files::replace(&place.content().join("run"), text.as_bytes(), Mode::Exactly(0o755)).unwrap();
            place.publish(&records, &version(text), None, "a test").unwrap();
        }
        (install, records)
    }

    fn here(install: &Path) -> Vec<String> {
        let entries = fs::read_dir(releases_of(install)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_stay_and_what_is_needed_and_what_is_somebody_elses() {
        let (install, records) = brought(&["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"]);
        let releases = releases_of(install.path());
        fs::create_dir(releases.join("0.9.0")).unwrap();
        fs::create_dir(releases.join(".bringing-1.6.0")).unwrap();
        files::replace(&releases.join("1.1.0/run"), b"patched by hand", Mode::KeepOr(0o755)).unwrap();
        let dropped = drop_old(install.path(), &records, 2, (&[version("1.2.0")], &[])).unwrap();
        assert_eq!(dropped, [version("1.3.0"), version("1.0.0")]);
        assert_eq!(here(install.path()), ["0.9.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"]);
        assert_eq!(drop_old(install.path(), &records, 2, (&[version("1.2.0")], &[])).unwrap(), []);
    }

    #[test]
    fn releases_that_failed_go_before_any_that_worked() {
        let (install, records) = brought(&["1.0.0", "1.1.0", "2.0.0-a", "2.0.0-b", "2.0.0-c"]);
        let failed = ["2.0.0-a", "2.0.0-b", "2.0.0-c"].map(version);
        let dropped = drop_old(install.path(), &records, 3, (&[], &failed)).unwrap();
        assert_eq!(dropped, [version("2.0.0-b"), version("2.0.0-a")]);
        assert_eq!(here(install.path()), ["1.0.0", "1.1.0", "2.0.0-c"]);
    }

    #[test]
    fn a_record_that_cannot_be_read_lets_a_release_be() {
        let (install, records) = brought(&["1.0.0", "1.1.0"]);
        files::replace(&records.join("1.0.0.json"), b"{", Mode::Exactly(0o600)).unwrap();
        assert_eq!(drop_old(install.path(), &records, 1, (&[], &[])).unwrap(), []);
        assert_eq!(here(install.path()), ["1.0.0", "1.1.0"]);
    }
}
