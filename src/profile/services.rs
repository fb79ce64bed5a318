//! Services: their roles, and how they are asked for their health.

use std::num::NonZeroU16;

use serde::Deserialize;

use super::HttpPath;

/// One service of the product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ServiceTable")]
pub struct Service {
    /// What it is for.
    pub role: Role,
    /// Where it answers; a service that speaks no HTTP has none, and is judged by the runtime's health check alone.
    pub http: Option<Http>,
    /// Whether it is stopped so that nothing writes.
    pub quiesce: Quiesce,
}

/// Where a service answers. Its address on this machine comes from the resolved model of the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The port within its container.
    pub port: NonZeroU16,
    /// Answers when the service is alive.
    pub health: Option<HttpPath>,
    /// Answers when the service can serve.
    pub ready: Option<HttpPath>,
}

/// What a service is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Clients talk to it. A product has exactly one such service.
    Api,
    /// It works on what the API left to do.
    Worker,
    /// It migrates the schema and ends.
    Migrate,
    /// It is the database server.
    Database,
    /// Anything else.
    Other,
}

/// Whether a service is stopped so that nothing writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiesce {
    /// It writes, and is stopped.
    Stop,
    /// It does not write, and goes on.
    Leave,
}

impl Role {
    /// Where services of this role stand when writers are stopped.
    pub(super) fn stop_rank(self) -> u8 {
        match self {
            Self::Worker => 0,
            Self::Migrate | Self::Other => 1,
            Self::Api => 2,
            Self::Database => 3,
        }
    }

    fn default_quiesce(self) -> Quiesce {
        match self {
            Self::Api | Self::Worker => Quiesce::Stop,
            Self::Migrate | Self::Database | Self::Other => Quiesce::Leave,
        }
    }
}

/// A service as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    role: Role,
    port: Option<NonZeroU16>,
    health: Option<HttpPath>,
    ready: Option<HttpPath>,
    quiesce: Option<bool>,
}

/// A service whose parts do not fit together.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("`health` and `ready` need a `port`: the one on which the service listens within its container")]
    NoPort,
    #[error(
        "the database server cannot have `quiesce = true`: it has to run while everything else is stopped"
    )]
    DatabaseQuiesced,
}

impl TryFrom<ServiceTable> for Service {
    type Error = Unfit;

    fn try_from(table: ServiceTable) -> Result<Self, Unfit> {
        let ServiceTable { role, port, health, ready, quiesce } = table;
        let http = match port {
            Some(port) => Some(Http { port, health, ready }),
            None if health.is_none() && ready.is_none() => None,
            None => return Err(Unfit::NoPort),
        };
        let quiesce = match quiesce {
            Some(true) if role == Role::Database => return Err(Unfit::DatabaseQuiesced),
            Some(true) => Quiesce::Stop,
            Some(false) => Quiesce::Leave,
            None => role.default_quiesce(),
        };
        Ok(Self { role, http, quiesce })
    }
}
