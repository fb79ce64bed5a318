//! The database server itself, and what stands before it.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding, checks, search};
use crate::bundle::contents::{ServerFacts, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// The age at which the server begins to vacuum whatever is turned off; transaction numbers end ten times later.
const AGE_LATE: u64 = 500_000_000;

/// From here on the server warns by itself, and then refuses writes at 2^31 less three million.
const AGE_DANGER: u64 = 1_500_000_000;

/// A pooler that gives a client's connection to others between transactions.
pub(super) fn pooler(bundle: &Bundle) -> Vec<Finding> {
    let Some(check) = bundle.facts().failing("db-pooler") else { return Vec::new() };
    let title = "pooler: the product's connections are shared, so LISTEN/NOTIFY and session locks are lost";
    let finding = Finding::new("transaction-pooler", Critical, title)
        .seen([checks::evidence(bundle, member::PREFLIGHT, check)])
        .remedy("name the server's own endpoint in the database URL, not the pooler's, or use the pool in session mode; then `docker compose up -d`")
        .explained("db-pooler");
    vec![finding]
}

/// A server that takes no writes.
pub(super) fn recovery(bundle: &Bundle) -> Vec<Finding> {
    let is_standby = server(bundle).is_some_and(|server| server.in_recovery);
    let said = search::trouble(
        bundle,
        &["in a read-only transaction", "25006", "the database system is in recovery mode"],
    );
    if !is_standby && said.is_empty() {
        return Vec::new();
    }
    let line = bundle.line_of(member::SERVER, &["\"in_recovery\""]);
    let standby = Evidence::new(member::SERVER, line, "the server is a standby: it is in recovery");
    let finding = Finding::new("database-read-only", Critical, "database read-only: the server takes no writes")
        .seen(is_standby.then_some(standby))
        .seen(search::evidence(&said))
        .remedy("does the database URL name a replica, or an old primary after a failover? name the writer's endpoint")
        .explained("db-writable");
    vec![finding]
}

/// Transaction numbers that run out.
pub(super) fn wraparound(bundle: &Bundle) -> Vec<Finding> {
    let age = server(bundle).map_or(0, |server| server.transaction_age);
    let severity = match age {
        0..AGE_LATE => return Vec::new(),
        AGE_LATE..AGE_DANGER => Warning,
        _ => Critical,
    };
    let text = format!(
        "the oldest transaction number is {} old; writes are refused at 2.1 thousand million",
        quantity::count(age)
    );
    let line = bundle.line_of(member::SERVER, &["\"transaction_age\""]);
    let finding = Finding::new("wraparound", severity, "wraparound: vacuum does not keep up, and transaction numbers run out")
        .seen([Evidence::new(member::SERVER, line, text)])
        .remedy("end what holds vacuum back (old transactions, prepared transactions, replication slots), then run VACUUM (FREEZE) on the oldest tables")
        .explained("db-wraparound");
    vec![finding]
}

pub(super) fn server(bundle: &Bundle) -> Option<&ServerFacts> {
    bundle.facts().server.as_ref()
}
