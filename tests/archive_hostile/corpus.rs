//! The bytes of good and bad archives, made here and not kept: what is bad about each can be read.

use std::io::{Read, Write};
use std::ops::ControlFlow;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use opsctl::adapters::archive::ArchiveWriter;
use opsctl::model::manifest::Manifest;
use serde_json::json;
use tar::Header;

pub(crate) use tar::EntryType as Kind;

/// What the tests allow a dump to unpack to.
pub(crate) const LIMIT: u64 = 100 << 20;

const ID: &str = "2026-03-04-050607";

/// A dump of an empty database, as `pg_dump` 15 writes it.
pub(crate) fn dump() -> Vec<u8> {
    include_bytes!("../fixtures/empty-15.dump").to_vec()
}

/// The head of a dump, and then what fills more than two frames and can hardly be compressed.
fn large_dump() -> Vec<u8> {
    let mut state = 7_u64;
    let noise = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    dump().into_iter().chain(noise.take(2_300_000)).collect()
}

pub(crate) fn manifest(members: &serde_json::Value) -> serde_json::Value {
    json!({
        "format": 1, "id": ID, "sequence": 1, "created_at": "2026-03-04T05:06:07Z", "reason": "manual",
        "product": "ledger", "release": {}, "opsctl_version": "0.1.0", "host": "h", "user": "u",
        "database": {
            "kind": "postgresql", "mode": "bundled", "name": "d", "server_version": "15.18",
            "server_version_num": 150_018, "dump_version": "15.18", "size_bytes": 1,
            "properties": {
                "owner": "o", "encoding": "UTF8", "collate": "C", "ctype": "C", "locale_provider": "libc",
                "connection_limit": -1, "tablespace": "pg_default"
            }
        },
        "members": members
    })
}

/// An archive as opsctl writes it.
pub(crate) fn ours() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    writer.add_member("db.dump", &large_dump()).unwrap();
    writer.add_member("vault-public-keys.csv", b"id,key\n1,abc\n").unwrap();
    let manifest: Manifest = serde_json::from_value(manifest(&json!([]))).unwrap();
    let written = writer.finish(manifest, &mut |_, _| ControlFlow::Continue(())).unwrap();
    std::fs::read(written.path).unwrap()
}

/// An archive as the old scripts write it.
pub(crate) fn of_the_scripts() -> Vec<u8> {
    let entries = [
        Tar::directory("2026-03-14-120000/"),
        Tar::entry("2026-03-14-120000/db.dump", &large_dump()),
        Tar::entry("2026-03-14-120000/backup-metadata.json", b"{}"),
    ];
    Tar::of(&entries).gzip()
}

pub(crate) fn scripts_entries() -> Vec<Vec<u8>> {
    let directory = Tar::directory("2026-03-14-120000/");
    let keys = Tar::entry("2026-03-14-120000/vault-public-keys.csv", b"id,key\n");
    vec![directory, Tar::entry("2026-03-14-120000/db.dump", &dump()), keys]
}

pub(crate) fn scripts_entries_without_directory() -> Vec<Vec<u8>> {
    scripts_entries().split_off(1)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

/// A tar archive put together block by block, so that it can be wrong in any way.
pub(crate) struct Tar(Vec<u8>);

impl Tar {
    pub(crate) fn of(entries: &[Vec<u8>]) -> Self {
        let mut bytes = entries.concat();
        bytes.extend([0; 1024]);
        // As GNU tar does: whole records.
        bytes.resize(bytes.len().next_multiple_of(10240), 0);
        Self(bytes)
    }

    pub(crate) fn gzip(&self) -> Vec<u8> {
        gzip(&self.0)
    }

    pub(crate) fn entry(path: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = header(path, Kind::Regular, content.len() as u64);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    pub(crate) fn directory(path: &str) -> Vec<u8> {
        header(path, Kind::Directory, 0)
    }

    pub(crate) fn special(path: &str, kind: Kind) -> Vec<u8> {
        header(path, kind, 0)
    }
}

fn header(path: &str, kind: Kind, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    // Not `set_path`, which refuses what is wanted here.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub(crate) fn other_files() -> Vec<(&'static str, Vec<u8>)> {
    let tar = Tar::of(&scripts_entries());
    vec![
        ("empty", Vec::new()),
        ("one byte", vec![0x1f]),
        ("text", b"POSTGRES_PASSWORD=hunter2\n".to_vec()),
        ("sql", b"--\n-- PostgreSQL database dump\n--\n".to_vec()),
        ("dump", dump()),
        ("tar", tar.0.clone()),
        ("zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec()),
        ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0]),
        ("xz", b"\xfd7zXZ\0\0".to_vec()),
        ("bytes", vec![0, 1, 2, 3, 200, 201]),
        ("gzip of text", gzip(b"hello\n")),
        ("gzip of a dump", gzip(&dump())),
        ("gzip of sql", gzip(format!("-- dump\n{}", "SELECT 1;\n".repeat(100)).as_bytes())),
        ("gzip of nothing", gzip(b"")),
        ("gzip of gzip", gzip(&tar.gzip())),
        ("gzip magic and noise", [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 40]].concat()),
    ]
}

