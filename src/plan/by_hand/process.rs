//! The same for a product that is one process and one SQLite file.

use std::path::PathBuf;

use super::{Handbook, quoted};
use crate::model::database_name::DatabaseName;
use crate::plan::step::{Release, RestorePoint, Step};

/// How such an install is reached from a shell. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessByHand {
    /// The install.
    pub install: PathBuf,
    /// Where the databases are.
    pub databases: PathBuf,
    /// Where backups are.
    pub backup_dir: PathBuf,
}

impl Handbook for ProcessByHand {
    fn commands(&self, step: &Step) -> Vec<String> {
        match step {
            Step::Quiesce { .. } => vec![self.opsctl("stop")],
            Step::Start { release, .. } => {
                vec![self.opsctl(&format!("start {}", quoted(release.version.as_str())))]
            }
            Step::SelectRelease { release } | Step::RestoreSettings { release } => vec![self.select(release)],
            Step::Swap { live, incoming, outgoing } => self.swap(live, incoming, outgoing),
            Step::ReturnToRestorePoint { live, point: RestorePoint::Clone { database }, failed } => {
                self.swap(live, database, failed)
            }
            Step::ReturnToRestorePoint { live, point: RestorePoint::Backup { id, .. }, failed } => {
                let mut commands = vec![format!("mv {} {}", self.file(live), self.file(failed))];
                commands.push(self.unpack(&self.backup_dir.join(id.file_name()), live));
                commands
            }
            Step::CreateEmpty { database } => {
                vec![format!("install -m 600 /dev/null {}", self.file(database))]
            }
            Step::ReplaceInPlace { archive, live } => vec![self.unpack(archive, live)],
            Step::DropDatabase { database } => vec![format!("rm -f {}", self.file(database))],
            Step::UnpinBackup { id } => {
                vec![format!("# when the operation is closed: opsctl backup unpin {id}")]
            }
            other => vec![format!("# {other}")],
        }
    }
}

impl ProcessByHand {
    fn opsctl(&self, command: &str) -> String {
        let install = quoted(&self.install.display().to_string());
        format!("# when the operation is closed: opsctl --dir {install} {command}")
    }

    fn select(&self, release: &Release) -> String {
        let link = self.install.join("current").display().to_string();
        format!("ln -sfn {} {}", quoted(&format!("releases/{}", release.version)), quoted(&link))
    }

    fn file(&self, database: &DatabaseName) -> String {
        quoted(&self.databases.join(database.as_str()).display().to_string())
    }

    fn swap(&self, live: &DatabaseName, incoming: &DatabaseName, outgoing: &DatabaseName) -> Vec<String> {
        vec![
            format!("# if {incoming} still exists, and nothing has {live} open:"),
            // A log that is left beside the name would be taken for that of the file that comes.
            format!("sqlite3 {} 'PRAGMA wal_checkpoint(TRUNCATE)'", self.file(live)),
            format!("ln {} {}", self.file(live), self.file(outgoing)),
            format!("mv {} {}", self.file(incoming), self.file(live)),
        ]
    }

    fn unpack(&self, archive: &std::path::Path, to: &DatabaseName) -> String {
        let archive = archive.display().to_string();
        format!(
            "tar --extract --to-stdout --file {} --wildcards '*/db.dump' > {}",
            quoted(&archive),
            self.file(to)
        )
    }
}
