//! `DATABASE_URL`: what tokio-postgres understands, plus libpq's `sslmode` in full and `sslrootcert`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode};

/// Parameters of other drivers that mean nothing here and do no harm.
const IGNORED: [&str; 3] = ["gssencmode", "schema", "uselibpqcompat"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer that vanished without a reset is given up after this long.
const DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the database.
#[derive(Clone)]
pub(crate) struct DatabaseSettings {
    pub(crate) connection: Config,
    pub(crate) tls: TlsMode,
    /// PEM file with the authorities to trust, from `sslrootcert`.
    pub(crate) root_certificates: Option<PathBuf>,
    /// PEM file with authorities to trust beside the system's, from `NODE_EXTRA_CA_CERTS`.
    pub(crate) extra_ca: Option<PathBuf>,
    pub(crate) pool_max: usize,
}

/// What is demanded of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Nothing: no TLS, or TLS with any certificate.
    Unverified,
    /// Signed by a trusted authority, for whatever name.
    VerifyCa,
    /// Signed by a trusted authority for the host that is connected to.
    VerifyFull,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseUrlError {
    #[error("it must begin with postgres:// or postgresql://")]
    Scheme,
    #[error("unknown sslmode; use disable, prefer, require, verify-ca or verify-full")]
    SslMode,
    #[error("{0} is not supported: client certificates cannot be used")]
    ClientCertificate(String),
    #[error("it names no database")]
    NoDatabase,
    #[error("the path in sslrootcert is not properly percent-encoded")]
    Encoding,
    #[error(transparent)]
    Url(#[from] tokio_postgres::Error),
}

impl DatabaseSettings {
    pub(crate) fn parse(
        url: &str,
        extra_ca: Option<PathBuf>,
        pool_max: usize,
        application: &str,
    ) -> Result<Self, DatabaseUrlError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Scheme);
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut ssl_mode = None;
        let mut root_certificates = None;
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => ssl_mode = Some(value),
                "sslrootcert" => root_certificates = Some(PathBuf::from(percent_decoded(value)?)),
                "sslcert" | "sslkey" => return Err(DatabaseUrlError::ClientCertificate(name.into())),
                _ if IGNORED.contains(&name) => {}
                _ => kept.push(parameter),
            }
        }
        let mut connection = Config::from_str(&format!("{base}?{}", kept.join("&")))?;
        if connection.get_dbname().is_none() {
            return Err(DatabaseUrlError::NoDatabase);
        }
        let (wire, tls) = modes(ssl_mode, root_certificates.is_some() || extra_ca.is_some())?;
        // libpq ignores sslmode on a Unix socket.
        let local = connection.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        connection
            .ssl_mode(if local { SslMode::Disable } else { wire })
            .tcp_user_timeout(DEAD_PEER_TIMEOUT)
            .application_name(application);
        if connection.get_connect_timeout().is_none() {
            connection.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { connection, tls, root_certificates, extra_ca, pool_max })
    }
}

/// What goes over the wire and what is verified, as libpq has it: `prefer` without a mode, and `require`
/// verifies the authority where one is given.
fn modes(ssl_mode: Option<&str>, authority_given: bool) -> Result<(SslMode, TlsMode), DatabaseUrlError> {
    Ok(match ssl_mode {
        Some("disable") => (SslMode::Disable, TlsMode::Unverified),
        None | Some("prefer" | "allow") => (SslMode::Prefer, TlsMode::Unverified),
        Some("require") if authority_given => (SslMode::Require, TlsMode::VerifyCa),
        Some("require") => (SslMode::Require, TlsMode::Unverified),
        Some("verify-ca") => (SslMode::Require, TlsMode::VerifyCa),
        Some("verify-full") => (SslMode::Require, TlsMode::VerifyFull),
        Some(_) => return Err(DatabaseUrlError::SslMode),
    })
}

fn percent_decoded(text: &str) -> Result<String, DatabaseUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (pair, after) = rest.split_at_checked(2).ok_or(DatabaseUrlError::Encoding)?;
            bytes.extend(hex::decode(pair).map_err(|_| DatabaseUrlError::Encoding)?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| DatabaseUrlError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseSettings, DatabaseUrlError> {
        DatabaseSettings::parse(url, None, 1, "test")
    }

    #[test]
    fn every_sslmode_of_libpq_is_known() {
        let mode = |mode: &str| {
            let settings = parse(&format!("postgres://u@h/d?sslmode={mode}")).expect(mode);
            (settings.connection.get_ssl_mode(), settings.tls)
        };
        assert_eq!(mode("disable"), (SslMode::Disable, TlsMode::Unverified));
        assert_eq!(mode("prefer"), (SslMode::Prefer, TlsMode::Unverified));
        assert_eq!(mode("require"), (SslMode::Require, TlsMode::Unverified));
        assert_eq!(mode("verify-ca"), (SslMode::Require, TlsMode::VerifyCa));
        assert_eq!(mode("verify-full"), (SslMode::Require, TlsMode::VerifyFull));
        assert!(parse("postgres://u@h/d?sslmode=verify").is_err());
    }

    #[test]
    fn require_with_an_authority_verifies_it() {
        let settings =
            parse("postgres://u@h/d?sslrootcert=%2Fca%20dir%2Fca.pem&sslmode=require").expect("valid");
        assert_eq!(settings.tls, TlsMode::VerifyCa);
        assert_eq!(settings.root_certificates, Some("/ca dir/ca.pem".into()));
    }

    #[test]
    fn odd_passwords_sockets_and_ipv6_are_understood() {
        let odd = parse("postgresql://u:p%40ss%3A%2F%3F%23%25@[::1]/d?application_name=x").expect("valid");
        assert_eq!(odd.connection.get_password(), Some(b"p@ss:/?#%".as_slice()));
        assert_eq!(odd.connection.get_hosts(), [Host::Tcp("::1".into())]);
        assert_eq!(odd.connection.get_application_name(), Some("test"));
        let socket = parse("postgres://u@%2Fvar%2Frun%2Fpostgresql/d?sslmode=require").expect("valid");
        assert_eq!(socket.connection.get_hosts(), [Host::Unix("/var/run/postgresql".into())]);
        assert_eq!(socket.connection.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        assert!(matches!(parse("mysql://u@h/d"), Err(DatabaseUrlError::Scheme)));
        assert!(matches!(parse("postgres://u@h"), Err(DatabaseUrlError::NoDatabase)));
        assert!(matches!(
            parse("postgres://u@h/d?sslcert=/x.pem"),
            Err(DatabaseUrlError::ClientCertificate(_))
        ));
        assert!(matches!(parse("postgres://u@h/d?colour=red"), Err(DatabaseUrlError::Url(_))));
    }
}
