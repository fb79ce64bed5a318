//! What is written is what GNU tar unpacks and what opsctl reads.

#![allow(clippy::disallowed_types, reason = "the other side of the comparison is a program")]
#![allow(clippy::cast_possible_truncation, reason = "any bytes will do")]

use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::process::Command;

use opsctl::adapters::archive::{self, ArchiveWriter, Checked, Limits, Problem, Written};
use opsctl::model::manifest::Manifest;
use proptest::prelude::*;
use serde_json::json;

use crate::corpus;

const ID: &str = "2026-03-04-050607";

fn manifest() -> Manifest {
    serde_json::from_value(corpus::manifest(&json!([]))).unwrap()
}

fn finish(writer: ArchiveWriter) -> Written {
    writer.finish(manifest(), &mut |_, _| ControlFlow::Continue(())).unwrap()
}

/// Lengths around the edges of tar blocks and frames, and others.
fn length() -> impl Strategy<Value = usize> {
    let edge = prop::sample::select(vec![0, 511, 512, 1 << 20, (1 << 20) + 512, 3 << 20]);
    prop_oneof![(edge, 0..3_usize).prop_map(|(edge, more)| edge + more), 0..40_000_usize]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    (length(), any::<[u8; 16]>(), 1..5000_usize).prop_map(|(length, seed, period)| {
        (0..length)
            .map(|index| seed[index % 16].wrapping_mul((index / period) as u8) ^ (index % 251) as u8)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn gnu_tar_and_our_reader_get_what_was_written(
        rest in content(),
        keys in content(),
        chunk in 1..200_000_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let dump = [corpus::dump(), rest].concat();
        let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
        writer.start_member("db.dump").unwrap();
        for chunk in dump.chunks(chunk) {
            writer.write(chunk).unwrap();
        }
        writer.add_member("vault-public-keys.csv", &keys).unwrap();
        let written = finish(writer);

        let mut read = Vec::new();
        let contents = archive::copy_dump(
            &written.path, Limits::none(), &mut read, &mut |_, _| ControlFlow::Continue(()),
        ).unwrap();
        prop_assert_eq!(contents.checked, Checked::Hashes);
        prop_assert_eq!(&contents.members, &written.manifest.members);
        prop_assert!(read == dump);

        let unpacked = directory.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let tar = Command::new("tar").arg("xzf").arg(&written.path).arg("-C").arg(&unpacked).output().unwrap();
        prop_assert!(tar.status.success() && tar.stderr.is_empty(), "{:?}", tar);
        prop_assert!(fs::read(unpacked.join(ID).join("db.dump")).unwrap() == dump);
        prop_assert!(fs::read(unpacked.join(ID).join("vault-public-keys.csv")).unwrap() == keys);
        let json = fs::read(unpacked.join(ID).join("manifest.json")).unwrap();
        prop_assert_eq!(Manifest::parse(&json).unwrap(), written.manifest);
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    writer.start_member("db.dump").unwrap();
    writer.write(&vec![7; 3 << 20]).unwrap();
    let names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [format!(".opsctl-tmp-{ID}.partial").as_str()]);
    drop(writer);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_backup_never_takes_the_place_of_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let create = || ArchiveWriter::create(directory.path(), ID.parse().unwrap());
    let mut writer = create().unwrap();
    writer.add_member("db.dump", &corpus::dump()).unwrap();
    let target = directory.path().join(format!("backup-{ID}.tar.gz"));
    fs::File::create(&target).unwrap();
    let error = writer.finish(manifest(), &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error.problem, Problem::Exists), "{error}");
    assert_eq!(fs::metadata(&target).unwrap().len(), 0);
    assert!(matches!(create().unwrap_err().problem, Problem::Exists));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_dump_does_not_become_a_backup() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    writer.add_member("db.dump", b"pg_dump: error: connection failed").unwrap();
    let error = writer.finish(manifest(), &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error.problem, Problem::NotADump(_)), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn members_that_could_not_be_read_back_are_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    writer.add_member("db.dump", &corpus::dump()).unwrap();
    for name in ["db.dump", "manifest.json", "", "../x", "a/b", ".hidden"] {
        assert!(writer.start_member(name).is_err(), "{name:?}");
    }
    assert!(writer.add_member("large.csv", &vec![0; (64 << 20) + 1]).is_err());
}

#[test]
fn a_source_is_written_to_its_end_or_its_failure_told() {
    let directory = tempfile::tempdir().unwrap();
    let create = || ArchiveWriter::create(directory.path(), ID.parse().unwrap()).unwrap();
    let dump = corpus::dump();
    let mut all = |_, _| ControlFlow::Continue(());

    let mut writer = create();
    let mut failing = dump.as_slice().chain(Failing);
    let error = writer.add_member_from("db.dump", &mut failing, &mut all).unwrap_err();
    assert!(error.to_string().contains("the server went away"), "{error}");
    drop(writer);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);

    let mut writer = create();
    let stopped = writer.add_member_from("db.dump", &mut dump.as_slice(), &mut |_, _| ControlFlow::Break(()));
    assert!(matches!(stopped.unwrap_err().problem, Problem::Interrupted));
    drop(writer);

    let mut writer = create();
    writer.add_member_from("db.dump", &mut dump.as_slice(), &mut all).unwrap();
    assert_eq!(finish(writer).manifest.members[0].size, dump.len() as u64);
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the server went away"))
    }
}
