//! Taking a backup: dump and counts of one snapshot, streamed into an archive that counts only when it was read back.

use super::pipe::DumpPipe;
use super::{DumpBackups, archive_fault, in_background};
use crate::adapters::archive::{ArchiveWriter, sweep_temporaries};
use crate::adapters::postgres::error::PgError;
use crate::adapters::postgres::properties::database_facts;
use crate::adapters::postgres::rows;
use crate::adapters::postgres::server::server_facts;
use crate::adapters::postgres::session::Session;
use crate::adapters::postgres::snapshot::SnapshotSession;
use crate::adapters::product_database;
use crate::adapters::tool_host;
use crate::adapters::tool_output::Stdin;
use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::{DUMP_NAME, Database, FORMAT, Manifest, Migration, Postgres, Reason, TableRows};
use crate::model::pg_tools;
use crate::ports::ProgressSink;
use crate::report::quantity;

/// Largest export that is held in memory on its way into the archive.
const MOST_EXPORT: usize = 64 << 20;

impl DumpBackups {
    pub(super) async fn take_backup(
        &self,
        id: BackupId,
        reason: Reason,
        of: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        let archive = self.shelf.directory.join(id.file_name());
        if archive.exists() {
            return self.shelf.published_already(id, &archive, progress).await;
        }
        sweep_temporaries(&self.shelf.directory)
            .map_err(|error| Fault::caused_by("could not clear away what an earlier run left", &error))?;
        let info = self.database.reachable().await?.with_database(of.as_str());
        let snapshot = SnapshotSession::open(&info, &self.database.application())
            .await
            .map_err(|error| product_database::fault(&error))?;
        let writer = ArchiveWriter::create(&self.shelf.directory, id)
            .map_err(|error| archive_fault(&archive, &error))?;
        let (writer, described) = tokio::try_join!(
            self.dump(writer, &snapshot, of, progress),
            self.describe(&snapshot, id, reason)
        )?;
        let writer = self.export(writer, &snapshot).await?;
        snapshot.close().await.map_err(|error| product_database::fault(&error))?;
        self.shelf.publish(writer, described, progress).await
    }

    async fn dump(
        &self,
        mut writer: ArchiveWriter,
        snapshot: &SnapshotSession,
        of: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<ArchiveWriter, Fault> {
        let (pipe, mut reader, hold) = DumpPipe::create(self.scratch.join("dump.pipe"))
            .map_err(|error| Fault::caused_by("could not make a pipe for pg_dump", &error))?;
        let info = self.tools.info(of.as_str());
        let through = self.tools.path_of(pipe.path());
        let call = pg_tools::dump(self.tools.tools(), &info, snapshot.id(), &through);
        let dumping = self
            .tools
            .start(call, Some(pipe.path()), Stdin::Empty, &self.database.operation)
            .await
            .map_err(|error| tool_host::failed("pg_dump", &error))?;
        let ended = async {
            let exit = dumping.finish().await;
            drop(hold);
            exit
        };
        let archiving = in_background(&self.shelf.directory, "dumping", progress, move |follow| {
            writer.add_member_from(DUMP_NAME, &mut reader, follow)?;
            Ok(writer)
        });
        let (exit, archived) = tokio::join!(ended, archiving);
        // A tool whose reader has gone fails too: the reader knows why.
        let writer = archived?;
        let exit = exit.map_err(|error| tool_host::failed("pg_dump", &error))?;
        if !exit.success() {
            return Err(tool_host::unsuccessful("pg_dump", &exit, &self.redactor));
        }
        Ok(writer)
    }

    /// What is said of the database: all of it read in the snapshot that is dumped.
    async fn describe(
        &self,
        snapshot: &SnapshotSession,
        id: BackupId,
        reason: Reason,
    ) -> Result<Manifest, Fault> {
        let session = snapshot.session();
        let fault = |error: PgError| product_database::fault(&error);
        let facts = database_facts(session).await.map_err(fault)?;
        let server = server_facts(session).await.map_err(fault)?;
        let tables = self.with_newest_rows(session, snapshot.row_counts().await.map_err(fault)?).await;
        let migrations = self.database.migrations(session).await?;
        Ok(Manifest {
            format: FORMAT,
            id,
            sequence: self.shelf.catalogue()?.next_sequence(),
            created_at: id.timestamp(),
            reason,
            operation: Some(self.database.operation.clone()),
            product: self.database.profile.product.name.to_string(),
            release: self.release.clone(),
            opsctl_version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.actor.host.clone(),
            user: self.actor.user.clone(),
            database: Database::Postgresql(Postgres {
                mode: self.mode,
                name: self.database.info.database.clone(),
                server_version: server.version,
                server_version_num: server.version_num,
                dump_version: self.tools.tools().major.to_string(),
                size_bytes: facts.size_bytes,
                properties: facts.properties,
                migrations: migrations.into_iter().map(|id| Migration { id, name: None }).collect(),
                tables,
            }),
            members: Vec::new(),
        })
    }

    /// A column that the profile names may be missing in this release: then nothing is said of it.
    async fn with_newest_rows(&self, session: &Session, mut tables: Vec<TableRows>) -> Vec<TableRows> {
        for freshness in &self.database.profile.database.freshness {
            let newest = rows::newest(session, freshness.table.as_str(), freshness.column.as_str()).await;
            let newest = newest.ok().flatten().and_then(|newest| newest.parse().ok());
            if let Some(table) = tables.iter_mut().find(|table| is_named(table, freshness.table.as_str())) {
                table.newest_row = newest;
            }
        }
        tables
    }

    async fn export(
        &self,
        mut writer: ArchiveWriter,
        snapshot: &SnapshotSession,
    ) -> Result<ArchiveWriter, Fault> {
        for export in &self.exports {
            let mut content = Bounded(Vec::new());
            match snapshot.export_csv(&export.query, &mut content).await {
                Ok(_) => writer
                    .add_member(export.file.as_str(), &content.0)
                    .map_err(|error| archive_fault(&self.shelf.directory, &error))?,
                Err(error) if export.optional && error.is_missing_table() => {}
                Err(error) => {
                    let what = format!("could not export {}", export.file);
                    return Err(Fault::caused_by(what, &error).hint(error.hint()));
                }
            }
        }
        Ok(writer)
    }
}

fn is_named(table: &TableRows, name: &str) -> bool {
    name == table.name || name == format!("{}.{}", table.schema, table.name)
}

/// Takes what is written to it up to a limit: a query that exports the whole database is a mistake in the profile.
struct Bounded(Vec<u8>);

impl tokio::io::AsyncWrite for Bounded {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        if self.0.len() + bytes.len() > MOST_EXPORT {
            let what = format!("the export is larger than {}", quantity::bytes(MOST_EXPORT as u64));
            return std::task::Poll::Ready(Err(std::io::Error::other(what)));
        }
        self.0.extend_from_slice(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
