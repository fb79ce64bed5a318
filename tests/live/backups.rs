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
    let stack = Stack::up(18, "1.1.0");
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
    assert_eq!(counted(&manifest, "records"), rows, "the counts are of the very snapshot that was dumped");
    assert_eq!(counted(&manifest, "_migrations"), 2);
    stack.query("postgres", "DROP DATABASE by_hand");

    let restored = stack.ops_does(&["backup", "verify", "latest", "--restore"]);
    assert_eq!(stack.databases(), ["ledger"], "{restored}");
    stack.assert_tidy();
    let log = writer.finish_with_nothing_lost();
    assert!(log.longest_gap().as_secs_f64() < 2.0, "the product served throughout: {:?}", log.longest_gap());
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
