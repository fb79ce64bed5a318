//! Reading a support bundle: the archive, or the folder that it was unpacked into. It may come from anybody.

mod archive;
mod error;
mod folder;

use std::fs::File;
use std::path::Path;

use crate::bundle::read::Bundle;

pub use archive::read_archive;
pub use error::BundleError;

/// Most members of a bundle.
const MAX_MEMBERS: usize = 10_000;

/// Most bytes of a member that are kept; all of it is hashed.
const MAX_KEPT: usize = 64 << 20;

/// Most bytes that all members are together.
const MAX_BYTES: u64 = 1 << 30;

/// Opens a bundle.
///
/// # Errors
/// If it cannot be read, or is none. What is damaged further on is no error: what could be read is there, and
/// [`crate::bundle::read::Facts::troubles`] says what could not.
pub fn open(path: &Path) -> Result<Bundle, BundleError> {
    let failed = |error| BundleError::Io { file: path.to_owned(), error };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let bundle = if metadata.is_dir() {
        folder::read(path)?
    } else if !metadata.is_file() {
        // To open a pipe would be to wait for somebody who writes into it.
        return Err(BundleError::NotABundle("it is neither a file nor a folder".into()));
    } else {
        read_archive(&name_of(path), File::open(path).map_err(failed)?)?
    };
    if bundle.is_one() {
        Ok(bundle)
    } else {
        Err(BundleError::NotABundle("it holds none of a bundle's members".into()))
    }
}

/// The name of a bundle by that of its file.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").trim_end_matches(".tar").trim_end_matches(".tgz").to_owned()
}
