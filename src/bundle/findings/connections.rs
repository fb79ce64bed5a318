//! Connections to the database: the server's limit, and the pools of the product.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding, search, server};
use crate::bundle::contents::member;
use crate::bundle::read::{Bundle, Sample};
use crate::report::quantity;

const REFUSED: [&str; 5] = [
    "too many clients",
    "remaining connection slots",
    "53300",
    "too many connections",
    "maxclientsinsessionmode",
];

const WAITED: [&str; 8] = [
    "timeout exceeded when trying to connect",
    "pool timed out",
    "timed out waiting for connection",
    "timed out while waiting for a connection",
    "pool exhausted",
    "queuepool limit",
    "unable to acquire a connection",
    "timed out fetching a new connection",
];

/// The server's limit on connections is reached, or nearly.
pub(super) fn exhausted(bundle: &Bundle) -> Vec<Finding> {
    let said = search::trouble(bundle, &REFUSED);
    let (used, limit, reserved) = counts(bundle);
    let usable = limit.saturating_sub(reserved);
    let share = (used * 100).checked_div(usable).unwrap_or(0);
    let severity = match share {
        _ if !said.is_empty() => Critical,
        0..80 => return Vec::new(),
        80..95 => Warning,
        _ => Critical,
    };
    let by = bundle.facts().activity.iter().flat_map(|activity| &activity.by_application);
    let mut by: Vec<(&String, &u32)> = by.collect();
    by.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let by: Vec<String> = by.iter().take(3).map(|(name, count)| format!("{count} of {name}")).collect();
    let of_them = if by.is_empty() { String::new() } else { format!(": {}", by.join(", ")) };
    let line = bundle.line_of(member::ACTIVITY, &["\"connections\""]);
    let text = format!("{used} of {usable} connections are in use{of_them}");
    let title = match usable {
        0 => "connections used up: the server refused connections".to_owned(),
        usable => format!("connections used up: {used} of the {usable} that the server gives are in use"),
    };
    let finding = Finding::new("connections-exhausted", severity, title)
        .seen((usable > 0).then(|| Evidence::new(member::ACTIVITY, line, text)))
        .seen(search::evidence(&said))
        .remedy("lower the pool of each replica (replicas times pool, and five for administration, must fit), or raise max_connections and restart the server")
        .explained("db-connections");
    vec![finding]
}

fn counts(bundle: &Bundle) -> (u32, u32, u32) {
    let used = bundle.facts().activity.as_ref().map_or(0, |activity| activity.connections);
    let (limit, reserved) =
        server::server(bundle).map_or((0, 0), |server| (server.max_connections, server.reserved_connections));
    (used, limit, reserved)
}

/// Requests wait for a connection of the product's own pool.
pub(super) fn pool(bundle: &Bundle) -> Vec<Finding> {
    let waiting: Vec<_> = bundle
        .facts()
        .metrics
        .iter()
        .filter(|sample| sample.name.contains("pool") && is_waiting(&sample.name) && sample.value > 0.0)
        .filter(|sample| !may_grow(bundle, sample))
        .collect();
    let said = search::trouble(bundle, &WAITED);
    if waiting.is_empty() && said.is_empty() {
        return Vec::new();
    }
    let mut services: Vec<String> = waiting.iter().map(|sample| sample.service.clone()).collect();
    services.extend(search::services(&said));
    services.sort();
    services.dedup();
    let samples = waiting.iter().map(|sample| {
        Evidence::new(&sample.member, Some(sample.line), format!("{} {}", sample.name, sample.value))
    });
    let title = format!(
        "pool exhausted: requests of {} wait for a connection to the database",
        search::listed(&services)
    );
    let finding = Finding::new("pool-exhausted", Critical, title)
        .about(services)
        .seen(samples)
        .seen(search::evidence(&said))
        .remedy("what keeps the connections busy? look at the open transactions and locks in this bundle first")
        .remedy(format!(
            "if nothing does, enlarge the pool (DATABASE_POOL_MAX of AGLedger), as far as the server's limit allows ({})",
            quantity::count(counts(bundle).1.into())
        ))
        .explained("db-connections");
    vec![finding]
}

const WAITING: [&str; 3] = ["waiting", "pending", "queued"];

fn is_waiting(name: &str) -> bool {
    WAITING.iter().any(|word| name.contains(word))
        && !["_bucket", "_sum", "_count", "_seconds", "_total"].iter().any(|end| name.ends_with(end))
}

/// Whether the pool has fewer connections than it may have: who waits then waits for one that is being opened.
fn may_grow(bundle: &Bundle, waiting: &Sample) -> bool {
    let is_total = |sample: &&Sample| {
        sample.member == waiting.member
            && sample.labels == waiting.labels
            && WAITING.iter().any(|word| waiting.name.replacen(word, "total", 1) == sample.name)
    };
    let total = bundle.facts().metrics.iter().find(is_total);
    total.zip(most_connections(bundle)).is_some_and(|(total, most)| total.value < most)
}

/// How many connections a pool of the product may have, as its settings say, else its description.
fn most_connections(bundle: &Bundle) -> Option<f64> {
    let pool = bundle.facts().profile.as_ref()?.database.pool.as_ref()?;
    let set = bundle.member(member::ENVIRONMENT).and_then(|settings| {
        let value = |line: &str| line.strip_prefix(pool.variable.as_str())?.strip_prefix('=')?.parse().ok();
        settings.lines().find_map(value)
    });
    set.or_else(|| pool.default.to_string().parse().ok())
}
