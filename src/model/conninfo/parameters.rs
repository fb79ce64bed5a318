//! From parameters, wherever they stood, to a completed connection.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    ChannelBinding, ClientCertificate, ConnInfo, ConnInfoError, ConnInfoNote, DEFAULT_PORT,
    DEFAULT_SOCKET_DIRECTORIES, Host, RootCertificates, SslMode, SslSettings, TargetSession,
};
use crate::model::secret::Secret;

/// Parameters as they were written; a later one replaces an earlier one of the same name.
#[derive(Default)]
pub(super) struct Parts {
    parameters: Vec<(String, String)>,
    pub(super) notes: Vec<ConnInfoNote>,
}

impl Parts {
    pub(super) fn set(&mut self, name: &str, value: String) {
        // libpq takes JDBC's `ssl=true` for `sslmode=require`.
        let (name, value) =
            if name == "ssl" && value == "true" { ("sslmode", "require".to_owned()) } else { (name, value) };
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), value));
    }

    /// Takes a parameter out. An empty value is the same as none, as in libpq.
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.parameters.iter().position(|(known, _)| known == name)?;
        Some(self.parameters.remove(at).1).filter(|value| !value.is_empty())
    }
}

/// Applies libpq's defaults and checks every value.
pub(super) fn complete(mut parts: Parts, os_user: Option<&str>) -> Result<ConnInfo, ConnInfoError> {
    if parts.take("service").is_some() {
        return Err(ConnInfoError::Unsupported {
            parameter: "service",
            instead: "write host, port, user and database into the connection string itself",
        });
    }
    let hosts = hosts(&mut parts)?;
    let ssl = ssl(&mut parts)?;
    let user = parts.take("user").or_else(|| os_user.map(str::to_owned)).ok_or(ConnInfoError::NoUser)?;
    let database = parts.take("dbname").unwrap_or_else(|| user.clone());
    let password = parts.take("password").map(Secret::new);
    let connect_timeout = connect_timeout(&mut parts)?;
    let application_name = parts.take("application_name").or_else(|| parts.take("fallback_application_name"));
    let options = parts.take("options");
    let target_session = target_session(&mut parts)?;

    let mut notes = parts.notes;
    notes.extend(parts.parameters.iter().map(|(name, _)| ignored(name)));
    let other_parameters =
        parts.parameters.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    Ok(ConnInfo {
        hosts,
        user,
        password,
        database,
        ssl,
        connect_timeout,
        application_name,
        options,
        target_session,
        other_parameters,
        notes,
    })
}

/// A name that is not a plain word may be a piece of a password that was cut in the wrong place: it is not shown.
fn ignored(name: &str) -> ConnInfoNote {
    let word = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word { ConnInfoNote::Ignored(name.to_owned()) } else { ConnInfoNote::IgnoredUnnamed }
}

fn hosts(parts: &mut Parts) -> Result<Vec<Host>, ConnInfoError> {
    let split = |list: Option<String>| -> Vec<String> {
        list.map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let mut names = split(parts.take("host"));
    let addresses = split(parts.take("hostaddr"));
    let numbers = split(parts.take("port"));
    if names.is_empty() {
        names = vec![String::new(); addresses.len().max(1)];
    }
    if !addresses.is_empty() && addresses.len() != names.len() {
        return Err(ConnInfoError::Count { hosts: names.len(), given: addresses.len(), what: "addresses" });
    }
    if numbers.len() > 1 && numbers.len() != names.len() {
        return Err(ConnInfoError::Count { hosts: names.len(), given: numbers.len(), what: "ports" });
    }
    let mut hosts = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        let port = match numbers
            .get(at)
            .or_else(|| numbers.first().filter(|_| numbers.len() == 1))
            .map(|port| port.trim())
        {
            None | Some("") => DEFAULT_PORT,
            Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or(ConnInfoError::Port)?,
        };
        let address: Option<IpAddr> = match addresses.get(at).map(String::as_str) {
            None | Some("") => None,
            Some(address) => Some(address.parse().map_err(|_| ConnInfoError::HostAddress)?),
        };
        match (name, address) {
            (name, Some(address)) if name.is_empty() => {
                hosts.push(Host::Tcp { name: address.to_string(), address: Some(address), port });
            }
            (name, None) if name.is_empty() => hosts.extend(
                DEFAULT_SOCKET_DIRECTORIES
                    .map(|directory| Host::Socket { directory: PathBuf::from(directory), port }),
            ),
            (name, None) if name.starts_with(['/', '@']) => {
                hosts.push(Host::Socket { directory: PathBuf::from(name), port });
            }
            (name, address) => hosts.push(Host::Tcp { name, address, port }),
        }
    }
    Ok(hosts)
}

