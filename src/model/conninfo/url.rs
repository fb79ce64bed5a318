//! Connection URLs, read as libpq reads them, and a little further where libpq can only fail.

use super::{ConnInfoError, ConnInfoNote};
use crate::model::conninfo::parameters::Parts;

/// The URL behind its scheme, with whether a driver was named (`postgresql+driver://`).
pub(super) struct Stripped<'a> {
    rest: &'a str,
    driver: bool,
}

/// What follows the scheme, if it is one of PostgreSQL's.
pub(super) fn strip_scheme(text: &str) -> Option<Stripped<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let (name, driver) = match scheme.split_once('+') {
        Some((name, driver)) if driver.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => (name, true),
        Some(_) => return None,
        None => (scheme, false),
    };
    matches!(name, "postgres" | "postgresql").then_some(Stripped { rest, driver })
}

/// Takes a URL apart.
pub(super) fn parse(url: &Stripped<'_>) -> Result<Parts, ConnInfoError> {
    let mut parts = Parts::default();
    if url.driver {
        parts.notes.push(ConnInfoNote::DriverLeftOut);
    }
    let (credentials, rest) = split_credentials(url.rest, &mut parts.notes);
    if let Some(credentials) = credentials {
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        parts.set("user", decode(user, "user")?);
        if let Some(password) = password {
            parts.set("password", decode(password, "password")?);
        }
    }
    let (hosts, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    read_hosts(hosts, &mut parts)?;
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let database = path.strip_prefix('/').unwrap_or(path);
    if !database.is_empty() {
        parts.set("dbname", decode(database, "database name")?);
    }
    for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(ConnInfoError::Parameter)?;
        parts.set(&decode(key, "parameter")?, decode(value, "parameter")?);
    }
    Ok(parts)
}

/// Finds the `@` that ends user and password.
///
/// libpq takes the first `@` unless a `/` comes before it. Where that reading cannot be (a host with an `@`, a port
/// that is no number), the next `@` is tried: passwords with an unescaped `@` or `/` are common in the field.
fn split_credentials<'a>(url: &'a str, notes: &mut Vec<ConnInfoNote>) -> (Option<&'a str>, &'a str) {
    let Some(first) = url.find('@') else { return (None, url) };
    let without = url[..first].contains('/');
    if without && reads_as_server(url) {
        let path = url.split('?').next().unwrap_or(url);
        if path.contains('@') {
            notes.push(ConnInfoNote::AmbiguousDatabaseName);
        }
        return (None, url);
    }
    let at = url.match_indices('@').map(|(at, _)| at).find(|&at| reads_as_server(&url[at + 1..]));
    let Some(at) = at else { return (Some(&url[..first]), &url[first + 1..]) };
    let (credentials, rest) = (&url[..at], &url[at + 1..]);
    if credentials.contains(['@', '/']) {
        notes.push(ConnInfoNote::UnescapedCredentials);
    } else if rest.split('?').next().is_some_and(|path| path.contains('@')) {
        notes.push(ConnInfoNote::AmbiguousDatabaseName);
    }
    (Some(credentials), rest)
}

/// Whether this can be what follows the credentials: hosts with ports, a path, parameters.
fn reads_as_server(text: &str) -> bool {
    let hosts = &text[..text.find(['/', '?']).unwrap_or(text.len())];
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let hosts_read = split_hosts(hosts).iter().all(|host| {
        host_and_port(host).is_some_and(|(name, port)| {
            !name.contains(['@', ' ', '#'])
                && port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok())
        })
    });
    let word = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.%".contains(c));
    hosts_read
        && query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .all(|pair| pair.split_once('=').is_some_and(|(key, _)| word(key)))
}

fn split_hosts(hosts: &str) -> Vec<&str> {
    hosts.split(',').collect()
}

/// One `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((address, Some(port))),
            None if after.is_empty() => Some((address, None)),
            None => None,
        };
    }
    Some(match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    })
}

