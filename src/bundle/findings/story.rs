//! Telling causes from what they bring about: many findings are mostly one story.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Finding, Severity};

/// Where a cause has to be for it to explain something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// In the same service.
    Service,
    /// Anywhere: all services stand on it.
    All,
}

/// What shows when a service does not work, whyever.
const DOWN: &[&str] = &[
    "crash-loop",
    "exit-at-start",
    "worker-down",
    "database-down",
    "service-down",
    "restarted",
    "unhealthy",
    "not-ready",
];

/// What shows when the database does not work, whyever.
const NO_DATABASE: &[&str] = &[
    "pool-exhausted",
    "connections-exhausted",
    "connection-refused",
    "connection-lost",
    "statements-cancelled",
    "queue-stuck",
    "unhealthy",
    "not-ready",
    "crash-loop",
    "exit-at-start",
];

/// Causes, and what they bring about; of several causes the first is named. No effect stands before its cause.
const CAUSES: &[(&str, Reach, &[&[&str]])] = &[
    ("data-corruption", Reach::All, &[NO_DATABASE]),
    (
        "disk-full",
        Reach::All,
        &[
            DOWN,
            NO_DATABASE,
            &[
                "database-crashed",
                "migration-failed",
                "operation-failed",
                "backup-old",
                "backup-damaged",
                "journal-damaged",
            ],
        ],
    ),
    ("inodes-used-up", Reach::All, &[DOWN, NO_DATABASE, &["disk-full", "operation-failed"]]),
    ("memory-short", Reach::All, &[&["out-of-memory", "database-crashed"]]),
    ("out-of-memory", Reach::Service, &[DOWN, &["database-crashed", "connection-refused"]]),
    ("file-system-read-only", Reach::Service, &[DOWN, &["database-crashed"]]),
    ("too-many-files", Reach::Service, &[DOWN]),
    ("port-taken", Reach::Service, &[DOWN, &["start-refused"]]),
    ("setting-missing", Reach::Service, &[DOWN]),
    ("idle-in-transaction", Reach::All, &[&["lock-pile-up", "wraparound"]]),
    ("prepared-transactions", Reach::All, &[&["lock-pile-up", "wraparound"]]),
    (
        "lock-pile-up",
        Reach::All,
        &[&[
            "pool-exhausted",
            "connections-exhausted",
            "statements-cancelled",
            "queue-stuck",
            "not-ready",
            "unhealthy",
            "deadlocks",
            "migration-failed",
        ]],
    ),
    ("transaction-pooler", Reach::All, &[&["queue-stuck", "connection-lost", "worker-down"]]),
    (
        "connections-exhausted",
        Reach::All,
        &[&["pool-exhausted", "not-ready", "unhealthy", "crash-loop", "exit-at-start"]],
    ),
    ("pool-exhausted", Reach::Service, &[&["not-ready", "unhealthy"]]),
    (
        "migration-half-applied",
        Reach::All,
        &[&["pending-migrations", "operation-failed", "operation-unfinished"]],
    ),
    ("database-rights", Reach::All, &[&["migration-failed", "operation-failed"]]),
    (
        "migration-failed",
        Reach::All,
        &[&["pending-migrations", "operation-failed", "migration-half-applied"]],
    ),
    ("pending-migrations", Reach::Service, &[DOWN]),
    (
        "operation-unfinished",
        Reach::All,
        &[&[
            "version-mismatch",
            "pending-migrations",
            "database-kept",
            "settings-differ",
            "service-down",
            "worker-down",
        ]],
    ),
    ("database-crashed", Reach::All, &[NO_DATABASE, &["database-down"]]),
    ("database-down", Reach::All, &[NO_DATABASE, &["name-not-resolved", "worker-down"]]),
    ("database-read-only", Reach::All, &[NO_DATABASE, &["migration-failed", "operation-failed"]]),
    ("name-not-resolved", Reach::Service, &[DOWN]),
    ("tls-failure", Reach::Service, &[DOWN]),
    ("database-login-refused", Reach::All, &[DOWN]),
    ("permission-denied", Reach::Service, &[DOWN]),
    ("start-refused", Reach::Service, &[DOWN]),
    ("crash-loop", Reach::Service, &[&["unhealthy", "not-ready", "queue-stuck", "restarted"]]),
    ("worker-down", Reach::All, &[&["queue-stuck"]]),
    ("exit-at-start", Reach::Service, &[&["not-ready", "queue-stuck"]]),
    ("service-down", Reach::All, &[&["connection-refused", "name-not-resolved", "not-ready", "queue-stuck"]]),
    ("unhealthy", Reach::Service, &[&["not-ready"]]),
    ("clock-skew", Reach::All, &[&["clocks-differ", "authentication-storm"]]),
];

/// What brings errors into logs is the cause of these too.
const SYMPTOMS_IN_LOGS: [&str; 2] = ["error-rate", "frequent-errors"];

