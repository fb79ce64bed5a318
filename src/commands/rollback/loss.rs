//! What going back would lose, measured before it is asked for.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::RollsBack;
use crate::adapters::archive::Origin;
use crate::commands::ready::Ready;
use crate::error::Failure;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::TableRows;
use crate::report::quantity;

/// What would be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// How long ago the state was that is gone back to.
    since: Option<Duration>,
    /// Rows that each table has more now than then.
    more: Vec<(String, u64)>,
    /// Rows that each table has fewer now than then: they would come back.
    fewer: Vec<(String, u64)>,
    /// Whether the tables of then are known at all.
    known: bool,
}

impl Loss {
    pub(super) fn between(then: &[TableRows], now: &[TableRows], since: Option<Duration>) -> Self {
        let name = |table: &TableRows| format!("{}.{}", table.schema, table.name);
        let rows_then =
            |wanted: &str| then.iter().find(|table| name(table) == wanted).map_or(0, |table| table.rows);
        let (mut more, mut fewer) = (Vec::new(), Vec::new());
        for table in now {
            let (name, before) = (name(table), rows_then(&name(table)));
            if table.rows > before {
                more.push((name, table.rows - before));
            } else if table.rows < before {
                fewer.push((name, before - table.rows));
            }
        }
        Self { since, more, fewer, known: true }
    }

    /// For machines.
    pub(super) fn data(&self) -> Value {
        json!({"seconds": self.since.map(|since| since.as_secs()), "known": self.known,
            "rows_lost": self.more, "rows_returned": self.fewer})
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("everything that was written since is lost: ")?;
        if let Some(since) = self.since {
            write!(formatter, "{} of work; ", quantity::duration(since))?;
        }
        if !self.known {
            return formatter.write_str("the backup does not tell its row counts, so it cannot be measured");
        }
        if self.more.is_empty() && self.fewer.is_empty() {
            return formatter
                .write_str("no table has more or fewer rows than then; changed rows are not counted");
        }
        let each = |tables: &[(String, u64)]| {
            tables
                .iter()
                .map(|(name, rows)| format!("{} in {name}", quantity::count(*rows)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        write!(
            formatter,
            "rows added since: {}",
            if self.more.is_empty() { "none".to_owned() } else { each(&self.more) }
        )?;
        if !self.fewer.is_empty() {
            write!(formatter, "; rows removed since, which come back: {}", each(&self.fewer))?;
        }
        formatter.write_str("; changed rows are not counted")
    }
}

/// What was written since the restore point was made.
pub(super) async fn since_copy<I: RollsBack>(ready: &Ready<I>, copy: &DatabaseName) -> Result<Loss, Failure> {
    let Ready { install, world, .. } = ready;
    let now = install.tables(world, &ready.live()).await?;
    let then = install.tables(world, copy).await?;
    let made = install.copied_at(world, copy).await?;
    Ok(Loss::between(&then, &now, made.and_then(age)))
}

/// What was written since a backup was taken.
pub(super) async fn since_backup<I: RollsBack>(ready: &Ready<I>, archive: &Path) -> Result<Loss, Failure> {
    let Ready { install, world, .. } = ready;
    match install.summary(archive)?.origin {
        Origin::Opsctl(manifest) => {
            let now = install.tables(world, &ready.live()).await?;
            Ok(Loss::between(manifest.database.tables(), &now, age(manifest.created_at)))
        }
        Origin::Scripts { .. } => Ok(Loss { since: None, more: Vec::new(), fewer: Vec::new(), known: false }),
    }
}

fn age(moment: jiff::Timestamp) -> Option<Duration> {
    Duration::try_from(jiff::Timestamp::now().duration_since(moment)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64) -> TableRows {
        TableRows { schema: "public".to_owned(), name: name.to_owned(), rows, newest_row: None }
    }

    #[test]
    fn rows_that_come_and_go_are_told_apart() {
        let loss = Loss::between(
            &[table("records", 10), table("jobs", 5)],
            &[table("records", 12), table("jobs", 1), table("new", 3)],
            Some(Duration::from_secs(90)),
        );
        assert_eq!(
            loss.to_string(),
            "everything that was written since is lost: 1 min 30 s of work; rows added since: 2 in public.records, \
             3 in public.new; rows removed since, which come back: 4 in public.jobs; changed rows are not counted"
        );
    }
}
