//! Stores that another program made: SQLite's own shell, with much that a product may use and the sample product does not.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::install::Install;

/// What is to be in a store beside the product's own tables.
const TABLES: &str = "
CREATE TABLE plain (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, number REAL, data BLOB, untyped);
INSERT INTO plain (text, number, data) VALUES ('grüße, 世界', 1e-9, x'00ff00'), ('it''s', -0.5, zeroblob(70000)), ('', NULL, x'');
CREATE TABLE \"odd \"\"name\" (\"a b\" TEXT COLLATE NOCASE, PRIMARY KEY (\"a b\")) WITHOUT ROWID;
INSERT INTO \"odd \"\"name\" VALUES ('x'), ('y');
CREATE TABLE strict_one (id INTEGER NOT NULL, twice INTEGER GENERATED ALWAYS AS (id * 2) STORED) STRICT;
INSERT INTO strict_one VALUES (21);
CREATE TABLE child (plain INTEGER REFERENCES plain (id) ON DELETE CASCADE);
INSERT INTO child VALUES (1);
CREATE INDEX part ON plain (lower(text)) WHERE text <> '';
CREATE VIEW seen AS SELECT text FROM plain;
CREATE TRIGGER noted AFTER INSERT ON child BEGIN UPDATE plain SET number = 1 WHERE id = new.plain; END;
CREATE VIRTUAL TABLE words USING fts5 (body);
INSERT INTO words VALUES ('receipts and ledgers');
PRAGMA user_version = 7;
PRAGMA application_id = 4242;
";

#[test]
fn a_store_that_another_program_made_comes_back_as_it_was() {
    for made in [
        "PRAGMA journal_mode = WAL;",
        "PRAGMA page_size = 512; PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = FULL;",
        "PRAGMA page_size = 65536; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;",
    ] {
        let install = Install::laid_out();
        shell(&install.store(), &format!("{made}{TABLES}"));
        install.migrate("1.1.0");
        install.start("1.1.0");
        install.send("a");
        let (status, text) = install.run("backup");
        assert_eq!(status, 0, "{made} {text}");
        let (status, text) = install.run("backup verify latest --restore");
        assert_eq!(status, 0, "{made} {text}");
        let before = everything(&install.store());
        assert!(before.contains("receipts and ledgers") && before.contains("grüße"), "{before}");
        shell(
            &install.store(),
            "DELETE FROM child; DROP TABLE plain; DELETE FROM words; PRAGMA user_version = 8;",
        );
        install.send("b");
        let (status, text) = install.run("restore latest");
        assert_eq!(status, 0, "{made} {text}");
        assert_eq!(everything(&install.store()), before, "{made}");
        assert!(install.is_healthy());
    }
}

/// All that is in a store, as SQLite's shell writes it down, and how it is kept.
fn everything(store: &Path) -> String {
    shell(
        store,
        ".dump\nPRAGMA user_version; PRAGMA application_id; PRAGMA page_size; PRAGMA encoding; PRAGMA auto_vacuum;",
    )
}

fn shell(store: &Path, commands: &str) -> String {
    let mut child = Command::new("sqlite3")
        .args(["-bail", "-cmd", ".timeout 5000"])
        .arg(store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the package sqlite3 is installed");
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
