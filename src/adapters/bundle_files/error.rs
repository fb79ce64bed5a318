//! Why a bundle cannot be read.

use std::io;
use std::path::PathBuf;

use super::{MAX_BYTES, MAX_MEMBERS};
use crate::error::Fault;
use crate::report::quantity;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The operating system refused to read it.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is encrypted.
    #[error("this bundle is encrypted")]
    Encrypted,
    /// It is something else.
    #[error("this is no support bundle: {0}")]
    NotABundle(String),
    /// It holds what no bundle has and what could do harm.
    #[error("this bundle is not safe to unpack: {member} {why}")]
    Unsafe {
        /// The member, with odd characters escaped.
        member: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It holds more than a bundle can.
    #[error("this bundle holds more than {} or {} files", quantity::bytes(MAX_BYTES), MAX_MEMBERS)]
    TooLarge,
}

impl BundleError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => {
                "name a support-bundle-YYYY-MM-DD-HHMMSS.tar.gz, or the folder that it was unpacked into"
            }
            Self::Encrypted => {
                "decrypt it first, with the key of a recipient: age -d -i KEY_FILE -o bundle.tar.gz FILE"
            }
            Self::NotABundle(_) => {
                "name a support-bundle-YYYY-MM-DD-HHMMSS.tar.gz of `opsctl support-bundle`"
            }
            Self::Unsafe { .. } | Self::TooLarge => "where did this file come from? do not unpack it",
        }
    }
}

impl From<BundleError> for Fault {
    fn from(error: BundleError) -> Self {
        let hint = error.hint();
        Self::new(error.to_string()).hint(hint)
    }
}
