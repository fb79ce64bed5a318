//! Where the backups of an install are, and what is recorded of them, whatever database they are of.

use std::path::{Path, PathBuf};

use crate::adapters::archive::{ArchiveWriter, Limits, Origin, Written, verify};
use crate::adapters::catalogue::{Catalogue, Pin, Proof, Record, Verification};
use crate::adapters::dump_backups::{catalogue_fault, in_background, remove_prunable};
use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::manifest::{Manifest, Reason};
use crate::model::operation::OperationId;
use crate::model::retention::Keep;
use crate::ports::ProgressSink;
use crate::report::quantity;

/// The backups of one install, seen and changed for one operation.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// Where they are kept.
    pub directory: PathBuf,
    /// Where it is recorded what is known of them.
    pub state_dir: PathBuf,
    /// Backups that an operation could still go back to, and which.
    pub needed: Vec<(BackupId, OperationId)>,
    /// The operation that backups are pinned for.
    pub operation: OperationId,
}

impl Shelf {
    /// What is recorded.
    pub fn catalogue(&self) -> Result<Catalogue, Fault> {
        Catalogue::open(&self.state_dir).map_err(|error| catalogue_fault(&error))
    }

    /// Where the archive of a backup is.
    pub fn archive_of(&self, id: BackupId) -> PathBuf {
        self.directory.join(id.file_name())
    }

    /// An earlier attempt got as far as the archive's own name, which it has only when it was read back; it may not have
    /// got as far as the record.
    pub(super) async fn published_already(
        &self,
        id: BackupId,
        archive: &Path,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        if self.catalogue()?.record(id).is_err() {
            let path = archive.to_owned();
            let contents = in_background(archive, "reading", progress, move |follow| {
                verify(&path, Limits::none(), follow)
            })
            .await?;
            let Origin::Opsctl(manifest) = contents.origin else {
                return Err(Fault::new(format!(
                    "{} is there and was not written by opsctl",
                    archive.display()
                ))
                .hint("move it away and try again"));
            };
            self.note(&manifest, contents.file_bytes)?;
        }
        Ok(format!("{} was taken already", archive.display()))
    }

    /// Reads an archive back whole, gives it its name, and records it.
    pub(super) async fn publish(
        &self,
        writer: ArchiveWriter,
        manifest: Manifest,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        let archive = self.archive_of(manifest.id);
        let written =
            in_background(&archive, "reading", progress, move |follow| writer.finish(manifest, follow))
                .await?;
        self.note(&written.manifest, written.size_bytes)?;
        Ok(summary(&written))
    }

    /// Records a backup that was read back whole; one that an operation may go back to is pinned for as long.
    fn note(&self, manifest: &Manifest, size_bytes: u64) -> Result<(), Fault> {
        let mut record = Record::of(manifest, size_bytes);
        record.directory = Some(self.directory.clone());
        record.verified = Some(Verification { at: jiff::Timestamp::now(), how: Proof::ReadBack });
        record.pinned = match manifest.reason {
            Reason::Manual => None,
            Reason::PreUpgrade | Reason::PreRotation | Reason::Safety => {
                Some(Pin::Operation(self.operation.clone()))
            }
            // It is all that there is of what it holds.
            Reason::Archive => Some(Pin::Operator(format!("the archive of {}", self.operation))),
        };
        self.catalogue()?.add(record).map_err(|error| catalogue_fault(&error))
    }

    /// Lets retention have a backup that was pinned for an operation.
    pub(super) fn unpin(&self, id: BackupId) -> Result<(), Fault> {
        let mut catalogue = self.catalogue()?;
        let pinned =
            catalogue.record(id).is_ok_and(|record| matches!(record.pinned, Some(Pin::Operation(_))));
        if pinned { catalogue.unpin(id).map_err(|error| catalogue_fault(&error)) } else { Ok(()) }
    }

    /// Removes what retention does not keep; says what.
    pub(super) fn prune(&self, keep: u32) -> Result<Option<String>, Fault> {
        let keep = usize::try_from(keep)
            .ok()
            .and_then(Keep::new)
            .ok_or_else(|| Fault::new("at least one backup has to be kept"))?;
        let mut catalogue = self.catalogue()?;
        let removed = remove_prunable(&mut catalogue, &self.directory, &self.needed, keep)?;
        let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
        Ok((!names.is_empty()).then(|| format!("removed {}", names.join(", "))))
    }
}

fn summary(written: &Written) -> String {
    format!(
        "{} ({}, {} rows), read back whole",
        written.path.display(),
        quantity::bytes(written.size_bytes),
        quantity::count(written.manifest.rows())
    )
}
