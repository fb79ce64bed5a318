//! One operation at a time: a kernel lock on the install, which dies with its holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::operation::{Actor, OperationKind};

/// How often a held lock is tried again, and after how long.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// Who holds an install, for those who find it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub actor: Actor,
    /// Doing what.
    pub doing: OperationKind,
    /// Since when.
    pub since: jiff::Timestamp,
}

/// The lock, held until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct InstallLock {
    _file: File,
}

/// Why an install cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it; who, if they have come to say so.
    #[error("another operation holds the install")]
    Held(Option<Box<Holder>>),
    /// The file system refused.
    #[error("could not lock {path}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The file system's answer.
        source: io::Error,
    },
}

impl InstallLock {
    /// Takes the lock or says who has it. The file is never removed: a new one beside a held one would lock nothing.
    pub fn take(path: &Path, holder: &Holder) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match try_for_a_moment(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder_of(&mut file))),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let body = serde_json::to_vec(holder).map_err(|error| failed(io::Error::other(error)))?;
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&body)).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Somebody who only looks who holds the lock has it for an instant: that is no reason to give up.
fn try_for_a_moment(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            answer => return answer,
        }
    }
    file.try_lock()
}

/// Who holds the lock at this moment, without taking it for longer than it takes to look.
pub fn current_holder(path: &Path) -> Option<Box<Holder>> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => holder_of(&mut file),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn holder_of(file: &mut File) -> Option<Box<Holder>> {
    let mut body = Vec::new();
    file.rewind().ok()?;
    file.take(64 * 1024).read_to_end(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nearly_right;

    fn holder() -> Holder {
        Holder {
            actor: Actor {
                user: "root".to_owned(),
                sudo_user: Some("ada".to_owned()),
                host: "db1".to_owned(),
                pid: 7,
                ssh_client: None,
                ci: None,
                terminal: true,
                tty: None,
            },
            doing: OperationKind::Upgrade,
            since: "2026-03-14T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_second_taker_learns_who_holds_it_until_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = InstallLock::take(&path, &holder()).unwrap();
        match InstallLock::take(&path, &holder()) {
            Err(LockError::Held(Some(found))) => assert_eq!(*found, holder()),
            other => panic!("{other:?}"),
        }
        assert_eq!(current_holder(&path).as_deref(), Some(&holder()));
        drop(lock);
        assert_eq!(current_holder(&path), None);
        assert!(InstallLock::take(&path, &holder()).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_in_its_file_the_lock_can_be_taken_and_looked_at(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                nearly_right::document(serde_json::json!(holder())).prop_map(|value| value.to_string().into_bytes()),
            ],
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("lock");
            File::create(&path).unwrap().write_all(&body).unwrap();
            let found = serde_json::from_slice::<Holder>(&body).ok();
            let mut file = File::open(&path).unwrap();
            prop_assert_eq!(holder_of(&mut file).map(|holder| *holder), found);
            let lock = InstallLock::take(&path, &holder()).unwrap();
            prop_assert_eq!(current_holder(&path).map(|found| *found), Some(holder()));
            drop(lock);
        }
    }

    #[test]
    fn one_who_only_looks_keeps_nobody_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        drop(InstallLock::take(&path, &holder()).unwrap());
        let looker = File::open(&path).unwrap();
        looker.lock_shared().unwrap();
        let taken = std::thread::scope(|scope| {
            let taker = scope.spawn(|| InstallLock::take(&path, &holder()));
            std::thread::sleep(Duration::from_millis(10));
            looker.unlock().unwrap();
            taker.join().unwrap()
        });
        assert!(taken.is_ok(), "{taken:?}");
    }
}
