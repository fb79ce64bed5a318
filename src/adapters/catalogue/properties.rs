//! A catalogue that something happened to is refused, or used as it stands.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::nearly_right;

fn example() -> serde_json::Value {
    json!({
        "format": 1, "last_sequence": 3, "last_id": "2026-03-04-050607",
        "backups": [
            { "id": "2026-03-03-050607", "sequence": 2, "directory": "/srv/backup", "size_bytes": 4,
              "created_at": "2026-03-03T05:06:07Z", "reason": "manual", "release": "1.0.0", "rows": 7,
              "verified": { "at": "2026-03-03T06:00:00Z", "how": "restored" }, "pinned": { "operator": "why" } },
            { "id": "2026-03-04-050607", "sequence": 3, "size_bytes": 4, "created_at": "2026-03-04T05:06:07Z",
              "reason": "pre-upgrade", "release": null, "rows": 7, "pinned": { "operation": "20260304-050607-upgrade" } }
        ]
    })
}

fn put(json: &[u8]) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(state.path().join(FILE_NAME)).unwrap();
    io::Write::write_all(&mut file, json).unwrap();
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2 + 1, ..ProptestConfig::default() })]

    #[test]
    fn one_of_nearly_the_right_shape_is_refused_or_used(value in nearly_right::document(example())) {
        let state = put(value.to_string().as_bytes());
        let Ok(mut catalogue) = Catalogue::open(state.path()) else { return Ok(()) };
        let next = catalogue.next_id("2026-03-01T00:00:00Z".parse().unwrap());
        prop_assert!(catalogue.document.last_id.is_none_or(|last| next.id > last));
        prop_assert!(catalogue.next_sequence() >= catalogue.document.last_sequence);
        catalogue.candidates(state.path(), |_| None).unwrap();
        let Some(id) = catalogue.records().first().map(|record| record.id) else { return Ok(()) };
        catalogue.pin(id, Pin::Operator("\u{0}é".to_owned())).unwrap();
        let again = Catalogue::open(state.path()).unwrap();
        prop_assert_eq!(again.records(), catalogue.records());
    }

    #[test]
    fn any_bytes_are_refused_and_left(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let state = put(&bytes);
        prop_assert!(Catalogue::open(state.path()).is_err());
        prop_assert_eq!(fs::read(state.path().join(FILE_NAME)).unwrap(), bytes);
    }
}
