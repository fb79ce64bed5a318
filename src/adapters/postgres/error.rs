//! What can go wrong with PostgreSQL, told apart by what there is to do about it.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tokio_postgres::error::SqlState;

/// A failure, with what to do about it in [`PgError::hint`]. Holds no password, no query text and no row values.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// The host name means nothing.
    #[error("cannot resolve the database host `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nothing listens there.
    #[error("no database server listens on {target}")]
    Refused {
        /// Host and port, or the socket.
        target: String,
    },
    /// The socket cannot be opened for lack of rights.
    #[error("not allowed to open {target}")]
    Forbidden {
        /// The socket.
        target: String,
    },
    /// Any other failure to get through.
    #[error("cannot reach the database server on {target}")]
    Unreachable {
        /// Host and port, or the socket.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// No answer in time.
    #[error("the database server on {target} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// Host and port, or the socket.
        target: String,
        /// The limit.
        after: Duration,
    },
    /// Wrong password, or none where one is needed (28P01).
    #[error("the database server on {target} did not accept the password of `{user}`")]
    Authentication {
        /// Host and port, or the socket.
        target: String,
        /// The role.
        user: String,
    },
    /// The server's rules do not let this role in from here (28000), or the role does not exist.
    #[error("the database server on {target} does not let `{user}` in: {message}")]
    NotAllowed {
        /// Host and port, or the socket.
        target: String,
        /// The role.
        user: String,
        /// What the server said.
        message: String,
    },
    /// The login could not be carried out (a method or a channel binding that one side lacks).
    #[error("logging in to {target} as `{user}` failed: {message}")]
    Login {
        /// Host and port, or the socket.
        target: String,
        /// The role.
        user: String,
        /// What is missing.
        message: String,
    },
    /// The database does not exist (3D000).
    #[error("the database `{name}` does not exist on {target}")]
    NoDatabase {
        /// Host and port, or the socket.
        target: String,
        /// The database.
        name: String,
    },
    /// No connection slot is free (53300).
    #[error("the database server on {target} has no free connection: {message}")]
    TooManyConnections {
        /// Host and port, or the socket.
        target: String,
        /// What the server said: the server's, the role's or the database's limit.
        message: String,
    },
    /// The server is starting, stopping or recovering (57P03).
    #[error("the database server on {target} is not ready: {message}")]
    NotReady {
        /// Host and port, or the socket.
        target: String,
        /// What the server said.
        message: String,
    },
    /// TLS is asked for and the server has none.
    #[error("the database server on {target} does not offer TLS")]
    TlsRefused {
        /// Host and port.
        target: String,
    },
    /// The TLS handshake failed.
    #[error("TLS with the database server on {target} failed: {problem}")]
    Tls {
        /// Host and port.
        target: String,
        /// Why.
        problem: TlsProblem,
    },
    /// A certificate or key file cannot be used.
    #[error("cannot use {what} `{path}`: {reason}")]
    CertificateFile {
        /// `sslrootcert`, `sslcert` or `sslkey`.
        what: &'static str,
        /// The path, or `system`.
        path: String,
        /// Why.
        reason: String,
    },
    /// No server among those named is of the wanted kind.
    #[error("the database server on {target} is not the kind that `target_session_attrs={wanted}` asks for")]
    WrongKind {
        /// Host and port, or the socket.
        target: String,
        /// The wanted kind.
        wanted: &'static str,
    },
    /// The server refused a statement.
    #[error("{doing} failed: {message} (SQLSTATE {sqlstate})")]
    Statement {
        /// What was being done, as in `counting rows`.
        doing: String,
        /// The five characters.
        sqlstate: String,
        /// The server's primary message. Its detail is left out: it quotes row values.
        message: String,
    },
    /// The connection ended, or what came over it made no sense.
    #[error("{doing} failed: the connection to the database server was lost")]
    Lost {
        /// What was being done.
        doing: String,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// The server answered something that cannot be.
    #[error("{doing} failed: {reason}")]
    Unexpected {
        /// What was being done.
        doing: String,
        /// What was found.
        reason: String,
    },
    /// Somebody else holds what is needed.
    #[error("{doing} failed: {reason}")]
    InUse {
        /// What was being done.
        doing: String,
        /// Who.
        reason: String,
    },
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// Signed by nobody who is trusted.
    #[error("its certificate is not signed by a trusted authority")]
    UnknownIssuer,
    /// An authority's own certificate, and not one that is trusted.
    #[error("its certificate is a certificate authority's own, and not one that is trusted")]
    Authority,
    /// Made out to another name.
    #[error("its certificate is not made out to this host name")]
    WrongName,
    /// Past its end, or before its beginning.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// An X.509 version 1 certificate.
    #[error("its certificate is an X.509 version 1 certificate, which cannot be used for TLS here")]
    Version1,
    /// A signature or key that is too weak, or of an unknown kind.
    #[error("its certificate or key uses an algorithm that is too weak or not known")]
    Algorithm,
    /// The server asks for a client certificate or refuses the one it got.
    #[error("the server refused the handshake: {0}")]
    Alert(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl PgError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => {
                "is the host name in the connection URL right, and known from this machine?"
            }
            Self::Refused { .. } => {
                "is the database running, and are host and port in the connection URL right?"
            }
            Self::Forbidden { .. } => "run opsctl as a user who may open the socket, or connect over TCP",
            Self::Unreachable { .. } => "is there a route from this machine to the database server?",
            Self::TimedOut { .. } => {
                "does a firewall drop packets between here and the database, or is the server overloaded?"
            }
            Self::Authentication { .. } => {
                "is the password in the connection URL right, and are its special characters percent-encoded?"
            }
            Self::NotAllowed { .. } => {
                "add a line for this role, database and address to the server's pg_hba.conf, or use sslmode=require"
            }
            Self::Login { .. } => "compare the server's password_encryption and the URL's channel_binding",
            Self::NoDatabase { .. } => "is the database name in the connection URL right?",
            Self::TooManyConnections { .. } => "close connections that are idle, or raise max_connections",
            Self::NotReady { .. } => "wait until the server has started and try again",
            Self::TlsRefused { .. } => {
                "turn on `ssl` on the server, or use sslmode=prefer if plain text is acceptable"
            }
            Self::Tls { problem, .. } => problem.hint(),
            Self::CertificateFile { .. } => "does the file exist, is it PEM, and may this user read it?",
            Self::WrongKind { .. } => "name the right server, or leave target_session_attrs out",
            Self::Statement { sqlstate, .. } => statement_hint(sqlstate),
            Self::Lost { .. } => "look into the server's log: was it stopped, or did it end this session?",
            Self::Unexpected { .. } => "is something else changing this server at the same time?",
            Self::InUse { .. } => "stop what is connected, or wait until it has finished, and try again",
        }
    }

    /// The SQLSTATE, if the server gave one for a statement.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Statement { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// Whether trying again later, with nothing else changed, may work.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::TooManyConnections { .. }
                | Self::NotReady { .. }
                | Self::Lost { .. }
        )
    }

    /// Turns a driver's error into one of ours; for `map_err`.
    pub(crate) fn during(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |error| match error.as_db_error() {
            Some(db) => Self::Statement {
                doing,
                sqlstate: db.code().code().to_owned(),
                message: db.message().to_owned(),
            },
            None => Self::Lost { doing, source: error },
        }
    }

    /// Turns an error of a login into one of ours.
    pub(crate) fn login(error: &tokio_postgres::Error, target: String, user: &str, database: &str) -> Self {
        let user = user.to_owned();
        let Some(db) = error.as_db_error() else { return Self::login_without_answer(error, target, user) };
        let message = db.message().to_owned();
        match *db.code() {
            SqlState::INVALID_PASSWORD => Self::Authentication { target, user },
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Self::NotAllowed { target, user, message },
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { target, name: database.to_owned() },
            SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections { target, message },
            SqlState::CANNOT_CONNECT_NOW => Self::NotReady { target, message },
            ref code => Self::Statement {
                doing: format!("connecting to {target}"),
                sqlstate: code.code().to_owned(),
                message,
            },
        }
    }

    fn login_without_answer(error: &tokio_postgres::Error, target: String, user: String) -> Self {
        if let Some(problem) = TlsProblem::find(error) {
            return Self::Tls { target, problem };
        }
        match error.source() {
            Some(source) if source.is::<io::Error>() => {
                let source = io::Error::new(io::ErrorKind::ConnectionAborted, source.to_string());
                Self::Unreachable { target, source }
            }
            // The driver has no kinds of its own here: a missing password, a method it lacks, channel binding.
            Some(source) => Self::Login { target, user, message: source.to_string() },
            None => Self::Login { target, user, message: error.to_string() },
        }
    }
}

