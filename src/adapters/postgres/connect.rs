//! Connecting as libpq does: hosts in order, TLS as `sslmode` says, every attempt bounded.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::NoTls;
use tokio_postgres::config::{
    ChannelBinding as DriverChannelBinding, SslMode as DriverSslMode, SslNegotiation,
};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::error::PgError;
use super::session::{self, Bare, Session};
use super::tls;
use crate::model::conninfo::{ChannelBinding, ConnInfo, Host, SslMode, TargetSession};

/// The limit for one host when the connection string sets none.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(10);

/// PostgreSQL's request for TLS: length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Connects and prepares the session: no time limits of the server's configuration, and `application_name`.
///
/// Hosts are tried in order. A host that answers and refuses the login ends the search, as with libpq.
///
/// # Errors
/// The most telling failure among the hosts.
pub async fn connect(info: &ConnInfo, application_name: &str) -> Result<Session, PgError> {
    let mut failure: Option<PgError> = None;
    let preferences: &[TargetSession] = match info.target_session {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        ref other => std::slice::from_ref(other),
    };
    for &wanted in preferences {
        for host in &info.hosts {
            match connect_to(host, info, application_name, wanted).await {
                Ok(session) => return Ok(session),
                Err(error) if refused_by_server(&error) => return Err(error),
                Err(error) if failure.as_ref().is_none_or(|known| telling(&error) > telling(known)) => {
                    failure = Some(error);
                }
                Err(_) => {}
            }
        }
    }
    Err(failure.unwrap_or_else(no_host))
}

