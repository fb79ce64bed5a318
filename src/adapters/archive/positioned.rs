//! A file read from a place of its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

/// Reads a file from some offset on.
///
/// Clones of a [`File`] share one position, and the threads of two readings of one archive may overlap; these do not
/// disturb each other.
pub(super) struct Positioned {
    file: File,
    position: u64,
}

impl Positioned {
    pub(super) fn new(file: &File, position: u64) -> io::Result<Self> {
        Ok(Self { file: file.try_clone()?, position })
    }

    /// Offset of the byte that is read next.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn two_readers_of_one_file_do_not_disturb_each_other() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let (mut first, mut second) =
            (Positioned::new(&file, 0).unwrap(), Positioned::new(&file, 3).unwrap());
        let (mut ahead, mut rest, mut all) = ([0; 2], String::new(), String::new());
        second.read_exact(&mut ahead).unwrap();
        first.read_to_string(&mut all).unwrap();
        second.read_to_string(&mut rest).unwrap();
        assert_eq!((&ahead, rest.as_str(), all.as_str()), (b"de", "f", "abcdef"));
        assert_eq!(second.position(), 6);
    }
}
