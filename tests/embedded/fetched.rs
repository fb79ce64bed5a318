//! Releases that are fetched: the right one is taken, and nothing else.

use std::fs;
use std::io::Cursor;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use minisign::{KeyPair, SecretKey};
use opsctl::model::manifest::Digest;
use sha2::Digest as _;
use tar::{Builder, EntryType, Header};

use crate::install::{Install, files_of, write};
use crate::web::{Served, Web};

/// The keys of whoever makes the releases, and of somebody else.
static KEYS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [(); 2].map(|()| KeyPair::generate_unencrypted_keypair().unwrap()));

fn header(kind: EntryType, size: usize, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(mode);
    header
}

fn packed(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut tar);
    tar.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn archive_of(release: &str) -> Vec<u8> {
    packed(|tar| {
        for (name, content, mode) in files_of(release) {
            let mut header = header(EntryType::Regular, content.len(), mode);
            tar.append_data(&mut header, format!("collector-{release}/{name}"), content.as_bytes()).unwrap();
        }
    })
}

/// A release with something in it that does not belong there.
fn hostile(name: &str, kind: EntryType) -> Vec<u8> {
    packed(|tar| {
        let mut header = header(kind, 0, 0o644);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind == EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        tar.append(&header, &b""[..]).unwrap();
    })
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Digest(sha2::Sha256::digest(bytes).into()).to_string()
}

fn signature(archive: &[u8], name: &str, key: &SecretKey) -> Vec<u8> {
    let comment = format!("timestamp:1700000000\tfile:{name}\thashed");
    minisign::sign(None, key, Cursor::new(archive), Some(&comment), None).unwrap().into_string().into_bytes()
}

/// An install on 1.0.0 that fetches its releases from `web`.
pub(crate) fn fetching(web: &Web, runtime: &str) -> Install {
    let source = format!("source = \"{}/c-{{version}}.tar.gz\"\n{runtime}", web.address());
    let install = Install::described(|text| text.replace("source = \"source\"", &source));
    for (name, content, mode) in files_of("1.0.0") {
        fs::create_dir_all(install.path("releases/1.0.0")).unwrap();
        write(&install.path("releases/1.0.0").join(name), &content, mode);
    }
    let (status, text) = install.run("start 1.0.0");
    assert_eq!(status, 0, "{text}");
    install
}

fn with_key() -> String {
    format!("public_key = \"{}\"", KEYS[0].pk.to_base64())
}

pub(crate) fn releases(install: &Install) -> Vec<String> {
    let entries = fs::read_dir(install.path("releases")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_release_is_fetched_when_its_checksum_is_given_and_kept_as_long_as_it_is_needed() {
    let web = Web::start();
    let install = fetching(&web, "keep = 1");
    fs::create_dir(install.path("releases/0.9.0")).unwrap();
    for release in ["1.1.0", "1.2.0"] {
        let archive = archive_of(release);
        web.serve("/elsewhere", Served::BusyOnce(archive.clone()));
        web.serve(&format!("/c-{release}.tar.gz"), Served::At("/elsewhere"));
        let (status, text) = install.run(&format!("upgrade {release} --sha256 {}", sha256(&archive)));
        assert_eq!(status, 0, "{text}");
    }
    assert_eq!(releases(&install), ["0.9.0", "1.0.0", "1.1.0", "1.2.0"], "1.0.0 was not brought by opsctl");
    // What is here needs nobody any more.
    web.serve_nothing();
    let (status, text) = install.run("rollback");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.run("upgrade 1.2.0").0, 0);
    let (status, text) = install.run(&format!("upgrade 1.2.0 --sha256 {}", sha256(b"another")));
    assert!(status == 3 && text.contains("is here already, from an archive with another SHA-256"), "{text}");
}

#[test]
fn old_releases_go_and_the_one_to_go_back_to_stays() {
    let web = Web::start();
    let install = Install::described(|text| {
        text.replace(
            "source = \"source\"",
            &format!("source = \"{}/c-{{version}}.tar.gz\"\nkeep = 1", web.address()),
        )
    });
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        let archive = archive_of(release);
        web.serve(&format!("/c-{release}.tar.gz"), Served::Whole(archive.clone()));
        let command = if release == "1.0.0" { "start" } else { "upgrade" };
        let (status, text) = install.run(&format!("{command} {release} --sha256 {}", sha256(&archive)));
        assert_eq!(status, 0, "{text}");
        assert_eq!(text.contains("old releases are removed: 1.0.0"), release == "1.2.0", "{text}");
    }
    assert_eq!(releases(&install), ["1.1.0", "1.2.0"]);
    let (status, text) = install.run("rollback");
    assert_eq!(status, 0, "{text}");
    assert!(install.is_healthy());
}

