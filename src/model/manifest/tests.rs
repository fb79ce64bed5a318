use serde_json::{Value, json};

use super::*;

pub(super) fn example() -> Value {
    json!({
        "format": 1, "id": "2026-03-04-050607", "sequence": 3, "created_at": "2026-03-04T05:06:07Z",
        "reason": "pre-upgrade", "operation": "op-1", "product": "ledger",
        "release": { "version": "1.0.0", "image": "ledger:1.0.0", "image_id": null, "repo_digest": null },
        "opsctl_version": "0.1.0", "host": "h", "user": "u",
        "database": {
            "kind": "postgresql", "mode": "bundled", "name": "ledger", "server_version": "15.18",
            "server_version_num": 150_018, "dump_version": "15.18", "size_bytes": 9,
            "properties": {
                "owner": "ledger", "encoding": "UTF8", "collate": "C", "ctype": "C", "locale_provider": "libc",
                "connection_limit": -1, "tablespace": "pg_default"
            },
            "migrations": [{ "id": "1", "name": "init" }],
            "tables": [{ "schema": "public", "name": "a", "rows": 2 }, { "schema": "public", "name": "b", "rows": 5 }]
        },
        "members": [{ "name": "db.dump", "size": 4, "sha256": "00".repeat(32) }]
    })
}

fn parse(value: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(value.to_string().as_bytes())
}

#[test]
fn read_and_written_alike() {
    let manifest = parse(&example()).unwrap();
    assert_eq!(manifest.rows(), 7);
    assert_eq!(Manifest::parse(&manifest.to_json().unwrap()).unwrap(), manifest);
}

#[test]
fn rows_beyond_counting_are_as_many_as_can_be_counted() {
    let mut value = example();
    value["database"]["tables"][0]["rows"] = json!(u64::MAX);
    assert_eq!(parse(&value).unwrap().rows(), u64::MAX);
}

#[test]
fn fields_of_a_later_minor_version_are_ignored() {
    let mut value = example();
    value["colour"] = json!("green");
    value["database"]["shards"] = json!([1]);
    assert!(parse(&value).is_ok());
}

#[test]
fn a_newer_format_is_called_that_whatever_else_it_says() {
    let error = Manifest::parse(br#"{"format": 7, "members": "elsewhere"}"#).unwrap_err();
    assert_eq!(error.to_string(), "the manifest has format 7, and this opsctl knows up to 1");
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let member = |name: &str| json!({ "name": name, "size": 1, "sha256": "ab".repeat(32) });
    for members in [
        json!([]),
        json!([member("db.dump"), member("db.dump")]),
        json!([member("db.dump"), member("../x")]),
        json!([member("db.dump"), member("manifest.json")]),
        json!([member("db.dump"), { "name": "x", "size": 1, "sha256": "ab" }]),
    ] {
        let mut value = example();
        value["members"] = members.clone();
        assert!(parse(&value).is_err(), "{members}");
    }
}
