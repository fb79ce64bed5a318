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
                let live_file = self.file(live);
                vec![format!(
                    "{} && mv {live_file} {} && {}",
                    self.carry(live, failed),
                    self.file(failed),
                    self.unpack(&self.backup_dir.join(id.file_name()), live)
                )]
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
            // In one line: after a step that failed, the next must not be done.
            format!(
                "ln {0} {1} && {2} && {3} && mv {4} {0}",
                self.file(live),
                self.file(outgoing),
                self.carry(live, outgoing),
                self.carry(incoming, live),
                self.file(incoming)
            ),
        ]
    }

    /// Takes a log to the side of another name: one that is left would be taken for that of the file that comes.
    fn carry(&self, from: &DatabaseName, to: &DatabaseName) -> String {
        let (from, to) = (self.file(from), self.file(to));
        format!("{{ [ ! -e {from}-wal ] || mv {from}-wal {to}-wal; }} && rm -f {from}-shm")
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

#[cfg(test)]
#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a person types these commands into a shell"
)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn name(text: &str) -> DatabaseName {
        DatabaseName::new(text)
    }

    fn typed(commands: &[String]) -> bool {
        Command::new("sh").args(["-c", &commands.join("\n")]).status().unwrap().success()
    }

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> = entries
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().to_string_lossy().into_owned(), text)
            })
            .collect();
        all.sort();
        all
    }

    fn swap_typed_with(files: &[(&str, &str)]) -> (bool, Vec<(String, String)>) {
        let folder = tempfile::Builder::new().prefix("it's here ").tempdir().unwrap();
        for (file, text) in files {
            fs::write(folder.path().join(file), text).unwrap();
        }
        let by_hand = ProcessByHand {
            install: folder.path().to_owned(),
            databases: folder.path().to_owned(),
            backup_dir: folder.path().join("backup"),
        };
        let swap = Step::Swap { live: name("a.db"), incoming: name("b"), outgoing: name("c") };
        (typed(&by_hand.commands(&swap)), contents(folder.path()))
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_log_goes_with_its_store_and_is_never_beside_another() {
        let (swapped, files) =
            swap_typed_with(&[("a.db", "old"), ("a.db-wal", "log of old"), ("a.db-shm", "x"), ("b", "new")]);
        assert!(swapped);
        assert_eq!(files, owned(&[("a.db", "new"), ("c", "old"), ("c-wal", "log of old")]));
    }

    #[test]
    fn behind_what_failed_nothing_is_done() {
        let before = [("a.db", "old"), ("a.db-wal", "log"), ("b", "new"), ("c", "there already")];
        let (swapped, files) = swap_typed_with(&before);
        assert!(!swapped);
        assert_eq!(files, owned(&before));
    }

    #[test]
    fn what_was_not_archived_yet_is_not_dropped_by_hand() {
        let by_hand = ProcessByHand { install: "/i".into(), databases: "/i".into(), backup_dir: "/b".into() };
        let drop = Step::DropDatabase { database: name("retired") };
        let archive = Step::TakeBackup {
            id: "2026-03-14-120000".parse().unwrap(),
            reason: crate::model::manifest::Reason::Archive,
            of: Some(name("retired")),
        };
        assert_eq!(by_hand.commands_among(&drop, std::slice::from_ref(&drop)), ["rm -f /i/retired"]);
        let told = by_hand.commands_among(&drop, &[archive, drop.clone()]);
        assert!(told.iter().all(|line| line.starts_with('#')), "{told:?}");
    }
}
