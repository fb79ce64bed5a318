//! Backups of a PostgreSQL database: taken, checked, loaded and compared.

mod load;
mod pipe;
mod take;

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;

use sha2::{Digest as _, Sha256};

use crate::adapters::archive::{self, ArchiveError, Checked, Contents};
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::catalogue::{Catalogue, CatalogueError};
use crate::adapters::dump_spool;
use crate::adapters::product_database::ProductDatabase;
use crate::adapters::tool_host::ToolHost;
use crate::error::Fault;
use crate::explain::Topic;
use crate::journal::state_dir;
use crate::model::backup_id::BackupId;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::{self, Mode, Reason};
use crate::model::operation::{Actor, OperationId};
use crate::model::redaction::Redactor;
use crate::model::retention::{self, Decision, Keep, Verdict};
use crate::ports::{Backups, ProgressSink};
use crate::profile::Export;
use crate::report::{Progress, Unit, quantity};

/// The backups of one install, seen and changed for one operation.
pub struct DumpBackups {
    /// The product's database.
    pub database: ProductDatabase,
    /// PostgreSQL's tools.
    pub tools: ToolHost,
    /// Whose server the database is on.
    pub mode: Mode,
    /// Where backups are.
    pub shelf: Shelf,
    /// What runs, for the manifest.
    pub release: manifest::Release,
    /// Who takes a backup, for the manifest.
    pub actor: Actor,
    /// What a backup holds beside the dump.
    pub exports: Vec<Export>,
    /// Where files that belong to the operation are put.
    pub scratch: PathBuf,
    /// Takes secrets out of what tools say.
    pub redactor: Redactor,
    /// The processors of this machine, for parallel work.
    pub processors: u32,
}

impl DumpBackups {
    /// The unpacked dump of an archive. It is readable by its owner alone, and removed as soon as it is loaded. Each
    /// archive has one of its own: the one that an operation failed to load is still there when the one that undoes it
    /// is loaded.
    fn spool(&self, archive: &Path) -> PathBuf {
        let hash = hex::encode(&Sha256::digest(archive.as_os_str().as_bytes())[..8]);
        self.scratch.join(format!("{hash}.dump"))
    }

    /// Removes the dumps that an earlier run unpacked: they were not synced, so that a power cut may have left anything in
    /// them. They are unpacked again where they are needed.
    pub fn discard_unpacked(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.scratch)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "dump") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Reads an archive in full, checks it, and leaves its dump beside, unpacked: PostgreSQL's tools load it in parallel
    /// only from a file.
    async fn unpack(&self, archive: &Path, progress: ProgressSink<'_>) -> Result<Contents, Fault> {
        let (path, spool) = (archive.to_owned(), self.spool(archive));
        in_background(archive, "reading", progress, move |follow| dump_spool::unpack(&path, &spool, follow))
            .await
    }
}

impl Backups for DumpBackups {
    async fn take(
        &self,
        id: &BackupId,
        reason: Reason,
        of: Option<&DatabaseName>,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        let of = of.cloned().unwrap_or_else(|| self.database.live());
        self.take_backup(*id, reason, &of, progress).await
    }

    async fn unpin(&self, id: &BackupId) -> Result<(), Fault> {
        self.shelf.unpin(*id)
    }

    async fn prune(&self, keep: u32) -> Result<Option<String>, Fault> {
        self.shelf.prune(keep)
    }

    async fn check(&self, archive: &Path, progress: ProgressSink<'_>) -> Result<String, Fault> {
        let contents = self.unpack(archive, progress).await?;
        Ok(described(&contents))
    }

    async fn load(
        &self,
        archive: &Path,
        into: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        self.load_beside(archive, into, progress).await
    }

    async fn compare(&self, archive: &Path, database: &DatabaseName) -> Result<String, Fault> {
        self.compare_with_manifest(archive, database).await
    }

    async fn replace_in_place(
        &self,
        archive: &Path,
        live: &DatabaseName,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        self.replace(archive, live, progress).await
    }

