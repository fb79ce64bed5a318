//! Backups: that others can read them, that they are whole, and that a failed one leaves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::archives::unpack;
use crate::docker::attempt;
use crate::settings::Settings;
use crate::stack::Stack;

#[test]
fn a_backup_is_whole_and_plain_tools_restore_it() {
    for postgres in [15, 18] {
        let stack = Stack::up(postgres, "1.1.0");
        let writer = stack.writer();
        let result = stack.ops_does(&["backup"]);
        writer.goes_on();
        let archive = PathBuf::from(result["path"].as_str().unwrap());
        assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o7777, 0o600);

        let scratch = tempfile::tempdir().unwrap();
        let folder = unpack(&archive, scratch.path());
        let manifest: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest["release"]["version"], "1.1.0", "{manifest}");
        assert_eq!(manifest["product"], "ledger");
        assert!(folder.join("vault-public-keys.csv").is_file());

        stack.restore_by_script(&archive, "by_hand");
        let rows = stack.number("by_hand", "SELECT count(*) FROM records");
        assert_eq!(
            counted(&manifest, "records"),
            rows,
            "the counts are of the very snapshot that was dumped"
        );
        assert_eq!(counted(&manifest, "_migrations"), 2);
        stack.query("postgres", "DROP DATABASE by_hand");

        let restored = stack.ops_does(&["backup", "verify", "latest", "--restore"]);
        assert_eq!(stack.databases(), ["ledger"], "{restored}");
        stack.assert_tidy();
        let log = writer.finish_with_nothing_lost();
        assert!(
            log.longest_gap().as_secs_f64() < 2.0,
            "the product served throughout: {:?}",
            log.longest_gap()
        );
    }
}

/// How many rows of a table a manifest tells.
fn counted(manifest: &Value, table: &str) -> u64 {
    fn find<'a>(value: &'a Value, table: &str) -> Option<&'a Value> {
        match value {
            Value::Object(map)
                if map.get("name").is_some_and(|name| name == table) && map.contains_key("rows") =>
            {
                map.get("rows")
            }
            Value::Object(map) => map.values().find_map(|value| find(value, table)),
            Value::Array(list) => list.iter().find_map(|value| find(value, table)),
            _ => None,
        }
    }
    find(manifest, table).and_then(Value::as_u64).unwrap_or_else(|| panic!("no rows of {table}: {manifest}"))
}

#[test]
fn backups_are_kept_listed_and_pruned_as_asked() {
    let stack = Stack::up(18, "1.0.0");
    let (one, two) = (take(&stack, &[]), take(&stack, &[]));
    assert_ne!(one, two, "two backups in the same second have names of their own");
    assert_eq!(stack.backup_files().len(), 2);
    assert_eq!(listed(&stack), [one.clone(), two.clone()]);

    stack.ops_does(&["backup", "pin", &one, "--why", "before the audit"]);
    let foreign = stack.backup_dir().join("backup-2001-01-01-000000.tar.gz");
    fs::write(&foreign, "somebody else's").unwrap();
    let three = take(&stack, &["--keep", "1"]);
    assert_eq!(listed(&stack), [one.clone(), three.clone()], "the pinned one stays, and the newest");
    assert!(foreign.exists(), "a file that opsctl did not write is never removed");

    stack.ops_does(&["backup", "unpin", &one]);
    let shown = stack.ops_does(&["backup", "prune", "--keep", "1", "--dry-run"]);
    assert!(shown["backups"].to_string().contains("prune"), "{shown}");
    assert_eq!(listed(&stack), [one, three.clone()], "a dry run removes nothing");
    stack.ops_does(&["backup", "prune", "--keep", "1"]);
    assert_eq!(listed(&stack), [three.as_str()]);
    stack.ops_exits(2, &["backup", "--keep", "0"]);
    assert_eq!(listed(&stack), [three.as_str()]);

    stack.ops_does(&["backup", "verify", &three]);
    let archive = stack.backup_dir().join(format!("backup-{three}.tar.gz"));
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    assert_ne!(stack.ops(&["backup", "verify", &three]).code, Some(0), "one flipped bit is found");

    let elsewhere = stack.path("elsewhere");
    let taken = take(&stack, &["--backup-dir", elsewhere.to_str().unwrap()]);
    assert!(elsewhere.join(format!("backup-{taken}.tar.gz")).is_file());
    stack.assert_tidy_but_for_nothing_else();
}

impl Stack {
    /// Backups are all that is there: no container, no database.
    fn assert_tidy_but_for_nothing_else(&self) {
        assert_eq!(self.one_offs(), Vec::<String>::new());
        assert_eq!(self.databases(), ["ledger"]);
    }
}

#[test]
fn a_backup_that_fails_leaves_nothing() {
    let stack = Stack::of(Settings::new(15, "1.0.0"));
    stack.query(
        "ledger",
        "CREATE TABLE bulk AS SELECT n, md5(n::text) || md5((n + 1)::text) AS filler \
         FROM generate_series(1, 1500000) AS n",
    );
    let before = stack.world();

    let mut run = stack.begin(&["backup"]);
    run.reaches("backup");
    // The first one that is found may be a small tool that ends by itself.
    let killed = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        stack.tool_containers().iter().any(|tool| attempt(&["kill", tool]).status.success())
    });
    assert!(killed, "no tool runs in a container");
    let ended = run.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert_eq!(stack.backup_files(), Vec::<String>::new(), "nothing looks like a backup");
    assert_eq!(stack.world(), before, "nothing else is left either");
    stack.assert_tidy();

    stack.query("postgres", "ALTER DATABASE ledger CONNECTION LIMIT 0; ALTER ROLE ledger NOSUPERUSER");
    let refused = stack.ops(&["backup"]);
    assert_ne!(refused.code, Some(0), "{}", refused.told());
    assert_eq!(stack.backup_files(), Vec::<String>::new());
}

/// Takes a backup and gives its identifier.
fn take(stack: &Stack, options: &[&str]) -> String {
    let mut all = vec!["backup"];
    all.extend(options);
    stack.ops_does(&all)["backup"].as_str().unwrap().to_owned()
}

fn listed(stack: &Stack) -> Vec<String> {
    let list = stack.ops_does(&["backup", "list"]);
    let backups = list["backups"].as_array().unwrap();
    backups
        .iter()
        .filter(|backup| backup["file"] == "present")
        .map(|backup| backup["id"].as_str().unwrap().to_owned())
        .collect()
}