/// Checks of preflight that say the same as an analyser.
const SAME: &[(&str, &[&str])] = &[
    ("check-host-room", &["disk-full"]),
    ("check-host-inodes", &["inodes-used-up"]),
    ("check-host-resources", &["memory-short"]),
    ("check-host-clock", &["clock-skew"]),
    ("check-host-ports", &["port-taken", "start-refused"]),
    ("check-host-network", &["name-not-resolved"]),
    ("check-env-required", &["setting-missing"]),
    ("check-env-running", &["settings-differ"]),
    ("check-image-digest", &["image-drift"]),
    (
        "check-db-connect",
        &["database-login-refused", "connections-exhausted", "connection-refused", "name-not-resolved"],
    ),
    ("check-db-tls", &["tls-failure"]),
    ("check-db-writable", &["database-read-only"]),
    ("check-db-rights", &["database-rights"]),
    ("check-db-connections", &["connections-exhausted"]),
    ("check-db-migrations", &["pending-migrations", "migration-half-applied"]),
    ("check-db-logging", &["log-statement"]),
    ("check-db-transactions", &["idle-in-transaction", "prepared-transactions"]),
    ("check-db-wraparound", &["wraparound"]),
    ("check-db-locks", &["lock-pile-up"]),
    ("check-db-pooler", &["transaction-pooler"]),
    ("check-product-operation", &["operation-unfinished"]),
    ("check-product-health", DOWN),
    ("check-product-version", &["version-mismatch"]),
    ("check-product-replicas", &["settings-differ", "image-drift"]),
    (
        "check-product-backup",
        &["backup-old", "backup-missing", "backup-unverified", "backup-damaged", "backup-gone"],
    ),
    ("check-verify-health", DOWN),
    ("check-verify-migrations", &["pending-migrations"]),
    ("check-verify-data", &["data-corruption"]),
];

/// Merges what says the same, names causes, and puts everything in the order in which it is to be read.
pub(super) fn told(findings: Vec<Finding>) -> Vec<Finding> {
    let mut findings = merged(findings);
    name_causes(&mut findings);
    ordered(&findings)
}

fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let (checks, mut findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| SAME.iter().any(|(check, _)| *check == finding.id));
    for check in checks {
        let same = SAME.iter().find(|(id, _)| *id == check.id).map_or([].as_slice(), |(_, same)| same);
        let found = same.iter().find_map(|id| findings.iter().position(|finding| finding.id == *id));
        let Some(found) = found else {
            findings.push(check);
            continue;
        };
        let finding = &mut findings[found];
        finding.severity = finding.severity.min(check.severity);
        finding.evidence.extend(check.evidence);
        finding.explain = finding.explain.or(check.explain);
        for remedy in check.remedies {
            if !finding.remedies.contains(&remedy) {
                finding.remedies.push(remedy);
            }
        }
    }
    findings
}

fn name_causes(findings: &mut [Finding]) {
    let causes: Vec<Option<Cow<'static, str>>> =
        findings.iter().map(|effect| cause_of(effect, findings)).collect();
    for (finding, cause) in findings.iter_mut().zip(causes) {
        finding.because = cause;
    }
    let worst = ordered(findings).into_iter().find(|finding| finding.severity == Severity::Critical);
    for finding in findings.iter_mut().filter(|finding| SYMPTOMS_IN_LOGS.contains(&&*finding.id)) {
        finding.because = worst.as_ref().map(|worst| worst.id.clone());
    }
}

fn cause_of(effect: &Finding, findings: &[Finding]) -> Option<Cow<'static, str>> {
    let explains = |reach: Reach, cause: &Finding| {
        reach == Reach::All
            || cause.services.is_empty()
            || cause.services.iter().any(|service| effect.services.contains(service))
            || effect.id == "queue-stuck"
    };
    let causes = CAUSES.iter().filter(|(_, _, effects)| effects.iter().any(|ids| ids.contains(&&*effect.id)));
    causes
        .filter(|(id, ..)| *id != effect.id)
        .find_map(|(id, reach, _)| findings.iter().find(|cause| cause.id == *id && explains(*reach, cause)))
        .map(|cause| cause.id.clone())
}

/// The worst story first; in a story the cause first, and as bad as the worst that it brings about.
fn ordered(findings: &[Finding]) -> Vec<Finding> {
    let root = |finding: &Finding| {
        let mut id = finding.id.clone();
        let mut because = finding.because.clone();
        // No chain is longer than there are causes.
        for _ in 0..CAUSES.len() {
            let Some(cause) = because.as_ref().and_then(|id| findings.iter().find(|other| other.id == *id))
            else {
                break;
            };
            id.clone_from(&cause.id);
            because.clone_from(&cause.because);
        }
        id
    };
    let roots: Vec<Cow<'static, str>> = findings.iter().map(root).collect();
    let mut stories: BTreeMap<&str, (Severity, usize)> = BTreeMap::new();
    for (index, (finding, root)) in findings.iter().zip(&roots).enumerate() {
        let story = stories.entry(root).or_insert((finding.severity, index));
        story.0 = story.0.min(finding.severity);
    }
    let mut keyed: Vec<_> = findings
        .iter()
        .zip(&roots)
        .enumerate()
        .map(|(index, (finding, root))| {
            let (severity, first) = stories[&**root];
            ((severity, first, finding.id != *root, finding.severity, index), finding.clone())
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    let severities = stories.clone();
    keyed
        .into_iter()
        .map(|(_, mut finding)| {
            // Who causes something critical is no mere warning.
            if let Some((severity, _)) = severities.get(&*finding.id).filter(|_| finding.because.is_none()) {
                finding.severity = finding.severity.min(*severity);
            }
            finding
        })
        .collect()
}
