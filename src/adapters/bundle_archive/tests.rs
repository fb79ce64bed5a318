use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::redaction::{KnownSecrets, TokenKey};

const SECRET: &str = "w7Qp-not-a-real-secret-Zk31";

fn redaction() -> Redaction {
    let mut known = KnownSecrets::default();
    known.learn_variable("API_TOKEN", SECRET, None);
    Redaction::new(&known, TokenKey::new([3; 32]))
}

/// Packs texts by path, and searches what came of it.
fn packed(dir: &Path, files: &[(&str, &str)]) -> (PathBuf, Vec<Member>) {
    let files: Vec<Packed> = files
        .iter()
        .enumerate()
        .map(|(index, (path, text))| {
            let file = dir.join(format!("{index}"));
            write_private(&file, text.as_bytes()).unwrap();
            Packed { path: (*path).to_owned(), file }
        })
        .collect();
    let archive = dir.join("bundle.tar.gz");
    let members = pack(&archive, "folder", &files, jiff::Timestamp::UNIX_EPOCH).unwrap();
    (archive, members)
}

#[test]
fn what_holds_no_secret_is_proven_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let (archive, members) =
        packed(dir.path(), &[("manifest.json", "{}"), ("logs/api.log", "all is well\n")]);
    assert_eq!(members[1].size, 12);
    assert_eq!(fs::metadata(&archive).unwrap().mode() & 0o777, 0o600);
    assert_eq!(prove(&archive, "folder", &members, &redaction()), []);
}

#[test]
fn a_secret_in_a_member_or_its_name_is_found_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("logs/{SECRET}.log");
    let text = format!("token {SECRET}\n");
    let (archive, members) = packed(dir.path(), &[("a.txt", &text), (&name, "nothing\n")]);
    let doubts = prove(&archive, "folder", &members, &redaction());
    let places: Vec<&str> = doubts
        .iter()
        .filter_map(|doubt| match doubt {
            Doubt::Hit { member, .. } => Some(member.as_str()),
            _ => None,
        })
        .collect();
    assert!(places.contains(&"a.txt") && places.contains(&"the name of member 2"), "{doubts:?}");
    assert!(!format!("{doubts:?}").contains(SECRET), "{doubts:?}");
}

#[test]
fn what_is_not_what_was_packed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (archive, mut members) = packed(dir.path(), &[("a.txt", "one\n"), ("b.txt", "two\n")]);
    let redaction = redaction();
    let lost = Member { path: "c.txt".to_owned(), ..Member::default() };
    assert_eq!(
        prove(&archive, "folder", &[members.clone(), vec![lost]].concat(), &redaction),
        [Doubt::Different { member: "c.txt".to_owned() }]
    );
    members[0].size += 1;
    assert_eq!(
        prove(&archive, "folder", &members, &redaction),
        [Doubt::Different { member: "a.txt".to_owned() }]
    );
    let whole = fs::read(&archive).unwrap();
    write_private(&archive, &whole[..whole.len() / 2]).unwrap();
    let doubts = prove(&archive, "folder", &members, &redaction);
    assert!(matches!(doubts.as_slice(), [.., Doubt::Unreadable { .. }]), "{doubts:?}");
}

#[test]
fn only_recipients_can_open_what_was_encrypted_and_nothing_is_left_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, to) = (dir.path().join("plain"), dir.path().join("encrypted"));
    write_private(&plain, b"what is in it").unwrap();
    let (one, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let given = [&one, &other].map(|identity| identity.to_public().to_string());
    encrypt(&plain, &to, &Recipients::of(&given, dir.path()).unwrap().unwrap()).unwrap();
    assert!(!plain.exists());
    assert_eq!(fs::metadata(&to).unwrap().mode() & 0o777, 0o600);
    let encrypted = fs::read(&to).unwrap();
    assert_eq!(age::decrypt(&one, &encrypted).unwrap(), b"what is in it");
    assert_eq!(age::decrypt(&other, &encrypted).unwrap(), b"what is in it");
    assert!(age::decrypt(&age::x25519::Identity::generate(), &encrypted).is_err());
}

#[test]
fn a_file_never_takes_the_place_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made");
    write_private(&file, b"new").unwrap();
    write_private(&dir.path().join("taken"), b"old").unwrap();
    assert_eq!(publish(&file, dir.path(), "taken").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    let target = publish(&file, dir.path(), "free").unwrap();
    assert_eq!((fs::read(&target).unwrap(), file.exists()), (b"new".to_vec(), false));
    assert_eq!(fs::read(dir.path().join("taken")).unwrap(), b"old");
}
