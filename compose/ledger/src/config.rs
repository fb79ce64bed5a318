//! Settings from the environment, read once and checked as a whole.

pub(crate) mod database;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use self::database::{DatabaseSettings, DatabaseUrlError};
use crate::{
    api_key::Secrets,
    log::Level,
    vault::signing::{KeyError, Signer},
};

/// Shorter secrets are refused: they can be guessed from the stored hashes.
const SECRET_MIN_LENGTH: usize = 16;

/// Variables of earlier releases whose presence stops the product, because ignoring them would mislead.
const REMOVED: [&str; 1] = ["LEDGER_LICENSE_MODE"];

/// The environment of the process; a variable that is set to nothing counts as not set, as Compose's
/// `${NAME:-}` leaves it.
pub(crate) struct Environment(BTreeMap<String, String>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("missing required environment variable(s): {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    #[error("{0} has been removed and must not be set; delete it from the environment")]
    Removed(&'static str),
    #[error("{0} must be at least {SECRET_MIN_LENGTH} characters long")]
    WeakSecret(&'static str),
    #[error("{name} must be {expected}")]
    Invalid { name: &'static str, expected: &'static str },
    #[error("VAULT_SIGNING_KEY cannot be used")]
    SigningKey(#[from] KeyError),
    #[error("{name} cannot be used")]
    DatabaseUrl { name: &'static str, source: DatabaseUrlError },
}

/// What the API needs.
pub(crate) struct ApiSettings {
    pub(crate) database: DatabaseSettings,
    pub(crate) secrets: Secrets,
    pub(crate) signer: Signer,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) handler_timeout: Duration,
    pub(crate) provisioning_dir: Option<PathBuf>,
}

/// What the worker needs.
pub(crate) struct WorkerSettings {
    pub(crate) database: DatabaseSettings,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
}

/// What the migrator needs. Limits are in PostgreSQL's own notation, `5min` or milliseconds; none by default.
pub(crate) struct MigrateSettings {
    pub(crate) database: DatabaseSettings,
    pub(crate) statement_timeout: String,
    pub(crate) lock_timeout: String,
}

impl ApiSettings {
    pub(crate) fn from(environment: &Environment) -> Result<Self, ConfigError> {
        environment.refuse_removed()?;
        environment.require(&["DATABASE_URL", "API_KEY_SECRET", "VAULT_SIGNING_KEY"])?;
        let handler_timeout = environment.number("HANDLER_TIMEOUT_MS", "a number of milliseconds", 30_000)?;
        Ok(Self {
            database: environment.database("ledger-api")?,
            secrets: environment.secrets()?,
            signer: Signer::parse(environment.get("VAULT_SIGNING_KEY").unwrap_or_default())?,
            host: environment.host()?,
            port: environment.number("PORT", "a port number", 3000)?,
            handler_timeout: Duration::from_millis(handler_timeout),
            provisioning_dir: environment.get("LEDGER_PROVISIONING_DIR").map(PathBuf::from),
        })
    }
}

impl WorkerSettings {
    pub(crate) fn from(environment: &Environment) -> Result<Self, ConfigError> {
        environment.refuse_removed()?;
        environment.require(&["DATABASE_URL"])?;
        Ok(Self {
            database: environment.database("ledger-worker")?,
            host: environment.host()?,
            port: environment.number("WORKER_HEALTH_PORT", "a port number", 3001)?,
        })
    }
}

impl MigrateSettings {
    pub(crate) fn from(environment: &Environment) -> Result<Self, ConfigError> {
        let name = if environment.get("DATABASE_URL_MIGRATE").is_some() {
            "DATABASE_URL_MIGRATE"
        } else {
            "DATABASE_URL"
        };
        environment.require(&[name])?;
        let limit = |name| environment.get(name).unwrap_or("0").to_owned();
        Ok(Self {
            database: environment.database_at(name, "ledger-migrate")?,
            statement_timeout: limit("MIGRATION_STATEMENT_TIMEOUT"),
            lock_timeout: limit("MIGRATION_LOCK_TIMEOUT"),
        })
    }
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[cfg(test)]
    pub(crate) fn for_tests(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `LOG_LEVEL`; one that is not known is read as the default, so that a typing error loses no logs.
    pub(crate) fn log_level(&self) -> Level {
        self.get("LOG_LEVEL").and_then(Level::parse).unwrap_or(Level::Info)
    }

    pub(crate) fn refuse_removed(&self) -> Result<(), ConfigError> {
        REMOVED
            .into_iter()
            .find(|name| self.get(name).is_some())
            .map_or(Ok(()), |n| Err(ConfigError::Removed(n)))
    }

    /// Names every missing variable at once.
    pub(crate) fn require(&self, names: &[&'static str]) -> Result<(), ConfigError> {
        let missing: Vec<_> = names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        if missing.is_empty() { Ok(()) } else { Err(ConfigError::Missing(missing)) }
    }

    /// The database of the running product, under the name that the server shows for its sessions.
    pub(crate) fn database(&self, application: &str) -> Result<DatabaseSettings, ConfigError> {
        self.require(&["DATABASE_URL"])?;
        self.database_at("DATABASE_URL", application)
    }

    /// The secrets that API keys are hashed under; the previous one only while a rotation is under way.
    pub(crate) fn secrets(&self) -> Result<Secrets, ConfigError> {
        self.require(&["API_KEY_SECRET"])?;
        let secret = |name| match self.get(name) {
            Some(value) if value.len() < SECRET_MIN_LENGTH => Err(ConfigError::WeakSecret(name)),
            value => Ok(value),
        };
        let current = secret("API_KEY_SECRET")?.unwrap_or_default();
        Ok(Secrets::new(current, secret("API_KEY_SECRET_PREVIOUS")?))
    }

    fn database_at(&self, name: &'static str, application: &str) -> Result<DatabaseSettings, ConfigError> {
        let url = self.get(name).unwrap_or_default();
        let extra_ca = self.get("NODE_EXTRA_CA_CERTS").map(PathBuf::from);
        let pool_max = self.number("DATABASE_POOL_MAX", "a number of connections, at least 1", 20)?;
        if pool_max == 0 {
            return Err(ConfigError::Invalid {
                name: "DATABASE_POOL_MAX",
                expected: "a number of connections, at least 1",
            });
        }
        DatabaseSettings::parse(url, extra_ca, pool_max, application)
            .map_err(|source| ConfigError::DatabaseUrl { name, source })
    }

    fn host(&self) -> Result<IpAddr, ConfigError> {
        self.number("HOST", "an IP address", IpAddr::from([0, 0, 0, 0]))
    }

    fn number<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
        default: T,
    ) -> Result<T, ConfigError> {
        self.get(name).map_or(Ok(default), |value| {
            value.trim().parse().map_err(|_| ConfigError::Invalid { name, expected })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::for_tests(pairs)
    }

    fn refusal(environment: &Environment) -> String {
        match ApiSettings::from(environment) {
            Ok(_) => String::from("accepted"),
            Err(error) => crate::log::causes(&error),
        }
    }

    #[test]
    fn all_missing_variables_are_named_and_an_empty_one_is_missing() {
        let text = refusal(&environment(&[("DATABASE_URL", "")]));
        assert_eq!(
            text,
            "missing required environment variable(s): DATABASE_URL, API_KEY_SECRET, VAULT_SIGNING_KEY"
        );
    }

    #[test]
    fn a_removed_variable_stops_the_start_unless_it_is_empty() {
        let mut all = vec![
            ("DATABASE_URL", "postgres://u:hunter2hunter2@h/d"),
            ("API_KEY_SECRET", "0123456789abcdef"),
            ("VAULT_SIGNING_KEY", KEY),
            ("LEDGER_LICENSE_MODE", ""),
        ];
        let settings = ApiSettings::from(&environment(&all)).map_err(|e| e.to_string()).expect("complete");
        assert_eq!(
            (settings.port, settings.handler_timeout, settings.database.pool_max),
            (3000, Duration::from_secs(30), 20)
        );
        all[3].1 = "strict";
        assert!(refusal(&environment(&all)).starts_with("LEDGER_LICENSE_MODE has been removed"));
    }

    #[test]
    fn refusals_do_not_quote_values() {
        let all = [
            ("DATABASE_URL", "postgres://u:hunter2@h:port/d"),
            ("API_KEY_SECRET", "0123456789abcdef"),
            ("VAULT_SIGNING_KEY", KEY),
        ];
        let text = refusal(&environment(&all));
        assert!(text.starts_with("DATABASE_URL cannot be used"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        let short = refusal(&environment(&[all[0], ("API_KEY_SECRET", "tooshort"), all[2]]));
        assert!(!short.contains("tooshort"), "{short}");
    }

    #[test]
    fn the_migrator_prefers_its_own_url_and_has_no_limits_by_default() {
        let migrate = MigrateSettings::from(&environment(&[
            ("DATABASE_URL", "postgres://app@h/d"),
            ("DATABASE_URL_MIGRATE", "postgres://owner@h/d"),
            ("MIGRATION_LOCK_TIMEOUT", "5s"),
        ]))
        .map_err(|e| e.to_string())
        .expect("complete");
        assert_eq!(migrate.database.connection.get_user(), Some("owner"));
        assert_eq!((migrate.statement_timeout.as_str(), migrate.lock_timeout.as_str()), ("0", "5s"));
    }
}
