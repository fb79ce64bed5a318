use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use opsctl::adapters::bundle_files::{BundleError, open, read_archive};
use opsctl::bundle::findings::findings;
use rstest::rstest;
use tar::EntryType;

use crate::samples::{NAME, Sample};

#[test]
fn an_archive_and_its_folder_say_the_same() {
    let sample = Sample::disk_full();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join(format!("{NAME}.tar.gz"));
    fs::File::create(&file).unwrap().write_all(&sample.archive()).unwrap();
    let unpacked = scratch.path().join("unpacked");
    for (path, bytes) in sample.members() {
        let path = unpacked.join(NAME).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(&bytes).unwrap();
    }
    let expected = findings(&sample.bundle());
    for path in [&file, &unpacked, &unpacked.join(NAME)] {
        let bundle = open(path).unwrap();
        assert_eq!((findings(&bundle), bundle.name()), (expected.clone(), NAME), "{}", path.display());
    }
}

#[test]
fn the_bundle_of_schema_1_is_read_by_every_later_version() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundles");
    let bundle = open(&fixtures.join("schema-1.tar.gz")).unwrap();
    assert_eq!(bundle.facts().troubles, Vec::new());
    let ids: Vec<String> = findings(&bundle).into_iter().map(|finding| finding.id.into_owned()).collect();
    assert_eq!(ids, ["out-of-memory", "crash-loop", "queue-stuck", "frequent-errors"]);
}

#[test]
fn what_was_altered_or_added_afterwards_is_named() {
    let mut members = Sample::healthy().members();
    let log = members.iter_mut().find(|(path, _)| path == "logs/postgres.log").unwrap();
    log.1.push(b'!');
    members.push(("logs/other.log".into(), b"x\n".to_vec()));
    members.retain(|(path, _)| path != "host/system.json");
    let bundle = read_archive(NAME, crate::samples::archive_of(&members).as_slice()).unwrap();
    let troubles: Vec<&str> = bundle.facts().troubles.iter().map(|trouble| trouble.member.as_str()).collect();
    assert_eq!(troubles, ["host/system.json", "logs/postgres.log", "logs/other.log"].map(str::to_owned));
    assert!(findings(&bundle).iter().any(|finding| finding.id == "bundle-altered"));
}

#[test]
fn of_an_archive_that_is_cut_short_the_beginning_is_read() {
    let whole = Sample::out_of_memory().archive();
    let bundle = read_archive(NAME, &whole[..whole.len() - 300]).unwrap();
    let found = findings(&bundle);
    assert_eq!(found[0].id, "out-of-memory");
    assert!(found.iter().any(|finding| finding.id == "bundle-incomplete"), "{found:?}");
    for length in (0..whole.len()).step_by(97) {
        let _ = read_archive(NAME, &whole[..length]).map(|bundle| findings(&bundle));
    }
}

fn archive_with(path: &[u8], kind: EntryType, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_cksum();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    let mut left = usize::try_from(size.next_multiple_of(512)).unwrap();
    while left > 0 {
        let part = left.min(zeros.len());
        gzip.write_all(&zeros[..part]).unwrap();
        left -= part;
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

#[rstest]
#[case::absolute(b"/etc/manifest.json", EntryType::Regular)]
#[case::upwards(b"b/../../manifest.json", EntryType::Regular)]
#[case::symbolic_link(b"b/manifest.json", EntryType::Symlink)]
#[case::hard_link(b"b/manifest.json", EntryType::Link)]
#[case::device(b"b/manifest.json", EntryType::Char)]
#[case::pipe(b"b/manifest.json", EntryType::Fifo)]
#[case::no_text(b"b/\xff\xfe", EntryType::Regular)]
#[case::control(b"b/\x1b[2Jx", EntryType::Regular)]
fn what_could_do_harm_is_refused(#[case] path: &[u8], #[case] kind: EntryType) {
    let refused = read_archive(NAME, archive_with(path, kind, 0).as_slice());
    assert!(matches!(refused, Err(BundleError::Unsafe { .. })), "{refused:?}");
}

#[test]
fn a_bomb_is_refused_and_not_kept() {
    let bomb = archive_with(b"b/logs/x.log", EntryType::Regular, (1 << 30) + (64 << 20));
    assert!(bomb.len() < 32 << 20);
    let refused = read_archive(NAME, bomb.as_slice());
    assert!(matches!(refused, Err(BundleError::TooLarge)), "{refused:?}");
}

#[rstest]
#[case::age(b"age-encryption.org/v1\n-> X25519 x\n", "encrypted")]
#[case::armoured(b"-----BEGIN AGE ENCRYPTED FILE-----\n", "encrypted")]
#[case::zip(b"PK\x03\x04xxxx", "zip archive")]
#[case::text(b"hello", "it is text")]
#[case::nothing(b"", "nothing")]
fn what_is_no_bundle_is_named(#[case] bytes: &[u8], #[case] expected: &str) {
    let error = read_archive(NAME, bytes).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert!(!error.hint().is_empty());
}
