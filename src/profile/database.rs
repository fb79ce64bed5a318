//! The product's database.

use serde::Deserialize;

use super::{FileName, ServiceName, SqlName, VariableName};

/// The product's database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Which kind of server it is.
    pub kind: DatabaseKind,
    /// The setting with the address that the product uses.
    pub url_variable: VariableName,
    /// The setting with the address for what needs the owner: migrations, backups, restores. Without it, and where it
    /// is not set, the product's own address is used.
    pub migrate_url_variable: Option<VariableName>,
    /// The server that comes with the product, if one does.
    pub bundled: Option<BundledDatabase>,
    /// How many connections each instance of the product may hold.
    pub pool: Option<Pool>,
    /// What every backup holds beside the dump, for people.
    #[serde(default)]
    pub exports: Vec<Export>,
    /// Columns whose newest values tell how fresh the data is.
    #[serde(default)]
    pub freshness: Vec<Freshness>,
}

/// The pool of connections that each instance of the product holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The setting with its size.
    pub variable: VariableName,
    /// Its size where that is not set.
    pub default: u64,
}

/// Which kind of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// PostgreSQL.
    Postgresql,
}

/// The server that comes with the product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledDatabase {
    /// Its service.
    pub service: ServiceName,
    /// The host names, exactly, by which an address means it.
    pub hosts: Vec<String>,
}

/// Whose the database server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseMode {
    /// The product's own, in a service beside it.
    Bundled,
    /// Someone else's: a managed server, or one that other products use too.
    External,
}

/// A query whose result goes into every backup as CSV with a header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The name of the file in the backup.
    pub file: FileName,
    /// The query.
    pub query: String,
    /// Whether a table that is missing is fine: older releases may not have it yet.
    #[serde(default)]
    pub optional: bool,
}

/// A column whose newest value tells how fresh the data is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// The table.
    pub table: SqlName,
    /// The column: a date or time.
    pub column: SqlName,
}

impl Database {
    /// Whose the server at an address is. No address, or one without a host, means the bundled server where there is
    /// one; host names are compared exactly, so that `postgres.example.com` is not `postgres`.
    pub fn mode(&self, host: Option<&str>) -> DatabaseMode {
        let is_bundled =
            |bundled: &BundledDatabase| host.is_none_or(|host| bundled.hosts.iter().any(|name| name == host));
        if self.bundled.as_ref().is_some_and(is_bundled) {
            DatabaseMode::Bundled
        } else {
            DatabaseMode::External
        }
    }
}
