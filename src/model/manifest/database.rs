//! The database in a manifest: what it was, and what was counted in the very snapshot that was dumped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The database that was backed up, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there is one for each backup that is looked at")]
pub enum Database {
    /// A PostgreSQL database; `db.dump` is in `pg_dump`'s custom format.
    Postgresql(Postgres),
    /// A SQLite database; `db.dump` is the database itself.
    Sqlite(Sqlite),
}

/// Where the database server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// In the product's own Compose project.
    Bundled,
    /// Somewhere else, reached by a URL.
    External,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postgres {
    /// Where the server runs.
    pub mode: Mode,
    /// The database's name.
    pub name: String,
    /// `server_version`, for people.
    pub server_version: String,
    /// `server_version_num`, for comparison: 150018 is 15.18.
    pub server_version_num: u32,
    /// Version of the `pg_dump` that was used.
    pub dump_version: String,
    /// `pg_database_size`, in bytes.
    pub size_bytes: u64,
    /// What belongs to the database as a whole, and is not restored with its contents.
    pub properties: PostgresProperties,
    /// The product's migrations that were applied.
    #[serde(default)]
    pub migrations: Vec<Migration>,
    /// Rows of every table, counted in the dumped snapshot.
    #[serde(default)]
    pub tables: Vec<TableRows>,
}

/// A SQLite database: all of it read from the very copy that was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sqlite {
    /// The name of its file.
    pub name: String,
    /// The SQLite that copied it.
    pub sqlite_version: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Bytes of a page.
    pub page_size: u32,
    /// `wal`, `delete`, ...: it is kept in the file.
    pub journal_mode: String,
    /// What the product uses to number its schema.
    pub user_version: i64,
    /// What the product uses to know its files.
    pub application_id: i64,
    /// SHA-256 of the statements that make the schema, hex.
    pub schema_hash: String,
    /// Rows that refer to what is not there.
    pub foreign_key_violations: u64,
    /// The product's migrations that were applied.
    #[serde(default)]
    pub migrations: Vec<Migration>,
    /// Rows of every table.
    #[serde(default)]
    pub tables: Vec<TableRows>,
}

/// Properties of a PostgreSQL database as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresProperties {
    /// Owning role.
    pub owner: String,
    /// Character encoding, such as `UTF8`.
    pub encoding: String,
    /// `LC_COLLATE`.
    pub collate: String,
    /// `LC_CTYPE`.
    pub ctype: String,
    /// `libc`, `icu` or `builtin`.
    pub locale_provider: String,
    /// ICU or builtin locale, where the provider has one.
    #[serde(default)]
    pub icu_locale: Option<String>,
    /// Most connections allowed; -1 is without limit.
    pub connection_limit: i32,
    /// `ALTER DATABASE ... SET`, each `name=value`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// `ALTER ROLE ... IN DATABASE ... SET`.
    #[serde(default)]
    pub role_settings: Vec<RoleSettings>,
    /// `aclitem`s; none means the server's defaults.
    #[serde(default)]
    pub acl: Option<Vec<String>>,
    /// `COMMENT ON DATABASE`.
    #[serde(default)]
    pub comment: Option<String>,
    /// Extensions installed in it.
    #[serde(default)]
    pub extensions: Vec<Extension>,
    /// Default tablespace.
    pub tablespace: String,
}

/// Settings of one role in this database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSettings {
    /// The role.
    pub role: String,
    /// Each `name=value`.
    pub settings: Vec<String>,
}

/// An installed extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A migration that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its id, as text whatever its type in the database.
    pub id: String,
    /// Its name, where the product keeps one.
    #[serde(default)]
    pub name: Option<String>,
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// When its newest row was written, where the table tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_row: Option<Timestamp>,
}

impl Database {
    /// The migrations that were applied.
    pub fn migrations(&self) -> &[Migration] {
        match self {
            Self::Postgresql(postgres) => &postgres.migrations,
            Self::Sqlite(sqlite) => &sqlite.migrations,
        }
    }

    /// How large the database was, in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Postgresql(postgres) => postgres.size_bytes,
            Self::Sqlite(sqlite) => sqlite.size_bytes,
        }
    }

    /// Rows of every table.
    pub fn tables(&self) -> &[TableRows] {
        match self {
            Self::Postgresql(postgres) => &postgres.tables,
            Self::Sqlite(sqlite) => &sqlite.tables,
        }
    }
}
