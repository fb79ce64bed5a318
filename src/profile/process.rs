//! The description of a product that is one process and one SQLite file.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::migrate::Applied;
use super::{
    Address, AppliedMigrations, Freshness, HealthPolicy, Hooks, HttpPath, Logs, Product, ProfileError,
    ServiceName, SigningKey, Smoke, Source, Support, UnitName, check, empty, limit,
};
use crate::model::release::Version;

/// The description of a product that is one process and one SQLite file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessProfile {
    /// Which product it is.
    pub product: Product,
    /// Where its releases and settings are.
    pub runtime: ProcessRuntime,
    /// Its process.
    pub service: Process,
    /// When it counts as healthy, and how long that may take.
    #[serde(default)]
    pub health: HealthPolicy,
    /// How its schema is migrated; a product that does so by itself, or has none, leaves it out.
    pub migrate: Option<ProcessMigrate>,
    /// Its database.
    pub database: SqliteFile,
    /// What is run around every operation.
    #[serde(default)]
    pub hooks: Hooks,
    /// A short walk through what it is for.
    pub smoke: Option<Smoke>,
    /// What its logs tell.
    #[serde(default)]
    pub logs: Logs,
    /// What a support bundle asks it for.
    #[serde(default)]
    pub support: Support,
}

/// Where the releases and the settings of a product of processes are. Paths are seen from the install.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessRuntime {
    /// Always `process`.
    pub kind: ProcessKind,
    /// Where releases that are not in `releases` already come from.
    pub source: Option<Source>,
    /// The list of SHA-256 values of the archives that `source` leads to; `SHA256SUMS` beside them, if none is named.
    pub checksums: Option<Address>,
    /// The key that the archives are signed with. Where there is one, nothing is taken that is not signed.
    pub public_key: Option<SigningKey>,
    /// How many of the releases that were brought are kept, beside those that are needed.
    #[serde(default = "default_keep")]
    pub keep: NonZeroU32,
    /// The environment file.
    #[serde(default = "default_env_file")]
    pub env_file: PathBuf,
}

/// The kind of runtime that this description is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// Processes of this machine.
    Process,
}

/// The product's process.
///
/// In its commands `${PORT}` is the port to listen on, `${DATABASE}` the path of the database and `${INSTALL}` that of the
/// install. A program that begins with `./` is in the release's folder. They run in the install's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its name.
    pub name: ServiceName,
    /// The command that serves until it is stopped.
    pub command: Vec<String>,
    /// The command that prints the version, as the last word of its output.
    pub version: Option<Vec<String>>,
    /// The port that it serves on, on this machine's own address.
    pub port: NonZeroU16,
    /// Answers when it is alive.
    pub health: Option<HttpPath>,
    /// Answers when it can serve.
    pub ready: Option<HttpPath>,
    /// The unit of systemd that runs it, from `current`, with the environment file. Its log is in the journal then.
    pub unit: Option<UnitName>,
    /// Starts it, where something other than a unit of systemd watches over it: from `current`, with the environment file.
    /// Without a unit or these three it is started by opsctl, and nothing starts it again.
    pub start: Option<Vec<String>>,
    /// Stops it, and returns when it has ended.
    pub stop: Option<Vec<String>>,
    /// Ends with 0 while it runs.
    pub alive: Option<Vec<String>>,
}

/// Whatever watches over a process.
#[derive(Debug, Clone, Copy)]
pub enum Supervisor<'a> {
    /// systemd, which tells how often it started it again, and how it ended.
    Unit(&'a UnitName),
    /// Something else, of which no more is known than its commands.
    Commands(Commands<'a>),
}

/// The commands of whatever watches over a process.
#[derive(Debug, Clone, Copy)]
pub struct Commands<'a> {
    /// Starts it.
    pub start: &'a [String],
    /// Stops it.
    pub stop: &'a [String],
    /// Ends with 0 while it runs.
    pub alive: &'a [String],
}

impl Process {
    /// Whatever watches over it; `None` where that is nobody.
    pub fn supervisor(&self) -> Option<Supervisor<'_>> {
        if let Some(unit) = &self.unit {
            return Some(Supervisor::Unit(unit));
        }
        let Self { start: Some(start), stop: Some(stop), alive: Some(alive), .. } = self else { return None };
        Some(Supervisor::Commands(Commands { start, stop, alive }))
    }
}

/// How the schema is migrated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessMigrate {
    /// The command, as that of the process.
    pub command: Vec<String>,
    /// How long it may take.
    #[serde(default = "default_timeout", deserialize_with = "limit::deserialize")]
    pub timeout: Duration,
    #[serde(default)]
    applied: Applied,
}

/// A database in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqliteFile {
    /// Always `sqlite`.
    pub kind: SqliteKind,
    /// The file, seen from the install.
    pub file: PathBuf,
    /// Columns whose newest values tell how fresh the data is.
    #[serde(default)]
    pub freshness: Vec<Freshness>,
    /// Whether the product makes its tables in an empty file by itself, and needs nothing that is in the present one:
    /// then the store can be archived, and a new one begun.
    #[serde(default)]
    pub begins_empty: bool,
}

/// The kind of database that this description is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqliteKind {
    /// SQLite.
    Sqlite,
}

/// What `${...}` in a command stands for.
#[derive(Debug, Clone)]
pub struct Places<'a> {
    /// The install.
    pub install: &'a Path,
    /// The release's folder.
    pub release: &'a Path,
    /// The database.
    pub database: &'a Path,
    /// The port to listen on.
    pub port: u16,
}

