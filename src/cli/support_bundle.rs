//! The command line of `opsctl support-bundle`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::help;

/// `opsctl support-bundle`
#[derive(Debug, Clone, Args)]
pub struct SupportBundle {
    /// What to do.
    #[command(subcommand)]
    pub action: BundleAction,
}

/// What to do with a support bundle.
#[derive(Debug, Clone, Subcommand)]
pub enum BundleAction {
    /// Say what can be told from a bundle, of any version and from any machine
    Inspect(BundleInspect),
}

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
