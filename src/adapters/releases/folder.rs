//! Releases as folders: copied, and told apart by what is in them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Fault;

/// Copies the files of a release into a folder that is there and empty, durably.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for file in listed(from)? {
        let target = to.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&file), &target)?;
    }
    sync(to)
}

/// Makes all that is in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    let mut folders = BTreeSet::from([folder.to_owned()]);
    for file in listed(folder)? {
        File::open(folder.join(&file))?.sync_all()?;
        folders.extend(file.ancestors().skip(1).map(|above| folder.join(above)));
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// A hash of the files of a release: names, which of them can be run, and content.
pub(super) fn content_id(folder: &Path) -> Result<String, Fault> {
    let hashed = || {
        let mut hash = Sha256::new();
        for file in listed(folder)? {
            let path = folder.join(&file);
            let is_program = fs::metadata(&path)?.permissions().mode() & 0o111 != 0;
            hash.update(file.as_os_str().as_encoded_bytes());
            hash.update([0, u8::from(is_program)]);
            let mut content = Sha256::new();
            io::copy(&mut File::open(&path)?, &mut HashWriter(&mut content))?;
            hash.update(content.finalize());
        }
        Ok::<_, io::Error>(format!("sha256:{}", hex::encode(hash.finalize())))
    };
    hashed().map_err(|error| {
        Fault::caused_by(format!("the release in {} cannot be read", folder.display()), &error)
    })
}

/// Takes what is written into a hash.
pub(super) struct HashWriter<'a>(pub(super) &'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files below a folder, by name. A link, which could lead anywhere, is none.
fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let (path, kind) = (below.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                let what = format!("{} is neither a file nor a folder", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
    }
    files.sort();
    Ok(files)
}
