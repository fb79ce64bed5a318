//! Reading a bundle's archive in one pass, without unpacking anything.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Entry, EntryType};

use super::error::BundleError;
use super::{MAX_BYTES, MAX_KEPT, MAX_MEMBERS};
use crate::adapters::archive::Found;
use crate::bundle::read::{Bundle, Content};

/// Most bytes of a member's path.
const MAX_PATH: usize = 512;

/// Why reading ends before the end.
enum Stop {
    /// Nobody should unpack it.
    Refused(BundleError),
    /// From here on it is not what was written.
    Damaged(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// Reads a bundle called `name` from its archive.
///
/// # Errors
/// If it is no `.tar.gz`, or holds what no bundle does. One that is cut short or damaged further on gives what comes
/// before that.
pub fn read_archive(name: &str, archive: impl Read) -> Result<Bundle, BundleError> {
    let mut reader = BufReader::new(archive);
    expect_gzip(&mut reader)?;
    let mut archive = Archive::new(Limited { inner: MultiGzDecoder::new(reader), left: MAX_BYTES });
    let mut bundle = Bundle::named(name);
    match take_all(&mut archive, &mut bundle) {
        Ok(()) => Ok(bundle),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Damaged(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(BundleError::TooLarge)
        }
        Err(Stop::Damaged(error)) if bundle.members().next().is_none() => {
            Err(BundleError::NotABundle(error.to_string()))
        }
        Err(Stop::Damaged(error)) => {
            bundle.note_damage("", format!("the archive is damaged or cut short: {error}"));
            Ok(bundle)
        }
    }
}

fn expect_gzip(reader: &mut BufReader<impl Read>) -> Result<(), BundleError> {
    let head = reader.fill_buf().map_err(|error| BundleError::NotABundle(error.to_string()))?;
    if head.starts_with(b"age-encryption.org/") || head.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(BundleError::Encrypted);
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(());
    }
    Err(BundleError::NotABundle(format!("it is {}", Found::sniff(head))))
}

fn take_all(archive: &mut Archive<impl Read>, bundle: &mut Bundle) -> Result<(), Stop> {
    for (index, entry) in archive.entries()?.enumerate() {
        if index >= MAX_MEMBERS {
            return Err(Stop::Refused(BundleError::TooLarge));
        }
        let mut entry = entry?;
        if let Some(path) = admitted(&entry).map_err(Stop::Refused)? {
            if bundle.member(&path).is_some() {
                return Err(Stop::Refused(refused(&path, "is there twice")));
            }
            let content = content(&mut entry)?;
            bundle.insert(path, content);
        }
    }
    Ok(())
}

/// The path of a regular file below the bundle's folder; `None` for a folder.
fn admitted(entry: &Entry<'_, impl Read>) -> Result<Option<String>, BundleError> {
    let path = entry.path_bytes();
    let shown = path[..path.len().min(MAX_PATH)].escape_ascii().to_string();
    match entry.header().entry_type() {
        EntryType::Regular => {}
        EntryType::Directory => return Ok(None),
        EntryType::Symlink | EntryType::Link => return Err(refused(&shown, "is a link")),
        _ => return Err(refused(&shown, "is no regular file")),
    }
    let path = str::from_utf8(&path).map_err(|_| refused(&shown, "has a name that is not text"))?;
    if path.len() > MAX_PATH || path.chars().any(char::is_control) {
        return Err(refused(&shown, "has a name that no file of a bundle has"));
    }
    if path.starts_with('/') {
        return Err(refused(&shown, "has an absolute path"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(refused(&shown, "leads out of its folder"));
    }
    let path = path.trim_start_matches("./");
    Ok(path.split_once('/').map(|(_, below)| below.to_owned()).filter(|below| !below.is_empty()))
}

fn refused(member: &str, why: &'static str) -> BundleError {
    BundleError::Unsafe { member: member.to_owned(), why }
}

/// All of a member hashed, and as much of it kept as there is room for.
pub(super) fn content(reader: &mut impl Read) -> io::Result<Content> {
    let mut kept = Vec::new();
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(Content::part(&kept, size, hex::encode(hash.finalize())));
        }
        hash.update(&buffer[..count]);
        size += count as u64;
        kept.extend_from_slice(&buffer[..count.min(MAX_KEPT - kept.len())]);
    }
}

/// Fails rather than ends where more comes than is allowed.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}
