//! Archives as the scripts before opsctl made and read them: with `tar` and PostgreSQL's own tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::docker::{client, docker, printed};
use crate::settings::DATABASE_PASSWORD;
use crate::stack::Stack;

/// Runs a program of the machine and gives what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| {
            panic!(
                "{program} cannot be started ({error}): run scripts/test.sh, which installs what is missing"
            )
        });
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Unpacks an archive with plain `tar`, and gives the one folder that was in it.
pub(crate) fn unpack(archive: &Path, into: &Path) -> PathBuf {
    run("tar", &["xzf", &archive.display().to_string(), "-C", &into.display().to_string()]);
    let mut folders: Vec<PathBuf> = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.pop().unwrap()
}

impl Stack {
    /// A tool of PostgreSQL in the server's container.
    pub(crate) fn pg(&self, command: &[&str]) -> String {
        let server = self.server();
        let login = ["exec", "-e", "PGPASSWORD", &server, command[0], "-h", "127.0.0.1", "-U", "ledger"];
        let mut client = client(&[&login, &command[1..]].concat());
        client.env("PGPASSWORD", DATABASE_PASSWORD);
        printed(client)
    }

    /// A backup as the scripts take it, while the product serves.
    pub(crate) fn backup_by_script(&self, stamp: &str) -> PathBuf {
        let server = self.server();
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join(stamp);
        fs::create_dir(&folder).unwrap();
        self.pg(&["pg_dump", "-Fc", "-f", "/tmp/db.dump", "ledger"]);
        let from = format!("{server}:/tmp/db.dump");
        docker(["cp", &from, &folder.join("db.dump").display().to_string()]);
        docker(["exec", &server, "rm", "/tmp/db.dump"]);
        fs::create_dir_all(self.backup_dir()).unwrap();
        let archive = self.backup_dir().join(format!("backup-{stamp}.tar.gz"));
        let (archive_name, parent) = (archive.display().to_string(), scratch.path().display().to_string());
        run("tar", &["-czf", &archive_name, "-C", &parent, stamp]);
        archive
    }

    /// Restores an archive as the scripts do, into a database of the name `into`.
    pub(crate) fn restore_by_script(&self, archive: &Path, into: &str) {
        let server = self.server();
        let scratch = tempfile::tempdir().unwrap();
        let dump = unpack(archive, scratch.path()).join("db.dump");
        docker(["cp", &dump.display().to_string(), &format!("{server}:/tmp/restore.dump")]);
        self.pg(&["dropdb", "--if-exists", into]);
        self.pg(&["createdb", into]);
        let options =
            ["pg_restore", "--no-owner", "--no-acl", "--exit-on-error", "-d", into, "/tmp/restore.dump"];
        self.pg(&options);
        docker(["exec", "-u", "0", &server, "rm", "/tmp/restore.dump"]);
    }
}
