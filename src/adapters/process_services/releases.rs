//! Releases as folders: fetched, and told apart by what is in them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::adapters::files;
use crate::adapters::sqlite::copy::beside;
use crate::error::Fault;
use crate::model::release::Version;
use crate::plan::step::Release;
use crate::profile::ProcessProfile;

/// Brings a release into the install, unless it is there, and returns the hash of what is in it. It has its name only when it
/// is whole.
pub(super) fn fetch(install: &Path, source: Option<&Path>, release: &Release) -> Result<String, Fault> {
    let folder = ProcessProfile::release_dir(install, &release.version);
    if !folder.is_dir() {
        let from = offered(install, source, &release.version)
            .ok_or_else(|| Fault::new(format!("there is no release {} to be had", release.version)))?;
        bring(&from, &folder).map_err(|error| {
            Fault::caused_by(format!("the release {} cannot be brought here", release.version), &error)
        })?;
    }
    let found = content_id(&folder)?;
    match &release.digest {
        Some(expected) if *expected != found => Err(Fault::new(format!(
            "the release {} is not what it was when the operation was planned",
            release.version
        ))
        .hint("was it replaced meanwhile? nothing was changed")),
        _ => Ok(found),
    }
}

/// The folder of a release: in the install, else where it is offered.
pub(super) fn offered(install: &Path, source: Option<&Path>, version: &Version) -> Option<PathBuf> {
    let here = ProcessProfile::release_dir(install, version);
    let there = source.map(|source| install.join(source).join(version.as_str()));
    std::iter::once(here).chain(there).find(|folder| folder.is_dir())
}

fn bring(from: &Path, to: &Path) -> io::Result<()> {
    let partial = beside(to, ".partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    for file in listed(from)? {
        let target = partial.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&file), &target)?;
        File::open(&target)?.sync_all()?;
        File::open(target.parent().unwrap_or(&partial))?.sync_all()?;
    }
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, to)?;
    files::sync_dir(to.parent().unwrap_or(Path::new("."))).map_err(io::Error::other)
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

struct HashWriter<'a>(&'a mut Sha256);

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
