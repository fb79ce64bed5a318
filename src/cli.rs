//! The command line: what can be asked, and the help that teaches it. Nothing is done here.

mod backup;
mod explain;
mod help;
mod logs;
mod moment;
mod process;
mod support_bundle;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::model::manifest::Digest;
use crate::preflight::catalogue::Selection;
use crate::preflight::{Check, Kind};

pub use backup::{Backup, BackupAction, BackupCreate, BackupPlace};
pub use explain::Explain;
pub use logs::{LogsAction, LogsCommand, LogsStats};
pub use moment::Moment;
pub use process::{Init, Start};
pub use support_bundle::{BundleAction, BundleCreate, BundleInspect, BundleRedact, SupportBundle};

/// Operates a self-hosted product: backup, restore, upgrade, rollback
#[derive(Debug, Parser)]
#[command(name = "opsctl", version, disable_help_subcommand = true, max_term_width = 100, after_help = help::OPSCTL)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses a command line as `main` was given it.
    ///
    /// A variable that is set to nothing counts as not set, as scripts that pass theirs on expect.
    pub fn of_command_line(
        arguments: impl IntoIterator<Item = OsString>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, clap::Error> {
        let command = without_empty_variables(Self::command(), environment);
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}

fn without_empty_variables(command: clap::Command, environment: &BTreeMap<String, String>) -> clap::Command {
    let is_empty = |argument: &Arg| {
        let name = argument.get_env().and_then(OsStr::to_str);
        name.and_then(|name| environment.get(name)).is_some_and(String::is_empty)
    };
    command
        .mut_args(|argument| if is_empty(&argument) { argument.env(Resettable::Reset) } else { argument })
        .mut_subcommands(|below| without_empty_variables(below, environment))
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The install [default: the nearest folder upwards]
    #[arg(long, global = true, value_name = "DIR", env = "OPSCTL_DIR", hide_env_values = true)]
    pub dir: Option<PathBuf>,
    /// For people: human; for machines: json, one object a line on stdout, the result last
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human", env = "OPSCTL_OUTPUT")]
    #[arg(hide_possible_values = true, hide_env_values = true)]
    pub output: Output,
    /// Say yes beforehand: without a terminal to ask at, nothing destructive is done otherwise
    #[arg(long, global = true, visible_alias = "yes", short_alias = 'y')]
    pub non_interactive: bool,
    /// Colours: auto (unless `NO_COLOR` is set), always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: Color,
    /// End with status 8 when there were warnings
    #[arg(long, global = true)]
    pub strict: bool,
    /// Say what is asked of the product and of what it runs on
    #[arg(long, short, global = true)]
    pub verbose: bool,
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
    #[command(after_help = help::STATUS)]
    Status,
    /// Look whether all is in order, and what to do about what is not
    #[command(visible_alias = "doctor")]
    Preflight(Preflight),
    /// Prove that the install is sound: services, data, migrations
    Verify(Verify),
    /// Take a backup, or look after those that there are
    Backup(Backup),
    /// Put a backup's data in the place of the live data
    Restore(Restore),
    /// Move to another release, with a backup and a way back
    Upgrade(Upgrade),
    /// Go back to the release and the data from before the last upgrade
    Rollback(Rollback),
    /// Give a secret another value, without a client noticing
    Rotate(Rotate),
    /// Start a product that runs as a process, and wait until it serves
    Start(Start),
    /// Stop a product that runs as a process
    #[command(after_help = help::STOP)]
    Stop,
    /// Go on with an operation that did not end
    #[command(after_help = help::RESUME)]
    Resume,
    /// Give up an operation that did not end, and undo what it did
    Abort(Abort),
    /// Show what was done, by whom, and how it ended
    History(History),
    /// Read what the product's logs tell
    Logs(LogsCommand),
    /// Pack what support needs to find a cause, without what is secret
    SupportBundle(SupportBundle),
    /// Tell what is known of a check, an exit status or an error, and what to do about it
    Explain(Explain),
    /// Write an annotated opsctl.toml for this install
    Init(Init),
    /// Print completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell that is to complete
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = help::MAN)]
    Man,
}

/// `opsctl preflight`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::PREFLIGHT)]
pub struct Preflight {
    /// Which checks.
    #[command(flatten)]
    pub choice: Choice,
}

/// Which checks are to be run.
#[derive(Debug, Clone, Args)]
pub struct Choice {
    /// Only these checks: identifiers such as db-pooler, or whole categories
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<Selection>,
    /// All but these checks
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip: Vec<Selection>,
}

impl Choice {
    /// Those of `all` that were asked for. Without a word of them, what is for another runtime is none of them.
    pub fn among(&self, all: impl Iterator<Item = Check>, runtime: Kind) -> Vec<Check> {
        let named = |lists: &[Selection], check: &Check| lists.iter().any(|list| list.0.contains(check));
        let wanted = |check: &Check| match self.only.as_slice() {
            [] => check.is_for(runtime),
            only => named(only, check),
        };
        all.filter(wanted).filter(|check| !named(&self.skip, check)).collect()
    }
}

