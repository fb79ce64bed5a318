//! The way to the database: what is in between, and who can read it.

use std::time::Duration;

use super::Judgement;

/// A certificate that ends sooner is renewed now.
const CERTIFICATE_NOTICE: Duration = Duration::from_hours(24 * 21);

/// How connections lead to server processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pooling {
    /// Each connection has a process of its own, and notifications arrive.
    Direct,
    /// Processes are shared between connections, which shows so.
    Shared(String),
    /// Each connection kept its process, and yet a notification did not arrive.
    Deaf,
    /// A pooler that turned away what a client may ask for.
    Refused(String),
}

/// Judges poolers.
pub fn pooler(found: &Pooling, host: &str) -> Judgement {
    let remedy = "connect directly, or through a pool in session mode: jobs that wait for LISTEN or hold advisory locks \
                  stop without an error otherwise";
    match found {
        Pooling::Direct => match known_pooler(host) {
            Some(name) => Judgement::warn(
                format!("{host} is an address of {name}, though it kept sessions apart just now"),
                remedy,
            ),
            None => Judgement::pass("every connection has a server process of its own, and is notified"),
        },
        Pooling::Shared(how) => {
            Judgement::fail(format!("a pooler shares connections between clients: {how}"), remedy)
        }
        Pooling::Deaf => {
            Judgement::fail("a notification from one connection did not reach another within 2 s", remedy)
        }
        Pooling::Refused(why) => Judgement::fail(format!("a pooler is in between: {why}"), remedy),
    }
}

/// Providers' poolers by their host names and ports.
fn known_pooler(host: &str) -> Option<&'static str> {
    if host.contains(".proxy-") && host.contains(".rds.amazonaws.com") {
        return Some("RDS Proxy");
    }
    if host.contains("-pooler.") || host.contains(".pooler.supabase.com:6543") {
        return Some("a provider's pool in transaction mode");
    }
    None
}

/// How the way to the server is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `sslmode` of the address.
    pub mode: &'static str,
    /// Whether the address leads off this machine.
    pub remote: bool,
    /// Host, for hints by provider.
    pub host: String,
    /// Protocol and cipher in use; none is plain text.
    pub protocol: Option<String>,
    /// How long until the first certificate of the server's chain ends; none where there is no chain to look at.
    pub expires: Option<Expiry>,
}

/// When a certificate ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Whose it is.
    pub subject: String,
    /// The day, for people.
    pub day: String,
    /// What is left; none if it is over.
    pub left: Option<Duration>,
}

/// Judges TLS.
pub fn tls(found: &Tls) -> Judgement {
    if !found.remote && found.protocol.is_none() {
        return Judgement::skipped("the server is on this machine, and its connections are not encrypted");
    }
    let Some(protocol) = &found.protocol else {
        return Judgement::warn(
            format!("sslmode is {}, and what is sent to {} can be read on the way", found.mode, found.host),
            verify_hint(&found.host),
        );
    };
    let mut evidence = format!("{protocol}, sslmode is {}", found.mode);
    if let Some(expiry) = &found.expires {
        evidence = format!("{evidence}, the certificate of {} ends on {}", expiry.subject, expiry.day);
        let remedy = "renew the server's certificate";
        match expiry.left {
            None => return Judgement::fail(evidence, remedy),
            Some(left) if left < CERTIFICATE_NOTICE => return Judgement::warn(evidence, remedy),
            Some(_) => {}
        }
    }
    if found.remote && !matches!(found.mode, "verify-full" | "verify-ca") {
        return Judgement::warn(
            format!("{evidence}: anybody on the way can pose as the server"),
            verify_hint(&found.host),
        );
    }
    Judgement::pass(evidence)
}

/// What makes the address safe, by provider.
fn verify_hint(host: &str) -> String {
    let add = "add sslmode=verify-full to DATABASE_URL";
    if host.ends_with(".rds.amazonaws.com") {
        return format!(
            "{add}, and NODE_EXTRA_CA_CERTS=/etc/ssl/certs/rds-global-bundle.pem, which the image brings; for opsctl, \
             sslrootcert with the same bundle (https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)"
        );
    }
    if host.ends_with(".postgres.database.azure.com") {
        return format!("{add} and sslrootcert with Azure's root certificates (DigiCert Global Root G2)");
    }
    format!("{add} and sslrootcert with the authority's certificate, and mount that into the containers too")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;

    #[test]
    fn poolers_that_share_are_refused() {
        assert_eq!(pooler(&Pooling::Direct, "db.example.com:5432").status, Status::Pass);
        let proxy = "x.proxy-abc.eu-west-1.rds.amazonaws.com:5432";
        assert_eq!(pooler(&Pooling::Direct, proxy).status, Status::Warn);
        for found in [Pooling::Shared("two have process 7".to_owned()), Pooling::Deaf] {
            assert_eq!(pooler(&found, "db:6432").status, Status::Fail);
        }
    }

    #[test]
    fn tls_is_judged_by_where_it_leads_and_how_long_it_holds() {
        let day = Duration::from_hours(24);
        let found = |mode, remote, protocol: Option<&str>, left: Option<Option<u32>>| {
            let expires = left.map(|days| Expiry {
                subject: "db".to_owned(),
                day: "2026-01-01".to_owned(),
                left: days.map(|days| day * days),
            });
            let host = "db.x.eu-west-1.rds.amazonaws.com".to_owned();
            tls(&Tls { mode, remote, host, protocol: protocol.map(str::to_owned), expires })
        };
        assert_eq!(found("prefer", false, None, None).status, Status::Skipped);
        let plain = found("disable", true, None, None);
        assert_eq!(plain.status, Status::Warn);
        assert!(plain.remedies[0].contains("rds-global-bundle.pem"), "{plain:?}");
        assert_eq!(found("verify-full", true, Some("TLSv1.3"), Some(Some(90))).status, Status::Pass);
        assert_eq!(found("require", true, Some("TLSv1.3"), Some(Some(90))).status, Status::Warn);
        assert_eq!(found("verify-full", true, Some("TLSv1.3"), Some(Some(3))).status, Status::Warn);
        assert_eq!(found("require", true, Some("TLSv1.3"), Some(None)).status, Status::Fail);
    }
}
