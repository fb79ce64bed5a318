//! Connection strings as libpq takes them: URLs and `keyword=value` lists.
//!
//! They are read here because the product, PostgreSQL's own tools and this program must all mean the same server,
//! and because drivers put parameters of their own into the same string: those are kept and reported, never fatal.

mod environment;
mod error;
mod keywords;
mod parameters;
mod password;
#[cfg(test)]
mod properties;
mod url;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::error::ConnInfoError;
pub use self::password::with_password;
use crate::model::secret::Secret;

/// What servers show as the name of opsctl's sessions; one of an operation adds a colon and the operation.
pub const APPLICATION_NAME: &str = "opsctl";

/// The port PostgreSQL listens on when none is named.
pub const DEFAULT_PORT: u16 = 5432;

/// Where Debian's and upstream's servers put their socket; tried in this order when no host is named.
const DEFAULT_SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// What is left alone in the redacted form: everything that cannot change how a URL is read.
const REDACTED_URL_ESCAPES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A connection string, taken apart and completed with libpq's defaults.
#[derive(Debug, Clone)]
pub struct ConnInfo {
    /// Where to connect, in the order to try. Never empty.
    pub hosts: Vec<Host>,
    /// The role to log in as.
    pub user: String,
    /// The password, if the string holds one.
    pub password: Option<Secret>,
    /// The database; the user's name if the string names none.
    pub database: String,
    /// Whether and how TLS is used.
    pub ssl: SslSettings,
    /// The time limit for one host. `None` if the string sets none, or 0, which libpq takes for no limit.
    pub connect_timeout: Option<Duration>,
    /// The application name that the string asks for.
    pub application_name: Option<String>,
    /// Command line options for the server's session (`-c name=value ...`).
    pub options: Option<String>,
    /// Which kind of server is wanted among several hosts.
    pub target_session: TargetSession,
    /// Parameters that libpq does not know or that this program does not act on, in order of appearance. Their
    /// values may be secret.
    pub other_parameters: Vec<(String, Secret)>,
    /// What a careful reader should be told about the string.
    pub notes: Vec<ConnInfoNote>,
}

/// One server address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A TCP address.
    Tcp {
        /// The name or address as written, without brackets; what a certificate is compared with.
        name: String,
        /// The address to use instead of resolving the name (libpq's `hostaddr`).
        address: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A Unix socket in a directory, named `.s.PGSQL.<port>`. A directory that starts with `@` is Linux' abstract
    /// namespace.
    Socket {
        /// The directory.
        directory: PathBuf,
        /// The port number in the socket's name.
        port: u16,
    },
}

/// `sslmode`: <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only if the server refuses a plain connection.
    Allow,
    /// TLS if the server offers it, else plain.
    Prefer,
    /// TLS, the certificate not verified (unless a root certificate is named).
    Require,
    /// TLS, the certificate signed by a trusted authority, any host name.
    VerifyCa,
    /// TLS, the certificate signed by a trusted authority and made out to this host.
    VerifyFull,
}

impl SslMode {
    /// The word that libpq uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Which certificate authorities are trusted (`sslrootcert`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// None named: the machine's own are used where verification is asked for.
    Unspecified,
    /// `sslrootcert=system`: the machine's own.
    System,
    /// A PEM file.
    File(PathBuf),
}

/// `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// When both sides can.
    Prefer,
    /// Refuse to log in without it.
    Require,
}

/// Everything the string says about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SslSettings {
    /// How TLS is used. Already strengthened as libpq does: `require` with a root certificate file is `verify-ca`,
    /// and `sslrootcert=system` without a mode is `verify-full`.
    pub mode: SslMode,
    /// The trusted authorities.
    pub roots: RootCertificates,
    /// A client certificate and its key, both PEM files.
    pub client: Option<ClientCertificate>,
    /// Whether logging in is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, without a passphrase.
    pub key: PathBuf,
}

/// `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSession {
    /// The first host that answers.
    Any,
    /// One that takes writes.
    ReadWrite,
    /// One that refuses writes.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// A standby if there is one, else any.
    PreferStandby,
}

