//! The database and its server: rights, limits, and what would bite during a migration or a dump.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Judgement;
use crate::report::quantity;

/// Majors that the PostgreSQL project still mends end with this one: 13 was given up in November 2025
/// (<https://www.postgresql.org/support/versioning/>).
const OLDEST_MAJOR: u32 = 14;

/// The first that can drop a database while clients hold on to it.
const LEAST_MAJOR: u32 = 13;

/// Transaction numbers that are in use at most; the server stops taking writes some three million before 2^31.
const WRAPAROUND_LIMIT: u64 = 1_600_000_000;

/// From here on vacuuming did not keep up for a long while.
const WRAPAROUND_NOTICE: u64 = 1_000_000_000;

/// What a server rewrites or indexes in a second at least: a table that takes longer than a time limit is cut off.
const REWRITE_RATE: u64 = 50 << 20;

/// Open for so long, a transaction holds up vacuuming, migrations, and indexes that are built concurrently.
pub const LONG_TRANSACTION: Duration = Duration::from_mins(5);

/// Waiting for so long, somebody is stuck.
pub const LONG_WAIT: Duration = Duration::from_secs(10);

/// What the server says of itself, seen from the product's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// 15 in 15.18.
    pub major: u32,
    /// As people write it.
    pub version: String,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// Whether transactions begin read-only for this role.
    pub read_only: bool,
    /// The role.
    pub role: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether it may create databases.
    pub creates_databases: bool,
    /// Whether it may end the product's sessions.
    pub ends_sessions: bool,
    /// Whether it may make schemas in the database.
    pub creates_schemas: bool,
    /// Whether it may make tables in the schema that it works in.
    pub creates_tables: bool,
    /// Tables that it does not own, and so cannot alter.
    pub foreign_tables: Vec<String>,
    /// `max_connections`, without those that are kept for superusers.
    pub connections: u64,
    /// How many are in use, on all databases.
    pub connections_used: u64,
    /// The database's size in bytes.
    pub size: u64,
    /// The size of its largest table with its indexes, in bytes.
    pub largest_table: u64,
    /// The time limits in force for this role, by their settings; 0 or absent is none.
    pub time_limits: BTreeMap<String, Duration>,
    /// `log_statement`.
    pub log_statement: String,
    /// The oldest transaction number of any database that is still in use, by how many there were since.
    pub oldest_transaction: u64,
    /// The collation's version when the database was made, and the one that is installed.
    pub collation: Option<(String, String)>,
    /// The difference of the machine's clock and the server's.
    pub clock_apart: Duration,
    /// How long the answer took that tells it.
    pub clock_uncertain: Duration,
}

/// Judges the server's version.
pub fn version(found: &Condition) -> Judgement {
    let evidence = format!("PostgreSQL {}", found.version);
    if found.major < LEAST_MAJOR {
        return Judgement::fail(evidence, "move to a release of PostgreSQL that is maintained");
    }
    if found.major < OLDEST_MAJOR {
        return Judgement::warn(
            evidence,
            "it gets no more corrections: plan the move to a newer major version",
        );
    }
    Judgement::pass(evidence)
}

/// Judges whether the server takes writes.
pub fn writable(found: &Condition) -> Judgement {
    if found.in_recovery {
        return Judgement::fail("the server is a standby", "name the primary in DATABASE_URL");
    }
    if found.read_only {
        return Judgement::fail(
            format!("transactions of {} begin read-only", found.role),
            "see `SHOW default_transaction_read_only`: the role's, the database's or the server's setting",
        );
    }
    Judgement::pass("it takes writes")
}

/// Judges the rights that migrations need.
pub fn rights(found: &Condition) -> Judgement {
    let role = &found.role;
    let mut missing = Vec::new();
    if !found.creates_schemas {
        missing.push(format!("{role} may not create schemas in the database"));
    }
    if !found.creates_tables {
        missing.push(format!("{role} may not create tables"));
    }
    if !found.foreign_tables.is_empty() {
        missing.push(format!("{role} does not own {}", found.foreign_tables.join(", ")));
    }
    if missing.is_empty() {
        return Judgement::pass(format!("{role} may make and alter all that there is"));
    }
    Judgement::fail(
        missing.join("; "),
        "name the owner of the tables in DATABASE_URL_MIGRATE, as a role that may create in the database",
    )
}

/// Judges the rights that a restore needs.
pub fn restore_rights(found: &Condition) -> Judgement {
    let role = &found.role;
    if !found.creates_databases {
        return Judgement::warn(
            format!("{role} may not create databases"),
            format!("ALTER ROLE \"{role}\" CREATEDB; without it only `opsctl restore --in-place` works"),
        );
    }
    if !found.ends_sessions {
        return Judgement::warn(
            format!("{role} may not end other roles' sessions"),
            format!("GRANT pg_signal_backend TO \"{role}\""),
        );
    }
    Judgement::pass(format!("{role} may create databases and end sessions"))
}

/// Who opens connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools {
    /// Instances that hold a pool, by their service.
    pub instances: BTreeMap<String, u64>,
    /// How many connections each may hold.
    pub each: u64,
    /// Where that figure is from.
    pub from: String,
}

