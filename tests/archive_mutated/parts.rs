//! Small sound archives, taken apart and put together again, so that their parts can be altered and still fit.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use opsctl::adapters::archive::ArchiveWriter;
use opsctl::model::manifest::{Manifest, Member};
use serde_json::json;

const ID: &str = "2026-03-04-050607";
const DUMP: &[u8] = include_bytes!("../fixtures/empty-15.dump");
const KEYS: &[u8] = b"id,key\n1,abc\n";
/// Bytes of a frame that ends an archive, and of the header of any frame.
const TRAILER: usize = 42;
const HEADER: usize = 20;

/// An archive as opsctl writes it, with what it holds.
pub(crate) struct Ours {
    pub(crate) bytes: Vec<u8>,
    pub(crate) members: Vec<Member>,
}

pub(crate) static OURS: LazyLock<Ours> = LazyLock::new(|| {
    let manifest: Manifest = serde_json::from_value(json!({
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
        "members": []
    }))
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    writer.add_member("db.dump", DUMP).unwrap();
    writer.add_member("vault-public-keys.csv", KEYS).unwrap();
    let written = writer.finish(manifest, &mut |_, _| ControlFlow::Continue(())).unwrap();
    Ours { bytes: std::fs::read(written.path).unwrap(), members: written.manifest.members }
});

/// An archive as the old scripts write it: one gzip member.
pub(crate) static THEIRS: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&THEIR_TAR));

/// What is in it.
pub(crate) static THEIR_TAR: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in
        [("db.dump", DUMP), ("vault-public-keys.csv", KEYS), ("backup-metadata.json", b"{}")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, format!("2026-03-14-120000/{name}"), content).unwrap();
    }
    tar.into_inner().unwrap()
});

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

/// The frames of an archive, as they are in the file.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(length) = bytes.get(16..20) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let (frame, rest) = bytes.split_at(length);
        frames.push(frame.to_vec());
        bytes = rest;
    }
    frames
}

/// An archive of frames with these contents, all of them sound, whose trailer says that the manifest begins at one.
pub(crate) fn framed(contents: &[Vec<u8>], manifest: usize) -> Vec<u8> {
    let frames: Vec<Vec<u8>> = contents.iter().map(|content| stored(content)).collect();
    let offset: usize = frames[..manifest].iter().map(Vec::len).sum();
    let mut trailer = header(TRAILER, 20);
    trailer.extend(b"OI\x08\0");
    trailer.extend((offset as u64).to_le_bytes());
    trailer.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    frames.concat().into_iter().chain(trailer).collect()
}

/// A frame whose content is not compressed.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let length = u16::try_from(content.len()).unwrap();
    let mut frame = header(HEADER + 5 + content.len() + 8, 8);
    frame.push(1);
    frame.extend(length.to_le_bytes());
    frame.extend((!length).to_le_bytes());
    frame.extend(content);
    frame.extend(crc.sum().to_le_bytes());
    frame.extend(u32::from(length).to_le_bytes());
    frame
}

fn header(length: usize, extra: u8) -> Vec<u8> {
    let mut header = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, extra, 0];
    header.extend(b"OP\x04\0");
    header.extend(u32::try_from(length).unwrap().to_le_bytes());
    header
}

/// Makes the checksum right of the tar header that begins at `at`.
pub(crate) fn seal(tar: &mut [u8], at: usize) {
    let Some(block) = tar.get_mut(at..at + 512) else { return };
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
