//! Why a connection string cannot be used.

/// Why a connection string cannot be used. Never quotes the string: any part of it may belong to the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnInfoError {
    /// Nothing there.
    #[error("the connection string is empty")]
    Empty,
    /// A URL, but not PostgreSQL's.
    #[error(
        "the connection string is a URL of another kind; it must start with `postgres://` or `postgresql://`"
    )]
    Scheme,
    /// A `%` that is not followed by two hexadecimal digits, or `%00`.
    #[error("the {part} of the connection URL holds a `%` that is not part of a percent-encoded character")]
    PercentEncoding {
        /// Which part: `user`, `password`, `host`, `database name`, `parameter`.
        part: &'static str,
    },
    /// Percent-encoded bytes that are not UTF-8.
    #[error("the {part} of the connection URL is not UTF-8 once decoded")]
    NotUtf8 {
        /// Which part.
        part: &'static str,
    },
    /// `[` without `]`, or something else than an address between them.
    #[error("the connection URL has a `[` that does not begin an IPv6 address")]
    Ipv6,
    /// A port that is not 1 to 65535.
    #[error("a port in the connection string is not a number between 1 and 65535")]
    Port,
    /// Not one port for each host.
    #[error("the connection string names {hosts} hosts but {given} {what}")]
    Count {
        /// How many hosts there are.
        hosts: usize,
        /// How many of the others.
        given: usize,
        /// `ports` or `addresses`.
        what: &'static str,
    },
    /// `hostaddr` is not an address.
    #[error("`hostaddr` in the connection string is not an IP address")]
    HostAddress,
    /// A keyword without `=` or that is no word, or `&` without a keyword.
    #[error("the connection string has a parameter without a name or without `=`")]
    Parameter,
    /// A quote that is not closed.
    #[error("the connection string has a quoted value that does not end")]
    Quote,
    /// A parameter with a value that libpq would refuse.
    #[error("the connection parameter `{parameter}` must be {expected}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What would be accepted.
        expected: &'static str,
    },
    /// `sslrootcert=system` with a mode that does not verify everything.
    #[error("`sslrootcert=system` can only be used with `sslmode=verify-full`")]
    WeakSystemRoots,
    /// A parameter that changes what the string means and cannot be honoured.
    #[error("the connection parameter `{parameter}` is not supported")]
    Unsupported {
        /// The parameter.
        parameter: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// No user named, none to fall back on.
    #[error("the connection string names no user")]
    NoUser,
}

impl ConnInfoError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Scheme | Self::Parameter | Self::NoUser => {
                "write it as postgres://user:password@host:5432/database"
            }
            Self::PercentEncoding { .. } => "write `%25` for a `%` that is meant as such",
            Self::NotUtf8 { .. } => "percent-encode the UTF-8 bytes of each character",
            Self::Ipv6 => "write an IPv6 address as [::1]",
            Self::Port => {
                "is there an unescaped `:` or `/` in the user or password? Write `%3A` for `:` and `%2F` for `/`"
            }
            Self::Count { .. } => "name one for each host, or one for all",
            Self::HostAddress => "put a host name into `host` instead",
            Self::Quote => "close the quote, and write \\' for a quote inside the value",
            Self::Value { .. } => "correct the value",
            Self::WeakSystemRoots => "set sslmode=verify-full, or name a certificate file",
            Self::Unsupported { instead, .. } => instead,
        }
    }
}