pub(crate) fn hostile_tars() -> Vec<(&'static str, Vec<u8>)> {
    let dump_entry = || Tar::entry("d/db.dump", &dump());
    let tar = |entries: &[Vec<u8>]| Tar::of(entries).gzip();
    let good = || Tar::of(&scripts_entries());
    let bomb_entry = Tar::entry("d/db.dump", &[dump(), vec![0; 90 << 20]].concat());
    let huge = |path: &str| header(path, Kind::Regular, 1 << 40);
    let wrong_sum = || {
        let mut entry = Tar::entry("d/vault-public-keys.csv", b"x");
        entry[148] ^= 1;
        entry
    };
    vec![
        ("nothing in it", tar(&[])),
        ("no dump", tar(&[Tar::entry("d/vault-public-keys.csv", b"x")])),
        ("two dumps", tar(&[dump_entry(), dump_entry()])),
        (
            "members without end",
            tar(&(0..2000).map(|n| Tar::entry(&format!("d/x{n}"), b"")).collect::<Vec<_>>()),
        ),
        ("two dumps in two directories", tar(&[dump_entry(), Tar::entry("e/db.dump", &dump())])),
        ("a file more", tar(&[dump_entry(), Tar::entry("d/run.sh", b"rm")])),
        ("absolute", tar(&[Tar::entry("/etc/cron.d/x", b"x")])),
        ("out of the directory", tar(&[Tar::entry("d/../../x", b"x")])),
        ("nothing but up", tar(&[Tar::entry("../db.dump", &dump())])),
        ("no directory", tar(&[Tar::entry("db.dump", &dump())])),
        ("two directories deep", tar(&[Tar::entry("d/e/db.dump", &dump())])),
        ("hidden directory", tar(&[Tar::entry(".ssh/authorized_keys", b"x")])),
        ("odd name", tar(&[Tar::entry("d/a\x1b[2Jb", b"x")])),
        ("long name", tar(&[Tar::special("d/x", Kind::GNULongName), dump_entry()])),
        ("extended header", tar(&[Tar::special("d/x", Kind::XHeader), dump_entry()])),
        ("sparse", tar(&[Tar::special("d/db.dump", Kind::GNUSparse)])),
        ("dump is no dump", tar(&[Tar::entry("d/db.dump", b"DROP TABLE x;")])),
        ("dump is a tar-format dump", tar(&[Tar::entry("d/db.dump", b"PGDMP\x01\x0e\0\x04\x08\x03...")])),
        ("larger than allowed", tar(&[huge("d/db.dump")])),
        ("huge side member", tar(&[huge("d/vault-public-keys.csv")])),
        ("bomb", tar(&[bomb_entry])),
        ("wrong checksum", tar(&[dump_entry(), wrong_sum()])),
        ("no end", gzip(&scripts_entries().concat())),
        ("half an end", gzip(&[scripts_entries().concat(), vec![0; 512]].concat())),
        ("garbage behind the tar", gzip(&[good().0, b"more".to_vec()].concat())),
        ("garbage behind the gzip", [good().gzip(), b"more".to_vec()].concat()),
        ("another archive behind it", [good().gzip(), good().gzip()].concat()),
    ]
}

pub(crate) fn tampered() -> Vec<(&'static str, Vec<u8>)> {
    let whole = ours();
    let tar = gunzip(&whole);
    let dump_bytes = large_dump();
    let sha_of = |bytes: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    let packed = |members: &serde_json::Value, id: &str| {
        let json = manifest(members).to_string();
        let entries = [
            Tar::entry(&format!("{id}/db.dump"), &dump_bytes),
            Tar::entry(&format!("{id}/manifest.json"), json.as_bytes()),
        ];
        Tar::of(&entries).gzip()
    };
    let member =
        |name: &str, size: usize, sha256: &str| json!({ "name": name, "size": size, "sha256": sha256 });
    let right = || member("db.dump", dump_bytes.len(), &sha_of(&dump_bytes));
    let newer = [Tar::entry("d/db.dump", &dump()), Tar::entry("d/manifest.json", br#"{"format":2}"#)];
    let broken = [Tar::entry("d/db.dump", &dump()), Tar::entry("d/manifest.json", b"{")];
    let follows =
        [Tar::entry(&format!("{ID}/manifest.json"), b"{}"), Tar::entry(&format!("{ID}/db.dump"), &dump())];
    let mut flipped = tar;
    flipped[512 + 5000] ^= 1;
    vec![
        ("garbage behind", [whole.clone(), b"more".to_vec()].concat()),
        ("twice", [whole.clone(), whole.clone()].concat()),
        ("without its first frame", whole[545..].to_vec()),
        ("trailer points elsewhere", trailer_at(&whole, 545)),
        ("trailer points nowhere", trailer_at(&whole, 1)),
        ("a bit of the dump, packed anew", gzip(&flipped)),
        ("newer format", Tar::of(&newer).gzip()),
        ("manifest is no JSON", Tar::of(&broken).gzip()),
        ("manifest first", Tar::of(&follows).gzip()),
        ("another backup's directory", packed(&json!([right()]), "2026-03-04-050608")),
        ("another hash", packed(&json!([member("db.dump", dump_bytes.len(), &"00".repeat(32))]), ID)),
        ("another size", packed(&json!([member("db.dump", 5, &sha_of(&dump_bytes))]), ID)),
        ("a member too few", packed(&json!([right(), member("x.csv", 1, &"00".repeat(32))]), ID)),
    ]
}

/// The archive with a trailer that says that the manifest begins at `offset`.
fn trailer_at(whole: &[u8], offset: u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let trailer = bytes.len() - 42;
    bytes[trailer + 24..trailer + 32].copy_from_slice(&offset.to_le_bytes());
    bytes
}
