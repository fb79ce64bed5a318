//! The command line of `opsctl backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::help;

/// `opsctl backup`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = help::BACKUP)]
pub struct Backup {
    /// What to do; without it, a backup is taken.
    #[command(subcommand)]
    pub action: Option<BackupAction>,
    /// How the backup is taken.
    #[command(flatten)]
    pub create: BackupCreate,
}

/// Where backups are.
#[derive(Debug, Clone, Args)]
pub struct BackupPlace {
    /// Where backups are [default: `backup` in the install]
    #[arg(long, value_name = "DIR", env = "BACKUP_DIR", hide_env_values = true)]
    pub backup_dir: Option<PathBuf>,
}

/// `opsctl backup create`
#[derive(Debug, Clone, Args)]
pub struct BackupCreate {
    /// Keep the newest N backups, and those that are pinned [default: 7]
    #[arg(long, value_name = "N", env = "KEEP", hide_env_values = true, value_parser = keep)]
    pub keep: Option<u32>,
    /// Where backups are.
    #[command(flatten)]
    pub place: BackupPlace,
}

/// What to do with backups.
#[derive(Debug, Clone, Subcommand)]
pub enum BackupAction {
    /// Take a backup: dump, compress, read back in full, and only then publish it
    Create(BackupCreate),
    /// List the backups, oldest first
    List(BackupPlace),
    /// Read a backup in full and check its hashes
    Verify {
        /// A file, a backup's id, or `latest`
        #[arg(value_name = "FILE|latest")]
        backup: String,
        /// Restore it into a scratch database too, compare that with its manifest, and drop it
        #[arg(long)]
        restore: bool,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
    /// Remove the backups that retention does not keep
    Prune {
        /// Keep the newest N backups, and those that are pinned [default: 7]
        #[arg(long, value_name = "N", env = "KEEP", hide_env_values = true, value_parser = keep)]
        keep: Option<u32>,
        /// Show what would be removed, and why, and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
    /// Keep a backup whatever retention says
    Pin {
        /// A file, a backup's id, or `latest`
        #[arg(value_name = "FILE|latest")]
        backup: String,
        /// Why, for whoever finds it pinned
        #[arg(long, value_name = "TEXT", default_value = "pinned by hand")]
        why: String,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
    /// Let retention have a backup again
    Unpin {
        /// A file, a backup's id, or `latest`
        #[arg(value_name = "FILE|latest")]
        backup: String,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
}

/// A number of backups to keep.
fn keep(text: &str) -> Result<u32, &'static str> {
    match text.trim().parse() {
        Ok(0) => Err("keep 1 or more: nothing else would be left to restore"),
        Ok(keep) => Ok(keep),
        Err(_) => Err("write a number, 1 or more"),
    }
}
