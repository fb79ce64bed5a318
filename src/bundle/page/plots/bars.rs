//! Measures side by side: connections against their limit, disks, sizes of tables.

use maud::{Markup, html};

use super::{figure, measure, percent};
use crate::bundle::contents::TableFacts;
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Most bars of a plot.
const MOST: usize = 12;

/// One bar: what it is of, its parts from left to right, and what it says in a word.
struct Bar {
    name: String,
    /// Each as a share of the whole width, with its class and what it says.
    parts: Vec<(f64, &'static str, String)>,
    value: String,
}

fn drawn(bars: &[Bar]) -> Markup {
    html! {
        table.bars {
            tbody {
                @for bar in bars {
                    tr {
                        th scope="row" { (bar.name) }
                        td.bar { (track(&bar.parts)) }
                        td.value { (bar.value) }
                    }
                }
            }
        }
    }
}

fn track(parts: &[(f64, &'static str, String)]) -> Markup {
    let begins = parts.iter().scan(0.0, |sum, (share, ..)| Some(std::mem::replace(sum, *sum + share)));
    html! {
        svg width="100%" height="14" aria-hidden="true" {
            rect.track width="100%" height="14" rx="3" {}
            @for ((share, class, words), begin) in parts.iter().zip(begins) {
                rect.(class) x=(percent(begin)) width=(percent(*share)) height="14" { title { (words) } }
            }
        }
    }
}

pub(super) fn connections(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let activity = facts.activity.as_ref()?;
    let limit = facts.server.as_ref().map(|server| server.max_connections).filter(|limit| *limit > 0)?;
    let share = |count: u32| f64::from(count) / f64::from(limit);
    let states = activity
        .sessions
        .iter()
        .map(|(state, count)| (share(*count), class_of(state), format!("{count} {state}")));
    let mut bars = vec![Bar {
        name: "all".to_owned(),
        parts: states.collect(),
        value: format!("{} of {limit}", activity.connections),
    }];
    let mut by: Vec<(&String, &u32)> = activity.by_application.iter().collect();
    by.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    bars.extend(by.into_iter().take(MOST).map(|(name, count)| Bar {
        name: if name.is_empty() { "without a name".to_owned() } else { name.clone() },
        parts: vec![(share(*count), "c0", format!("{count} connections"))],
        value: count.to_string(),
    }));
    let words = format!("{} of {limit} are in use.", activity.connections);
    let body = html! {
        ul.legend {
            @for (class, state) in [("c0", "active"), ("c4", "idle"), ("c1", "idle in transaction"), ("c5", "other")] {
                li { svg.swatch width="12" height="12" aria-hidden="true" { rect.(class) width="12" height="12" {} } " " (state) }
            }
        }
        (drawn(&bars))
    };
    Some(figure("Connections against the limit", &words, &body))
}

fn class_of(state: &str) -> &'static str {
    match state {
        "active" => "c0",
        "idle" => "c4",
        state if state.starts_with("idle in transaction") => "c1",
        _ => "c5",
    }
}

pub(super) fn disks(bundle: &Bundle) -> Option<Markup> {
    let disks = &bundle.facts().host.as_ref()?.disks;
    let bars: Vec<Bar> = disks
        .iter()
        .filter(|disk| disk.bytes > 0)
        .take(MOST)
        .map(|disk| {
            let used = 1.0 - measure(disk.bytes_available) / measure(disk.bytes);
            let (class, mark) = match used {
                used if used > 0.97 => ("bad", " ✕"),
                used if used > 0.90 => ("careful", " !"),
                _ => ("c0", ""),
            };
            let value = format!(
                "{} left of {}{mark}",
                quantity::bytes(disk.bytes_available),
                quantity::bytes(disk.bytes)
            );
            let name = if disk.holds.is_empty() { disk.path.clone() } else { disk.holds.clone() };
            Bar {
                name,
                parts: vec![(used, class, format!("{}: {:.0} % in use", disk.path, used * 100.0))],
                value,
            }
        })
        .collect();
    (!bars.is_empty()).then(|| figure("Disks", "What is in use of each.", &drawn(&bars)))
}

pub(super) fn tables(bundle: &Bundle) -> Option<Markup> {
    let mut tables: Vec<&TableFacts> = bundle.facts().tables.iter().collect();
    tables.sort_by_key(|table| std::cmp::Reverse(size(table)));
    let largest = size(tables.first()?).max(1);
    let share = |bytes: u64| measure(bytes) / measure(largest);
    let bars: Vec<Bar> = tables
        .iter()
        .take(MOST)
        .map(|table| Bar {
            name: if table.schema == "public" {
                table.name.clone()
            } else {
                format!("{}.{}", table.schema, table.name)
            },
            parts: vec![
                (share(table.table_bytes), "c0", format!("table {}", quantity::bytes(table.table_bytes))),
                (share(table.index_bytes), "c4", format!("indexes {}", quantity::bytes(table.index_bytes))),
            ],
            value: quantity::bytes(size(table)),
        })
        .collect();
    let all: u64 = tables.iter().map(|table| size(table)).sum();
    let words =
        format!("{} in {}.", quantity::bytes(all), quantity::counted(tables.len() as u64, "table", "tables"));
    let body = html! {
        ul.legend {
            @for (class, part) in [("c0", "table"), ("c4", "indexes")] {
                li { svg.swatch width="12" height="12" aria-hidden="true" { rect.(class) width="12" height="12" {} } " " (part) }
            }
        }
        (drawn(&bars))
    };
    Some(figure("Largest tables", &words, &body))
}

fn size(table: &TableFacts) -> u64 {
    table.table_bytes.saturating_add(table.index_bytes)
}
