//! The database: its server, what it is doing, and migrations.

use std::time::Duration;

use maud::{Markup, html};

use super::rows::{self, code, pairs, text, time_or_none};
use crate::bundle::contents::TableFacts;
use crate::bundle::read::Bundle;
use crate::report::quantity;

pub(super) fn server(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let server = facts.server.as_ref()?;
    Some(html! {
        (pairs([
            ("Version", html! { (server.version) }),
            ("Started", time_or_none(server.started.as_ref())),
            ("Database", html! { (code(&server.database)) ", " (quantity::bytes(server.database_bytes)) }),
            ("Takes writes", html! { @if server.in_recovery { "no: it is a standby" } @else { "yes" } }),
            ("Connections", html! { (server.max_connections) " at most, " (server.reserved_connections) " of them reserved" }),
            ("Oldest transaction number", html! { (quantity::count(server.transaction_age)) " old" }),
            ("Pooler in between", html! { (facts.check("db-pooler").map_or("not probed", |check| check.evidence.as_str())) }),
        ]))
        @if !facts.tables.is_empty() {
            (rows::table("Tables", ["Table", "Rows", "Table size", "Indexes", "Dead rows", "Vacuumed"], facts.tables.iter().map(table)))
        }
        @if !server.settings.is_empty() {
            details data-group {
                summary { "Settings that differ from the default" }
                (rows::table("Settings", ["Setting", "Value"], server.settings.iter().map(|(name, value)| [code(name), code(value)])))
            }
        }
        @if !server.databases.is_empty() {
            details data-group {
                summary { "All databases and extensions" }
                (rows::table("Databases", ["Database", "Size"], server.databases.iter().map(|(name, bytes)| [code(name), html! { (quantity::bytes(*bytes)) }])))
                (rows::table("Extensions", ["Extension", "Version"], server.extensions.iter().map(|(name, version)| [code(name), html! { (version) }])))
            }
        }
    })
}

/// A SQLite file, and the rows of its tables.
pub(super) fn store(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let store = facts.store.as_ref()?;
    Some(html! {
        (pairs([
            ("File", html! { (code(&store.file)) ", " (quantity::bytes(store.bytes)) }),
            ("Write-ahead log", html! { (quantity::bytes(store.log_bytes)) }),
            ("Could not be looked into", text(store.trouble.as_deref().unwrap_or("no"))),
        ]))
        @if !store.properties.is_empty() {
            (rows::table("Properties", ["Property", "Value"], store.properties.iter().map(|(name, value)| [code(name), code(value)])))
        }
        @if !facts.tables.is_empty() {
            (rows::table("Tables", ["Table", "Rows"], facts.tables.iter().map(|table| [
                code(&table.name), html! { (table.rows.map_or("not counted".to_owned(), quantity::count)) },
            ])))
        }
        @if !store.kept.is_empty() {
            (rows::table("Kept beside it", ["Name", "For", "Size"], store.kept.iter().map(|kept| [
                code(&kept.name), text(&kept.purpose), html! { (quantity::bytes(kept.bytes)) },
            ])))
        }
    })
}

fn table(table: &TableFacts) -> [Markup; 6] {
    [
        code(&format!("{}.{}", table.schema, table.name)),
        html! { (table.rows.map_or("not counted".to_owned(), quantity::count)) },
        html! { (quantity::bytes(table.table_bytes)) },
        html! { (quantity::bytes(table.index_bytes)) },
        html! { (quantity::count(table.dead_rows)) },
        time_or_none(table.vacuumed.as_ref()),
    ]
}

pub(super) fn activity(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let activity = facts.activity.as_ref();
    if activity.is_none() && facts.queues.is_empty() {
        return None;
    }
    let took = |milliseconds: u64| quantity::duration(Duration::from_millis(milliseconds));
    Some(html! {
        @if let Some(activity) = activity {
            (pairs([
                ("Connections", html! { (activity.connections) }),
                ("By state", text(&counts(activity.sessions.iter()))),
                ("By application", text(&counts(activity.by_application.iter()))),
                ("Prepared transactions", html! { (activity.prepared) }),
            ]))
            @if activity.blocked.is_empty() { p.quiet { "Nobody waits for a lock." } }
            @else {
                (rows::table("Who waits for whom", ["Session", "Application", "Waits for", "Lock", "On", "For"], activity.blocked.iter().map(|blocked| [
                    html! { (blocked.pid) },
                    text(&blocked.application),
                    html! { @for pid in blocked.by.iter().take(8) { (pid) " " } },
                    text(&blocked.lock),
                    text(blocked.relation.as_deref().unwrap_or_default()),
                    html! { (took(blocked.waiting_ms)) },
                ])))
            }
            @if !activity.transactions.is_empty() {
                (rows::table("Open transactions, the oldest first", ["Session", "Application", "State", "Open for", "Waits for"], activity.transactions.iter().map(|open| [
                    html! { (open.pid) },
                    text(&open.application),
                    text(&open.state),
                    html! { (took(open.open_ms)) },
                    text(open.waits_for.as_deref().unwrap_or_default()),
                ])))
            }
        }
        @if !facts.queues.is_empty() {
            (rows::table("Queues", ["Queue", "State", "Jobs", "The oldest waits for"], facts.queues.iter().map(|depth| [
                code(&depth.queue),
                text(&depth.state),
                html! { (quantity::count(depth.jobs)) },
                html! { (depth.oldest_ms.map_or(String::new(), took)) },
            ])))
        }
    })
}

fn counts<'a>(counts: impl Iterator<Item = (&'a String, &'a u32)>) -> String {
    counts.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn migrations(bundle: &Bundle) -> Option<Markup> {
    let migrations = bundle.facts().migrations.as_ref()?;
    let applied = migrations.applied.iter().rev();
    Some(html! {
        p {
            (quantity::counted(migrations.applied.len() as u64, "migration is", "migrations are")) " applied."
            @if let Some(check) = bundle.facts().failing("db-migrations") { " " strong { (text(&check.evidence)) } }
        }
        details data-group {
            summary { "Applied, the newest first" }
            (rows::table("Applied migrations", ["Migration"], applied.map(|name| [code(name)])))
        }
    })
}
