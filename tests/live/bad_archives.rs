//! Files that must not be restored: each is refused, says why, and touches nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::archives::{run, unpack};
use crate::stack::Stack;

#[test]
fn what_is_no_sound_backup_is_refused_and_touches_nothing() {
    let stack = Stack::up(18, "1.1.0");
    let writer = stack.writer();
    let sound = stack.ops_does(&["backup"]);
    let sound = PathBuf::from(sound["path"].as_str().unwrap());
    let corpus = tempfile::tempdir().unwrap();
    let bad = make(&sound, corpus.path());
    let before = stack.world();
    for (what, archive) in &bad {
        for way in [&["restore"][..], &["restore", "--in-place"]] {
            let mut arguments = way.to_vec();
            let name = archive.display().to_string();
            arguments.push(&name);
            let ended = stack.ops(&arguments);
            let code = ended.code.unwrap();
            assert!(matches!(code, 1 | 3), "{what} ({way:?}) ends with {code}:\n{}", ended.told());
            assert!(ended.fault().len() > 30, "{what}: {}", ended.fault());
            assert_eq!(stack.world(), before, "{what} ({way:?}) changed something");
        }
    }
    stack.ops_exits(2, &["restore", "no-such-file.tar.gz"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    let log = writer.finish_with_nothing_lost();
    assert!(log.longest_gap().as_secs_f64() < 2.0, "the product served throughout: {:?}", log.longest_gap());
}

/// What each file is, and the file.
fn make(sound: &Path, into: &Path) -> Vec<(&'static str, PathBuf)> {
    let bytes = fs::read(sound).unwrap();
    let mut bad = Vec::new();
    let mut add = |what: &'static str, content: &[u8]| {
        let path = into.join(format!("backup-2026-01-01-{:06}.tar.gz", bad.len()));
        fs::write(&path, content).unwrap();
        bad.push((what, path));
    };
    add("an empty file", b"");
    add("a text", b"PGDMP is how it would begin\n");
    add("an archive cut in its middle", &bytes[..bytes.len() / 2]);
    add("an archive without its last bytes", &bytes[..bytes.len() - 9]);
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 3;
    flipped[middle] ^= 0x10;
    add("an archive with a flipped bit", &flipped);
    let scratch = tempfile::tempdir().unwrap();
    let edited = |what: &str, edit: &dyn Fn(&mut Value)| edited(sound, &scratch.path().join(what), edit);
    let newer = edited("newer", &|manifest| manifest["format"] = 999.into());
    add("a newer format", &newer);
    let other = edited("other", &|manifest| manifest["product"] = "someone-elses".into());
    add("another product", &other);
    let older = edited("hash", &|manifest| {
        manifest["members"][0]["sha256"] = "00".repeat(32).into();
    });
    add("a member with another hash", &older);
    bad
}

/// The archive with an edited manifest.
fn edited(sound: &Path, scratch: &Path, edit: &dyn Fn(&mut Value)) -> Vec<u8> {
    fs::create_dir(scratch).unwrap();
    let folder = unpack(sound, scratch);
    let path = folder.join("manifest.json");
    let mut manifest = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let before: Value = manifest;
    manifest = before.clone();
    edit(&mut manifest);
    assert_ne!(manifest, before, "the manifest was edited");
    fs::write(&path, manifest.to_string()).unwrap();
    let archive = scratch.with_extension("tar.gz");
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    // The manifest last, as opsctl writes it.
    let mut members: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| format!("{name}/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    members.sort_by_key(|member| member.ends_with("manifest.json"));
    let (archive_name, parent) = (archive.display().to_string(), scratch.display().to_string());
    let mut arguments = vec!["-czf", archive_name.as_str(), "-C", parent.as_str()];
    arguments.extend(members.iter().map(String::as_str));
    run("tar", &arguments);
    fs::read(&archive).unwrap()
}
