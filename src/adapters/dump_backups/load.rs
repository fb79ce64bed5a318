//! Loading a backup: into a database beside the live one, or in its place; and comparing what arrived.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::{DumpBackups, archive_fault};
use crate::adapters::archive::{self, Origin};
use crate::adapters::copy_backups::other_kind;
use crate::adapters::dump_spool;
use crate::adapters::files;
use crate::adapters::postgres::properties::{database_facts, database_size};
use crate::adapters::postgres::rows::row_counts;
use crate::adapters::postgres::server::{database_exists, roles};
use crate::adapters::postgres::statistics;
use crate::adapters::postgres::whole::{self, create_empty, drop_database};
use crate::adapters::product_database;
use crate::adapters::tool_host;
use crate::adapters::tool_output::Stdin;
use crate::error::Fault;
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::dump_roles::{roles_in_dump, roles_in_toc};
use crate::model::manifest::{Database, Manifest, PostgresProperties, TableRows};
use crate::model::pg_tools::{self, Ownership, RestoreLoad};
use crate::ports::ProgressSink;
use crate::report::{Progress, Unit, quantity};

/// How long the definitions of a dump may take to be read.
const LOOK_LIMIT: Duration = Duration::from_mins(5);

/// Most tables whose difference is told one by one.
const MOST_TOLD: usize = 10;

impl DumpBackups {
    pub(super) async fn load_beside(
        &self,
        archive: &Path,
        into: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        // Both are waited for, even if one fails: a database that is still being made could not be dropped.
        let (ownership, made) =
            tokio::join!(self.unpacked_ownership(archive, progress), self.make_side(archive, into));
        made?;
        self.restore_into(archive, into, &ownership?, progress).await
    }

    async fn make_side(&self, archive: &Path, into: &DatabaseName) -> Result<(), Fault> {
        let manifest = manifest_of(archive)?;
        let properties = self.properties_for(manifest.as_ref()).await?;
        let session = self.database.maintenance().await?;
        drop_database(&session, into).await.map_err(|error| product_database::fault(&error))?;
        let purpose =
            into.made_from(&self.database.live()).map_or(DatabasePurpose::Side, |made| made.purpose);
        let mut mark = self.database.mark(purpose);
        mark.comment.clone_from(&properties.comment);
        create_empty(&session, into, &properties, &mark)
            .await
            .map_err(|error| product_database::fault(&error))?;
        self.database.carry_over(&session, &properties, into).await
    }

    /// Drops the live database and loads an archive under its name. What belongs to the database as a whole is noted
    /// first: an attempt that was interrupted after the drop finds it there.
    pub(super) async fn replace(
        &self,
        archive: &Path,
        live: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        let properties = self.noted_properties(live).await?;
        let session = self.database.maintenance().await?;
        drop_database(&session, live).await.map_err(|error| product_database::fault(&error))?;
        let mark = self.database.mark(DatabasePurpose::Side);
        create_empty(&session, live, &properties, &mark)
            .await
            .map_err(|error| product_database::fault(&error))?;
        self.database.carry_over(&session, &properties, live).await?;
        let ownership = self.unpacked_ownership(archive, progress).await?;
        self.restore_into(archive, live, &ownership, progress).await?;
        whole::set_comment(&session, live, properties.comment.as_deref())
            .await
            .map_err(|error| product_database::fault(&error))
    }

    async fn noted_properties(&self, live: &DatabaseName) -> Result<PostgresProperties, Fault> {
        let path = self.scratch.join("database.json");
        if let Ok(noted) = std::fs::read(&path) {
            return serde_json::from_slice(&noted).map_err(|error| {
                Fault::caused_by("the noted properties of the database cannot be read", &error)
            });
        }
        let session = self.database.session(live).await?;
        let facts = database_facts(&session).await.map_err(|error| product_database::fault(&error))?;
        let noted = serde_json::to_vec(&facts.properties)
            .map_err(|error| Fault::caused_by("could not note the properties of the database", &error))?;
        files::replace(&path, &noted, files::Mode::Exactly(0o600))
            .map_err(|error| Fault::caused_by("could not note the properties of the database", &error))?;
        Ok(facts.properties)
    }

