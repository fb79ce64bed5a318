//! A connection as the environment variables that PostgreSQL's own tools read.

use super::{ChannelBinding, ConnInfo, Host, RootCertificates, TargetSession};

impl ConnInfo {
    /// The connection as libpq's environment variables, without the password, which belongs into `PGPASSWORD` or a
    /// password file: [`ConnInfo::password`].
    ///
    /// The tools' process must not inherit other `PG*` variables: an operator's `PGSSLMODE` or `PGSERVICE` would
    /// change where they connect.
    pub fn to_pg_env(&self) -> Vec<(String, String)> {
        let mut variables: Vec<(&str, String)> = Vec::new();
        let joined = |part: fn(&Host) -> String| self.hosts.iter().map(part).collect::<Vec<_>>().join(",");
        variables.push(("PGHOST", joined(host_name)));
        variables.push(("PGPORT", joined(|host| port(host).to_string())));
        if self.hosts.iter().any(|host| !host_address(host).is_empty()) {
            variables.push(("PGHOSTADDR", joined(host_address)));
        }
        variables.push(("PGUSER", self.user.clone()));
        variables.push(("PGDATABASE", self.database.clone()));
        variables.push(("PGSSLMODE", self.ssl.mode.as_str().to_owned()));
        match &self.ssl.roots {
            RootCertificates::Unspecified => {}
            RootCertificates::System => variables.push(("PGSSLROOTCERT", "system".to_owned())),
            RootCertificates::File(path) => variables.push(("PGSSLROOTCERT", path.display().to_string())),
        }
        if let Some(client) = &self.ssl.client {
            variables.push(("PGSSLCERT", client.certificate.display().to_string()));
            variables.push(("PGSSLKEY", client.key.display().to_string()));
        }
        match self.ssl.channel_binding {
            ChannelBinding::Prefer => {}
            ChannelBinding::Disable => variables.push(("PGCHANNELBINDING", "disable".to_owned())),
            ChannelBinding::Require => variables.push(("PGCHANNELBINDING", "require".to_owned())),
        }
        if self.target_session != TargetSession::Any {
            variables.push(("PGTARGETSESSIONATTRS", self.target_session.as_str().to_owned()));
        }
        if let Some(limit) = self.connect_timeout {
            variables.push(("PGCONNECT_TIMEOUT", limit.as_secs().to_string()));
        }
        if let Some(options) = &self.options {
            variables.push(("PGOPTIONS", options.clone()));
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp { name, .. } => name.clone(),
        Host::Socket { directory, .. } => directory.display().to_string(),
    }
}

fn host_address(host: &Host) -> String {
    match host {
        Host::Tcp { address: Some(address), .. } => address.to_string(),
        _ => String::new(),
    }
}

fn port(host: &Host) -> u16 {
    match host {
        Host::Tcp { port, .. } | Host::Socket { port, .. } => *port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(text: &str) -> Vec<String> {
        let info = ConnInfo::parse(text, None).expect("a valid connection string");
        info.to_pg_env().into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn everything_but_the_password_is_there() {
        assert_eq!(
            environment(
                "postgres://u:s3cr3t@a:1,b/d?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=5\
                 &target_session_attrs=primary&sslcert=/c.pem&sslkey=/k.pem&options=-c%20x%3D1&channel_binding=require"
            ),
            [
                "PGHOST=a,b",
                "PGPORT=1,5432",
                "PGUSER=u",
                "PGDATABASE=d",
                "PGSSLMODE=verify-full",
                "PGSSLROOTCERT=/ca.pem",
                "PGSSLCERT=/c.pem",
                "PGSSLKEY=/k.pem",
                "PGCHANNELBINDING=require",
                "PGTARGETSESSIONATTRS=primary",
                "PGCONNECT_TIMEOUT=5",
                "PGOPTIONS=-c x=1",
            ]
        );
    }

    #[test]
    fn sockets_and_addresses_are_named() {
        assert_eq!(
            environment("host=/run/pg user=u"),
            ["PGHOST=/run/pg", "PGPORT=5432", "PGUSER=u", "PGDATABASE=u", "PGSSLMODE=prefer"]
        );
        assert!(environment("host=h hostaddr=::1 user=u").contains(&"PGHOSTADDR=::1".to_owned()));
    }
}
