//! The command line of `opsctl support-bundle`.

mod redact;

use clap::{Args, Subcommand};

use crate::cli::help;

pub use redact::BundleRedact;

/// `opsctl support-bundle`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::SUPPORT_BUNDLE)]
pub struct SupportBundle {
    /// What to do.
    #[command(subcommand)]
    pub action: BundleAction,
}

/// What to do with what support is given.
#[derive(Debug, Clone, Subcommand)]
pub enum BundleAction {
    /// Copy logs without their secrets, to be pasted or sent
    #[command(after_help = help::BUNDLE_REDACT)]
    Redact(BundleRedact),
}
