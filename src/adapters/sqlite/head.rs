//! What can be seen of a store before SQLite opens it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::Access;
use rustix::io::Errno;

use super::error::{Problem, SqliteError};

/// How every database begins.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Length of the head of a database.
const HEAD: usize = 100;

/// Where the version that is needed to read it is.
const READ_VERSION: usize = 19;

/// The newest that is known: with a write-ahead log.
const WITH_WAL: u8 = 2;

/// File systems over a network, by the number that the kernel has for them.
const NETWORK: [(u64, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

/// Refuses what is no store, or none that can be operated, with the reason.
///
/// # Errors
/// [`SqliteError`].
pub fn examine(file: &Path) -> Result<(), SqliteError> {
    look(file).map_err(|problem| SqliteError::new(file, problem))
}

fn look(file: &Path) -> Result<(), Problem> {
    let opened = File::open(file)?;
    if !opened.metadata()?.is_file() {
        return Err(Problem::NotAFile);
    }
    let system = rustix::fs::fstatfs(&opened).map_err(std::io::Error::from)?;
    if let Some(name) = network(&system) {
        return Err(Problem::Network(name));
    }
    let mut head = [0; HEAD];
    match opened.read_at(&mut head, 0)? {
        0 => Err(Problem::Empty),
        read if read < HEAD || !head.starts_with(MAGIC) => Err(Problem::NotADatabase),
        _ if head[READ_VERSION] > WITH_WAL => Err(Problem::Newer),
        _ => Ok(()),
    }
}

/// The network file system that a folder is on; none on a disk of this machine.
///
/// # Errors
/// If the folder cannot be looked at.
pub fn network_of(folder: &Path) -> std::io::Result<Option<&'static str>> {
    Ok(network(&rustix::fs::statfs(folder)?))
}

/// What this user cannot write of a store, the file or the folder that it is in, and why. A store that is not there is no
/// reason.
pub fn unwritable(file: &Path) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    [folder, file].into_iter().find_map(|path| match rustix::fs::access(path, Access::WRITE_OK) {
        Err(error) if error != Errno::NOENT => {
            Some(format!("{}: {}", path.display(), std::io::Error::from(error)))
        }
        _ => None,
    })
}

fn network(system: &rustix::fs::StatFs) -> Option<&'static str> {
    let kind = u64::try_from(system.f_type).unwrap_or_default();
    NETWORK.into_iter().find(|(number, _)| *number == kind).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        std::io::Write::write_all(&mut File::create(&file).unwrap(), content).unwrap();
        examine(&file).expect_err("refused").fault("no").causes.join(": ")
    }

    #[test]
    fn what_is_no_store_is_told_apart() {
        assert!(refused(b"").ends_with("the file is empty"));
        assert!(refused(&[7; 4096]).ends_with("not a SQLite database, or it is encrypted"));
        assert!(refused(MAGIC).ends_with("not a SQLite database, or it is encrypted"));
        let mut newer = [0; 4096];
        newer[..16].copy_from_slice(MAGIC);
        newer[READ_VERSION] = 3;
        assert!(refused(&newer).contains("its file format is newer"));
        assert!(examine(Path::new("/nowhere/store.db")).is_err());
        assert!(examine(Path::new("/tmp")).is_err());
    }
}