/// `opsctl verify`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::VERIFY)]
pub struct Verify {
    /// Which proofs.
    #[command(flatten)]
    pub choice: Choice,
    /// Also walk once through what the product is for, which writes to it
    #[arg(long)]
    pub smoke: bool,
    /// Also make the product follow the install's files, where the description does not say whether it has any
    #[arg(long)]
    pub reload: bool,
    /// A file with the key for requests that only an administrator may make
    #[arg(long, value_name = "FILE", env = "OPSCTL_PLATFORM_KEY_FILE", hide_env_values = true)]
    pub platform_key_file: Option<PathBuf>,
}

/// `opsctl restore`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::RESTORE)]
pub struct Restore {
    /// A file, a backup's id, or `latest`
    #[arg(value_name = "FILE|latest", required_unless_present = "undo")]
    pub backup: Option<String>,
    /// Put back the data that the last restore replaced
    #[arg(long, conflicts_with_all = ["backup", "in_place"])]
    pub undo: bool,
    /// Where there is no room beside it: drop the live database, after a safety backup
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
#[command(after_help = help::UPGRADE)]
pub struct Upgrade {
    /// The release to move to, such as 1.3.0
    pub version: String,
    /// Take no backup first, only the restore point
    #[arg(long)]
    pub skip_backup: bool,
    /// Print every step and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Try the migrations on a copy, and change nothing: on one of the backup that is named, else of the newest backup; of the
    /// live store, for a product that runs as a process
    #[arg(long, value_name = "FILE|latest", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["plan", "skip_backup"])]
    pub rehearse: Option<Option<String>>,
    /// The SHA-256 of the release's archive, for a product that runs as a process and fetches its releases [default: what
    /// is published beside it]
    #[arg(long, value_name = "HEX", value_parser = process::sha256)]
    pub sha256: Option<Digest>,
    /// How the backup is taken.
    #[command(flatten)]
    pub create: BackupCreate,
}

/// `opsctl rollback`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::ROLLBACK)]
pub struct Rollback {
    /// The release to go back to [default: the one before the last upgrade]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Where the data comes from [default: the restore point, else the backup]
    #[arg(long, value_name = "FILE")]
    pub backup: Option<String>,
    /// Print every step and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Where backups are.
    #[command(flatten)]
    pub place: BackupPlace,
}

/// `opsctl rotate`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::ROTATE)]
pub struct Rotate {
    /// The secret, such as api-key-secret, or store; asked for at a terminal without it
    #[arg(value_name = "SECRET", conflicts_with_all = ["status", "abort"])]
    pub secret: Option<String>,
    /// Wait there for days if need be: dual, when every replica takes both values; rehash, when all keys are re-hashed
    #[arg(long, value_name = "STAGE", hide_possible_values = true, conflicts_with_all = ["status", "abort"])]
    pub pause_after: Option<PauseAfter>,
    /// Give up what is derived from the secret by this unset setting
    #[arg(long, value_name = "SETTING", conflicts_with_all = ["status", "abort"])]
    pub accept: Vec<String>,
    /// Take no backup first: the newest verified one stands behind it
    #[arg(long, conflicts_with_all = ["status", "abort"])]
    pub skip_backup: bool,
    /// Print every step and change nothing
    #[arg(long, conflicts_with_all = ["status", "abort"])]
    pub plan: bool,
    /// Show which value is where, by fingerprints, and change nothing
    #[arg(long, conflicts_with = "abort")]
    pub status: bool,
    /// Give up a rotation that did not end; only before its re-hash
    #[arg(long)]
    pub abort: bool,
    /// How the backup is taken.
    #[command(flatten)]
    pub create: BackupCreate,
}

/// Where a rotation waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PauseAfter {
    /// Every replica takes both values.
    Dual,
    /// All keys are re-hashed, and the old value is still taken.
    Rehash,
}

/// `opsctl abort`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::ABORT)]
pub struct Abort {
    /// Undo nothing: say where everything stands, and leave it to a person
    #[arg(long)]
    pub leave: bool,
}

/// `opsctl history`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::HISTORY)]
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

#[cfg(test)]
mod tests {
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
    fn a_rehearsal_may_name_a_backup() {
        let rehearse =
            |arguments: &[&str]| match Cli::try_parse_from([&["opsctl", "upgrade"], arguments].concat())
                .ok()?
                .command
            {
                Command::Upgrade(upgrade) => upgrade.rehearse,
                _ => None,
            };
        assert_eq!(rehearse(&["--rehearse", "1.1.0"]), Some(None));
        assert_eq!(rehearse(&["1.1.0", "--rehearse=x.tar.gz"]), Some(Some("x.tar.gz".to_owned())));
        assert_eq!(rehearse(&["1.1.0", "--rehearse", "--plan"]), None);
    }

    #[test]
    fn a_restore_names_a_backup_or_undoes_one() {
        assert!(Cli::try_parse_from(["opsctl", "restore"]).is_err());
        assert!(Cli::try_parse_from(["opsctl", "restore", "--undo", "x.tar.gz"]).is_err());
        assert!(Cli::try_parse_from(["opsctl", "restore", "--undo"]).is_ok());
    }
}
