//! The unpacked dump of an archive, in a file that PostgreSQL's tools load in parallel.
//!
//! It is written in the form that is quickest to load ([`crate::model::dump_rewrite`]), or, where the dump is not of a
//! kind that is known here, as it is: the tools may know it. Either way the archive was read whole and checked first:
//! its hashes are of the bytes that are in it.

mod file_thread;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use self::file_thread::FileThread;
use super::archive::{self, ArchiveError, Contents, Limits, Problem, Progress};
use crate::model::dump_rewrite::{DumpRewriter, MOST_TOC};
use crate::model::dump_toc::{DumpToc, NotUnderstood, TocError};

/// Bytes that are written at once.
const PART: usize = 1 << 20;

/// Reads all of an archive, checks it, and writes its dump to a file that only its owner may read. The file has its
/// name as soon as it is whole, and not before.
///
/// # Errors
/// At the first thing that is wrong with the archive, or if the file cannot be written.
pub fn unpack(archive: &Path, dump: &Path, progress: &mut Progress<'_>) -> Result<Contents, ArchiveError> {
    let partial = dump.with_extension("partial");
    let contents = if let Ok(contents) = unpack_rewritten(archive, &partial, progress)? {
        contents
    } else {
        let mut file = private_file(&partial).map_err(|error| ArchiveError::new(&partial, error))?;
        archive::copy_dump(archive, Limits::none(), &mut file, progress)?
    };
    std::fs::rename(&partial, dump).map_err(|error| ArchiveError::new(dump, error))?;
    Ok(contents)
}

fn unpack_rewritten(
    archive: &Path,
    dump: &Path,
    progress: &mut Progress<'_>,
) -> Result<Result<Contents, NotUnderstood>, ArchiveError> {
    let failed = |error| ArchiveError::new(dump, error);
    let file = private_file(dump).map_err(failed)?;
    let mut spool = DumpSpool::start(file).map_err(failed)?;
    let copied = archive::copy_dump(archive, Limits::none(), &mut spool, progress);
    if let Some(what) = spool.not_understood {
        return Ok(Err(what));
    }
    let contents = copied?;
    let finished = spool.finish().map_err(|error| ArchiveError::new(archive, Problem::Output(error)))?;
    Ok(finished.map(|()| contents))
}

