//! Files that must not be restored: each is refused, says why, and touches nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::stand::{Stand, Writes as _, assert_holds_all, backups, begin, does, exits};

pub(crate) fn what_is_no_sound_backup_is_refused_and_touches_nothing<S: Stand>(stand: &S) {
    let writer = stand.writer();
    does(stand, &["backup"]);
    let sound = stand.path("backup").join(&backups(stand)[0]);
    let corpus = stand.path("corpus");
    fs::create_dir(&corpus).unwrap();
    let bad = make(&sound, &corpus);
    let (before, done) = (stand.essence(), stand.kept("replaced"));
    for (what, name) in &bad {
        let ended = begin(stand, &["restore", &format!("corpus/{name}")]).wait();
        assert!(matches!(ended.code, Some(1 | 3)), "{what} ends with {:?}:\n{}", ended.code, ended.told());
        assert!(ended.fault().len() > 30, "{what}: {}", ended.fault());
        assert_eq!((stand.essence(), stand.kept("replaced")), (before.clone(), done.clone()), "{what}");
    }
    exits(stand, 2, &["restore", "no-such-file.tar.gz"]);
    writer.goes_on();
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
    assert_holds_all(stand, &writer.finish());
}

/// What each file is, and the name of the file.
fn make(sound: &Path, into: &Path) -> Vec<(&'static str, String)> {
    let bytes = fs::read(sound).unwrap();
    let mut bad = Vec::new();
    let mut add = |what: &'static str, content: &[u8]| {
        let name = format!("backup-2026-01-01-{:06}.tar.gz", bad.len());
        fs::write(into.join(&name), content).unwrap();
        bad.push((what, name));
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
    let hash = edited("hash", &|manifest| manifest["members"][0]["sha256"] = "00".repeat(32).into());
    add("a member with another hash", &hash);
    bad
}

/// The archive with an edited manifest.
fn edited(sound: &Path, scratch: &Path, edit: &dyn Fn(&mut Value)) -> Vec<u8> {
    fs::create_dir(scratch).unwrap();
    tar(&["-xzf".as_ref(), sound, "-C".as_ref(), scratch]);
    let mut folders: Vec<PathBuf> =
        fs::read_dir(scratch).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let folder = folders.remove(0);
    let path = folder.join("manifest.json");
    let before: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut manifest = before.clone();
    edit(&mut manifest);
    assert_ne!(manifest, before, "the manifest was edited");
    fs::write(&path, manifest.to_string()).unwrap();
    let archive = scratch.with_extension("tar.gz");
    let name = Path::new(folder.file_name().unwrap());
    // The manifest last, as opsctl writes it.
    let members = fs::read_dir(&folder).unwrap().map(|entry| name.join(entry.unwrap().file_name()));
    let mut members: Vec<PathBuf> = members.collect();
    members.sort_by_key(|member| member.ends_with("manifest.json"));
    let mut arguments: Vec<&Path> = vec!["-czf".as_ref(), &archive, "-C".as_ref(), scratch];
    arguments.extend(members.iter().map(PathBuf::as_path));
    tar(&arguments);
    fs::read(&archive).unwrap()
}

fn tar(arguments: &[&Path]) {
    let output = Command::new("tar").args(arguments).stdin(Stdio::null()).output().expect("tar is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
