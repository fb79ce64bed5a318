//! Reading a bundle's archive in one pass, without unpacking anything.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Entry};

use super::error::BundleError;
use super::{MAX_BYTES, MAX_KEPT, MAX_MEMBERS};
use crate::adapters::archive::Found;
use crate::adapters::tar_member::{Limited, Unsafe, admitted};
use crate::bundle::read::{Bundle, Content};

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
    let mut archive = Archive::new(Limited::new(MultiGzDecoder::new(reader), MAX_BYTES));
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
        if let Some(path) = below_folder(&entry).map_err(refused)? {
            if bundle.member(&path).is_some() {
                return Err(refused(Unsafe::new(&path, "is there twice")));
            }
            let content = content(&mut entry)?;
            bundle.insert(path, content);
        }
    }
    Ok(())
}

/// The path of a regular file below the bundle's folder; `None` for a folder.
fn below_folder(entry: &Entry<'_, impl Read>) -> Result<Option<String>, Unsafe> {
    let below = |path: String| path.split_once('/').map(|(_, below)| below.to_owned());
    Ok(admitted(entry)?.and_then(below).filter(|below| !below.is_empty()))
}

fn refused(Unsafe { member, why }: Unsafe) -> Stop {
    Stop::Refused(BundleError::Unsafe { member, why })
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