/// Connects to a database of the same server that is not the one `info` names: `postgres`, else `template1`.
///
/// # Errors
/// As [`connect`], for the last one tried.
pub async fn connect_maintenance(info: &ConnInfo, application_name: &str) -> Result<Session, PgError> {
    let mut failure = None;
    for name in ["postgres", "template1"].into_iter().filter(|name| *name != info.database) {
        match connect(&info.with_database(name), application_name).await {
            Ok(session) => return Ok(session),
            // It does not exist, or this role may not connect to it.
            Err(error)
                if matches!(error, PgError::NoDatabase { .. }) || error.sqlstate() == Some("42501") =>
            {
                failure = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| PgError::Unexpected {
        doing: "connecting".to_owned(),
        reason: "the server has no maintenance database".to_owned(),
    }))
}

fn refused_by_server(error: &PgError) -> bool {
    matches!(
        error,
        PgError::Authentication { .. }
            | PgError::NotAllowed { .. }
            | PgError::Login { .. }
            | PgError::NoDatabase { .. }
    )
}

/// Which of several hosts' failures to report: the further it got, the more it tells.
fn telling(error: &PgError) -> u8 {
    match error {
        PgError::Refused { .. } => 0,
        PgError::Resolve { .. } | PgError::Unreachable { .. } | PgError::TimedOut { .. } => 1,
        _ => 2,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Plain,
    Tls,
}

async fn connect_to(
    host: &Host,
    info: &ConnInfo,
    application_name: &str,
    wanted: TargetSession,
) -> Result<Session, PgError> {
    let bare = log_in_to(host, info, application_name).await?;
    let limit = info.connect_timeout.unwrap_or(DEFAULT_TIME_LIMIT);
    let session = tokio::time::timeout(limit, Session::prepare(bare, info, application_name))
        .await
        .unwrap_or_else(|_| Err(PgError::TimedOut { target: describe(host), after: limit }));
    of_wanted_kind(session?, host, wanted).await
}

/// Logs in to the first host that lets this role in, and tells the server nothing else: for looking at what is in between.
///
/// # Errors
/// That of the last host.
pub(super) async fn log_in(info: &ConnInfo, application_name: &str) -> Result<Bare, PgError> {
    let mut failure = None;
    for host in &info.hosts {
        match log_in_to(host, info, application_name).await {
            Ok(bare) => return Ok(bare),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(no_host))
}

fn no_host() -> PgError {
    PgError::Unexpected {
        doing: "connecting".to_owned(),
        reason: "the connection string names no host".to_owned(),
    }
}

async fn log_in_to(host: &Host, info: &ConnInfo, application_name: &str) -> Result<Bare, PgError> {
    let limit = info.connect_timeout.unwrap_or(DEFAULT_TIME_LIMIT);
    let transports: &[Transport] = match (host, info.ssl.mode) {
        (Host::Socket { .. }, _) | (_, SslMode::Disable) => &[Transport::Plain],
        (_, SslMode::Allow) => &[Transport::Plain, Transport::Tls],
        (_, SslMode::Prefer) => &[Transport::Tls, Transport::Plain],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Transport::Tls],
    };
    let mut failure = None;
    for &transport in transports {
        let attempt = attempt(host, transport, info, application_name);
        let outcome = tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(PgError::TimedOut { target: describe(host), after: limit }));
        match outcome {
            Ok(bare) => return Ok(bare),
            Err(error) if failure.is_none() && other_transport_may_help(&error) => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| PgError::TlsRefused { target: describe(host) }))
}

/// With `prefer` and `allow`, libpq tries the other transport when TLS cannot be had or `pg_hba.conf` demands the other.
fn other_transport_may_help(error: &PgError) -> bool {
    matches!(error, PgError::TlsRefused { .. } | PgError::Tls { .. } | PgError::NotAllowed { .. })
}

async fn of_wanted_kind(session: Session, host: &Host, wanted: TargetSession) -> Result<Session, PgError> {
    let matches = match wanted {
        TargetSession::Any | TargetSession::PreferStandby => true,
        TargetSession::ReadWrite => !flag(&session, "current_setting('transaction_read_only')::bool").await?,
        TargetSession::ReadOnly => flag(&session, "current_setting('transaction_read_only')::bool").await?,
        TargetSession::Primary => !flag(&session, "pg_is_in_recovery()").await?,
        TargetSession::Standby => flag(&session, "pg_is_in_recovery()").await?,
    };
    if matches {
        Ok(session)
    } else {
        Err(PgError::WrongKind { target: describe(host), wanted: wanted.as_str() })
    }
}

async fn flag(session: &Session, expression: &str) -> Result<bool, PgError> {
    let doing = "asking which kind of server this is";
    let row = session
        .client
        .query_one(&format!("SELECT {expression}"), &[])
        .await
        .map_err(PgError::during(doing))?;
    row.try_get(0).map_err(PgError::during(doing))
}

async fn attempt(
    host: &Host,
    transport: Transport,
    info: &ConnInfo,
    application_name: &str,
) -> Result<Bare, PgError> {
    let mut config = tokio_postgres::Config::new();
    config.user(&info.user).dbname(&info.database).application_name(application_name);
    if let Some(password) = &info.password {
        config.password(password.expose());
    }
    if let Some(options) = &info.options {
        config.options(options);
    }
    config.channel_binding(match info.ssl.channel_binding {
        ChannelBinding::Disable => DriverChannelBinding::Disable,
        ChannelBinding::Prefer => DriverChannelBinding::Prefer,
        ChannelBinding::Require => DriverChannelBinding::Require,
    });
    let failed =
        |error: tokio_postgres::Error| PgError::login(&error, describe(host), &info.user, &info.database);
    match transport {
        Transport::Plain => {
            let stream = open(host).await?;
            config.ssl_mode(DriverSslMode::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
            Ok(session::drive(client, connection))
        }
        Transport::Tls => {
            let mut maker = MakeRustlsConnect::new(tls::client_config(&info.ssl)?);
            let stream = ask_for_tls(host).await?;
            // The request is already answered, which the driver calls direct negotiation.
            config.ssl_mode(DriverSslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            let Ok(connector) = MakeTlsConnect::<Stream>::make_tls_connect(&mut maker, server_name(host));
            let (client, connection) = config.connect_raw(stream, connector).await.map_err(failed)?;
            Ok(session::drive(client, connection))
        }
    }
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

/// Opens the stream and asks the server for TLS.
pub(super) async fn ask_for_tls(host: &Host) -> Result<Stream, PgError> {
    let target = describe(host);
    let mut stream = open(host).await?;
    let lost = |source| PgError::Unreachable { target: target.clone(), source };
    stream.write_all(&SSL_REQUEST).await.map_err(lost)?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    if answer == *b"S" { Ok(stream) } else { Err(PgError::TlsRefused { target }) }
}

async fn open(host: &Host) -> Result<Stream, PgError> {
    match host {
        Host::Socket { directory, port } => {
            let path = socket_path(directory, *port);
            let stream =
                UnixStream::connect(path).await.map_err(|source| unreachable(describe(host), source))?;
            Ok(Either::Right(stream))
        }
        Host::Tcp { name, address, port } => {
            let addresses = match address {
                Some(address) => vec![(*address, *port).into()],
                None => tokio::net::lookup_host((name.as_str(), *port))
                    .await
                    .map_err(|source| PgError::Resolve { host: name.clone(), source })?
                    .collect(),
            };
            let stream = TcpStream::connect(addresses.as_slice())
                .await
                .map_err(|source| unreachable(describe(host), source))?;
            // Without it, every small question waits for the acknowledgement of the one before.
            stream.set_nodelay(true).map_err(|source| unreachable(describe(host), source))?;
            Ok(Either::Left(stream))
        }
    }
}

fn unreachable(target: String, source: io::Error) -> PgError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => PgError::Refused { target },
        io::ErrorKind::PermissionDenied => PgError::Forbidden { target },
        _ => PgError::Unreachable { target, source },
    }
}

fn socket_path(directory: &Path, port: u16) -> String {
    let path = directory.join(format!(".s.PGSQL.{port}")).display().to_string();
    // Linux' abstract namespace is written with a leading `@` and addressed with a leading zero byte.
    match path.strip_prefix('@') {
        Some(name) => format!("\0{name}"),
        None => path,
    }
}

/// What the certificate is held against.
pub(super) fn server_name(host: &Host) -> &str {
    match host {
        Host::Tcp { name, .. } => name,
        Host::Socket { .. } => "localhost",
    }
}

fn describe(host: &Host) -> String {
    match host {
        Host::Tcp { name, port, .. } if name.contains(':') => format!("[{name}]:{port}"),
        Host::Tcp { name, port, .. } => format!("{name}:{port}"),
        Host::Socket { directory, port } => format!("the socket {}/.s.PGSQL.{port}", directory.display()),
    }
}