fn read_hosts(text: &str, parts: &mut Parts) -> Result<(), ConnInfoError> {
    let mut names = Vec::new();
    let mut numbers = Vec::new();
    for host in split_hosts(text) {
        let (name, port) = host_and_port(host).ok_or(ConnInfoError::Ipv6)?;
        if host.starts_with('[')
            && name.split('%').next().is_none_or(|name| name.parse::<std::net::Ipv6Addr>().is_err())
        {
            return Err(ConnInfoError::Ipv6);
        }
        // The zone of an IPv6 address (`fe80::1%eth0`) is not an escape.
        names.push(if host.starts_with('[') { name.to_owned() } else { decode(name, "host")? });
        numbers.push(port.unwrap_or("").to_owned());
    }
    if names.iter().any(|name| !name.is_empty()) {
        parts.set("host", names.join(","));
    }
    if numbers.iter().any(|port| !port.is_empty()) {
        parts.set("port", numbers.join(","));
    }
    Ok(())
}

/// Percent-decoding as strict as libpq's: a lone `%` and `%00` are errors.
fn decode(text: &str, part: &'static str) -> Result<String, ConnInfoError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let code = after
                .get(..2)
                .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .filter(|&code| code != 0)
                .ok_or(ConnInfoError::PercentEncoding { part })?;
            bytes.push(code);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| ConnInfoError::NotUtf8 { part })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::model::conninfo::{ConnInfo, ConnInfoError, ConnInfoNote, Host};

    fn read(url: &str) -> ConnInfo {
        ConnInfo::parse(url, Some("osuser")).expect("a URL that libpq takes")
    }

    fn first(info: &ConnInfo) -> (String, u16) {
        match &info.hosts[0] {
            Host::Tcp { name, port, .. } => (name.clone(), *port),
            Host::Socket { directory, port } => (directory.display().to_string(), *port),
        }
    }

    #[rstest]
    #[case("postgres://u:p@h:6000/d", "u", Some("p"), "h", 6000, "d")]
    #[case("postgresql://u:p@h/d", "u", Some("p"), "h", 5432, "d")]
    #[case("postgres://u@h", "u", None, "h", 5432, "u")]
    #[case("postgres://h/d", "osuser", None, "h", 5432, "d")]
    #[case("postgres://u:@h/d", "u", None, "h", 5432, "d")]
    #[case("postgres://u:p%40s%3As%2Fw%23%25@h/d", "u", Some("p@s:s/w#%"), "h", 5432, "d")]
    #[case("postgres://u:a:b@h/d", "u", Some("a:b"), "h", 5432, "d")]
    #[case("postgres://u:a#b?c@h/d", "u", Some("a#b?c"), "h", 5432, "d")]
    #[case("postgres://u:a?b=c&d@h/d", "u", Some("a?b=c&d"), "h", 5432, "d")]
    #[case("postgres://u:%C3%A9@h/d", "u", Some("é"), "h", 5432, "d")]
    #[case("postgres://u:pé@h/d", "u", Some("pé"), "h", 5432, "d")]
    #[case("postgres://u:a+b@h/d", "u", Some("a+b"), "h", 5432, "d")]
    #[case("postgres://u:p@[::1]/d", "u", Some("p"), "::1", 5432, "d")]
    #[case("postgres://u:p@[fe80::1%eth0]:6000/d", "u", Some("p"), "fe80::1%eth0", 6000, "d")]
    #[case("postgres://u:p@%2Frun%2Fpostgresql/d", "u", Some("p"), "/run/postgresql", 5432, "d")]
    #[case("postgres://u:p@/d?host=/run/pg&port=7000", "u", Some("p"), "/run/pg", 7000, "d")]
    #[case("postgres:///d?host=%2Frun%2Fpg&user=u&password=x%26y", "u", Some("x&y"), "/run/pg", 5432, "d")]
    #[case("postgres://u:p@/d", "u", Some("p"), "/var/run/postgresql", 5432, "d")]
    #[case("postgres://u:p@:6000/d", "u", Some("p"), "/var/run/postgresql", 6000, "d")]
    #[case("postgres://u:p@h?application_name=a@b", "u", Some("p"), "h", 5432, "u")]
    #[case("postgres://u:p@h/my%20db", "u", Some("p"), "h", 5432, "my db")]
    #[case("postgres://", "osuser", None, "/var/run/postgresql", 5432, "osuser")]
    fn reads_as_libpq_does(
        #[case] url: &str,
        #[case] user: &str,
        #[case] password: Option<&str>,
        #[case] host: &str,
        #[case] port: u16,
        #[case] database: &str,
    ) {
        let info = read(url);
        assert_eq!(info.user, user);
        assert_eq!(info.password.as_ref().map(|secret| secret.expose().to_owned()).as_deref(), password);
        assert_eq!(first(&info), (host.to_owned(), port));
        assert_eq!(info.database, database);
        assert_eq!(info.notes, []);
    }

    #[rstest]
    #[case("postgres://u:p@ss@h/d", "p@ss")]
    #[case("postgres://u:p@@h:6000/d", "p@")]
    #[case("postgres://u:pa/ss@h/d", "pa/ss")]
    #[case("postgres://u:pa/s@s?x@h:6000/d", "pa/s@s?x")]
    #[case("postgres://u:p@?x@h/d", "p@?x")]
    fn unescaped_passwords_are_read_where_libpq_fails_and_said(#[case] url: &str, #[case] password: &str) {
        let info = read(url);
        assert_eq!(info.password.as_ref().expect("a password").expose(), password);
        assert_eq!(first(&info).0, "h");
        assert_eq!(info.database, "d");
        assert_eq!(info.notes, [ConnInfoNote::UnescapedCredentials]);
    }

    #[test]
    fn a_database_name_with_an_at_sign_is_read_as_libpq_does_and_said() {
        let info = read("postgres://u:123/4@h/d");
        assert_eq!(first(&info), ("u".to_owned(), 123));
        assert_eq!(info.database, "4@h/d");
        assert_eq!(info.notes, [ConnInfoNote::AmbiguousDatabaseName]);
    }

    #[test]
    fn several_hosts_keep_their_order_and_ports() {
        let info = read("postgres://u:p@a:1,b,[::1]:3/d");
        let expected = [("a", 1), ("b", 5432), ("::1", 3)].map(|(name, port)| Host::Tcp {
            name: name.to_owned(),
            address: None,
            port,
        });
        assert_eq!(info.hosts, expected);
    }

    #[test]
    fn a_driver_in_the_scheme_is_left_out_and_said() {
        assert_eq!(read("postgresql+psycopg2://u:p@h/d").notes, [ConnInfoNote::DriverLeftOut]);
    }

    #[rstest]
    #[case("mysql://u:s3cr3t@h/d", ConnInfoError::Scheme)]
    #[case("", ConnInfoError::Empty)]
    #[case("postgres://u:s3cr3t%@h/d", ConnInfoError::PercentEncoding { part: "password" })]
    #[case("postgres://u:s3cr3t%0g@h/d", ConnInfoError::PercentEncoding { part: "password" })]
    #[case("postgres://u:s3cr3t%00@h/d", ConnInfoError::PercentEncoding { part: "password" })]
    #[case("postgres://u:%FFs3cr3t@h/d", ConnInfoError::NotUtf8 { part: "password" })]
    #[case("postgres://u:s3cr3t@h:70000/d", ConnInfoError::Port)]
    #[case("postgres://u:s3cr3t@h:0/d", ConnInfoError::Port)]
    #[case("postgres://u:s3cr3t@[::1/d", ConnInfoError::Ipv6)]
    #[case("postgres://u:s3cr3t@[db]/d", ConnInfoError::Ipv6)]
    #[case("postgres://u:s3cr3t@h/d?sslmode", ConnInfoError::Parameter)]
    fn errors_are_typed_and_quote_nothing(#[case] url: &str, #[case] expected: ConnInfoError) {
        let error = ConnInfo::parse(url, Some("osuser")).expect_err("not a valid URL");
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("s3cr3t") && !error.hint().is_empty());
    }

    #[test]
    fn without_a_user_there_is_nobody_to_log_in_as() {
        assert_eq!(ConnInfo::parse("postgres://h/d", None).expect_err("no user"), ConnInfoError::NoUser);
    }
}