impl ProcessProfile {
    /// Whether a description is of a product of processes, as far as it can be read at all.
    pub fn is_meant_by(text: &str) -> bool {
        let kind = |table: toml::Table| Some(table.get("runtime")?.get("kind")?.as_str()? == "process");
        text.parse().ok().and_then(kind).unwrap_or(false)
    }

    /// Reads a description. `file` is only named in errors.
    ///
    /// # Errors
    /// [`ProfileError`] with file, line and column.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ProfileError> {
        let profile: Self =
            toml::from_str(text).map_err(|error| ProfileError::from_toml(file, text, &error))?;
        empty::check(text)
            .and_then(|()| check::check_process(&profile))
            .map_err(|conflict| ProfileError::from_conflict(file, text, &conflict))?;
        Ok(profile)
    }

    /// How the applied migrations are read from the database.
    pub fn applied(&self) -> AppliedMigrations {
        self.migrate.as_ref().map(|migrate| migrate.applied.0.clone()).unwrap_or_default()
    }

    /// Where the release of a version is kept.
    pub fn release_dir(install: &Path, version: &Version) -> PathBuf {
        install.join("releases").join(version.as_str())
    }
}

impl Places<'_> {
    /// What stands for something in a command.
    pub const NAMES: [&'static str; 3] = ["${PORT}", "${DATABASE}", "${INSTALL}"];

    /// A command with what it stands for in the place of each `${...}`.
    pub fn fill(&self, command: &[String]) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let values =
            Self::NAMES.into_iter().zip([self.port.to_string(), text(self.database), text(self.install)]);
        let filled = |argument: &String| {
            values.clone().fold(argument.clone(), |argument, (name, value)| argument.replace(name, &value))
        };
        let mut command: Vec<String> = command.iter().map(filled).collect();
        if let Some(program) = command.first_mut()
            && let Some(name) = program.strip_prefix("./")
        {
            *program = text(&self.release.join(name));
        }
        command
    }
}

fn default_env_file() -> PathBuf {
    PathBuf::from(".env")
}

fn default_keep() -> NonZeroU32 {
    const { NonZeroU32::new(3).unwrap() }
}

fn default_timeout() -> Duration {
    Duration::from_mins(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_is_described() {
        let text = crate::profile::COLLECTOR;
        assert!(ProcessProfile::is_meant_by(text));
        let profile = ProcessProfile::parse(text, Path::new("collector.toml")).unwrap();
        assert_eq!((profile.product.name.as_str(), profile.service.port.get()), ("collector", 8787));
        assert_eq!(profile.logs.metrics.len(), 4);
        assert!(!ProcessProfile::is_meant_by(crate::profile::TEMPLATE));
        assert!(!ProcessProfile::is_meant_by("runtime = 7"));
    }

    #[test]
    fn a_command_is_filled_and_a_program_found_in_its_release() {
        let places = Places {
            install: Path::new("/srv/c"),
            release: Path::new("/srv/c/releases/1.0.0"),
            database: Path::new("/srv/c/c.db"),
            port: 9000,
        };
        let command =
            ["./collector", "--addr", "127.0.0.1:${PORT}", "--db", "${DATABASE}"].map(str::to_owned);
        assert_eq!(
            places.fill(&command),
            ["/srv/c/releases/1.0.0/collector", "--addr", "127.0.0.1:9000", "--db", "/srv/c/c.db"]
        );
    }

    fn refused(old: &str, new: &str) -> String {
        let text = crate::profile::COLLECTOR.replacen(old, new, 1);
        ProcessProfile::parse(&text, Path::new("x.toml")).unwrap_err().message
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert!(refused("\nport = ", "\nprt = ").contains("did you mean `port`?"));
        assert!(refused("\"${DATABASE}\"", "\"${DATABSE}\"").contains("`${DATABSE}` stands for nothing"));
        let message = refused("\nport = 8787", "\nport = 99999");
        assert!(message.contains("expected a number from 1 to 65535"), "{message}");
        let mistyped = crate::profile::COLLECTOR.replacen("kind = \"process\"", "kind = \"proces\"", 1);
        assert!(!ProcessProfile::is_meant_by(&mistyped));
        let error = crate::profile::Profile::parse(&mistyped, Path::new("x.toml")).unwrap_err();
        assert_eq!(error.message, "unknown kind of runtime `proces`, did you mean `process`?");
        assert!(mistyped.lines().nth(error.line - 1).unwrap().contains("proces"), "{error}");
        assert!(refused("\nport = ", "\nstart = ['x']\nport = ").contains("`stop`"));
        assert!(
            refused("\nport = ", "\nstart = ['x']\nstop = ['x']\nalive = []\nport = ").contains("`alive`")
        );
        assert!(refused("\nport = ", "\nunit = 'c.service'\nstop = ['x']\nport = ").contains("`unit`"));
        for name in ["c", "-c.service", "c d.service", ".service"] {
            let message = refused("\nport = ", &format!("\nunit = '{name}'\nport = "));
            assert!(message.contains("not the name of a unit"), "{name}: {message}");
        }
        assert!(
            refused("\nenv_file", "\nsource = 'https://example.org/c.tar.gz'\nenv_file")
                .contains("{version}")
        );
        assert!(
            refused("\nenv_file", "\nchecksums = 'https://example.org/SUMS'\nenv_file").contains("`source`")
        );
    }
}
