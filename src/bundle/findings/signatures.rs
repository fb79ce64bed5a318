//! What logs say in words that mean the same in every product.

use super::Severity::{Critical, Warning};
use super::{Finding, Severity, search};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Words by which a trouble is known.
struct Signature {
    id: &'static str,
    severity: Severity,
    /// What it is; the services that say it are added.
    title: &'static str,
    /// Any of these, in lower case.
    says: &'static [&'static str],
    /// None of these.
    but_not: &'static [&'static str],
    /// So many at least: one alone may be chance.
    at_least: usize,
    remedy: &'static str,
    explain: Option<&'static str>,
}

const NOTHING: &[&str] = &[];

const SIGNATURES: &[Signature] = &[
    Signature {
        id: "data-corruption",
        severity: Critical,
        title: "data damaged: what was read is not what was written",
        says: &[
            "invalid page in block",
            "could not read block",
            "page verification failed",
            "broken chain",
            "checksum mismatch",
            "hash chain broken",
        ],
        but_not: NOTHING,
        at_least: 1,
        remedy: "stop the product, keep everything as it is, and look at the disk before anything else; the last verified backup is listed in this bundle",
        explain: Some("scan-broken"),
    },
    Signature {
        id: "database-crashed",
        severity: Critical,
        title: "database crashed: the server ended and recovered",
        says: &[
            "because of crash of another server process",
            "database system was interrupted",
            "was terminated by signal",
            "could not write to file \"pg_wal",
        ],
        but_not: NOTHING,
        at_least: 1,
        remedy: "what ended it? signal 9 is mostly a lack of memory; the lines before tell of a full disk",
        explain: Some("database-failover"),
    },
    Signature {
        id: "file-system-read-only",
        severity: Critical,
        title: "file system read-only: nothing can be written",
        says: &["read-only file system", "erofs"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "is the volume mounted read-only on purpose? if not, the kernel did it after errors of the disk: `dmesg | tail -50`",
        explain: None,
    },
    Signature {
        id: "too-many-files",
        severity: Critical,
        title: "out of file descriptors: no more files or connections can be opened",
        says: &["emfile", "enfile", "too many open files"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "raise the limit (`ulimits: nofile` in the Compose files), and look whether connections are left open: a leak comes back at any limit",
        explain: None,
    },
    Signature {
        id: "port-taken",
        severity: Critical,
        title: "port taken: somebody else listens there already",
        says: &["eaddrinuse", "address already in use", "port is already allocated"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "`ss -ltnp` shows who has it; is it an older container of the same service?",
        explain: Some("host-ports"),
    },
    Signature {
        id: "setting-missing",
        severity: Critical,
        title: "setting missing or wrong: the program refuses its configuration",
        says: &[
            "missing required environment",
            "environment variable is not set",
            "environment variable not set",
            "invalid environment",
            "invalid configuration",
            "missing environment variable",
        ],
        but_not: NOTHING,
        at_least: 1,
        remedy: "the line names the setting; `opsctl preflight --only env` compares the environment file with what is expected",
        explain: Some("env-required"),
    },
    Signature {
        id: "name-not-resolved",
        severity: Critical,
        title: "name not resolved: DNS does not know a host",
        says: &[
            "enotfound",
            "eai_again",
            "getaddrinfo",
            "could not translate host name",
            "no such host",
            "temporary failure in name resolution",
            "name or service not known",
            "failed to lookup address",
        ],
        but_not: NOTHING,
        at_least: 1,
        remedy: "is the name right, and does it resolve within the container? `docker compose exec SERVICE getent hosts NAME`; after a failover it may take a minute",
        explain: Some("host-network"),
    },
    Signature {
        id: "database-login-refused",
        severity: Critical,
        title: "database login refused: the server does not let the role in",
        says: &[
            "password authentication failed",
            "28p01",
            "sasl authentication failed",
            "no pg_hba.conf entry",
            "role does not exist",
        ],
        but_not: &["no encryption"],
        at_least: 1,
        remedy: "the server's password is set when its volume is made: changing the environment file alone does not change it; ALTER ROLE does",
        explain: Some("db-connect"),
    },
    Signature {
        id: "database-rights",
        severity: Critical,
        title: "rights missing in the database",
        says: &["permission denied for", "must be owner of", "42501"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "`opsctl preflight --only db-rights` names what the role lacks; after a restore, grants of other roles may be missing",
        explain: Some("db-rights"),
    },
    Signature {
        id: "permission-denied",
        severity: Critical,
        title: "permission denied: a file or folder cannot be used",
        says: &["eacces", "permission denied"],
        but_not: &["permission denied for"],
        at_least: 1,
        remedy: "who owns the volume or the mounted file, and as whom does the container run? `docker compose exec SERVICE id`",
        explain: None,
    },
    Signature {
        id: "connection-refused",
        severity: Warning,
        title: "connection refused: nobody listens where one was expected",
        says: &["econnrefused", "connection refused"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "is what it wants to reach up, and on that port? the line names both",
        explain: Some("db-connect"),
    },
    Signature {
        id: "connection-lost",
        severity: Warning,
        title: "connections lost: the database closed them",
        says: &[
            "terminating connection due to administrator command",
            "connection terminated unexpectedly",
            "closed the connection unexpectedly",
            "57p01",
            "connection reset by peer",
            "econnreset",
        ],
        but_not: NOTHING,
        at_least: 3,
        remedy: "was the database restarted, swapped or failed over at that time? the time line shows operations and containers",
        explain: Some("database-failover"),
    },
    Signature {
        id: "deadlocks",
        severity: Warning,
        title: "deadlocks: transactions waited for each other",
        says: &["deadlock detected", "40p01"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "the server's log names the two and their tables; a few are retried, many are a fault of the release: tell its makers",
        explain: Some("db-locks"),
    },
    Signature {
        id: "statements-cancelled",
        severity: Warning,
        title: "statements cancelled: they took longer than they may",
        says: &["due to statement timeout", "due to lock timeout", "57014", "55p03"],
        but_not: NOTHING,
        at_least: 1,
        remedy: "locks, or a slow disk? look at locks and at the sizes of tables; migrations need statement_timeout=0",
        explain: Some("db-timeouts"),
    },
    Signature {
        id: "authentication-storm",
        severity: Warning,
        title: "authentication failures: very many requests are turned away",
        says: &[
            "invalid api key",
            "unauthorized",
            "authentication failed",
            "invalid token",
            "invalid signature",
            "\" 401 ",
            "status 401",
            "jwt expired",
        ],
        but_not: &["password authentication failed", "sasl"],
        at_least: 20,
        remedy: "was a secret rotated without its clients, or is somebody guessing? the lines name the client; `opsctl rotate --status` shows what is in force",
        explain: None,
    },
    Signature {
        id: "clocks-differ",
        severity: Warning,
        title: "clocks differ: what was signed elsewhere is refused as too old or too new",
        says: &[
            "token used before issued",
            "not yet valid",
            "clock skew",
            "timestamp is in the future",
            "requesttimetooskewed",
        ],
        but_not: NOTHING,
        at_least: 1,
        remedy: "`timedatectl` on both sides; turn on chrony or systemd-timesyncd",
        explain: Some("host-clock"),
    },
];

/// What a failed handshake is called.
const TLS: &[&str] = &[
    "self-signed certificate",
    "self signed certificate",
    "unable to get local issuer certificate",
    "unable to verify the first certificate",
    "certificate verify failed",
    "unknownissuer",
    "certificate has expired",
    "hostname/ip does not match",
    "ssl is not enabled on the server",
    "server does not support ssl",
    "no encryption",
    "handshake failure",
    "tls handshake",
    "ssl handshake",
    "unknown authority",
    "invalid peer certificate",
];

/// Whose servers are known by their names, and what is known of the way to them.
const PROVIDERS: [(&str, &str, &str); 4] = [
    (
        "rds.amazonaws.com",
        "tls-aws",
        "for AWS: NODE_EXTRA_CA_CERTS=/etc/ssl/certs/rds-global-bundle.pem, and sslmode=verify-full in the database URL",
    ),
    (
        "database.azure.com",
        "tls-azure",
        "for Azure: its root certificates go into the container, and NODE_EXTRA_CA_CERTS names them",
    ),
    (
        "cloudsql",
        "tls-google",
        "for Google Cloud SQL: the instance's own CA goes into the container, and NODE_EXTRA_CA_CERTS names it",
    ),
    ("", "tls-own", "mount the CA's certificate into the container and set NODE_EXTRA_CA_CERTS to its path"),
];

/// All of them, as far as the logs say so.
pub(super) fn in_logs(bundle: &Bundle) -> Vec<Finding> {
    let known = SIGNATURES.iter().filter_map(|signature| found(bundle, signature));
    known.chain(tls(bundle)).collect()
}

fn found(bundle: &Bundle, signature: &Signature) -> Option<Finding> {
    let mut hits = search::trouble(bundle, signature.says);
    hits.retain(|hit| {
        let message = hit.event.message.to_lowercase();
        !signature.but_not.iter().any(|word| message.contains(word))
    });
    if hits.len() < signature.at_least {
        return None;
    }
    let services = search::services(&hits);
    let times = quantity::counted(hits.len() as u64, "time", "times");
    let title = format!("{} ({}, {times})", signature.title, search::listed(&services));
    let mut finding = Finding::new(signature.id, signature.severity, title)
        .about(services)
        .seen(search::evidence(&hits))
        .remedy(signature.remedy);
    finding.explain = signature.explain;
    Some(finding)
}

fn tls(bundle: &Bundle) -> Option<Finding> {
    let hits = search::trouble(bundle, TLS);
    let services = search::services(&hits);
    let first = hits.first()?;
    let is_named = |host: &str| {
        bundle.logs().iter().flat_map(|log| &log.events).any(|event| event.message.contains(host))
    };
    let (_, explain, remedy) = PROVIDERS.into_iter().find(|(host, ..)| host.is_empty() || is_named(host))?;
    let expired = first.event.message.to_lowercase().contains("expired");
    let what = if expired { "a certificate has ended" } else { "the two sides do not trust each other" };
    let finding =
        Finding::new("tls-failure", Critical, format!("TLS failure: {what} ({})", search::listed(&services)))
            .about(services)
            .seen(search::evidence(&hits))
            .remedy(remedy)
            .explained(explain);
    Some(finding)
}
