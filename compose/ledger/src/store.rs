//! The database. All SQL is below this module; the rest of the program calls methods of [`Store`].

pub(crate) mod api_keys;
pub(crate) mod connect;
pub(crate) mod diagnostics;
pub(crate) mod jobs;
pub(crate) mod migrations;
pub(crate) mod provisioning;
pub(crate) mod records;
mod tls;
pub(crate) mod vault;

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;

use self::connect::{ConnectError, Connector};
use crate::config::database::DatabaseSettings;

/// How long a request waits for a free connection, and a connection for its server.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// First argument of the two-argument advisory locks, so that the product's locks do not meet others.
const LOCK_CHAIN: i32 = 7201;
const LOCK_PROVISIONING: i32 = 7202;
/// One-argument advisory lock that serialises migrators.
const LOCK_MIGRATE: i64 = 0x6c65_6467_6572;

/// Names of the `NOTIFY` channels.
pub(crate) const CHANNEL_JOBS: &str = "ledger_jobs";
pub(crate) const CHANNEL_API_KEYS: &str = "ledger_api_keys";

/// A pool of connections to the product's database.
#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
    /// How many migrations this release ships: which columns its statements may name.
    schema: u32,
}

/// How many connections the pool holds and how many requests wait for one.
pub(crate) struct PoolStatus {
    pub(crate) total: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The server cannot be reached or is going down; trying again helps.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    #[error("the database refused a statement")]
    Query(#[source] tokio_postgres::Error),
    #[error("no randomness from the system")]
    Random(#[from] getrandom::Error),
}

impl Store {
    pub(crate) fn open(settings: &DatabaseSettings, schema: u32) -> Result<Self, ConnectError> {
        let connector = Connector::new(settings)?;
        let manager = Manager::from_config(
            connector.config,
            connector.tls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(settings.pool_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(POOL_TIMEOUT))
            .build()
            .map_err(|error| ConnectError::Pool(error.to_string()))?;
        Ok(Self { pool, schema })
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus { total: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Closes idle connections; those in use are closed when they are given back.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn client(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(crate::log::causes(&other)),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_outage(&error) { Self::Unavailable(crate::log::causes(&error)) } else { Self::Query(error) }
    }
}

/// Whether an error says that the server, the connection or the database is away, rather than that a
/// statement is wrong.
fn is_outage(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        return error.is_closed() || io_failure(error);
    };
    let transient = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        // A database that is being renamed or recreated.
        SqlState::INVALID_CATALOG_NAME,
        SqlState::OBJECT_IN_USE,
    ];
    transient.contains(code) || code.code().starts_with("08") || code.code() == "57P04"
}

/// Whether the network failed. A TLS handshake that was refused is an I/O error too, of a kind that only
/// wrong settings cause.
fn io_failure(error: &tokio_postgres::Error) -> bool {
    error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(|source| {
        !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    })
}

/// Now, in microseconds since the Unix epoch: the resolution of PostgreSQL's time stamps.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn to_system_time(microseconds: i64) -> SystemTime {
    jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default().into()
}

fn from_system_time(time: SystemTime) -> i64 {
    jiff::Timestamp::try_from(time).unwrap_or_default().as_microsecond()
}
