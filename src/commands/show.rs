//! Plans and databases as people and machines read them.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use serde_json::json;

use crate::adapters::postgres::properties::database_facts;
use crate::adapters::postgres::rows::{newest, row_counts};
use crate::adapters::product_database::{self, ProductDatabase};
use crate::commands::context::Outcome;
use crate::error::Fault;
use crate::journal::record::Progress;
use crate::model::manifest::Sqlite;
use crate::plan::Plan;
use crate::report::quantity;

/// A plan as the result of `--plan`.
pub fn plan(plan: &Plan) -> Outcome {
    Outcome::new(steps(plan), json!({"plan": plan, "changed": false}))
}

/// The steps of a plan, one a line, with the commit point marked.
pub fn steps(plan: &Plan) -> String {
    let mut lines = vec![format!("the {} will:", plan.kind.in_words())];
    for (index, step) in plan.steps.iter().enumerate() {
        if plan.commit == Some(index) {
            lines.push(
                "     -- commit point: up to here a failure rolls back by itself and loses nothing"
                    .to_owned(),
            );
        }
        lines.push(format!("{:>4}. {step}", index + 1));
    }
    lines.join("\n")
}

/// The live database in a line: its size, rows, and how fresh it is.
pub async fn database(database: &ProductDatabase) -> Result<String, Fault> {
    let live = database.live();
    let session = database.session(&live).await?;
    let facts = database_facts(&session).await.map_err(|error| product_database::fault(&error))?;
    let tables = row_counts(&session).await.map_err(|error| product_database::fault(&error))?;
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    let mut text = format!(
        "{live}: {}, {} rows in {} tables",
        quantity::bytes(facts.size_bytes),
        quantity::count(rows),
        tables.len()
    );
    for freshness in &database.profile.database.freshness {
        let found = newest(&session, freshness.table.as_str(), freshness.column.as_str()).await;
        if let Ok(Some(newest)) = found {
            let _ = write!(text, ", newest row in {} of {newest}", freshness.table);
        }
    }
    Ok(text)
}

/// The same of a SQLite database.
pub fn sqlite(facts: &Sqlite) -> String {
    let rows: u64 = facts.tables.iter().map(|table| table.rows).sum();
    let mut text = format!(
        "{}: {}, {} rows in {} tables",
        facts.name,
        quantity::bytes(facts.size_bytes),
        quantity::count(rows),
        facts.tables.len()
    );
    for table in &facts.tables {
        if let Some(newest) = table.newest_row {
            let _ = write!(text, ", newest row in {} of {newest}", table.name);
        }
    }
    text
}

/// How far an operation came, step by step.
pub fn progress(progress: &Progress) -> String {
    let plan = &progress.planned.plan;
    let lines = plan.steps.iter().enumerate().map(|(index, step)| {
        let state = match index {
            index if index < progress.finished => "done   ",
            index if index < progress.touched => "begun  ",
            _ => "       ",
        };
        format!("{:>4}. {state} {step}", index + 1)
    });
    let back = progress.going_back.iter().flat_map(|back| {
        let why = std::iter::once(format!("went back, because {}", back.fault));
        let steps = back.steps.iter().enumerate().map(|(index, step)| {
            let state = if index < back.finished { "done   " } else { "       " };
            format!("{:>4}. {state} {step}", index + 1)
        });
        why.chain(steps).collect::<Vec<_>>()
    });
    lines.chain(back).collect::<Vec<_>>().join("\n")
}

/// A table without lines: columns that line up.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A table as lines without blanks at their ends.
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
