//! Migrations: failed, pending, or applied by half.

use super::Severity::{Critical, Warning};
use super::search::Hit;
use super::{Evidence, Finding, checks, exits, roles, search};
use crate::bundle::contents::{OperationFacts, member};
use crate::bundle::read::Bundle;
use crate::profile::Role;

/// What a database says when the schema is older than the program, or newer.
const OTHER_SCHEMA: [&str; 4] = ["42p01", "42703", "pending migration", "migrations are pending"];

/// A migration that ended with an error.
pub(super) fn failed(bundle: &Bundle) -> Vec<Finding> {
    let containers = bundle.facts().containers.iter();
    containers
        .filter(|container| {
            let service = container.service.as_deref().unwrap_or(&container.name);
            roles::of(bundle, service) == Role::Migrate && container.exit_code.is_some_and(|code| code != 0)
        })
        .map(|container| {
            let service = container.service.clone().unwrap_or_else(|| container.name.clone());
            let code = container.exit_code.unwrap_or_default();
            let words = bundle.log_of(&container.name, Some(&service)).map(search::last_words);
            Finding::new("migration-failed", Critical, format!("migration failed: {service} ended with status {code}"))
                .about([service])
                .seen([exits::state(bundle, container)])
                .seen(words.unwrap_or_default())
                .remedy("read what it said last: rights, a lock, a time limit or the data? `opsctl preflight --only db-rights,db-timeouts,db-locks` tells")
                .remedy("an upgrade by opsctl rolls back by itself; `opsctl history` shows whether it did")
                .explained("migration-failed")
        })
        .collect()
}

/// Migrations that the release needs and the database does not have.
pub(super) fn pending(bundle: &Bundle) -> Vec<Finding> {
    let check = bundle.facts().failing("db-migrations");
    let mut said = search::trouble(bundle, &OTHER_SCHEMA);
    said.extend(search::trouble(bundle, &["does not exist"]).into_iter().filter(|hit| {
        ["relation \"", "column \"", "no such table"].iter().any(|what| hit.event.message.contains(what))
    }));
    said.retain(|hit| !is_settled(bundle, hit));
    said.sort_by_key(|hit| (&hit.log.member, hit.event.line));
    said.dedup_by_key(|hit| (&hit.log.member, hit.event.line));
    let title = match check {
        None if said.is_empty() => return Vec::new(),
        None => {
            "schema and release differ: the program asks for tables or columns that are not there".to_owned()
        }
        Some(check) => format!("pending migrations: {}", check.evidence),
    };
    let judged = check.map(|check| checks::evidence(bundle, member::PREFLIGHT, check));
    let newest = bundle.facts().migrations.as_ref().and_then(|migrations| migrations.applied.last());
    let applied = newest.map(|newest| {
        let line = bundle.line_of(member::MIGRATIONS, &["\"applied\"", newest]);
        Evidence::new(member::MIGRATIONS, line, format!("the newest that is applied: {newest}"))
    });
    let severity = if said.is_empty() { Warning } else { Critical };
    let finding = Finding::new("pending-migrations", severity, title)
        .about(search::services(&said))
        .seen(judged)
        .seen(applied)
        .seen(search::evidence(&said))
        .remedy("`opsctl status` shows what is selected and what runs; `opsctl upgrade VERSION` to that release migrates, with a way back")
        .explained("db-migrations");
    vec![finding]
}

/// Whether an operation that left release and data in harmony ended after it was said: it tells of what is past.
fn is_settled(bundle: &Bundle, hit: &Hit<'_>) -> bool {
    let settles = |operation: &&OperationFacts| {
        ["upgrade", "restore", "undo-restore", "rollback"].contains(&&*operation.kind)
            && ["done", "rolled-back"].contains(&&*operation.outcome)
    };
    let ends = bundle.facts().operations.iter().filter(settles).filter_map(|operation| {
        let ended: jiff::Timestamp = operation.ended.as_deref()?.parse().ok()?;
        Some(ended)
    });
    ends.max().zip(hit.event.at).is_some_and(|(ended, said)| said <= ended)
}

/// A migration that stopped in the middle.
pub(super) fn half_applied(bundle: &Bundle) -> Vec<Finding> {
    let mut said = search::trouble(
        bundle,
        &[
            "dirty database",
            "database is dirty",
            "dirty schema",
            "migration is partially applied",
            "failed migration",
        ],
    );
    said.retain(|hit| !is_settled(bundle, hit));
    let in_doubt = bundle.facts().operations.iter().filter(|operation| {
        operation.failure.as_deref().is_some_and(|failure| {
            let failure = failure.to_lowercase();
            failure.contains("migrat")
                && ["half", "in doubt", "part of", "neither"].iter().any(|word| failure.contains(word))
        })
    });
    let in_doubt: Vec<Evidence> = in_doubt
        .map(|operation| {
            let line = bundle.line_of(member::OPERATIONS, &[&operation.id, "\"failure\""]);
            Evidence::new(member::OPERATIONS, line, operation.failure.clone().unwrap_or_default())
        })
        .collect();
    if said.is_empty() && in_doubt.is_empty() {
        return Vec::new();
    }
    let title = "migration half applied: the schema is neither that of the old release nor of the new one";
    let finding = Finding::new("migration-half-applied", Critical, title)
        .about(search::services(&said))
        .seen(in_doubt)
        .seen(search::evidence(&said))
        .remedy("go back to the restore point rather than forward: `opsctl status`, then `opsctl abort` or `opsctl rollback`")
        .explained("migration-in-doubt");
    vec![finding]
}
