//! The file that a support bundle is: packed, opened again and searched, encrypted if asked for, and only then given its name.
//!
//! Everything here blocks; asynchronous callers run it on a blocking thread.

mod recipients;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::adapters::files::{self, TEMPORARY_PREFIX};
use crate::bundle::contents::Member;
use crate::redaction::Redaction;

pub use recipients::{Recipients, RecipientsError};

/// A file on its way into the archive.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its path below the bundle's folder.
    pub path: String,
    /// Where it is now.
    pub file: PathBuf,
}

/// Why an archive is not given away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Something that must not be in it was found there.
    Hit {
        /// The member; for a name, the place of the member in the archive.
        member: String,
        /// The rule that found it.
        rule: String,
    },
    /// It could not be searched.
    Unreadable {
        /// The member, where one is to blame.
        member: Option<String>,
        /// Why.
        why: String,
    },
    /// It is not what was packed.
    Different {
        /// The member.
        member: String,
    },
}

/// Packs files into a `.tar.gz` with one folder, in the order given, and returns them as they are in it.
///
/// # Errors
/// If a file cannot be read, or the archive not be written.
pub fn pack(to: &Path, folder: &str, files: &[Packed], at: jiff::Timestamp) -> io::Result<Vec<Member>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut builder = Builder::new(GzEncoder::new(BufWriter::new(file), Compression::new(6)));
    let mut members = Vec::with_capacity(files.len());
    for packed in files {
        let file = File::open(&packed.file)?;
        let size = file.metadata()?.len();
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(size);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or(0));
        let mut source = Hashing { inner: BufReader::new(file), hash: Sha256::new() };
        builder.append_data(&mut header, format!("{folder}/{}", packed.path), &mut source)?;
        members.push(Member { path: packed.path.clone(), size, sha256: hex::encode(source.hash.finalize()) });
    }
    let file = builder.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(members)
}

/// Opens a finished archive again and searches all of it, the names of its members too, and compares it with what was packed.
pub fn prove(path: &Path, folder: &str, packed: &[Member], redaction: &Redaction) -> Vec<Doubt> {
    match search(path, folder, packed, redaction) {
        Ok(doubts) => doubts,
        Err(error) => vec![Doubt::Unreadable { member: None, why: error.to_string() }],
    }
}

fn search(path: &Path, folder: &str, packed: &[Member], redaction: &Redaction) -> io::Result<Vec<Doubt>> {
    let mut doubts = Vec::new();
    let mut expected = packed.iter();
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(File::open(path)?)));
    for (index, entry) in archive.entries()?.enumerate() {
        let entry = entry?;
        let name = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&name).into_owned();
        // A name that holds a secret must not be shown either.
        hits(&mut doubts, &format!("the name of member {}", index + 1), redaction, &mut name.as_slice());
        if hidden(&doubts, index) {
            expected.next();
            continue;
        }
        let below =
            shown.strip_prefix(folder).and_then(|name| name.strip_prefix('/')).unwrap_or(&shown).to_owned();
        let size = entry.size();
        let mut source = Hashing { inner: entry, hash: Sha256::new() };
        hits(&mut doubts, &below, redaction, &mut source);
        io::copy(&mut source, &mut io::sink())?;
        let found = Member { path: below.clone(), size, sha256: hex::encode(source.hash.finalize()) };
        if expected.next() != Some(&found) {
            doubts.push(Doubt::Different { member: below });
        }
    }
    doubts.extend(expected.map(|missing| Doubt::Different { member: missing.path.clone() }));
    Ok(doubts)
}

fn hidden(doubts: &[Doubt], index: usize) -> bool {
    let name = format!("the name of member {}", index + 1);
    doubts.iter().any(|doubt| matches!(doubt, Doubt::Hit { member, .. } if *member == name))
}

fn hits(doubts: &mut Vec<Doubt>, member: &str, redaction: &Redaction, source: &mut dyn Read) {
    match redaction.prove(source) {
        Ok(found) => doubts
            .extend(found.into_iter().map(|hit| Doubt::Hit { member: member.to_owned(), rule: hit.rule })),
        Err(error) => {
            doubts.push(Doubt::Unreadable { member: Some(member.to_owned()), why: error.to_string() });
        }
    }
}

/// Encrypts a file for recipients, and removes it.
///
/// # Errors
/// If it cannot be read, encrypted or written.
pub fn encrypt(plain: &Path, to: &Path, recipients: &Recipients) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut output = recipients.encryptor()?.wrap_output(BufWriter::new(file))?;
    io::copy(&mut BufReader::new(File::open(plain)?), &mut output)?;
    let file = output.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::remove_file(plain)
}

/// Gives a finished file its name in a directory, never over one that exists, and makes the name durable.
///
/// # Errors
/// If a file of this name exists, or the directory cannot be written to.
pub fn publish(file: &Path, directory: &Path, name: &str) -> io::Result<PathBuf> {
    let target = directory.join(name);
    match renameat_with(CWD, file, CWD, &target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV) => copy(file, directory, &target)?,
        Err(error) => return Err(error.into()),
    }
    files::sync_dir(directory).map_err(io::Error::other)?;
    Ok(target)
}

/// Onto another file system.
fn copy(file: &Path, directory: &Path, target: &Path) -> io::Result<()> {
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(directory)?;
    io::copy(&mut BufReader::new(File::open(file)?), temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(target).map_err(|error| error.error)?;
    fs::remove_file(file)
}

/// The length and the SHA-256 of a file.
///
/// # Errors
/// If it cannot be read.
pub fn digest(file: &Path) -> io::Result<(u64, String)> {
    let mut source = Hashing { inner: BufReader::new(File::open(file)?), hash: Sha256::new() };
    let size = io::copy(&mut source, &mut io::sink())?;
    Ok((size, hex::encode(source.hash.finalize())))
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// If it cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
