//! Whether two stores, or one at two moments, hold the same.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::copy;
use super::error::SqliteError;

/// Parts of the head in which a copy differs from what it was made of, though it holds the same: versions of the file
/// format, counters of changes, and which SQLite wrote last.
const COUNTERS: [Range<usize>; 4] = [18..20, 24..28, 40..44, 92..100];

/// A hash of what a store holds, page by page. Nobody may have it open.
///
/// # Errors
/// If somebody has, or it cannot be read.
pub fn hash(file: &Path) -> Result<String, SqliteError> {
    copy::fold(file)?;
    read(file).map_err(|error| SqliteError::new(file, error))
}

fn read(file: &Path) -> io::Result<String> {
    let mut opened = File::open(file)?;
    let mut head = [0; 100];
    opened.read_exact(&mut head)?;
    for counter in COUNTERS {
        head[counter].fill(0);
    }
    let mut hash = Sha256::new();
    hash.update(head);
    let mut part = vec![0; 1 << 20];
    loop {
        match opened.read(&mut part)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&part[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_copy_holds_the_same_until_either_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (live, made) = (folder.path().join("live.db"), folder.path().join("copy.db"));
        let store = Connection::open(&live).unwrap();
        store.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
        store.execute("INSERT INTO t DEFAULT VALUES", []).unwrap();
        drop(store);
        copy::copy(&live, &made).unwrap();
        assert_eq!(hash(&live).unwrap(), hash(&made).unwrap());
        Connection::open(&live).unwrap().execute("INSERT INTO t DEFAULT VALUES", []).unwrap();
        assert_ne!(hash(&live).unwrap(), hash(&made).unwrap());
        Connection::open(&live).unwrap().execute("DELETE FROM t WHERE id = 2", []).unwrap();
        let column = "ALTER TABLE t ADD COLUMN more TEXT";
        Connection::open(&live).unwrap().execute_batch(column).unwrap();
        assert_ne!(hash(&live).unwrap(), hash(&made).unwrap());
    }
}
