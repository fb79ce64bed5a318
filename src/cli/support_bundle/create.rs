//! The command line of `opsctl support-bundle` itself: what is collected, and where it goes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::moment::{Moment, moment};

/// What is collected, and where it goes.
#[derive(Debug, Clone, Default, Args)]
pub struct BundleCreate {
    /// Where the file goes [default: the install]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Collect and redact, show what would be in it and what was masked, and keep nothing
    #[arg(long)]
    pub preview: bool,
    /// Encrypt it for this age recipient, or those in this file; may be given several times
    #[arg(long, value_name = "RECIPIENT|FILE", conflicts_with = "preview")]
    pub encrypt_to: Vec<String>,
    /// Logs and events from this time on: 2h, 3d, 2026-03-14, 2026-03-14T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Logs and events up to this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// The last N lines of each log [default: 1000, and what surrounds errors before]
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// A file with the key for what only an administrator may see of the product
    #[arg(long, value_name = "FILE", env = "OPSCTL_PLATFORM_KEY_FILE", hide_env_values = true)]
    pub platform_key_file: Option<PathBuf>,
}
