//! The command line of `opsctl support-bundle`.

mod create;
mod inspect;
mod redact;

use clap::{Args, Subcommand};

use crate::cli::help;

pub use create::BundleCreate;
pub use inspect::BundleInspect;
pub use redact::BundleRedact;

/// `opsctl support-bundle`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = help::SUPPORT_BUNDLE)]
pub struct SupportBundle {
    /// What to do; without it, a bundle is made.
    #[command(subcommand)]
    pub action: Option<BundleAction>,
    /// What is collected, and where it goes.
    #[command(flatten)]
    pub create: BundleCreate,
}

/// What to do with what support is given.
#[derive(Debug, Clone, Subcommand)]
pub enum BundleAction {
    /// Say what can be told from a bundle, of any version and from any machine
    Inspect(BundleInspect),
    /// Copy logs without their secrets, to be pasted or sent
    #[command(after_help = help::BUNDLE_REDACT)]
    Redact(BundleRedact),
}
