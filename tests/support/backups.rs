//! The backups of the world in memory.

use std::path::{Path, PathBuf};

use opsctl::error::Fault;
use opsctl::model::backup_id::BackupId;
use opsctl::model::database_name::DatabaseName;
use opsctl::model::manifest::Reason;
use opsctl::ports::{Backups, ProgressSink};

use super::Fake;
use super::install::{Backup, Content, Database, Install, LIVE};

impl Backups for &Fake {
    async fn take(
        &self,
        id: &BackupId,
        reason: Reason,
        of: Option<&DatabaseName>,
        _progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        self.boundary("before a backup")?;
        if !self.look(|install| install.backups.contains_key(id)) {
            let content = self.change(|install| {
                install.partial_backups.insert(*id);
                let name = of.map_or_else(|| LIVE.to_owned(), ToString::to_string);
                install.databases.get(&name).map(|database| database.content.clone())
            });
            let content = content.ok_or_else(|| Fault::new("there is nothing to back up"))?;
            self.boundary("between writing and publishing a backup")?;
            self.change(|install| {
                install.partial_backups.remove(id);
                let pinned = matches!(reason, Reason::PreUpgrade | Reason::PreRotation | Reason::Archive);
                install.backups.insert(*id, Backup { content, recorded: false, pinned });
            });
            self.boundary("between publishing and recording a backup")?;
        }
        self.change(|install| {
            if let Some(backup) = install.backups.get_mut(id) {
                backup.recorded = true;
            }
        });
        self.boundary("after a backup")?;
        Ok(format!("backup {id}"))
    }

    async fn unpin(&self, id: &BackupId) -> Result<(), Fault> {
        self.boundary("before a backup is unpinned")?;
        self.change(|install| {
            if let Some(backup) = install.backups.get_mut(id) {
                backup.pinned = false;
            }
        });
        self.boundary("after a backup is unpinned")
    }

    async fn prune(&self, keep: u32) -> Result<Option<String>, Fault> {
        loop {
            self.boundary("before a backup is pruned")?;
            let superfluous = self.look(|install| {
                let prunable = install.backups.iter().filter(|(_, backup)| backup.recorded && !backup.pinned);
                prunable.rev().nth(keep as usize).map(|(id, _)| *id)
            });
            let Some(id) = superfluous else { return Ok(None) };
            self.change(|install| install.backups.remove(&id));
            self.boundary("after a backup is pruned")?;
        }
    }

    async fn check(&self, archive: &Path, _progress: ProgressSink<'_>) -> Result<String, Fault> {
        self.look(|install| content_of(install, archive).map(|_| "whole".to_owned()))
    }

    async fn load(
        &self,
        archive: &Path,
        into: &DatabaseName,
        _progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        self.boundary("before a backup is loaded")?;
        self.fill(archive, &into.to_string())
    }

    async fn compare(&self, archive: &Path, database: &DatabaseName) -> Result<String, Fault> {
        self.boundary("before a comparison")?;
        self.look(|install| {
            let expected = content_of(install, archive)?;
            match install.databases.get(&database.to_string()) {
                Some(found) if found.whole && found.content == *expected => Ok("equal".to_owned()),
                _ => Err(Fault::new(format!("{database} is not what the backup holds"))),
            }
        })
    }

    async fn replace_in_place(
        &self,
        archive: &Path,
        live: &DatabaseName,
        _progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        self.boundary("before a replacement in place")?;
        self.look(|install| content_of(install, archive).map(drop))?;
        self.change(|install| install.databases.remove(&live.to_string()));
        self.boundary("between dropping and loading in place")?;
        self.fill(archive, &live.to_string())
    }

    fn archive_of(&self, id: &BackupId) -> PathBuf {
        archive(*id)
    }
}

impl Fake {
    fn fill(&self, archive: &Path, name: &str) -> Result<(), Fault> {
        let content = self.change(|install| {
            install.databases.insert(name.to_owned(), Database::empty());
            content_of(install, archive).cloned()
        })?;
        self.boundary("between making and filling a database")?;
        self.change(|install| install.databases.insert(name.to_owned(), Database::whole(content)));
        self.boundary("after a database is filled")
    }
}

/// Where a backup's archive is.
pub(crate) fn archive(id: BackupId) -> PathBuf {
    Path::new("/backup").join(id.file_name())
}

fn content_of<'i>(install: &'i Install, archive: &Path) -> Result<&'i Content, Fault> {
    let name = archive.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let id = BackupId::from_file_name(name);
    let backup = id.and_then(|id| install.backups.get(&id));
    backup.map(|backup| &backup.content).ok_or_else(|| Fault::new(format!("{name} does not exist")))
}
