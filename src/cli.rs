//! The command line: what can be asked, and the help that teaches it. Nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Operates a self-hosted product: backup, restore, upgrade, rollback.
///
/// Every command that changes something shows its plan first, asks, records each step, and can be resumed or undone
/// when it is interrupted. Commands that only look are always safe.
#[derive(Debug, Parser)]
#[command(name = "opsctl", version, disable_help_subcommand = true)]
#[command(
    after_help = "Exit status: 0 done and verified; 1 failed, nothing changed; 2 usage or no consent; 3 refused by a check; \
4 failed and rolled back; 5 interrupted; 6 inconsistent; 7 another operation holds the install; 8 done with warnings (--strict); \
9 past the commit point and not well."
)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The install to operate on [default: the nearest folder upwards with opsctl.toml or the product's Compose files]
    #[arg(long, global = true, value_name = "DIR", env = "OPSCTL_DIR")]
    pub dir: Option<PathBuf>,
    /// How to report: for people, or one JSON object a line on stdout
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human", env = "OPSCTL_OUTPUT")]
    pub output: Output,
    /// Never ask; this is the consent that a destructive command needs where there is no terminal
    #[arg(long, global = true, visible_alias = "yes", short_alias = 'y')]
    pub non_interactive: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// End with status 8 when there were warnings
    #[arg(long, global = true)]
    pub strict: bool,
}

/// How to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text: progress on stderr, results on stdout.
    Human,
    /// JSON lines on stdout; the last one is the result.
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// At a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show what is selected, what runs, and where they differ
    Status,
    /// Take a backup, or look after those that there are
    Backup(Backup),
    /// Put a backup's data in the place of the live data
    Restore(Restore),
    /// Move to another release, with a backup and a way back
    Upgrade(Upgrade),
    /// Go back to the release and the data from before the last upgrade
    Rollback(Rollback),
    /// Go on with an operation that did not end
    Resume,
    /// Give up an operation that did not end, and undo what it did
    Abort,
    /// Show what was done, by whom, and how it ended
    History(History),
    /// Write an annotated opsctl.toml for this install
    Init(Init),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `opsctl backup`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
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
    /// Where backups are kept [default: `backup` in the install]
    #[arg(long, value_name = "DIR", env = "BACKUP_DIR")]
    pub backup_dir: Option<PathBuf>,
}

/// `opsctl backup create`
#[derive(Debug, Clone, Args)]
pub struct BackupCreate {
    /// How many of the newest backups to keep, 1 or more; pinned ones do not count
    #[arg(long, value_name = "N", env = "KEEP", value_parser = clap::value_parser!(u32).range(1..))]
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
        /// Also restore it into a scratch database, compare it with its manifest, and drop that again
        #[arg(long)]
        restore: bool,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
    /// Remove the backups that retention does not keep
    Prune {
        /// How many of the newest backups to keep, 1 or more
        #[arg(long, value_name = "N", env = "KEEP", value_parser = clap::value_parser!(u32).range(1..))]
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
        /// A backup's id, its file, or `latest`
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
        /// A backup's id, its file, or `latest`
        backup: String,
        /// Where backups are.
        #[command(flatten)]
        place: BackupPlace,
    },
}

/// `opsctl restore`
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// A file, a backup's id, or `latest`
    #[arg(value_name = "FILE|latest", required_unless_present = "undo")]
    pub backup: Option<String>,
    /// Put back the data that the last restore replaced
    #[arg(long, conflicts_with_all = ["backup", "in_place"])]
    pub undo: bool,
    /// Drop and recreate the live database instead of loading beside it, behind a safety backup
    #[arg(long)]
    pub in_place: bool,
    /// Print every step and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Where backups are.
    #[command(flatten)]
    pub place: BackupPlace,
}

/// `opsctl upgrade`
#[derive(Debug, Clone, Args)]
pub struct Upgrade {
    /// The release to move to: an image tag, such as 1.3.0
    pub version: String,
    /// Take no backup first: only where another mechanism keeps one; a restore point is still taken
    #[arg(long)]
    pub skip_backup: bool,
    /// Print every step and change nothing
    #[arg(long)]
    pub plan: bool,
    /// How the backup is taken.
    #[command(flatten)]
    pub create: BackupCreate,
}

/// `opsctl rollback`
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The release to go back to [default: the one before the last upgrade]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// The backup to take the data from [default: the restore point of the last upgrade, else its backup]
    #[arg(long, value_name = "FILE")]
    pub backup: Option<String>,
    /// Print every step and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Where backups are.
    #[command(flatten)]
    pub place: BackupPlace,
}

/// `opsctl history`
#[derive(Debug, Clone, Args)]
pub struct History {
    /// What to show; without it, every operation is listed.
    #[command(subcommand)]
    pub action: Option<HistoryAction>,
}

/// What to show of the past.
#[derive(Debug, Clone, Subcommand)]
pub enum HistoryAction {
    /// One operation, step by step
    Show {
        /// Its identifier, as `opsctl history` lists it
        id: String,
    },
}

/// `opsctl init`
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// Write to standard output instead of opsctl.toml
    #[arg(long)]
    pub stdout: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_can_be_kept_zero_times() {
        for keep in ["0", "-1", "x", ""] {
            assert!(Cli::try_parse_from(["opsctl", "backup", "--keep", keep]).is_err(), "{keep:?}");
        }
        assert!(Cli::try_parse_from(["opsctl", "backup", "--keep", "14"]).is_ok());
    }

    #[test]
    fn a_restore_names_a_backup_or_undoes_one() {
        assert!(Cli::try_parse_from(["opsctl", "restore"]).is_err());
        assert!(Cli::try_parse_from(["opsctl", "restore", "--undo", "x.tar.gz"]).is_err());
        assert!(Cli::try_parse_from(["opsctl", "restore", "--undo"]).is_ok());
    }
}
