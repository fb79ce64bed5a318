//! The command line of what is there for products that run as a process.

use clap::Args;

use crate::cli::help;
use crate::model::manifest::Digest;
use crate::profile::Described;

/// `opsctl start`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::START)]
pub struct Start {
    /// The release, where none is selected yet
    pub version: Option<String>,
    /// The SHA-256 of the release's archive, where it is fetched [default: what is published beside it]
    #[arg(long, value_name = "HEX", value_parser = sha256, requires = "version")]
    pub sha256: Option<Digest>,
    /// Begin with nothing in the store, where the one that there was is gone
    #[arg(long)]
    pub empty_store: bool,
}

pub(super) fn sha256(text: &str) -> Result<Digest, String> {
    let text = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    Digest::try_from(text).map_err(|error| error.to_string())
}

/// `opsctl init`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::INIT)]
pub struct Init {
    /// The product to start from: agledger, ledger, collector [default: what the folder looks like]
    #[arg(long, value_name = "PRODUCT", hide_possible_values = true)]
    pub product: Option<Described>,
    /// For a product that runs as a process: also write a unit, so that systemd watches over it
    #[arg(long, conflicts_with = "stdout")]
    pub systemd: bool,
    /// Write to standard output instead of opsctl.toml
    #[arg(long)]
    pub stdout: bool,
}
