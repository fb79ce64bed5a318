//! The command line of `opsctl support-bundle inspect`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::help;

/// `opsctl support-bundle inspect`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::SUPPORT_BUNDLE_INSPECT)]
pub struct BundleInspect {
    /// A support-bundle-YYYY-MM-DD-HHMMSS.tar.gz, or the folder that it was unpacked into
    #[arg(value_name = "FILE|DIR")]
    pub bundle: PathBuf,
    /// Also write the page of the bundle, as this version makes it
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}
