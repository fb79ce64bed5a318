//! Archives that something happened to: none is taken for whole that is not, and none takes the program with it.
//!
//! A test program of its own, so that the memory that it takes at most is what reading takes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harm;
mod parts;

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use opsctl::adapters::archive::{self, ArchiveError, Checked, Contents, Limits, Problem, Summary};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use harm::{altered_header, harm};
use parts::{OURS, THEIR_TAR, THEIRS, framed, frames, gunzip, gzip, seal};

/// Far longer than any of these takes to be read, also on a machine with other work.
const LIMIT: Duration = Duration::from_mins(1);

/// What the tests allow a dump to unpack to.
const MOST_DUMP: u64 = 1 << 20;

/// Reading needs queues of blocks of up to 2 MiB for each of a few threads.
const MOST_MEMORY_KIB: u64 = 300 << 10;

/// What the ways of reading an archive say.
struct Said {
    inspected: Result<Summary, ArchiveError>,
    verified: Result<Contents, ArchiveError>,
    copied: Result<Contents, ArchiveError>,
    dump: Vec<u8>,
}

fn read(bytes: &[u8]) -> Said {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar.gz");
    fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut silent = |_, _| ControlFlow::Continue(());
        let limits = Limits::at_most(MOST_DUMP);
        let mut dump = Vec::new();
        let inspected = archive::inspect(&path);
        let verified = archive::verify(&path, limits, &mut silent);
        let copied = archive::copy_dump(&path, limits, &mut dump, &mut silent);
        drop(tell.send(Said { inspected, verified, copied, dump }));
    });
    told.recv_timeout(LIMIT).expect("reading neither hangs nor panics")
}

/// Whether an error says where it is: in the file, or in which member or manifest.
fn has_a_place(error: &ArchiveError, length: usize) -> bool {
    match (error.offset, &error.problem) {
        (Some(offset), _) => offset <= length as u64,
        (None, Problem::Empty | Problem::Manifest(_) | Problem::Mismatch { .. } | Problem::NotABackup(_)) => {
            true
        }
        (None, _) => false,
    }
}

/// What holds of every file, and what verifying it says.
fn check(bytes: &[u8]) -> Result<Option<Contents>, TestCaseError> {
    let Said { inspected, verified, copied, dump } = read(bytes);
    let memory = peak_memory_kib();
    prop_assert!(memory < MOST_MEMORY_KIB, "{} KiB", memory);
    prop_assert!(dump.len() as u64 <= MOST_DUMP);
    match (inspected, verified, copied) {
        (inspected, Err(error), Err(copied)) => {
            prop_assert_eq!(error.to_string(), copied.to_string());
            prop_assert!(has_a_place(&error, bytes.len()), "{}", error);
            if let Err(error) = inspected {
                prop_assert!(has_a_place(&error, bytes.len()), "inspected: {}", error);
            }
            Ok(None)
        }
        (Ok(inspected), Ok(verified), Ok(copied)) => {
            prop_assert_eq!(&inspected.origin, &verified.origin);
            prop_assert_eq!(&inspected.dump, &verified.dump);
            prop_assert_eq!(inspected.file_bytes, verified.file_bytes);
            prop_assert_eq!(&copied.members, &verified.members);
            let member = verified.members.iter().find(|member| member.name == "db.dump").unwrap();
            prop_assert_eq!(member.size, dump.len() as u64);
            Ok(Some(verified))
        }
        (inspected, verified, copied) => {
            let failed = [inspected.err(), verified.err(), copied.err()];
            Err(TestCaseError::fail(format!("they disagree: {failed:?}")))
        }
    }
}

/// As [`check`], of something made from our archive: it has right hashes only if every member is as it was.
fn check_ours(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Some(contents) = check(bytes)?
        && contents.checked == Checked::Hashes
    {
        prop_assert_eq!(&contents.members, &OURS.members);
    }
    Ok(())
}

fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn tar_of(contents: &[Vec<u8>]) -> Vec<u8> {
    contents.concat()
}

/// Contents of the frames of our archive, without its trailer: header and content of each member, in turn.
fn contents() -> Vec<Vec<u8>> {
    let mut frames = frames(&OURS.bytes);
    frames.pop();
    frames.iter().map(|frame| gunzip(frame)).collect()
}