    fn archive_of(&self, id: &BackupId) -> PathBuf {
        self.shelf.archive_of(*id)
    }
}

/// What a full read proved, in words.
pub(crate) fn described(contents: &Contents) -> String {
    let size = quantity::bytes(contents.file_bytes);
    match contents.checked {
        Checked::Hashes => format!("{size}, every byte read and every hash right"),
        Checked::Structure => format!("{size}, every byte read; it has no hashes to compare with"),
    }
}

/// Runs the reading or writing of an archive on another thread, reporting how far it is, and ends it when this future is
/// dropped.
pub(crate) async fn in_background<T: Send + 'static>(
    archive: &Path,
    doing: &'static str,
    progress: ProgressSink<'_>,
    work: impl FnOnce(&mut archive::Progress<'_>) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, Fault> {
    let position = std::sync::Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let alive = std::sync::Arc::new(());
    let (theirs, held) = (position.clone(), std::sync::Arc::downgrade(&alive));
    let mut working = spawn_blocking(move || {
        let mut follow = move |done: u64, total: u64| {
            theirs.0.store(done, Ordering::Relaxed);
            theirs.1.store(total, Ordering::Relaxed);
            if held.strong_count() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        work(&mut follow)
    });
    let mut tick = tokio::time::interval(Duration::from_millis(125));
    let outcome = loop {
        tokio::select! {
            outcome = &mut working => break outcome,
            _ = tick.tick() => {
                let (done, total) = (position.0.load(Ordering::Relaxed), position.1.load(Ordering::Relaxed));
                let total = Some(total).filter(|&total| total > 0);
                progress(Progress { doing: doing.into(), done, total, unit: Unit::Bytes });
            }
        }
    };
    drop(alive);
    outcome
        .map_err(|error| Fault::caused_by("work on an archive ended unexpectedly", &error))?
        .map_err(|error| archive_fault(archive, &error))
}

/// An error of an archive, with what to do about it.
pub(crate) fn archive_fault(archive: &Path, error: &ArchiveError) -> Fault {
    let name = archive.file_name().unwrap_or(archive.as_os_str()).to_string_lossy().into_owned();
    let fault = Fault::caused_by(format!("the backup {name} cannot be used"), error).hint(error.hint());
    if error.is_damage() { fault.explained(Topic::BackupDamaged) } else { fault }
}

/// Removes the backups that retention does not keep: first the record, then the file.
pub(crate) fn remove_prunable(
    catalogue: &mut Catalogue,
    directory: &Path,
    needed: &[(BackupId, OperationId)],
    keep: Keep,
) -> Result<Vec<BackupId>, Fault> {
    let mut removed = Vec::new();
    for Decision { id, verdict } in decisions(catalogue, directory, needed, keep)? {
        if let Verdict::Prune { .. } = verdict {
            catalogue.remove(id).map_err(|error| catalogue_fault(&error))?;
            let path = directory.join(id.file_name());
            std::fs::remove_file(&path)
                .map_err(|error| Fault::caused_by(format!("could not remove {}", path.display()), &error))?;
            removed.push(id);
        }
    }
    Ok(removed)
}

/// What retention says of each backup, and why.
pub(crate) fn decisions(
    catalogue: &Catalogue,
    directory: &Path,
    needed: &[(BackupId, OperationId)],
    keep: Keep,
) -> Result<Vec<Decision>, Fault> {
    let needed_by = |id: BackupId| needed.iter().find(|(known, _)| *known == id).map(|(_, by)| by.clone());
    let candidates = catalogue
        .candidates(directory, needed_by)
        .map_err(|error| Fault::caused_by(format!("could not look into {}", directory.display()), &error))?;
    Ok(retention::decide(&candidates, keep))
}

/// An error of the catalogue, with what to do about it.
pub(crate) fn catalogue_fault(error: &CatalogueError) -> Fault {
    let what = "the record of the backups cannot be used";
    match error {
        CatalogueError::Read(path, error) => state_dir::unreadable(path, what, error),
        error => Fault::caused_by(what, error),
    }
}
