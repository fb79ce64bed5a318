//! What a support bundle asks the product for, and what is known of its settings.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{HttpPath, SqlName, VariableName};

/// What a support bundle asks the product for. Without it, only what other sections name is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Support {
    /// Paths of the API that tell its state to anybody, beside its health and version endpoints.
    pub status: Vec<HttpPath>,
    /// Paths of the API that tell its state to the platform key.
    pub admin: Vec<HttpPath>,
    /// The path of the metrics of each service that speaks HTTP, in the Prometheus text format.
    pub metrics: Option<HttpPath>,
    /// The path of the product's own support bundle, for the platform key.
    pub bundle: Option<HttpPath>,
    /// The setting that holds the platform key, where the environment does not.
    pub token_variable: Option<VariableName>,
    /// How much waits in the product's queues.
    pub queues: Vec<QueueQuery>,
    /// Whom to send a bundle to, for the operator.
    pub contact: Option<String>,
    /// What kind of value each setting has. One that is named nowhere is hidden unless its value is plainly harmless.
    pub variables: BTreeMap<VariableName, VariableKind>,
}

/// A query for the depth of queues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueQuery {
    /// The table that it reads: where that is missing, the product has no such queue.
    pub table: SqlName,
    /// Four columns: the queue, the state of its jobs, how many there are, and the age of the oldest as an interval.
    pub query: String,
}

/// What kind of value a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableKind {
    /// Anybody may see it.
    Public,
    /// Nobody may.
    Secret,
    /// An address, with what is secret in it masked.
    Url,
    /// A connection string of PostgreSQL, with what is secret in it masked.
    ConnectionString,
    /// The path of a file, whose content may be secret.
    Path,
    /// Something long that is never shown.
    Blob,
}