fn cases(share: u32) -> ProptestConfig {
    let all = ProptestConfig::default();
    ProptestConfig { cases: all.cases / share + 1, ..all }
}

proptest! {
    #![proptest_config(cases(2))]

    #[test]
    fn harmed_bytes_of_ours_are_noticed(harms in vec(harm(), 1..4)) {
        let mut bytes = OURS.bytes.clone();
        for harm in &harms {
            harm.done_to(&mut bytes);
        }
        check_ours(&bytes)?;
    }

    #[test]
    fn harmed_bytes_of_theirs_are_refused_or_the_same(harms in vec(harm(), 1..4)) {
        let mut bytes = THEIRS.clone();
        for harm in &harms {
            harm.done_to(&mut bytes);
        }
        if let Some(contents) = check(&bytes)? {
            prop_assert_eq!(contents.checked, Checked::Structure);
            // What passes had only its gzip header harmed.
            prop_assert_eq!(gunzip(&bytes), THEIR_TAR.clone());
        }
    }

    #[test]
    fn frames_that_are_lost_repeated_or_swapped_are_noticed(
        moves in vec((0..3_u8, any::<Index>(), any::<Index>()), 1..4),
    ) {
        let mut parts = frames(&OURS.bytes);
        for (what, one, other) in &moves {
            let (one, other) = (one.index(parts.len()), other.index(parts.len()));
            match what {
                0 => parts.swap(one, other),
                1 => parts.insert(one, parts[other].clone()),
                _ if parts.len() > 1 => drop(parts.remove(one)),
                _ => {}
            }
        }
        check_ours(&parts.concat())?;
    }

    #[test]
    fn altered_tar_headers_are_noticed_however_they_are_packed(
        which in 0..3_usize,
        (at, bytes) in altered_header(),
        is_sealed in any::<bool>(),
        is_framed in any::<bool>(),
    ) {
        let mut contents = contents();
        let header = which * 2;
        // The manifest's header shares a frame with the manifest.
        prop_assert_eq!(contents.len(), 5);
        let end = (at + bytes.len()).min(512);
        contents[header][at..end].copy_from_slice(&bytes[..end - at]);
        if is_sealed {
            seal(&mut contents[header], 0);
        }
        check_ours(&if is_framed { framed(&contents, 4) } else { gzip(&tar_of(&contents)) })?;
    }

    #[test]
    fn harmed_content_is_noticed_though_every_checksum_of_gzip_is_right(
        which in 0..5_usize,
        harms in vec(harm(), 1..3),
        manifest in 0..5_usize,
        is_framed in any::<bool>(),
    ) {
        let mut contents = contents();
        for harm in &harms {
            harm.done_to(&mut contents[which]);
        }
        check_ours(&if is_framed { framed(&contents, manifest) } else { gzip(&tar_of(&contents)) })?;
    }

    #[test]
    fn a_harmed_tar_of_theirs_claims_no_more_than_structure(
        at in any::<Index>(),
        (place, bytes) in altered_header(),
        harms in vec(harm(), 0..2),
    ) {
        let mut tar = THEIR_TAR.clone();
        let block = at.index(tar.len() / 512) * 512;
        let end = (place + bytes.len()).min(512);
        tar[block + place..block + end].copy_from_slice(&bytes[..end - place]);
        seal(&mut tar, block);
        for harm in &harms {
            harm.done_to(&mut tar);
        }
        if let Some(contents) = check(&gzip(&tar))? {
            prop_assert_eq!(contents.checked, Checked::Structure);
        }
    }

    #[test]
    fn any_bytes_are_refused(
        begin in select(vec![
            &b""[..], &[0x1f, 0x8b], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0OP\x04\0", b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0OP\x04\0\x40\0\0\0",
        ]),
        bytes in vec(any::<u8>(), 0..300),
        is_packed in any::<bool>(),
    ) {
        let bytes = [begin, &bytes].concat();
        let bytes = if is_packed { gzip(&bytes) } else { bytes };
        prop_assert!(check(&bytes)?.is_none());
    }
}
