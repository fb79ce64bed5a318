//! Backups of a SQLite database: a copy taken at one moment, checked, and put into an archive.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::adapters::archive::{
    self, ArchiveError, ArchiveWriter, Contents, Limits, Origin, sweep_temporaries,
};
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::dump_backups::{archive_fault, described, in_background};
use crate::adapters::sqlite::{SqliteError, copy};
use crate::adapters::sqlite_database::{SqliteDatabase, working};
use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::{self, DUMP_NAME, Database, FORMAT, Manifest, Reason, Sqlite};
use crate::model::operation::Actor;
use crate::ports::{Backups, ProgressSink};
use crate::report::quantity;

/// The backups of one install, seen and changed for one operation.
#[derive(Debug)]
pub struct CopyBackups {
    /// The product's database.
    pub database: SqliteDatabase,
    /// Where backups are.
    pub shelf: Shelf,
    /// The product's name.
    pub product: String,
    /// What runs, for the manifest.
    pub release: manifest::Release,
    /// Who takes a backup, for the manifest.
    pub actor: Actor,
    /// Where files that belong to the operation are put.
    pub scratch: PathBuf,
}

impl CopyBackups {
    async fn copied(&self, of: Option<&DatabaseName>) -> Result<(PathBuf, Sqlite), Fault> {
        let (database, to) = (self.database.clone(), self.scratch.join("store.copy"));
        let from = of.map_or_else(|| database.file.clone(), |name| database.path_of(name));
        working(move || {
            copy::copy(&from, &to).map_err(|error| error.fault("the database cannot be backed up"))?;
            let facts = database.read_facts(&to, database.live().as_str())?;
            Ok((to, facts))
        })
        .await
    }

    fn manifest(&self, id: BackupId, reason: Reason, facts: Sqlite) -> Result<Manifest, Fault> {
        Ok(Manifest {
            format: FORMAT,
            id,
            sequence: self.shelf.catalogue()?.next_sequence(),
            created_at: jiff::Timestamp::now(),
            reason,
            operation: Some(self.shelf.operation.clone()),
            product: self.product.clone(),
            release: self.release.clone(),
            opsctl_version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.actor.host.clone(),
            user: self.actor.user.clone(),
            database: Database::Sqlite(facts),
            members: Vec::new(),
        })
    }

    /// Reads an archive in full, checks it, and leaves its database in a file that is sound in itself.
    async fn unpack(
        &self,
        archive: &Path,
        to: PathBuf,
        progress: ProgressSink<'_>,
    ) -> Result<Contents, Fault> {
        let (path, partial) = (archive.to_owned(), copy::beside(&to, copy::PARTIAL));
        let failed = |error: SqliteError| error.fault("the backup cannot be unpacked");
        let mut opened = copy::create_private(&partial).map_err(failed)?;
        let contents = in_background(archive, "reading", progress, move |follow| {
            archive::copy_dump(&path, Limits::none(), &mut opened, follow)
        })
        .await?;
        working(move || {
            let store = copy::open(&partial).map_err(failed)?;
            copy::check(&store).map_err(|problem| failed(SqliteError::new(&partial, problem)))?;
            store.close().map_err(|(_, error)| failed(SqliteError::new(&partial, error)))?;
            copy::publish(&partial, &to).map_err(failed)
        })
        .await?;
        Ok(contents)
    }
}

impl Backups for CopyBackups {
    async fn take(
        &self,
        id: &BackupId,
        reason: Reason,
        of: Option<&DatabaseName>,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        let archive = self.shelf.archive_of(*id);
        if archive.exists() {
            return self.shelf.published_already(*id, &archive, progress).await;
        }
        sweep_temporaries(&self.shelf.directory)
            .map_err(|error| Fault::caused_by("could not clear away what an earlier run left", &error))?;
        let (taken, facts) = self.copied(of).await?;
        let manifest = self.manifest(*id, reason, facts)?;
        let (directory, id, from) = (self.shelf.directory.clone(), *id, taken.clone());
        let writer = in_background(&archive, "packing", progress, move |follow| {
            let mut writer = ArchiveWriter::create(&directory, id)?;
            let mut file = File::open(&from).map_err(|error| ArchiveError::new(&from, error))?;
            writer.add_member_from(DUMP_NAME, &mut file, follow)?;
            Ok(writer)
        })
        .await?;
        let said = self.shelf.publish(writer, manifest, progress).await?;
        fs::remove_file(&taken)
            .map_err(|error| Fault::caused_by(format!("could not remove {}", taken.display()), &error))?;
        Ok(said)
    }

    async fn unpin(&self, id: &BackupId) -> Result<(), Fault> {
        self.shelf.unpin(*id)
    }

    async fn prune(&self, keep: u32) -> Result<Option<String>, Fault> {
        self.shelf.prune(keep)
    }

    async fn check(&self, archive: &Path, progress: ProgressSink<'_>) -> Result<String, Fault> {
        let path = archive.to_owned();
        let read = in_background(archive, "reading", progress, move |follow| {
            archive::verify(&path, Limits::none(), follow)
        });
        Ok(described(&read.await?))
    }

    async fn load(
        &self,
        archive: &Path,
        into: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        self.unpack(archive, self.database.path_of(into), progress).await.map(drop)
    }

    async fn compare(&self, archive: &Path, database: &DatabaseName) -> Result<String, Fault> {
        let summary = archive::inspect(archive).map_err(|error| archive_fault(archive, &error))?;
        let Origin::Opsctl(manifest) = summary.origin else {
            return Ok("there is no manifest to compare with".to_owned());
        };
        let Database::Sqlite(expected) = &manifest.database else { return Err(other_kind()) };
        let found = self.database.facts(database).await?;
        if found.schema_hash != expected.schema_hash {
            return Err(Fault::new(format!("{database} has another schema than the backup's manifest says")));
        }
        for table in &expected.tables {
            let rows =
                found.tables.iter().find(|found| found.name == table.name).map_or(0, |found| found.rows);
            if rows != table.rows {
                return Err(Fault::new(format!(
                    "{} has {rows} rows in {database}, and {} by the backup's manifest",
                    table.name, table.rows
                )));
            }
        }
        Ok(format!("{} rows in {} tables", quantity::count(manifest.rows()), expected.tables.len()))
    }

    /// There is no need to drop anything first: the file takes the place of the other in one step.
    async fn replace_in_place(
        &self,
        archive: &Path,
        live: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        let file = self.database.path_of(live);
        let incoming = copy::beside(&file, ".incoming");
        self.unpack(archive, incoming.clone(), progress).await?;
        working(move || {
            let failed = |error: SqliteError| error.fault("the live data cannot be replaced");
            copy::fold(&file).map_err(failed)?;
            copy::take_after(&incoming, &file).map_err(|error| failed(SqliteError::new(&file, error)))?;
            copy::publish(&incoming, &file).map_err(failed)
        })
        .await
    }

    fn archive_of(&self, id: &BackupId) -> PathBuf {
        self.shelf.archive_of(*id)
    }
}

/// A backup of a database of another kind.
pub(crate) fn other_kind() -> Fault {
    Fault::new("this is a backup of a database of another kind")
        .hint("`opsctl backup list` shows the backups of this install")
}
