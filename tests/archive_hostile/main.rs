//! Archives that are broken, hostile, or not archives at all: each is refused in clear words, and nothing is unpacked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod round_trip;

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use opsctl::adapters::archive::{self, ArchiveError, Checked, Limits, Origin, Problem};

use corpus::{Kind, Tar};

fn silent(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn put(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    let mut file = fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    path
}

/// The error that a file's bytes give, the same from every way of reading them.
fn refusal(bytes: &[u8]) -> ArchiveError {
    let directory = tempfile::tempdir().unwrap();
    let path = put(directory.path(), "bad.tar.gz", bytes);
    let mut output = Vec::new();
    let copied =
        archive::copy_dump(&path, Limits::at_most(corpus::LIMIT), &mut output, &mut silent).unwrap_err();
    let verified = archive::verify(&path, Limits::at_most(corpus::LIMIT), &mut silent).unwrap_err();
    assert_eq!(copied.to_string(), verified.to_string());
    assert!(verified.offset.is_none_or(|offset| offset <= bytes.len() as u64));
    assert!(output.len() as u64 <= corpus::LIMIT);
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["bad.tar.gz"]);
    verified
}

/// One line for each case: what is said, without the directory and with `_` for places in the file.
fn said(cases: Vec<(&str, Vec<u8>)>) -> String {
    cases.into_iter().fold(String::new(), |mut lines, (case, bytes)| {
        let error = refusal(&bytes);
        let message = error.to_string();
        let message = message.split_once("bad.tar.gz: ").unwrap().1;
        let message = match error.offset {
            Some(offset) => message.replace(&format!("at byte {offset}"), "at byte _"),
            None => message.to_owned(),
        };
        assert!(!error.hint().is_empty());
        writeln!(lines, "{case}: {message}").unwrap();
        lines
    })
}

