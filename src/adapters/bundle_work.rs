//! The folder that a support bundle is made in: for nobody else's eyes, and gone afterwards.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::Builder;

/// How the names of such folders begin: in the state directory, and where that cannot be written to.
const PREFIX: &str = "bundle-";
const TEMPORARY_PREFIX: &str = "opsctl-bundle-";

/// Times to try again when a sweep takes the folder between its creation and its lock, or something is written into it while
/// it is removed.
const ATTEMPTS: usize = 5;

/// A private folder (mode 0700) that is removed when dropped.
///
/// It is locked while it lives, and the lock dies with the process: that tells one in use from what a killed process left.
#[derive(Debug)]
pub struct WorkDir {
    path: PathBuf,
    _lock: File,
    /// The state directory, where it was made for this.
    made: Option<PathBuf>,
}

impl WorkDir {
    /// Makes one in the state directory, else among the machine's temporary files.
    ///
    /// # Errors
    /// If neither can be written to.
    pub fn create(state: &Path) -> io::Result<Self> {
        Self::in_state(state).or_else(|_| Self::within(&std::env::temp_dir(), TEMPORARY_PREFIX, None))
    }

    fn in_state(state: &Path) -> io::Result<Self> {
        let made = (!state.exists()).then(|| state.to_owned());
        DirBuilder::new().recursive(true).mode(0o700).create(state)?;
        Self::within(state, PREFIX, made)
    }

    fn within(folder: &Path, prefix: &str, made: Option<PathBuf>) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = Builder::new()
                .prefix(prefix)
                .permissions(Permissions::from_mode(0o700))
                .disable_cleanup(true)
                .tempdir_in(folder)?
                .keep();
            let locked = File::open(&path).and_then(|lock| match lock.try_lock() {
                Ok(()) => Ok(Some(lock)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            });
            match locked {
                Ok(Some(lock)) if path.exists() => return Ok(Self { path, _lock: lock, made }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    fs::remove_dir_all(&path)?;
                    return Err(error);
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps removing the folder"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        for _ in 0..ATTEMPTS {
            match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                _ => break,
            }
        }
        if let Some(made) = &self.made {
            // Others may have begun to use it.
            let _in_use = fs::remove_dir(made);
        }
    }
}

/// Removes what killed processes left; those in use are left alone, and so is what belongs to somebody else.
pub fn sweep(state: &Path) {
    for (folder, prefix) in [(state.to_owned(), PREFIX), (std::env::temp_dir(), TEMPORARY_PREFIX)] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
                // What cannot be removed now is tried again at the next start.
                let _later = remove_dead(&entry.path());
            }
        }
    }
}

fn remove_dead(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    match File::open(path)?.try_lock() {
        Ok(()) => fs::remove_dir_all(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn it_is_private_and_gone_when_dropped() {
        let install = tempfile::tempdir().unwrap();
        let state = install.path().join(".opsctl");
        let work = WorkDir::create(&state).unwrap();
        assert_eq!((mode(work.path()), mode(&state)), (0o700, 0o700));
        File::create(work.path().join("x")).unwrap();
        let path = work.path().to_owned();
        drop(work);
        assert!(!path.exists() && !state.exists(), "something was left");
        fs::create_dir(&state).unwrap();
        drop(WorkDir::create(&state).unwrap());
        assert!(state.exists(), "what was there before is gone");
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_is_in_use_is_not() {
        let state = tempfile::tempdir().unwrap();
        let left = state.path().join("bundle-left");
        fs::create_dir(&left).unwrap();
        File::create(left.join("secret")).unwrap();
        fs::create_dir(state.path().join("operations")).unwrap();
        let used = WorkDir::create(state.path()).unwrap();
        sweep(state.path());
        assert!(!left.exists() && used.path().exists() && state.path().join("operations").exists());
    }

    #[test]
    fn where_the_state_directory_cannot_be_made_it_is_elsewhere() {
        let install = tempfile::tempdir().unwrap();
        let state = install.path().join("file");
        File::create(&state).unwrap();
        let work = WorkDir::create(&state).unwrap();
        assert!(work.path().starts_with(std::env::temp_dir()) && mode(work.path()) == 0o700);
    }
}