#[test]
fn a_release_that_is_signed_needs_no_checksum_from_elsewhere() {
    let web = Web::start();
    let install = fetching(&web, &with_key());
    let archive = archive_of("1.1.0");
    let sums = format!("{}  c-1.1.0.tar.gz\n", sha256(&archive));
    web.serve("/c-1.1.0.tar.gz", Served::Whole(archive.clone()));
    web.serve("/SHA256SUMS", Served::Whole(sums.into_bytes()));
    web.serve("/c-1.1.0.tar.gz.minisig", Served::Whole(signature(&archive, "c-1.1.0.tar.gz", &KEYS[0].sk)));
    let (status, text) = install.run("upgrade 1.1.0");
    assert_eq!(status, 0, "{text}");
    assert_eq!(install.migrations(), ["1", "2"]);
}

#[test]
fn what_is_not_shown_to_be_the_release_is_not_taken() {
    let web = Web::start();
    let (plain, signed) = (fetching(&web, ""), fetching(&web, &with_key()));
    let archive = archive_of("1.1.0");
    let (sum, wrong) = (sha256(&archive), sha256(b"another"));
    let whole = Served::Whole(archive.clone());
    let list = |sum: &str| Served::Whole(format!("{sum}  c-1.1.0.tar.gz\n").into_bytes());
    let sign = |name: &str, key: usize| Served::Whole(signature(&archive, name, &KEYS[key].sk));
    let (path, sums, sig) = ("/c-1.1.0.tar.gz", "/SHA256SUMS", "/c-1.1.0.tar.gz.minisig");
    let good = sign("c-1.1.0.tar.gz", 0);
    let given = format!("upgrade 1.1.0 --sha256 {sum}");
    let hostile_ones = [
        hostile("link", EntryType::Symlink),
        hostile("../../../x", EntryType::Regular),
        hostile("/tmp/opsctl-x", EntryType::Regular),
        hostile("device", EntryType::Char),
        b"no archive".to_vec(),
    ];
    let mut cases = vec![
        (
            &plain,
            "upgrade 1.1.0".to_owned(),
            vec![(path, whole.clone()), (sums, list(&sum))],
            "shows nothing",
        ),
        (&plain, format!("upgrade 1.1.0 --sha256 {wrong}"), vec![(path, whole.clone())], "has the SHA-256"),
        (&plain, given.clone(), vec![], "answers 404"),
        (&plain, given.clone(), vec![(path, Served::Half(archive.clone()))], "cannot be read"),
        (&plain, given.clone(), vec![(path, Served::Promised(5 << 30))], "larger than"),
        (&plain, given.clone(), vec![(path, Served::At("/c-1.1.0.tar.gz"))], "redirected again and again"),
        (
            &signed,
            "upgrade 1.1.0".to_owned(),
            vec![(path, whole.clone()), (sig, good.clone())],
            "there is no SHA-256",
        ),
        (
            &signed,
            "upgrade 1.1.0".to_owned(),
            vec![(sums, Served::Whole(b"".to_vec()))],
            "there is no SHA-256",
        ),
        (
            &signed,
            "upgrade 1.1.0".to_owned(),
            vec![(path, whole.clone()), (sums, list(&wrong)), (sig, good)],
            "has the SHA-256",
        ),
        (&signed, given.clone(), vec![(path, whole.clone())], "there is no signature"),
        (
            &signed,
            given.clone(),
            vec![(path, whole.clone()), (sig, sign("c-1.1.0.tar.gz", 1))],
            "is not signed with",
        ),
        (
            &signed,
            given.clone(),
            vec![(path, whole.clone()), (sig, sign("c-1.0.0.tar.gz", 0))],
            "of another file",
        ),
        (
            &signed,
            given,
            vec![(path, whole), (sig, Served::Whole(b"x".to_vec()))],
            "no signature of minisign",
        ),
    ];
    for archive in hostile_ones {
        let asked = format!("upgrade 1.1.0 --sha256 {}", sha256(&archive));
        cases.push((&plain, asked, vec![(path, Served::Whole(archive))], "cannot be unpacked"));
    }
    for (install, command, pages, expected) in cases {
        web.serve_nothing();
        for (path, page) in pages {
            web.serve(path, page);
        }
        let (status, text) = install.run(&command);
        assert!([1, 3].contains(&status), "{expected}: {status}\n{text}");
        assert!(text.contains(expected) && text.contains("hint:"), "{expected}:\n{text}");
        assert_eq!(releases(install), ["1.0.0"], "{expected}: {text}");
        assert!(install.is_healthy() && install.migrations() == ["1"], "{expected}");
    }
}