    /// Unpacks the dump if that has not been done yet, and decides whose its objects will be.
    async fn unpacked_ownership(
        &self,
        archive: &Path,
        progress: ProgressSink<'_>,
    ) -> Result<Ownership, Fault> {
        let spool = self.spool(archive);
        if !spool.exists() {
            self.unpack(archive, progress).await?;
        }
        self.ownership(&spool).await
    }

    async fn restore_into(
        &self,
        archive: &Path,
        into: &DatabaseName,
        ownership: &Ownership,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        let spool = self.spool(archive);
        let target = self.tools.info(into.as_str());
        let load = RestoreLoad::for_server(self.processors, None);
        let call =
            pg_tools::restore(self.tools.tools(), &target, &self.tools.path_of(&spool), load, ownership);
        let running = self
            .tools
            .start(call, Some(&spool), Stdin::Empty, &self.database.operation)
            .await
            .map_err(|error| tool_host::failed("pg_restore", &error))?;
        let exit = self.following(into, progress, running.finish()).await;
        let exit = exit.map_err(|error| tool_host::failed("pg_restore", &error))?;
        if !exit.success() {
            return Err(tool_host::unsuccessful("pg_restore", &exit, &self.redactor));
        }
        self.collect_statistics(into, load.jobs).await?;
        std::fs::remove_file(&spool)
            .map_err(|error| Fault::caused_by("could not remove the unpacked dump", &error))
    }

    async fn collect_statistics(&self, of: &DatabaseName, jobs: u32) -> Result<(), Fault> {
        let mut sessions = Vec::new();
        for _ in 0..jobs {
            sessions.push(self.database.session(of).await?);
        }
        statistics::collect(&sessions).await.map_err(|error| product_database::fault(&error))
    }

