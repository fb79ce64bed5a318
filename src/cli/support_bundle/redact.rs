//! The command line of `opsctl support-bundle redact`.

use std::path::PathBuf;

use clap::Args;

/// `opsctl support-bundle redact`
#[derive(Debug, Clone, Args)]
pub struct BundleRedact {
    /// The files [default: standard input]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// An environment file whose secrets are masked too; may be given several times
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Write each to a file of the same name there [default: all of them to standard output]
    #[arg(long, value_name = "DIR", requires = "files")]
    pub output_dir: Option<PathBuf>,
}
