use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::redaction::{KnownSecrets, TokenKey};

const SECRET: &str = "w7Qp-not-a-real-secret-Zk31";

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let mut known = KnownSecrets::default();
    known.learn_variable("API_TOKEN", SECRET, None);
    let redaction = Redaction::new(&known, TokenKey::new([3; 32]));
    let store = Store::new(dir.path().join("members"), Arc::new(redaction));
    (dir, store)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

#[tokio::test]
async fn what_is_kept_is_redacted_private_and_counted() {
    let (dir, store) = store();
    let mut feed = store.begin("logs/api.log", 1 << 20);
    let (head, tail) = SECRET.split_at(9);
    for piece in ["token ", head, tail, " seen\n"] {
        assert_eq!(feed.write(Bytes::copy_from_slice(piece.as_bytes())).await, Room::More);
    }
    feed.finish().await.unwrap();
    let kept = store.settle().await;
    let (member, counts) = &kept.members["logs/api.log"];
    let text = fs::read_to_string(store.file("logs/api.log")).unwrap();
    assert!(text.starts_with("token [REDACTED:API_TOKEN") && text.ends_with(" seen\n"), "{text}");
    assert_eq!((member.size, counts.total()), (text.len() as u64, 1));
    assert_eq!(member.sha256, hex::encode(Sha256::digest(text.as_bytes())));
    assert_eq!(fs::metadata(store.file("logs/api.log")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(dir.path().join("members/logs")).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_member_stops_at_its_limit() {
    let (_dir, store) = store();
    let mut feed = store.begin("a.txt", 6);
    assert_eq!(feed.write(Bytes::from_static(b"1234")).await, Room::More);
    assert_eq!(feed.write(Bytes::from_static(b"5678")).await, Room::Full);
    feed.finish().await.unwrap();
    assert_eq!(fs::read(store.file("a.txt")).unwrap(), b"123456");
}

#[tokio::test]
async fn what_cannot_be_looked_into_is_left_out_and_nothing_of_it_stays() {
    let (dir, store) = store();
    let xz = [b"\xfd7zXZ\0".as_slice(), &[7; 64]].concat();
    let fault = store.put("operations/x.log", xz).await.unwrap_err();
    assert!(fault.what.starts_with("operations/x.log is left out: "), "{fault}");
    store.put("b.json", b"{\"a\": 1}".to_vec()).await.unwrap();
    store.put("c.json", b"{\"a\": ".to_vec()).await.unwrap_err();
    let kept = store.settle().await;
    assert_eq!(kept.members.keys().collect::<Vec<_>>(), ["b.json"]);
    assert_eq!(kept.left_out.keys().collect::<Vec<_>>(), ["c.json", "operations/x.log"]);
    assert_eq!(files_below(dir.path()), [store.file("b.json")]);
}

#[tokio::test]
async fn one_that_is_given_up_ends_where_it_is() {
    let (_dir, store) = store();
    let mut feed = store.begin("logs/api.log", 100);
    feed.write(Bytes::from_static(b"begun\n")).await;
    drop(feed);
    let kept = store.settle().await;
    assert_eq!(kept.members["logs/api.log"].0.size, 6);
}
