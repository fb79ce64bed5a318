//! The setting that selects a release of a product of processes: the link `current`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::adapters::env_settings::PREVIOUS_VERSION_FILE;
use crate::adapters::files::{self, Action, FileError, Mode};
use crate::error::Fault;
use crate::model::release::Version;
use crate::plan::rotation::{DualSecret, Window};
use crate::plan::step::Release;
use crate::ports::{Passwords, Settings};

const LINK: &str = "current";

/// The link of one install.
#[derive(Debug)]
pub struct ReleaseLink {
    /// The install.
    pub install: PathBuf,
    /// Where backups are kept: the release to go back to is noted there.
    pub backup_dir: PathBuf,
}

/// The version that the link of an install selects.
pub fn selected(install: &Path) -> Option<Version> {
    let target = fs::read_link(install.join(LINK)).ok()?;
    Version::parse(target.file_name()?.to_str()?).ok()
}

impl ReleaseLink {
    /// The release to go back to, as it was noted.
    pub fn previous(&self) -> Option<Version> {
        let text = fs::read_to_string(self.backup_dir.join(PREVIOUS_VERSION_FILE)).ok()?;
        Version::parse(text.trim()).ok()
    }

    /// Selects what was selected before, or nothing.
    ///
    /// # Errors
    /// If the link cannot be changed.
    pub fn put_back(&self, selected: Option<&Version>) -> Result<(), Fault> {
        let Some(version) = selected else {
            let removed = fs::remove_file(self.install.join(LINK));
            let removed = removed.map_err(|error| Fault::caused_by("the link `current` stays", &error));
            return removed.and_then(|()| {
                files::sync_dir(&self.install)
                    .map_err(|error| Fault::caused_by("the disk did not do its part", &error))
            });
        };
        self.point(version)
    }

    /// Removes what a write that was cut short left behind: of the link, and of the note of the release to go back to.
    ///
    /// # Errors
    /// If a directory cannot be read, or such a file not be removed.
    pub fn discard_temporaries(&self) -> Result<(), FileError> {
        let unfinished = self.unfinished();
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::during(Action::Remove, &unfinished)(error));
            }
            _ => {}
        }
        for folder in [&self.install, &self.backup_dir].into_iter().filter(|folder| folder.is_dir()) {
            files::remove_stale_temporaries(folder)?;
        }
        Ok(())
    }

    /// The link that is about to take the place of the other.
    fn unfinished(&self) -> PathBuf {
        self.install.join(".current.new")
    }

    fn point(&self, version: &Version) -> Result<(), Fault> {
        let failed = |error: &dyn std::error::Error| {
            Fault::caused_by(format!("the release {version} cannot be selected"), error)
        };
        let (link, new) = (self.install.join(LINK), self.unfinished());
        match fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        symlink(Path::new("releases").join(version.as_str()), &new).map_err(|error| failed(&error))?;
        fs::rename(&new, &link).map_err(|error| failed(&error))?;
        files::sync_dir(&self.install).map_err(|error| failed(&error))
    }
}

impl Settings for ReleaseLink {
    async fn select(&self, release: &Release) -> Result<(), Fault> {
        self.point(&release.version)
    }

    async fn remove_variables(&self, names: &[String]) -> Result<(), Fault> {
        Err(Fault::new(format!("settings of processes are not removed: {}", names.join(", "))))
    }

    async fn restore(&self, release: &Release) -> Result<Option<String>, Fault> {
        self.point(&release.version).map(|()| None)
    }

    async fn set_window(&self, _: &DualSecret, _: &Window) -> Result<(), Fault> {
        Err(no_rotation())
    }

    fn passwords(&self, _: &DualSecret) -> Result<Passwords, Fault> {
        Err(no_rotation())
    }

    async fn note_previous(&self, version: &Version) -> Result<(), Fault> {
        let path = self.backup_dir.join(PREVIOUS_VERSION_FILE);
        files::replace(&path, format!("{version}\n").as_bytes(), Mode::Exactly(0o600))
            .map_err(|error| Fault::caused_by("could not note the release to go back to", &error))
    }
}

/// The profile of such a product has no secrets, so that no plan asks for one.
pub(crate) fn no_rotation() -> Fault {
    Fault::new("secrets of products that run as processes are not rotated")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_link_moves_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let link = ReleaseLink { install: folder.path().to_owned(), backup_dir: folder.path().to_owned() };
        assert_eq!(selected(folder.path()), None);
        for version in ["1.0.0", "1.1.0"] {
            symlink("anywhere", folder.path().join(".current.new")).unwrap();
            let version = Version::parse(version).unwrap();
            link.point(&version).unwrap();
            assert_eq!(selected(folder.path()), Some(version));
        }
    }
}