/// The table of contents of an unpacked dump, given to `look`; `None` where it is not of a kind that is known here.
///
/// # Errors
/// If the file cannot be read.
pub fn with_toc<T>(dump: &Path, look: impl FnOnce(&DumpToc<'_>) -> T) -> io::Result<Option<T>> {
    let file = File::open(dump)?;
    let mut head = Vec::new();
    loop {
        let read = (&file).take(PART as u64).read_to_end(&mut head)?;
        match DumpToc::parse(&head) {
            Ok(toc) => return Ok(Some(look(&toc))),
            Err(TocError::Cut) if read > 0 && head.len() <= MOST_TOC => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Writes the dump that is written to it in its new form. Rewriting and writing to the file go on side by side.
struct DumpSpool {
    rewriter: DumpRewriter,
    /// Why this dump is not rewritten. Then nothing more is taken.
    not_understood: Option<NotUnderstood>,
    file: FileThread,
}

impl DumpSpool {
    fn start(file: File) -> io::Result<Self> {
        let file = FileThread::start(file)?;
        Ok(Self { rewriter: DumpRewriter::default(), not_understood: None, file })
    }

    fn finish(mut self) -> io::Result<Result<(), NotUnderstood>> {
        match self.rewriter.finish() {
            Ok(rewritten) => {
                self.file.write(rewritten.rest)?;
                self.file.finish(&rewritten.head).map(Ok)
            }
            Err(what) => Ok(Err(what)),
        }
    }
}

impl Write for DumpSpool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Half a part at a time: what is made of it fits into the room of a part that was written before.
        let bytes = &bytes[..bytes.len().min(PART / 2)];
        if let Err(what) = self.rewriter.feed(bytes) {
            self.not_understood = Some(what);
            return Err(io::Error::other(what.to_string()));
        }
        if self.rewriter.ready() >= PART {
            let part = self.rewriter.take(self.file.room());
            self.file.write(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const DUMP: &[u8] = include_bytes!("../../tests/fixtures/empty-15.dump");

    /// An archive as the scripts before opsctl made them, and where its dump is to be.
    fn archive(folder: &Path, dump: &[u8]) -> (PathBuf, PathBuf) {
        let path = folder.join("backup-2026-03-14-120000.tar.gz");
        let file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        let mut archive = tar::Builder::new(file);
        let mut header = tar::Header::new_gnu();
        header.set_size(dump.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, "2026-03-14-120000/db.dump", dump).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        (path, folder.join("spool.dump"))
    }

    fn unpacked(dump: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        let (archive, spool) = archive(folder.path(), dump);
        let outcome = unpack(&archive, &spool, &mut |_, _| ControlFlow::Continue(()));
        assert_eq!(spool.exists(), outcome.is_ok());
        outcome.map(|_| std::fs::read(&spool).unwrap())
    }

    /// The dump, and rows of some entry of it: one block for each.
    fn with_rows(rows: usize) -> Vec<u8> {
        let mut dump = DUMP.to_vec();
        let toc = DumpToc::parse(DUMP).unwrap();
        assert_eq!(toc.length, DUMP.len(), "it is empty");
        let entry = toc.entries.last().unwrap();
        dump[entry.data_at] = 1;
        dump.push(1);
        toc.widths.put_int(entry.dump_id, &mut dump);
        for row in 0..rows {
            let row = format!("{row}\ta row\n");
            toc.widths.put_int(i64::try_from(row.len()).unwrap(), &mut dump);
            dump.extend_from_slice(row.as_bytes());
        }
        toc.widths.put_int(0, &mut dump);
        dump
    }

    #[test]
    fn a_dump_that_is_known_is_rewritten() {
        let dump = with_rows(300_000);
        let spool = unpacked(&dump).unwrap();
        let toc = DumpToc::parse(&spool).unwrap();
        let entry = toc.entries.last().unwrap();
        let offset = u64::from_le_bytes(spool[entry.data_at + 1..][..8].try_into().unwrap());
        assert_eq!((spool[entry.data_at], offset), (DumpToc::KNOWN, DUMP.len() as u64));
        assert!(spool.len() < dump.len() - 299_000 * 5, "its blocks are joined");
    }

    #[test]
    fn a_dump_that_came_later_is_left_as_it_is() {
        let mut dump = with_rows(1000);
        dump[6] = 17;
        assert_eq!(unpacked(&dump).unwrap(), dump);
        let mut unknown_data = with_rows(300_000);
        unknown_data.push(9);
        assert_eq!(unpacked(&unknown_data).unwrap(), unknown_data);
    }

    #[test]
    fn what_is_wrong_with_an_archive_is_told_as_ever() {
        let error = unpacked(b"-- not a dump").unwrap_err();
        assert!(matches!(error.problem, Problem::NotADump(_)), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let (archive, spool) = archive(folder.path(), &with_rows(100_000));
        let bytes = std::fs::read(&archive).unwrap();
        File::options().write(true).open(&archive).unwrap().set_len(bytes.len() as u64 / 2).unwrap();
        let error = unpack(&archive, &spool, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error.problem, Problem::Truncated), "{error}");
        assert!(!spool.exists());
    }

    #[test]
    fn the_table_of_contents_is_found_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let look = |dump: &[u8]| {
            File::create(&path).unwrap().write_all(dump).unwrap();
            with_toc(&path, |toc| toc.length).unwrap()
        };
        assert_eq!(look(&with_rows(1000)), Some(DUMP.len()));
        assert_eq!(look(&DUMP[..DUMP.len() - 1]), None);
        assert_eq!(look(b""), None);
    }
}
