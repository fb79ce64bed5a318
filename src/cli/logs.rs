//! The command line of `opsctl logs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::help;
use crate::cli::moment::{Moment, moment};
use crate::logs::Per;
use crate::profile::{KnownLogs, ServiceName};

/// `opsctl logs`
#[derive(Debug, Clone, Args)]
pub struct LogsCommand {
    /// What to do with the logs.
    #[command(subcommand)]
    pub action: LogsAction,
}

/// What to do with logs.
#[derive(Debug, Clone, Subcommand)]
pub enum LogsAction {
    /// Count what JSON logs tell: how often, and how often at most
    #[command(after_help = help::LOGS_STATS)]
    Stats(LogsStats),
}

/// `opsctl logs stats`
#[derive(Debug, Clone, Args)]
pub struct LogsStats {
    /// Services of the install [default: all that serve or work]
    #[arg(value_name = "SERVICE", conflicts_with = "file", value_parser = service)]
    pub services: Vec<ServiceName>,
    /// Files instead of an install's services; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub file: Vec<PathBuf>,
    /// Read them as those of a product: collector [default: as the install's description says]
    #[arg(long, value_name = "PRODUCT", hide_possible_values = true)]
    pub product: Option<KnownLogs>,
    /// Nothing before this: a time such as 2026-11-25T10:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Nothing from this on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// The window of time that is counted in: second, minute, hour
    #[arg(long, value_name = "WINDOW", default_value = "minute", hide_possible_values = true)]
    pub per: Per,
    /// Also show every window in which something was counted
    #[arg(long)]
    pub series: bool,
}

fn service(text: &str) -> Result<ServiceName, String> {
    ServiceName::try_from(text).map_err(|error| error.to_string())
}
