//! How the schema is migrated, and how to see what was.

use std::time::Duration;

use serde::Deserialize;

use super::{ServiceName, SqlName, limit};

/// How the schema is migrated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "MigrateTable")]
pub struct Migrate {
    /// What is run.
    pub run: MigrationRun,
    /// How long it may take.
    pub timeout: Duration,
    /// How the applied migrations are read from the database.
    pub applied: AppliedMigrations,
}

/// What migrates the schema. It runs in a container of its own, once, of the new release's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationRun {
    /// A service that does nothing else, as the runtime's model describes it.
    Service(ServiceName),
    /// A command of the image's own, in the place of a service's.
    Command {
        /// The service whose image, environment and network are used.
        service: ServiceName,
        /// Program and arguments, without a shell. `${NAME}` is left for Compose to interpolate, and `$$` is a dollar.
        command: Vec<String>,
    },
}

/// How the applied migrations are read from the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AppliedMigrations {
    /// They are not: whether a migration changed anything cannot be told.
    #[default]
    Unknown,
    /// From a table with a row for each.
    Table {
        /// The table.
        table: SqlName,
        /// The column that identifies a migration, and that orders them.
        id: SqlName,
        /// The column with a name for people.
        name: Option<SqlName>,
    },
    /// By a query whose first column identifies a migration, oldest first.
    Query(String),
}

impl MigrationRun {
    /// The service whose image is run.
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::Service(service) | Self::Command { service, .. } => service,
        }
    }
}

/// The section as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MigrateTable {
    service: ServiceName,
    command: Option<Vec<String>>,
    #[serde(default = "default_timeout", deserialize_with = "limit::deserialize")]
    timeout: Duration,
    #[serde(default)]
    applied: Applied,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AppliedTable")]
pub(super) struct Applied(pub(super) AppliedMigrations);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppliedTable {
    table: Option<SqlName>,
    id: Option<SqlName>,
    name: Option<SqlName>,
    query: Option<String>,
}

/// Keys that do not fit together.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(
        "in `command`, `$` is followed by neither `{{NAME}}` nor another `$`: write `${{NAME}}`, or `$$` for a dollar"
    )]
    InvalidReference,
    #[error("say where the applied migrations are: `table` and `id` (and `name`), or else `query`")]
    TableOrQuery,
}

impl TryFrom<MigrateTable> for Migrate {
    type Error = Unfit;

    fn try_from(table: MigrateTable) -> Result<Self, Unfit> {
        let MigrateTable { service, command, timeout, applied: Applied(applied) } = table;
        let run = match command {
            None => MigrationRun::Service(service),
            Some(command) if !command.iter().all(|argument| has_sound_references(argument)) => {
                return Err(Unfit::InvalidReference);
            }
            Some(command) => MigrationRun::Command { service, command },
        };
        Ok(Self { run, timeout, applied })
    }
}

impl TryFrom<AppliedTable> for Applied {
    type Error = Unfit;

    fn try_from(keys: AppliedTable) -> Result<Self, Unfit> {
        match keys {
            AppliedTable { table: Some(table), id: Some(id), name, query: None } => {
                Ok(Self(AppliedMigrations::Table { table, id, name }))
            }
            AppliedTable { table: None, id: None, name: None, query: Some(query) } => {
                Ok(Self(AppliedMigrations::Query(query)))
            }
            _ => Err(Unfit::TableOrQuery),
        }
    }
}

fn has_sound_references(argument: &str) -> bool {
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        match name {
            Some((name, after)) if super::VariableName::try_from(name).is_ok() => rest = after,
            _ => return false,
        }
    }
    true
}

fn default_timeout() -> Duration {
    Duration::from_mins(30)
}