fn statement_hint(sqlstate: &str) -> &'static str {
    match sqlstate {
        "42501" => "give the role the missing right, or use the owner's connection (DATABASE_URL_MIGRATE)",
        "55006" => "stop what is connected to the database and try again",
        "53100" => "free some space on the database server's disk",
        "42P04" => "choose another name, or drop the database that has it",
        "55P03" => "end the session that holds the lock, or wait until it has ended, and try again",
        "57014" => "was the statement cancelled by an operator or a time limit?",
        _ => "look into the server's log for the statement and its surroundings",
    }
}

impl TlsProblem {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => "name the authority's certificate in sslrootcert",
            Self::Authority => {
                "name that very certificate in sslrootcert, or issue a server certificate from it"
            }
            Self::WrongName => {
                "use the host name that the certificate's subjectAltName holds (a common name alone does not count), \
                 or sslmode=verify-ca"
            }
            Self::Expired => "renew the server's certificate, and check this machine's clock",
            Self::Version1 => {
                "issue it again as version 3: `openssl x509 -req ... -extfile` with a subjectAltName line makes one"
            }
            Self::Algorithm => {
                "issue the certificate again with an RSA key of 2048 bits or more, or ECDSA P-256"
            }
            Self::Alert(_) => "does the server ask for a client certificate (sslcert and sslkey)?",
            Self::Other(_) => "look into the server's log for the other side of the handshake",
        }
    }

    /// Looks for rustls' verdict among the causes of an error.
    fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::from_rustls(found));
            }
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Some(Self::from_rustls(found));
            }
            cause = error.source();
        }
        None
    }

    fn from_rustls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Certificate;
        match error {
            rustls::Error::InvalidCertificate(reason) => match reason {
                Certificate::UnknownIssuer => Self::UnknownIssuer,
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Self::WrongName,
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. } => Self::Expired,
                Certificate::UnsupportedSignatureAlgorithmContext { .. }
                | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::Algorithm,
                Certificate::Other(other) => match other.0.downcast_ref() {
                    Some(webpki::Error::UnsupportedCertVersion) => Self::Version1,
                    Some(webpki::Error::CaUsedAsEndEntity) => Self::Authority,
                    _ => Self::Other(format!("its certificate cannot be used: {other}")),
                },
                other => Self::Other(format!("its certificate cannot be used: {other}")),
            },
            rustls::Error::AlertReceived(alert) => Self::Alert(format!("{alert:?}")),
            other => Self::Other(other.to_string()),
        }
    }
}
