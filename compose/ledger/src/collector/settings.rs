//! What the collector is told: flags, else its own variables, else `DATABASE_URL`.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use crate::config::Environment;

const SCHEME: &str = "sqlite:";
const IN_MEMORY: &str = ":memory:";

/// Where the store is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreFlags {
    /// The SQLite file of the collector; `:memory:` keeps nothing [env: `AGENTRECEIPTS_COLLECTOR_DB`]
    #[arg(long, value_name = "PATH")]
    db: Option<String>,
}

/// How the collector serves.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CollectorFlags {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// Where the collector listens [env: `AGENTRECEIPTS_COLLECTOR_ADDR`] [default: 127.0.0.1:8787]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    /// Larger receipts are refused [env: `AGENTRECEIPTS_COLLECTOR_MAX_BODY_BYTES`] [default: 1048576]
    #[arg(long, value_name = "N")]
    max_body_bytes: Option<String>,
    /// For requests in flight after SIGTERM [env: `AGENTRECEIPTS_COLLECTOR_DRAIN_TIMEOUT`] [default: 10s]
    #[arg(long, value_name = "DURATION")]
    drain_timeout: Option<String>,
}

/// The place of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorePlace {
    File(PathBuf),
    Memory,
}

/// What the collector needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectorSettings {
    pub(crate) store: StorePlace,
    pub(crate) address: SocketAddr,
    pub(crate) max_body_bytes: usize,
    pub(crate) drain_timeout: Duration,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {expected}")]
pub(crate) struct InvalidSetting {
    name: &'static str,
    expected: &'static str,
}

/// A setting by its flag and its variable.
struct Setting {
    flag: &'static str,
    variable: &'static str,
    expected: &'static str,
}

const ADDRESS: Setting = Setting {
    flag: "--addr",
    variable: "AGENTRECEIPTS_COLLECTOR_ADDR",
    expected: "a host and a port, such as 127.0.0.1:8787",
};
const MAX_BODY_BYTES: Setting = Setting {
    flag: "--max-body-bytes",
    variable: "AGENTRECEIPTS_COLLECTOR_MAX_BODY_BYTES",
    expected: "a number of bytes, at least 1",
};
const DRAIN_TIMEOUT: Setting = Setting {
    flag: "--drain-timeout",
    variable: "AGENTRECEIPTS_COLLECTOR_DRAIN_TIMEOUT",
    expected: "a duration such as 10s",
};

impl StoreFlags {
    /// The store of the collector; `None` where the product is the one on PostgreSQL.
    pub(crate) fn place(&self, environment: &Environment) -> Option<StorePlace> {
        let named = self.db.as_deref().or_else(|| environment.get("AGENTRECEIPTS_COLLECTOR_DB"));
        let of_url = || environment.get("DATABASE_URL").and_then(|url| url.strip_prefix(SCHEME));
        named.or_else(of_url).map(|path| match path {
            IN_MEMORY => StorePlace::Memory,
            path => StorePlace::File(PathBuf::from(path)),
        })
    }
}

impl CollectorFlags {
    /// The settings of the collector; `None` where the product is the one on PostgreSQL.
    pub(crate) fn settings(
        &self,
        environment: &Environment,
    ) -> Result<Option<CollectorSettings>, InvalidSetting> {
        let Some(store) = self.store.place(environment) else { return Ok(None) };
        let address = ADDRESS.read(self.addr.as_deref(), environment, "127.0.0.1:8787", address)?;
        let max_body_bytes =
            MAX_BODY_BYTES.read(self.max_body_bytes.as_deref(), environment, "1048576", |text| {
                usize::from_str(text).ok().filter(|bytes| *bytes > 0)
            })?;
        let drain_timeout =
            DRAIN_TIMEOUT.read(self.drain_timeout.as_deref(), environment, "10s", duration)?;
        Ok(Some(CollectorSettings { store, address, max_body_bytes, drain_timeout }))
    }
}

impl Setting {
    fn read<T>(
        &self,
        flag: Option<&str>,
        environment: &Environment,
        default: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, InvalidSetting> {
        let (name, value) = match (flag, environment.get(self.variable)) {
            (Some(value), _) => (self.flag, value),
            (None, Some(value)) => (self.variable, value),
            (None, None) => (self.flag, default),
        };
        parse(value.trim()).ok_or(InvalidSetting { name, expected: self.expected })
    }
}

/// `:8787` is every address of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    whole.to_socket_addrs().ok()?.next()
}

fn duration(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
}

impl StorePlace {
    /// The file, for what only a file has.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory => None,
        }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str(IN_MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: &CollectorFlags, pairs: &[(&str, &str)]) -> Option<CollectorSettings> {
        flags.settings(&Environment::for_tests(pairs)).expect("valid")
    }

    #[test]
    fn a_flag_wins_over_its_variable_and_that_over_the_url() {
        let url = ("DATABASE_URL", "sqlite:/data/url.db");
        let variable = ("AGENTRECEIPTS_COLLECTOR_DB", "/data/variable.db");
        let db = |flag: Option<&str>, pairs: &[(&str, &str)]| {
            let store = StoreFlags { db: flag.map(str::to_owned) };
            settings(&CollectorFlags { store, ..Default::default() }, pairs).map(|all| all.store.to_string())
        };
        assert_eq!(db(None, &[url]).as_deref(), Some("/data/url.db"));
        assert_eq!(db(None, &[url, variable]).as_deref(), Some("/data/variable.db"));
        assert_eq!(db(Some(":memory:"), &[url, variable]).as_deref(), Some(":memory:"));
        assert_eq!(db(None, &[("DATABASE_URL", "postgres://h/d")]), None);
    }

    #[test]
    fn defaults_and_the_notations_of_the_guide() {
        let url = ("DATABASE_URL", "sqlite:x.db");
        let all = settings(&CollectorFlags::default(), &[url]).expect("a collector");
        assert_eq!(all.address, "127.0.0.1:8787".parse().unwrap());
        assert_eq!((all.max_body_bytes, all.drain_timeout), (1 << 20, Duration::from_secs(10)));
        let pairs = [
            url,
            ("AGENTRECEIPTS_COLLECTOR_ADDR", ":9000"),
            ("AGENTRECEIPTS_COLLECTOR_MAX_BODY_BYTES", "2048"),
            ("AGENTRECEIPTS_COLLECTOR_DRAIN_TIMEOUT", "1m30s"),
        ];
        let all = settings(&CollectorFlags::default(), &pairs).expect("a collector");
        assert_eq!(all.address, "0.0.0.0:9000".parse().unwrap());
        assert_eq!((all.max_body_bytes, all.drain_timeout), (2048, Duration::from_secs(90)));
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_name_that_it_was_given_under() {
        let refused = |flags: &CollectorFlags, name, value| {
            let pairs = [("DATABASE_URL", "sqlite:x.db"), (name, value)];
            flags.settings(&Environment::for_tests(&pairs)).expect_err("refused").to_string()
        };
        let none = CollectorFlags::default();
        let text = refused(&none, "AGENTRECEIPTS_COLLECTOR_MAX_BODY_BYTES", "0");
        assert_eq!(text, "AGENTRECEIPTS_COLLECTOR_MAX_BODY_BYTES must be a number of bytes, at least 1");
        let flags = CollectorFlags { drain_timeout: Some("-1s".into()), ..Default::default() };
        assert_eq!(refused(&flags, "X", "y"), "--drain-timeout must be a duration such as 10s");
    }
}
