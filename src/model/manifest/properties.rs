//! Manifests: what is written reads back, and what is nearly right is read or refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::example;
use super::*;
use crate::nearly_right;

fn manifest() -> impl Strategy<Value = Manifest> {
    let rows = vec(("\\PC{0,6}", "\\PC{1,6}", any::<u64>()), 0..4);
    let members = vec(("[a-z][a-z0-9._-]{0,8}", any::<u64>(), any::<[u8; 32]>()), 0..4);
    let seconds = -1_000_000_000_000_000_000..=1_000_000_000_000_000_000_i128;
    (rows, members, seconds, any::<u64>(), "\\PC{0,9}").prop_map(|(rows, members, time, sequence, text)| {
        let mut manifest: Manifest = serde_json::from_value(example()).unwrap();
        manifest.sequence = sequence;
        manifest.created_at = Timestamp::from_nanosecond(time).unwrap();
        manifest.product = text;
        for (name, size, hash) in members {
            if manifest.members.iter().all(|member| member.name != name) && name != MANIFEST_NAME {
                manifest.members.push(Member { name, size, sha256: Digest(hash) });
            }
        }
        let Database::Postgresql(postgres) = &mut manifest.database else {
            panic!("the example is of PostgreSQL")
        };
        postgres.tables = rows
            .into_iter()
            .map(|(schema, name, rows)| TableRows {
                schema,
                name,
                rows,
                newest_row: Some(manifest.created_at),
            })
            .collect();
        manifest
    })
}

proptest! {
    #[test]
    fn any_manifest_that_can_be_written_reads_back(manifest in manifest()) {
        let json = manifest.to_json().unwrap();
        let read = Manifest::parse(&json).unwrap();
        prop_assert!(read.database.tables().iter().all(|table| table.rows <= read.rows()));
        prop_assert_eq!(read, manifest);
    }

    #[test]
    fn one_of_nearly_the_right_shape_is_read_or_refused(value in nearly_right::document(example())) {
        let Ok(manifest) = Manifest::parse(value.to_string().as_bytes()) else { return Ok(()) };
        prop_assert_eq!(&Manifest::parse(&manifest.to_json().unwrap()).unwrap(), &manifest);
        prop_assert!(manifest.dump().is_some());
        manifest.rows();
    }

    #[test]
    fn unknown_fields_are_ignored_and_newer_formats_refused(
        name in "zz[a-z]{0,5}",
        format in u64::from(FORMAT)..,
    ) {
        let mut value = example();
        value[&name] = serde_json::json!({"deep": [1]});
        value["database"][&name] = serde_json::json!(null);
        value["members"][0][&name] = serde_json::json!("x");
        let plain: Manifest = serde_json::from_value(example()).unwrap();
        prop_assert_eq!(Manifest::parse(value.to_string().as_bytes()).unwrap(), plain);
        value["format"] = serde_json::json!(format);
        let newer = matches!(
            Manifest::parse(value.to_string().as_bytes()),
            Err(ManifestError::Newer { found }) if found == format
        );
        prop_assert_eq!(newer, format > u64::from(FORMAT));
    }

    #[test]
    fn any_bytes_are_refused(bytes in vec(any::<u8>(), 0..40)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }
}