#[test]
fn files_that_are_no_archives_are_called_what_they_are() {
    insta::assert_snapshot!(said(corpus::other_files()), @r#"
    empty: the file is empty
    one byte: this is not a backup archive, but something unknown (at byte _)
    text: this is not a backup archive, but text (at byte _)
    sql: this is not a backup archive, but an SQL script (at byte _)
    dump: this is not a backup archive, but a bare pg_dump file (at byte _)
    tar: this is not a backup archive, but a tar archive without compression (at byte _)
    zip: this is not a backup archive, but a zip archive (at byte _)
    zstd: this is not a backup archive, but a Zstandard file (at byte _)
    xz: this is not a backup archive, but an xz file (at byte _)
    bytes: this is not a backup archive, but something unknown (at byte _)
    gzip of text: this is a gzip file, but holds text and not a tar archive (at byte _)
    gzip of a dump: this is a gzip file, but holds a bare pg_dump file and not a tar archive (at byte _)
    gzip of sql: this is a gzip file, but holds an SQL script and not a tar archive (at byte _)
    gzip of nothing: this is a gzip file, but holds nothing and not a tar archive (at byte _)
    gzip of gzip: this is a gzip file, but holds something unknown and not a tar archive (at byte _)
    gzip magic and noise: the archive is damaged: its compressed data or their checksum is wrong (at byte _)
    "#);
}

#[test]
fn tar_archives_with_anything_else_in_them_are_refused() {
    insta::assert_snapshot!(said(corpus::hostile_tars()), @r#"
    nothing in it: this is a tar archive, but not a backup: it holds no db.dump
    no dump: this is a tar archive, but not a backup: it holds no db.dump
    two dumps: the archive is not safe to unpack: d/db.dump is there twice (at byte _)
    members without end: this is a tar archive, but not a backup: it holds more than 1000 files (at byte _)
    two dumps in two directories: this is a tar archive, but not a backup: it holds e/db.dump (at byte _)
    a file more: this is a tar archive, but not a backup: it holds run.sh
    absolute: the archive is not safe to unpack: /etc/cron.d/x has an absolute path (at byte _)
    out of the directory: the archive is not safe to unpack: d/../../x leads out of its directory (at byte _)
    nothing but up: the archive is not safe to unpack: ../db.dump leads out of its directory (at byte _)
    no directory: this is a tar archive, but not a backup: it holds db.dump (at byte _)
    two directories deep: this is a tar archive, but not a backup: it holds d/e/db.dump (at byte _)
    hidden directory: this is a tar archive, but not a backup: it holds .ssh/authorized_keys (at byte _)
    odd name: this is a tar archive, but not a backup: it holds d/a\x1b[2Jb (at byte _)
    long name: this is a tar archive, but not a backup: d/x uses an extension of tar that backups do not use (at byte _)
    extended header: this is a tar archive, but not a backup: d/x uses an extension of tar that backups do not use (at byte _)
    sparse: this is a tar archive, but not a backup: d/db.dump uses an extension of tar that backups do not use (at byte _)
    dump is no dump: db.dump cannot be restored: it is not a custom-format dump: it does not begin with PGDMP (at byte _)
    dump is a tar-format dump: db.dump cannot be restored: it is a dump of pg_dump's format 3, not of the custom format (at byte _)
    larger than allowed: the archive unpacks to more than 104857600 bytes (at byte _)
    huge side member: the archive unpacks to more than 67108864 bytes (at byte _)
    bomb: the archive unpacks to more than 200 times its size, as no backup does (at byte _)
    wrong checksum: the archive is damaged: a tar header's checksum is wrong (at byte _)
    no end: the archive is cut short (at byte _)
    half an end: the archive is cut short (at byte _)
    garbage behind the tar: something follows the end of the archive (at byte _)
    garbage behind the gzip: something follows the end of the archive (at byte _)
    another archive behind it: something follows the end of the archive (at byte _)
    "#);
}

#[test]
fn our_archives_are_refused_when_they_are_not_as_they_were_written() {
    insta::assert_snapshot!(said(corpus::tampered()), @r#"
    garbage behind: something follows the end of the archive (at byte _)
    twice: something follows the end of the archive (at byte _)
    without its first frame: the archive is damaged: a block's checksum, length or header is wrong (at byte _)
    trailer points elsewhere: the archive is damaged: its manifest is not where its last bytes say (at byte _)
    trailer points nowhere: the archive is damaged: a block's checksum, length or header is wrong (at byte _)
    a bit of the dump, packed anew: db.dump is not what the manifest says: its SHA-256 is another
    newer format: the manifest has format 2, and this opsctl knows up to 1
    manifest is no JSON: the manifest cannot be read: EOF while parsing an object at line 1 column 1
    manifest first: this is a tar archive, but not a backup: db.dump follows its manifest (at byte _)
    another backup's directory: 2026-03-04-050608 is not what the manifest says: it is the directory of another backup
    another hash: db.dump is not what the manifest says: its SHA-256 is another
    another size: db.dump is not what the manifest says: its name or size is another
    a member too few: x.csv is not what the manifest says: it is missing
    "#);
}

#[test]
fn cut_anywhere_an_archive_is_called_cut_short() {
    for whole in [corpus::ours(), corpus::of_the_scripts()] {
        let step = whole.len() / 40;
        let ends = (2..60).chain((60..whole.len()).step_by(step)).chain(whole.len() - 60..whole.len());
        for end in ends {
            let error = refusal(&whole[..end]);
            assert!(matches!(error.problem, Problem::Truncated), "cut at {end}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_never_passes_for_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let whole = corpus::ours();
    let path = put(directory.path(), "whole.tar.gz", &whole);
    let members = archive::verify(&path, Limits::none(), &mut silent).unwrap().members;
    let step = whole.len() / 60;
    let places =
        (0..700).step_by(3).chain((700..whole.len()).step_by(step)).chain(whole.len() - 60..whole.len());
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        let path = put(directory.path(), "flipped.tar.gz", &bytes);
        // Some bits of a gzip header mean nothing; then the hashes must have been compared all the same.
        if let Ok(contents) = archive::verify(&path, Limits::at_most(corpus::LIMIT), &mut silent) {
            assert_eq!(contents.checked, Checked::Hashes, "bit in byte {place}");
            assert_eq!(contents.members, members, "bit in byte {place}");
            assert!(place < 20, "bit in byte {place} goes unnoticed");
        }
    }
}

#[test]
fn an_archive_of_the_scripts_is_read_and_no_more_is_claimed_than_was_proven() {
    let directory = tempfile::tempdir().unwrap();
    for entries in [corpus::scripts_entries(), corpus::scripts_entries_without_directory()] {
        let path = put(directory.path(), "theirs.tar.gz", &Tar::of(&entries).gzip());
        let mut dump = Vec::new();
        let contents = archive::copy_dump(&path, Limits::none(), &mut dump, &mut silent).unwrap();
        assert_eq!(contents.checked, Checked::Structure);
        assert_eq!(contents.origin, Origin::Scripts { directory: "2026-03-14-120000".into() });
        let archive::DumpHead::Postgresql(header) = &contents.dump else { panic!("{:?}", contents.dump) };
        assert_eq!(header.database, "empty");
        assert_eq!(dump, corpus::dump());
        assert_eq!(archive::inspect(&path).unwrap().origin, contents.origin);
    }
}

#[test]
fn one_of_ours_packed_anew_by_others_is_still_compared_with_its_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let path = put(directory.path(), "again.tar.gz", &corpus::gzip(&corpus::gunzip(&corpus::ours())));
    let contents = archive::verify(&path, Limits::none(), &mut silent).unwrap();
    assert_eq!(contents.checked, Checked::Hashes);
    assert!(matches!(contents.origin, Origin::Opsctl(_)));
}

#[test]
fn a_dump_larger_than_allowed_is_refused_before_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    for bytes in [corpus::ours(), corpus::of_the_scripts()] {
        let path = put(directory.path(), "large.tar.gz", &bytes);
        let mut output = Vec::new();
        let error = archive::copy_dump(&path, Limits::at_most(100), &mut output, &mut silent).unwrap_err();
        assert!(matches!(error.problem, Problem::TooLarge { limit: 100 }), "{error}");
        assert_eq!(output, [] as [u8; 0]);
    }
}

#[test]
fn reading_can_be_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let path = put(directory.path(), "whole.tar.gz", &corpus::ours());
    let mut seen = Vec::new();
    let mut progress = |done, total| {
        seen.push((done, total));
        if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = archive::verify(&path, Limits::none(), &mut progress).unwrap_err();
    assert!(matches!(error.problem, Problem::Interrupted));
    assert!(seen.iter().all(|&(done, total)| done <= total), "{seen:?}");
}

#[test]
fn a_directory_and_a_missing_file_are_errors_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("none.tar.gz")] {
        let error = archive::verify(&path, Limits::none(), &mut silent).unwrap_err();
        assert!(matches!(error.problem, Problem::Io(_)), "{error}");
    }
}

#[test]
fn members_of_every_kind_but_files_are_refused() {
    for kind in [Kind::Symlink, Kind::Link, Kind::Char, Kind::Block, Kind::Fifo] {
        let entries = [Tar::entry("d/db.dump", &corpus::dump()), Tar::special("d/x", kind)];
        let error = refusal(&Tar::of(&entries).gzip());
        assert!(matches!(error.problem, Problem::Unsafe { .. }), "{error}");
    }
}