fn ssl(parts: &mut Parts) -> Result<SslSettings, ConnInfoError> {
    let roots = match parts.take("sslrootcert") {
        None => RootCertificates::Unspecified,
        Some(word) if word == "system" => RootCertificates::System,
        Some(path) => RootCertificates::File(PathBuf::from(path)),
    };
    let written = parts.take("sslmode");
    if written.as_deref() == Some("no-verify") {
        parts.notes.push(ConnInfoNote::NoVerifyTakenForRequire);
    }
    let mode = match (written.as_deref(), &roots) {
        (None, RootCertificates::System) | (Some("verify-full"), _) => SslMode::VerifyFull,
        (Some(_), RootCertificates::System) => return Err(ConnInfoError::WeakSystemRoots),
        // As libpq: a root certificate file that is there is used.
        (Some("require"), RootCertificates::File(_)) | (Some("verify-ca"), _) => SslMode::VerifyCa,
        (Some("require" | "no-verify"), _) => SslMode::Require,
        (Some("prefer") | None, _) => SslMode::Prefer,
        (Some("allow"), _) => SslMode::Allow,
        (Some("disable"), _) => SslMode::Disable,
        (Some(_), _) => {
            return Err(ConnInfoError::Value {
                parameter: "sslmode",
                expected: "disable, allow, prefer, require, verify-ca or verify-full",
            });
        }
    };
    let client = match (parts.take("sslcert"), parts.take("sslkey")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => {
            return Err(ConnInfoError::Value {
                parameter: "sslcert",
                expected: "given together with `sslkey`",
            });
        }
    };
    let client = client
        .map(|(certificate, key)| ClientCertificate { certificate: certificate.into(), key: key.into() });
    if parts.take("sslpassword").is_some() {
        return Err(ConnInfoError::Unsupported {
            parameter: "sslpassword",
            instead: "use a private key without a passphrase, readable only by you",
        });
    }
    let channel_binding = match parts.take("channel_binding").as_deref() {
        None | Some("prefer") => ChannelBinding::Prefer,
        Some("disable") => ChannelBinding::Disable,
        Some("require") => ChannelBinding::Require,
        Some(_) => {
            return Err(ConnInfoError::Value {
                parameter: "channel_binding",
                expected: "disable, prefer or require",
            });
        }
    };
    Ok(SslSettings { mode, roots, client, channel_binding })
}

fn connect_timeout(parts: &mut Parts) -> Result<Option<Duration>, ConnInfoError> {
    let Some(text) = parts.take("connect_timeout") else { return Ok(None) };
    let seconds: i64 = text.trim().parse().map_err(|_| ConnInfoError::Value {
        parameter: "connect_timeout",
        expected: "a whole number of seconds",
    })?;
    // libpq never waits less than two seconds; 0 and below mean no limit.
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|&seconds| seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.max(2))))
}

fn target_session(parts: &mut Parts) -> Result<TargetSession, ConnInfoError> {
    match parts.take("target_session_attrs").as_deref() {
        None | Some("any") => Ok(TargetSession::Any),
        Some("read-write") => Ok(TargetSession::ReadWrite),
        Some("read-only") => Ok(TargetSession::ReadOnly),
        Some("primary") => Ok(TargetSession::Primary),
        Some("standby") => Ok(TargetSession::Standby),
        Some("prefer-standby") => Ok(TargetSession::PreferStandby),
        Some(_) => Err(ConnInfoError::Value {
            parameter: "target_session_attrs",
            expected: "any, read-write, read-only, primary, standby or prefer-standby",
        }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(parameters: &str) -> Result<ConnInfo, ConnInfoError> {
        ConnInfo::parse(&format!("postgres://u:s3cr3t@h/d?{parameters}"), None)
    }

    #[rstest]
    #[case("", SslMode::Prefer)]
    #[case("sslmode=disable", SslMode::Disable)]
    #[case("sslmode=allow", SslMode::Allow)]
    #[case("sslmode=require", SslMode::Require)]
    #[case("ssl=true", SslMode::Require)]
    #[case("sslmode=no-verify", SslMode::Require)]
    #[case("sslmode=require&sslrootcert=/ca.pem", SslMode::VerifyCa)]
    #[case("sslmode=verify-ca", SslMode::VerifyCa)]
    #[case("sslmode=verify-full&sslrootcert=/ca.pem", SslMode::VerifyFull)]
    #[case("sslrootcert=system", SslMode::VerifyFull)]
    #[case("sslmode=disable&sslmode=verify-full", SslMode::VerifyFull)]
    fn the_mode_is_as_strong_as_libpq_makes_it(#[case] parameters: &str, #[case] mode: SslMode) {
        assert_eq!(read(parameters).expect("valid").ssl.mode, mode);
    }

    #[rstest]
    #[case("sslmode=yes")]
    #[case("sslmode=require&sslrootcert=system")]
    #[case("sslcert=/c.pem")]
    #[case("sslpassword=s3cr3t")]
    #[case("channel_binding=s3cr3t")]
    #[case("connect_timeout=s3cr3t")]
    #[case("target_session_attrs=s3cr3t")]
    #[case("service=s3cr3t")]
    #[case("hostaddr=s3cr3t")]
    #[case("port=1,2")]
    fn values_that_cannot_be_honoured_are_refused_without_quoting_them(#[case] parameters: &str) {
        let error = read(parameters).expect_err("refused");
        assert!(!error.to_string().contains("s3cr3t") && !error.hint().contains("s3cr3t"));
    }

    #[test]
    fn unknown_parameters_are_kept_and_reported_by_name() {
        let info = read("schema=public&pgbouncer=true&we+ird=x").expect("not fatal");
        assert_eq!(
            info.notes,
            [
                ConnInfoNote::Ignored("schema".to_owned()),
                ConnInfoNote::Ignored("pgbouncer".to_owned()),
                ConnInfoNote::IgnoredUnnamed
            ]
        );
        assert_eq!(info.other_parameters[0].1.expose(), "public");
    }

    #[test]
    fn an_address_stands_in_for_the_name() {
        let info = read("hostaddr=127.0.0.1").expect("valid");
        let address = "127.0.0.1".parse().ok();
        assert_eq!(info.hosts, [Host::Tcp { name: "h".to_owned(), address, port: 5432 }]);
    }

    #[rstest]
    #[case("connect_timeout=1", Some(2))]
    #[case("connect_timeout=30", Some(30))]
    #[case("connect_timeout=0", None)]
    #[case("connect_timeout=-1", None)]
    fn time_limits_are_libpqs(#[case] parameters: &str, #[case] seconds: Option<u64>) {
        assert_eq!(read(parameters).expect("valid").connect_timeout, seconds.map(Duration::from_secs));
    }
}