/// Judges whether the server has a connection for each that the pools may open. Without a description of the pools only
/// what is in use now counts.
pub fn connections(found: &Condition, pools: Option<&Pools>) -> Judgement {
    let now = format!("{} of {} in use", found.connections_used, found.connections);
    if let Some(pools) = pools {
        let instances: u64 = pools.instances.values().sum();
        let needed = instances * pools.each;
        let who: Vec<String> =
            pools.instances.iter().map(|(service, count)| format!("{count} {service}")).collect();
        let sum = format!(
            "({}) x {} ({}) = {needed}, of {} that the server has; {now}",
            who.join(" + "),
            pools.each,
            pools.from,
            found.connections
        );
        let fits =
            instances.checked_div(1).filter(|count| *count > 0).map_or(0, |count| found.connections / count);
        if needed > found.connections {
            return Judgement::fail(
                sum,
                format!("set {} to at most {fits}, or raise max_connections on the server", pools.from),
            );
        }
        if needed + needed / 10 > found.connections {
            return Judgement::warn(
                sum,
                "leave some for migrations, backups and people: lower the pools, or raise max_connections",
            );
        }
        if found.connections_used * 10 < found.connections * 9 {
            return Judgement::pass(sum);
        }
    }
    if found.connections_used * 10 >= found.connections * 9 {
        return Judgement::warn(
            now,
            "see who holds them: SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2",
        );
    }
    Judgement::pass(now)
}

/// Judges time limits by what the largest table would take.
pub fn timeouts(found: &Condition) -> Judgement {
    let needed = Duration::from_secs(found.largest_table / REWRITE_RATE);
    let limits: Vec<(&str, Duration)> = found
        .time_limits
        .iter()
        .filter(|(_, limit)| !limit.is_zero())
        .map(|(name, limit)| (name.as_str(), *limit))
        .collect();
    let said = |limits: &[(&str, Duration)]| {
        let each = limits.iter().map(|(name, limit)| format!("{name} is {}", quantity::duration(*limit)));
        each.collect::<Vec<_>>().join(", ")
    };
    let largest = quantity::bytes(found.largest_table);
    let whole = |name: &str| matches!(name, "statement_timeout" | "transaction_timeout");
    let short: Vec<(&str, Duration)> =
        limits.iter().filter(|(name, limit)| whole(name) && *limit < needed * 2).copied().collect();
    if !short.is_empty() {
        return Judgement::warn(
            format!(
                "{}, and the largest table has {largest}: a migration that rewrites it would be cut off",
                said(&short)
            ),
            format!("ALTER ROLE \"{}\" SET {} = 0 for the time of the upgrade", found.role, short[0].0),
        );
    }
    if limits.is_empty() {
        return Judgement::pass("none is set");
    }
    Judgement::pass(format!("{}, which the largest table ({largest}) leaves room for", said(&limits)))
}

/// Judges what the server writes of statements into its log.
pub fn logging(found: &Condition) -> Judgement {
    let evidence = format!("log_statement is {}", found.log_statement);
    match found.log_statement.as_str() {
        "all" | "mod" => Judgement::warn(
            format!("{evidence}: values that are written to tables are in the server's log too"),
            "set log_statement to none or ddl, and treat the logs that there are as data",
        ),
        "ddl" => Judgement::pass(format!("{evidence}: never set a password in clear by ALTER ROLE")),
        _ => Judgement::pass(evidence),
    }
}

/// Judges transactions that are open for long, as the server's observers put them in words.
pub fn transactions(open: &[String]) -> Judgement {
    if open.is_empty() {
        return Judgement::pass(format!(
            "none is open for more than {}",
            quantity::duration(LONG_TRANSACTION)
        ));
    }
    Judgement::warn(
        open.join("; "),
        "end them: by their clients, SELECT pg_terminate_backend(PID), or ROLLBACK PREPARED 'ID'",
    )
}

/// Judges how many transaction numbers are left.
pub fn wraparound(found: &Condition) -> Judgement {
    let evidence =
        format!("{} of 2\u{202f}147\u{202f}483\u{202f}648 in use", quantity::count(found.oldest_transaction));
    let remedy =
        "let it be vacuumed: end old transactions and slots, then `VACUUM (FREEZE)` the oldest tables";
    match found.oldest_transaction {
        WRAPAROUND_LIMIT.. => Judgement::fail(evidence, remedy),
        WRAPAROUND_NOTICE.. => Judgement::warn(evidence, remedy),
        _ => Judgement::pass(evidence),
    }
}

/// Judges the collation's version: after a move to another system, indexes on texts may be in another order.
pub fn collation(found: &Condition, database: &str) -> Judgement {
    match &found.collation {
        None => Judgement::skipped("its collation has no version"),
        Some((made, installed)) if made == installed => Judgement::pass(format!("version {made}")),
        Some((made, installed)) => Judgement::warn(
            format!(
                "made with version {made}, and {installed} is installed: indexes on texts may be in the wrong order"
            ),
            format!(
                "REINDEX DATABASE \"{database}\"; ALTER DATABASE \"{database}\" REFRESH COLLATION VERSION"
            ),
        ),
    }
}

/// Judges indexes whose building failed.
pub fn indexes(invalid: &[String]) -> Judgement {
    let Some(first) = invalid.first() else { return Judgement::pass("all are valid") };
    Judgement::warn(
        format!("invalid: {}", invalid.join(", ")),
        format!("REINDEX INDEX CONCURRENTLY {first}, or drop it"),
    )
}

/// What waits, and what was left over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locks {
    /// Sessions that wait for others, in words.
    pub waiting: Vec<String>,
    /// Who holds opsctl's own lock, where no operation runs on this machine.
    pub held: Option<String>,
}

/// Judges waits and locks.
pub fn locks(found: &Locks) -> Judgement {
    if let Some(held) = &found.held {
        return Judgement::warn(
            format!("opsctl's lock is held: {held}"),
            "does another machine operate this database? else end that session: SELECT pg_terminate_backend(PID)",
        );
    }
    if found.waiting.is_empty() {
        return Judgement::pass("nobody waits");
    }
    Judgement::warn(found.waiting.join("; "), "end who holds the others up: SELECT pg_terminate_backend(PID)")
}

#[cfg(test)]
mod tests;