    /// Waits for a load and reports how the database grows.
    async fn following<T>(
        &self,
        into: &DatabaseName,
        progress: ProgressSink<'_>,
        load: impl Future<Output = T>,
    ) -> T {
        let mut load = std::pin::pin!(load);
        let session = self.database.maintenance().await.ok();
        loop {
            tokio::select! {
                ended = &mut load => return ended,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    let Some(session) = &session else { continue };
                    if let Ok(done) = database_size(session, into).await {
                        progress(Progress { doing: "loading".into(), done, total: None, unit: Unit::Bytes });
                    }
                }
            }
        }
    }

    /// Owners and grants are restored where the roles exist; a restricted role that the product runs as needs them.
    async fn ownership(&self, spool: &Path) -> Result<Ownership, Fault> {
        let in_toc = dump_spool::with_toc(spool, roles_in_toc)
            .map_err(|error| Fault::caused_by("could not read the unpacked dump", &error))?;
        let named = match in_toc {
            Some(named) => named,
            None => self.roles_by_tool(spool).await?,
        };
        let session = self.database.maintenance().await?;
        let present = roles(&session).await.map_err(|error| product_database::fault(&error))?;
        let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
        Ok(Ownership::decide(named, &present))
    }

    /// The roles of a dump that came later than this program: the tools that will load it know it.
    async fn roles_by_tool(&self, spool: &Path) -> Result<BTreeSet<String>, Fault> {
        let definitions = pg_tools::definitions(self.tools.tools(), &self.tools.path_of(spool));
        let sql = self
            .tools
            .output(definitions, Some(spool), LOOK_LIMIT, &self.database.operation, &self.redactor)
            .await?;
        Ok(roles_in_dump(&String::from_utf8_lossy(&sql)))
    }

    /// The live database's own properties, with the encoding and the locale that the dump was made with.
    async fn properties_for(&self, manifest: Option<&Manifest>) -> Result<PostgresProperties, Fault> {
        let dumped = manifest.map(|manifest| match &manifest.database {
            Database::Postgresql(postgres) => Ok(postgres.properties.clone()),
            Database::Sqlite(_) => Err(other_kind()),
        });
        let dumped = dumped.transpose()?;
        let live = self.database.live();
        let session = self.database.maintenance().await?;
        let exists =
            database_exists(&session, &live).await.map_err(|error| product_database::fault(&error))?;
        let present = if exists {
            let session = self.database.session(&live).await?;
            Some(database_facts(&session).await.map_err(|error| product_database::fault(&error))?.properties)
        } else {
            None
        };
        match (present, dumped) {
            (Some(present), Some(dumped)) => Ok(PostgresProperties {
                encoding: dumped.encoding,
                collate: dumped.collate,
                ctype: dumped.ctype,
                locale_provider: dumped.locale_provider,
                icu_locale: dumped.icu_locale,
                ..present
            }),
            (Some(properties), None) | (None, Some(properties)) => Ok(properties),
            (None, None) => Err(Fault::new(format!("the database {live} does not exist"))
                .hint("the backup does not say how to make it: create it empty and try again")),
        }
    }

    pub(super) async fn compare_with_manifest(
        &self,
        archive: &Path,
        database: &DatabaseName,
    ) -> Result<String, Fault> {
        let session = self.database.session(database).await?;
        let counted = row_counts(&session).await.map_err(|error| product_database::fault(&error))?;
        let rows: u64 = counted.iter().map(|table| table.rows).sum();
        let found = format!("{} rows in {} tables", quantity::count(rows), counted.len());
        let Some(manifest) = manifest_of(archive)? else {
            return Ok(format!("{found}; the archive does not say how many there should be"));
        };
        let different = differences(manifest.database.tables(), &counted);
        if different.is_empty() {
            return Ok(format!("{found}, as in the manifest"));
        }
        let told = different.len().min(MOST_TOLD);
        Err(Fault::new(format!("{} tables do not hold what the manifest says", different.len()))
            .evidence(different.into_iter().take(told)))
    }
}

fn manifest_of(archive: &Path) -> Result<Option<Manifest>, Fault> {
    match archive::inspect(archive).map_err(|error| archive_fault(archive, &error))?.origin {
        Origin::Opsctl(manifest) => Ok(Some(*manifest)),
        Origin::Scripts { .. } => Ok(None),
    }
}

fn differences(expected: &[TableRows], counted: &[TableRows]) -> Vec<String> {
    let key = |table: &TableRows| (table.schema.clone(), table.name.clone());
    let all: BTreeSet<_> = expected.iter().chain(counted).map(key).collect();
    let rows = |tables: &[TableRows], name: &(String, String)| {
        tables.iter().find(|table| key(table) == *name).map(|table| table.rows)
    };
    all.into_iter()
        .filter_map(|name| {
            let (should, is) = (rows(expected, &name), rows(counted, &name));
            let say =
                |rows: Option<u64>| rows.map_or("no such table".to_owned(), |rows| format!("{rows} rows"));
            (should != is).then(|| format!("{}.{}: {} instead of {}", name.0, name.1, say(is), say(should)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64) -> TableRows {
        TableRows { schema: "public".to_owned(), name: name.to_owned(), rows, newest_row: None }
    }

    #[test]
    fn missing_additional_and_different_tables_are_told() {
        let told = differences(
            &[table("a", 1), table("b", 2), table("c", 3)],
            &[table("a", 1), table("b", 5), table("d", 0)],
        );
        assert_eq!(
            told,
            [
                "public.b: 5 rows instead of 2 rows",
                "public.c: no such table instead of 3 rows",
                "public.d: 0 rows instead of no such table"
            ]
        );
    }
}
