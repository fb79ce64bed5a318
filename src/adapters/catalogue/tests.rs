use std::ops::ControlFlow;

use serde_json::json;

use super::*;
use crate::adapters::archive::{ArchiveWriter, Origin};
use crate::model::backup_id::Clock;
use crate::model::manifest::{Manifest, Reason};
use crate::model::retention::FileState;

const DUMP: &[u8] = include_bytes!("../../../tests/fixtures/empty-15.dump");

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn record(id: &str, sequence: u64) -> Record {
    let id: BackupId = id.parse().unwrap();
    Record {
        id,
        sequence,
        directory: None,
        size_bytes: 4,
        created_at: id.timestamp(),
        reason: Reason::Manual,
        release: None,
        rows: 1,
        verified: None,
        pinned: None,
    }
}

fn archive(directory: &Path, id: &str, sequence: u64, product: &str) {
    let manifest: Manifest = serde_json::from_value(json!({
        "format": 1, "id": id, "sequence": sequence, "created_at": "2026-03-04T05:06:07Z", "reason": "manual",
        "product": product, "release": {}, "opsctl_version": "0", "host": "h", "user": "u",
        "database": {
            "kind": "postgresql", "mode": "bundled", "name": "d", "server_version": "15", "server_version_num": 150_000,
            "dump_version": "15", "size_bytes": 0,
            "properties": {
                "owner": "o", "encoding": "UTF8", "collate": "C", "ctype": "C", "locale_provider": "libc",
                "connection_limit": -1, "tablespace": "pg_default"
            },
            "tables": [{ "schema": "public", "name": "t", "rows": 3 }]
        },
        "members": []
    }))
    .unwrap();
    let mut writer = ArchiveWriter::create(directory, id.parse().unwrap()).unwrap();
    writer.add_member("db.dump", DUMP).unwrap();
    writer.finish(manifest, &mut |_, _| ControlFlow::Continue(())).unwrap();
}

#[test]
fn what_was_recorded_is_there_after_opening_again() {
    let state = tempfile::tempdir().unwrap();
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    assert_eq!(catalogue.next_sequence(), 1);
    let first = record("2026-03-04-050607", 1);
    catalogue.add(first.clone()).unwrap();
    catalogue.pin(first.id, Pin::Operator("before the audit".into())).unwrap();
    let verification = Verification { at: moment("2026-03-04T06:00:00Z"), how: Proof::Restored };
    catalogue.set_verified(first.id, verification).unwrap();

    let catalogue = Catalogue::open(state.path()).unwrap();
    let read = catalogue.record(first.id).unwrap();
    assert_eq!(read.pinned, Some(Pin::Operator("before the audit".into())));
    assert_eq!(read.verified, Some(verification));
    assert_eq!(catalogue.next_sequence(), 2);
}

#[test]
fn there_is_a_place_behind_the_last_one() {
    let state = tempfile::tempdir().unwrap();
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    catalogue.adopt([record("2026-03-04-050607", u64::MAX)]).unwrap();
    let next = catalogue.next_sequence();
    catalogue.add(record("2026-03-04-050608", next)).unwrap();
    let ids: Vec<_> = catalogue.records().iter().map(|record| record.id.to_string()).collect();
    assert_eq!(ids, ["2026-03-04-050607", "2026-03-04-050608"]);
}

#[test]
fn order_survives_the_clock_and_pruning() {
    let state = tempfile::tempdir().unwrap();
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    catalogue.add(record("2026-03-04-050607", 1)).unwrap();
    assert!(matches!(catalogue.add(record("2026-03-04-050607", 2)), Err(CatalogueError::OutOfOrder { .. })));
    catalogue.remove("2026-03-04-050607".parse().unwrap()).unwrap();

    let catalogue = Catalogue::open(state.path()).unwrap();
    let next = catalogue.next_id(moment("2026-03-01T00:00:00Z"));
    assert_eq!(next.id.to_string(), "2026-03-04-050608");
    assert!(matches!(next.clock, Clock::Behind(_)));
    assert_eq!(catalogue.next_sequence(), 2);
}

