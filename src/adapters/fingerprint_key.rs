//! The key of an install's fingerprints: a file in the state directory that no backup and no bundle takes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::files::{self, Mode};
use crate::error::Fault;
use crate::model::fingerprint::{FingerprintKey, KEY_LENGTH};

/// The file's name in the state directory.
const FILE: &str = "fingerprint.key";

/// Makes the key unless there is one: what is recorded by it must be recognised later.
pub fn ensure(state: &Path) -> Result<(), Fault> {
    let path = place(state);
    if path.exists() {
        return read(&path).map(drop);
    }
    let text = format!("{}\n", hex::encode(random()?));
    files::replace(&path, text.as_bytes(), Mode::Exactly(0o600))
        .map_err(|error| Fault::caused_by("could not make the key for fingerprints", &error))
}

/// The key; where there is none yet, one that is forgotten again: its fingerprints can be compared with each other.
pub fn of(state: &Path) -> Result<FingerprintKey, Fault> {
    let path = place(state);
    match read(&path) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => random().map(FingerprintKey::new),
        Err(fault) => Err(fault),
    }
}

fn place(state: &Path) -> PathBuf {
    state.join(FILE)
}

fn read(path: &Path) -> Result<Option<FingerprintKey>, Fault> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::caused_by(format!("cannot read {}", path.display()), &error)),
    };
    let mut key = [0; KEY_LENGTH];
    hex::decode_to_slice(text.trim(), &mut key)
        .map(|()| Some(FingerprintKey::new(key)))
        .map_err(|_| {
            Fault::new(format!("{} does not hold a key", path.display()))
                .hint("was it edited? without it nobody can tell which value of a secret is where: remove it if no rotation is unfinished")
        })
}

fn random() -> Result<[u8; KEY_LENGTH], Fault> {
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key)
        .map_err(|error| Fault::caused_by("the system gives no random numbers", &error))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let known = |text: &str| of(dir.path()).unwrap().fingerprint(text);
        assert_ne!(known("x"), known("x"), "a key that is not kept is another one each time");
        ensure(dir.path()).unwrap();
        let first = known("x");
        ensure(dir.path()).unwrap();
        assert_eq!(known("x"), first);
        let mode = fs::metadata(place(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_was_harmed_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        files::replace(&place(dir.path()), b"00", Mode::Exactly(0o600)).unwrap();
        assert!(ensure(dir.path()).is_err() && of(dir.path()).is_err());
    }
}