impl TargetSession {
    /// The word that libpq uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

/// Something about a connection string that works but may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnInfoNote {
    /// A parameter that is not acted on.
    #[error("the connection parameter `{0}` is not one that opsctl acts on")]
    Ignored(String),
    /// A parameter whose name is not a word, so possibly a piece of a password.
    #[error("a connection parameter with an unusual name is not one that opsctl acts on")]
    IgnoredUnnamed,
    /// The user or password holds a character that should be percent-encoded.
    #[error(
        "the user or password of the URL holds an unescaped `@` or `/`; it was split at the last `@` that makes sense, \
         other programs may read it differently: write `%40` for `@` and `%2F` for `/`"
    )]
    UnescapedCredentials,
    /// The part taken for the database name holds an `@`.
    #[error(
        "the URL can be read in two ways: the database name holds an `@`; as libpq does, everything behind the first \
         `/` was taken for it. Write `%2F` for a `/` in a password"
    )]
    AmbiguousDatabaseName,
    /// `sslmode=no-verify`, which node-postgres knows and libpq does not.
    #[error("`sslmode=no-verify` is not libpq's; it was taken for `require`, which does not verify either")]
    NoVerifyTakenForRequire,
    /// `postgresql+driver://`.
    #[error("the URL names a driver behind `+`; that was left out")]
    DriverLeftOut,
}

impl ConnInfo {
    /// Reads a connection string: `postgres://...`, `postgresql://...` (also `postgresql+driver://...`), or
    /// `keyword=value ...`.
    ///
    /// `os_user` is who to log in as when the string names nobody, as libpq does.
    ///
    /// # Errors
    /// When the string cannot be read, asks for something that cannot be done, or names no user while `os_user` is
    /// `None`. No error quotes any part of the string that may be secret.
    pub fn parse(text: &str, os_user: Option<&str>) -> Result<Self, ConnInfoError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ConnInfoError::Empty);
        }
        let parts = match url::strip_scheme(text) {
            Some(url) => url::parse(&url)?,
            None if text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('=')) => {
                return Err(ConnInfoError::Scheme);
            }
            None => keywords::parse(text)?,
        };
        parameters::complete(parts, os_user)
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// The same database by another address: what is reached through an engine's own network needs no TLS.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        let (ip, port) = (address.ip(), address.port());
        let mut info = self.clone();
        info.hosts = vec![Host::Tcp { name: ip.to_string(), address: Some(ip), port }];
        info.ssl.mode = SslMode::Disable;
        info
    }

    /// The string as a URL for people to read: without the password and without unknown parameters.
    pub fn redacted(&self) -> String {
        let escape = |text: &str| utf8_percent_encode(text, REDACTED_URL_ESCAPES).to_string();
        let mut url = format!("postgres://{}@", escape(&self.user));
        let address = |host: &Host| match host {
            Host::Tcp { name, port, .. } if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp { name, port, .. } => format!("{}:{port}", escape(name)),
            Host::Socket { directory, port } => format!("{}:{port}", escape(&directory.to_string_lossy())),
        };
        url.push_str(&self.hosts.iter().map(address).collect::<Vec<_>>().join(","));
        let _ = write!(url, "/{}", escape(&self.database));
        if self.ssl.mode != SslMode::Prefer {
            let _ = write!(url, "?sslmode={}", self.ssl.mode.as_str());
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redacted_form_has_no_password_and_no_unknown_parameter() {
        let info =
            ConnInfo::parse("postgres://u:s3cr3t@db.example:6543/app?sslmode=verify-full&token=s3cr3t", None)
                .expect("a valid URL");
        assert_eq!(info.redacted(), "postgres://u@db.example:6543/app?sslmode=verify-full");
        assert!(!format!("{info:?}").contains("s3cr3t"));
    }

    #[test]
    fn sockets_and_ipv6_show_in_the_redacted_form() {
        let info =
            ConnInfo::parse("postgres://u:p@/app?host=/run/postgresql&port=6000", None).expect("a valid URL");
        assert_eq!(info.redacted(), "postgres://u@%2Frun%2Fpostgresql:6000/app");
        let mixed = "postgres://u@h:1,%2Ftmp:2/app";
        assert_eq!(ConnInfo::parse(mixed, None).expect("a valid URL").redacted(), mixed);
        let info = ConnInfo::parse("postgres://u@[::1]/app", None).expect("a valid URL");
        assert_eq!(info.redacted(), "postgres://u@[::1]:5432/app");
    }

    #[test]
    fn a_user_with_a_slash_shows_as_one() {
        let url = "postgres://a%2Fb@h:5432/c%2Fd";
        assert_eq!(ConnInfo::parse(url, None).expect("a valid URL").redacted(), url);
    }

    #[test]
    fn another_database_keeps_everything_else() {
        let info = ConnInfo::parse("postgres://u:p@h/app?sslmode=require", None)
            .expect("a valid URL")
            .with_database("postgres");
        assert_eq!(info.database, "postgres");
        assert_eq!(info.ssl.mode, SslMode::Require);
        assert_eq!(info.password.expect("kept").expose(), "p");
    }
}