#[test]
fn the_list_tells_known_missing_found_and_foreign_apart() {
    let (state, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    catalogue.add(record("2026-01-01-000000", 1)).unwrap();
    catalogue.add(record("2026-01-02-000000", 2)).unwrap();
    fs::File::create(directory.path().join("backup-2026-01-02-000000.tar.gz")).unwrap();
    archive(directory.path(), "2026-01-03-000000", 3, "ledger");
    archive(directory.path(), "2026-01-04-000000", 9, "another");
    fs::File::create(directory.path().join("backup-notes.tar.gz")).unwrap();
    fs::File::create(directory.path().join("other.tar.gz")).unwrap();

    let listing = catalogue.list(directory.path(), "ledger").unwrap();
    let state_of = |listed: &Listed| match listed {
        Listed::Known { file, .. } => Some(*file),
        Listed::Found(_) => None,
    };
    let states: Vec<_> = listing.backups.iter().map(state_of).collect();
    assert_eq!(states, [Some(FileState::Missing), Some(FileState::Changed), None]);
    let names: Vec<_> = listing.foreign.iter().map(|foreign| foreign.file_name.as_str()).collect();
    assert_eq!(names, ["backup-2026-01-04-000000.tar.gz", "backup-notes.tar.gz"]);
    assert!(
        matches!(&listing.foreign[0].kind, Ok(Origin::Opsctl(manifest)) if manifest.product == "another")
    );
}

#[test]
fn a_backup_that_was_written_elsewhere_is_found_there_unless_it_was_brought_here() {
    let (state, here, there) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    let written = Record { directory: Some(there.path().to_owned()), ..record("2026-01-01-000000", 1) };
    let (id, name) = (written.id, written.id.file_name());
    let put = |directory: &Path| {
        files::replace(&directory.join(&name), b"four", Mode::Exactly(0o600)).unwrap();
    };
    catalogue.add(written).unwrap();
    assert_eq!(catalogue.path_of(id, here.path()), here.path().join(&name));
    put(there.path());
    assert_eq!(catalogue.path_of(id, here.path()), there.path().join(&name));
    let listing = catalogue.list(here.path(), "ledger").unwrap();
    assert!(matches!(&listing.backups[0], Listed::Known { file: FileState::Present, .. }));
    // Retention in one directory is not for another's files.
    assert_eq!(catalogue.candidates(here.path(), |_| None).unwrap()[0].file, FileState::Missing);
    put(here.path());
    assert_eq!(catalogue.path_of(id, here.path()), here.path().join(&name));
}

#[test]
fn a_lost_catalogue_is_built_again_from_the_archives() {
    let (state, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    archive(directory.path(), "2026-01-03-000000", 4, "ledger");
    archive(directory.path(), "2026-01-02-000000", 3, "ledger");
    let mut catalogue = Catalogue::open(state.path()).unwrap();
    let found = catalogue.list(directory.path(), "ledger").unwrap().backups;
    catalogue.adopt(found.into_iter().map(|listed| listed.record().clone())).unwrap();
    let sequences: Vec<_> = catalogue.records().iter().map(|record| (record.sequence, record.rows)).collect();
    assert_eq!(sequences, [(3, 3), (4, 3)]);
    assert_eq!(catalogue.next_sequence(), 5);
    let candidates = catalogue.candidates(directory.path(), |_| None).unwrap();
    assert!(candidates.iter().all(|candidate| candidate.file == FileState::Present && !candidate.verified));
}

#[test]
fn a_damaged_or_newer_catalogue_is_not_taken_for_an_empty_one() {
    for (json, expected) in [("{", "is damaged"), (r#"{"format":2}"#, "has format 2")] {
        let state = tempfile::tempdir().unwrap();
        files::replace(&state.path().join(FILE_NAME), json.as_bytes(), Mode::Exactly(0o600)).unwrap();
        let error = Catalogue::open(state.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
