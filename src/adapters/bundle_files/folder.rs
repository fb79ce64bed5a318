//! Reading the folder that a bundle was unpacked into.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::archive::content;
use super::error::BundleError;
use super::{MAX_BYTES, MAX_MEMBERS, name_of};
use crate::bundle::contents::member;
use crate::bundle::read::Bundle;

/// Most folders that are in one another.
const MAX_DEPTH: usize = 8;

/// Reads a bundle from its folder, or from the one that holds nothing but it. Links and the like are passed over, and
/// noted.
pub(super) fn read(path: &Path) -> Result<Bundle, BundleError> {
    let root = folder_of(path)?;
    let mut bundle = Bundle::named(name_of(&root.canonicalize().unwrap_or_else(|_| root.clone())));
    let mut bytes = 0;
    walk(&root, "", MAX_DEPTH, &mut bundle, &mut bytes)?;
    Ok(bundle)
}

fn folder_of(path: &Path) -> Result<PathBuf, BundleError> {
    if path.join(member::MANIFEST).exists() {
        return Ok(path.to_owned());
    }
    let inner: Vec<PathBuf> = entries(path)?.into_iter().filter(|below| below.is_dir()).collect();
    Ok(match inner.as_slice() {
        [one] if one.join(member::MANIFEST).exists() => one.clone(),
        _ => path.to_owned(),
    })
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    bundle: &mut Bundle,
    bytes: &mut u64,
) -> Result<(), BundleError> {
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bundle.note_damage("", format!("{} has a name that is not text", path.display()));
            continue;
        };
        let member = format!("{prefix}{name}");
        let failed = |error| BundleError::Io { file: path.clone(), error };
        let metadata = fs::symlink_metadata(&path).map_err(failed)?;
        if metadata.is_dir() && depth > 0 {
            walk(&path, &format!("{member}/"), depth - 1, bundle, bytes)?;
        } else if metadata.is_file() {
            *bytes += metadata.len();
            if *bytes > MAX_BYTES || bundle.members().count() >= MAX_MEMBERS {
                return Err(BundleError::TooLarge);
            }
            let content = File::open(&path).and_then(|mut file| content(&mut file)).map_err(failed)?;
            bundle.insert(member, content);
        } else {
            bundle.note_damage(member, "it is no regular file, and was passed over");
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BundleError> {
    let failed = |error| BundleError::Io { file: folder.to_owned(), error };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    Ok(paths)
}
